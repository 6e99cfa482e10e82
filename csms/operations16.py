"""What an operator has a station do, in OCPP 1.6 with its security extensions. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from csms.charging import ChargingProfile, ProfilePurpose
from csms.commands import CommandOutcome, CommandStatus, Operation
from csms.operations import (
    CertificateUse,
    ClearCache,
    ClearProfiles,
    DeleteCertificate,
    InstallCertificate,
    ListEntry,
    LogKind,
    NotInThisVersion,
    ReadCertificates,
    ReadListVersion,
    ReadSchedule,
    ReadSettings,
    SendList,
    SendLog,
    SetProfile,
    TellCost,
    TransferData,
    UpdateFirmware,
    WriteSetting,
)
from csms.operations_words import (
    KIND_WORD,
    certificate_found,
    recurrence,
    schedule_periods,
    schedule_result,
    settings_outcome,
)
from csms.setting_names import key_of
from csms.words import VERDICT_16, certificate_hash, utc_text, without_none

Request = tuple[str, dict[str, Any]]

LONGEST_TAG = 20
"""A longer token cannot be said in 1.6, nor presented."""
COST_VENDOR = "org.openchargealliance.costmsg"
"""OCA, "OCPP & California Pricing Requirements", for 1.6."""

_PURPOSE = {
    ProfilePurpose.STATION: "ChargePointMaxProfile",
    ProfilePurpose.DEFAULT: "TxDefaultProfile",
    ProfilePurpose.TRANSACTION: "TxProfile",
}
_CERTIFICATE = {
    CertificateUse.CENTRAL_SYSTEM: "CentralSystemRootCertificate",
    CertificateUse.MANUFACTURER: "ManufacturerRootCertificate",
}
_WORDS = {
    "Accepted": CommandStatus.ACCEPTED,
    "AcceptedCanceled": CommandStatus.ACCEPTED,
    "RebootRequired": CommandStatus.REBOOT_REQUIRED,
    "NotSupported": CommandStatus.UNSUPPORTED,
    "UnknownVendorId": CommandStatus.UNSUPPORTED,
    "UnknownMessageId": CommandStatus.UNSUPPORTED,
    "Failed": CommandStatus.FAILED,
}


def request16(operation: Operation, reference: str | None) -> Request:
    """Action and payload. Raises `NotInThisVersion`."""
    match operation:
        case ClearCache():
            return "ClearCache", {}
        case ReadSettings():
            return "GetConfiguration", {"key": [key_of(name) for name in operation.names]} if operation.names else {}
        case WriteSetting():
            return "ChangeConfiguration", {"key": key_of(operation.name), "value": operation.value}
        case TransferData():
            return "DataTransfer", without_none(
                vendorId=operation.vendor, messageId=operation.message, data=data_text(operation.data)
            )
        case ReadListVersion():
            return "GetLocalListVersion", {}
        case SendList():
            return "SendLocalList", {
                "listVersion": operation.version,
                "updateType": "Full" if operation.full else "Differential",
                "localAuthorizationList": [
                    _entry(entry) for entry in operation.entries if len(entry.token) <= LONGEST_TAG
                ],
            }
        case SetProfile():
            return "SetChargingProfile", {
                "connectorId": operation.evse_id,
                "csChargingProfiles": profile16(operation.profile, operation.transaction_id),
            }
        case ClearProfiles():
            return "ClearChargingProfile", without_none(
                id=operation.profile_id,
                connectorId=operation.evse_id,
                chargingProfilePurpose=_PURPOSE[operation.purpose] if operation.purpose else None,
                stackLevel=operation.stack_level,
            )
        case ReadSchedule():
            return "GetCompositeSchedule", without_none(
                connectorId=operation.evse_id, duration=operation.duration_s, chargingRateUnit=operation.unit
            )
        case _:
            return _maintenance(operation)


def _maintenance(operation: Operation) -> Request:
    match operation:
        case UpdateFirmware():
            return _firmware(operation)
        case SendLog():
            return _log(operation)
        case InstallCertificate():
            kind = {"certificateType": _certificate_word(operation.use)}
            return "InstallCertificate", {**kind, "certificate": operation.certificate}
        case ReadCertificates():
            return "GetInstalledCertificateIds", {"certificateType": _certificate_word(operation.use)}
        case DeleteCertificate():
            return "DeleteCertificate", {"certificateHashData": certificate_hash(operation.certificate)}
        case TellCost():
            return _cost(operation)
        case _:
            raise NotInThisVersion("OCPP 1.6 has nothing like it")


def outcome16(operation: Operation, payload: dict[str, Any]) -> CommandOutcome:
    """What the answer means."""
    status = payload.get("status")
    word = status if isinstance(status, str) else ""
    match operation:
        case ReadSettings():
            return _settings_read(operation, payload)
        case ReadListVersion():
            return _list_version(payload)
        case UpdateFirmware() if not word:
            return CommandOutcome(CommandStatus.ACCEPTED, "", payload)
        case SendLog() if not word or word.startswith("Accepted"):
            name = payload.get("fileName", payload.get("filename"))
            return CommandOutcome(CommandStatus.ACCEPTED, word, payload, {"file_name": name})
        case ReadCertificates():
            return _certificates_read(operation, word, payload)
        case TransferData():
            result = {"data": payload.get("data")}
            return CommandOutcome(_WORDS.get(word, CommandStatus.REJECTED), word, payload, result)
        case ReadSchedule() if word == "Accepted":
            schedule: Mapping[str, Any] = payload.get("chargingSchedule") or {}
            start = payload.get("scheduleStart") or schedule.get("startSchedule")
            return CommandOutcome(CommandStatus.ACCEPTED, word, payload, schedule_result(schedule, start))
        case _:
            return CommandOutcome(_WORDS.get(word, CommandStatus.REJECTED), word, payload)


def profile16(profile: ChargingProfile, transaction_id: int | None) -> dict[str, Any]:
    """A profile as 1.6 writes it."""
    schedule = without_none(
        duration=profile.duration_s,
        startSchedule=utc_text(profile.start_at) if profile.start_at else None,
        chargingRateUnit=profile.unit.value,
        chargingSchedulePeriod=schedule_periods(profile),
    )
    return without_none(
        chargingProfileId=profile.id,
        transactionId=transaction_id,
        stackLevel=profile.stack_level,
        chargingProfilePurpose=_PURPOSE[profile.purpose],
        chargingProfileKind=KIND_WORD[profile.kind],
        recurrencyKind=recurrence(profile.kind),
        validFrom=utc_text(profile.valid_from) if profile.valid_from else None,
        validTo=utc_text(profile.valid_to) if profile.valid_to else None,
        chargingSchedule=schedule,
    )


def _settings_read(operation: ReadSettings, payload: dict[str, Any]) -> CommandOutcome:
    asked = {key_of(name).casefold(): name for name in operation.names}
    values = [
        {
            "name": asked.get(str(found["key"]).casefold(), str(found["key"])),
            "value": found.get("value"),
            "status": "accepted",
            "readonly": found.get("readonly"),
        }
        for found in payload.get("configurationKey") or ()
    ]
    for key in payload.get("unknownKey") or ():
        name = asked.get(str(key).casefold(), str(key))
        values.append({"name": name, "value": None, "status": "unknown", "readonly": None})
    return settings_outcome(values, payload)


def _list_version(payload: dict[str, Any]) -> CommandOutcome:
    version = payload.get("listVersion")
    if not isinstance(version, int) or version < 0:
        # -1: the station keeps no list (OCPP 1.6, 5.10).
        return CommandOutcome(CommandStatus.UNSUPPORTED, "the station keeps no local list", payload)
    return CommandOutcome(CommandStatus.ACCEPTED, "", payload, {"version": version})


def _certificates_read(operation: ReadCertificates, word: str, payload: dict[str, Any]) -> CommandOutcome:
    if word not in ("Accepted", "NotFound"):
        return CommandOutcome(_WORDS.get(word, CommandStatus.REJECTED), word, payload)
    found = [certificate_found(operation.use.value, each) for each in payload.get("certificateHashData") or ()]
    return CommandOutcome(CommandStatus.ACCEPTED, word, payload, {"certificates": found})


def _certificate_word(use: CertificateUse) -> str:
    word = _CERTIFICATE.get(use)
    if word is None:
        raise NotInThisVersion("OCPP 1.6 knows roots of the central system and of the manufacturer only")
    return word


def data_text(data: Any) -> str | None:
    """1.6 carries texts: anything else goes as JSON inside of one."""
    return data if data is None or isinstance(data, str) else json.dumps(data, separators=(",", ":"))


def _entry(entry: ListEntry) -> dict[str, Any]:
    if entry.status is None:
        return {"idTag": entry.token}
    info = without_none(
        status=VERDICT_16.get(entry.status, "Invalid"),
        expiryDate=utc_text(entry.expires_at) if entry.expires_at else None,
        parentIdTag=entry.group[:20] if entry.group else None,
    )
    return {"idTag": entry.token, "idTagInfo": info}


def _firmware(operation: UpdateFirmware) -> Request:
    retrying = without_none(retries=operation.retries, retryInterval=operation.retry_interval_s)
    retrieve_at = utc_text(operation.retrieve_at)
    if operation.certificate is None:
        return "UpdateFirmware", {"location": operation.location, "retrieveDate": retrieve_at, **retrying}
    firmware = without_none(
        location=operation.location,
        retrieveDateTime=retrieve_at,
        installDateTime=utc_text(operation.install_at) if operation.install_at else None,
        signingCertificate=operation.certificate,
        signature=operation.signature or "",
    )
    return "SignedUpdateFirmware", {"requestId": operation.request_id, "firmware": firmware, **retrying}


def _log(operation: SendLog) -> Request:
    """GetDiagnostics is in every 1.6 station, GetLog only in those with the security extensions."""
    retrying = without_none(retries=operation.retries, retryInterval=operation.retry_interval_s)
    oldest = utc_text(operation.oldest_at) if operation.oldest_at else None
    newest = utc_text(operation.newest_at) if operation.newest_at else None
    if operation.kind is LogKind.DIAGNOSTICS:
        times = without_none(startTime=oldest, stopTime=newest)
        return "GetDiagnostics", {"location": operation.location, **times, **retrying}
    log = without_none(remoteLocation=operation.location, oldestTimestamp=oldest, latestTimestamp=newest)
    return "GetLog", {"log": log, "logType": "SecurityLog", "requestId": operation.request_id, **retrying}


def _cost(operation: TellCost) -> Request:
    data: dict[str, Any] = {"transactionId": operation.transaction_id, "cost": float(operation.total)}
    if operation.final:
        data["priceText"] = operation.text
    else:
        data["timestamp"] = utc_text(operation.at)
        data["meterValue"] = operation.meter_wh
        data["state"] = "Charging" if operation.charging else "Idle"
    message = "FinalCost" if operation.final else "RunningCost"
    return "DataTransfer", {"vendorId": COST_VENDOR, "messageId": message, "data": data_text(data)}
