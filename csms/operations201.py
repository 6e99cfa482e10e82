"""What an operator has a station do, in OCPP 2.0.1 and 2.1. Pure."""

from collections.abc import Mapping
from typing import Any

from csms.charging import ChargingProfile, ProfilePurpose
from csms.commands import CommandOutcome, CommandStatus, Operation
from csms.monitors201 import monitor_outcome, monitor_request
from csms.operations import (
    AskCustomerInformation,
    CertificateUse,
    ClearCache,
    ClearMessage,
    ClearProfiles,
    DeleteCertificate,
    InstallCertificate,
    ListEntry,
    LogKind,
    ReadCertificates,
    ReadListVersion,
    ReadMessages,
    ReadSchedule,
    ReadSettings,
    ReadTransactionStatus,
    SendList,
    SendLog,
    SetProfile,
    ShowMessage,
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
from csms.setting_names import name_of, variable_of
from csms.words import (
    CERTIFICATE_WORD,
    TOKEN_WORD,
    VERDICT_201,
    certificate_hash,
    utc_text,
    without_none,
)

Request = tuple[str, dict[str, Any]]

_PURPOSE = {
    ProfilePurpose.STATION: "ChargingStationMaxProfile",
    ProfilePurpose.DEFAULT: "TxDefaultProfile",
    ProfilePurpose.TRANSACTION: "TxProfile",
}
_PRIORITY = {"normal": "NormalCycle", "in_front": "InFront", "always_front": "AlwaysFront"}
_LOG = {LogKind.DIAGNOSTICS: "DiagnosticsLog", LogKind.SECURITY: "SecurityLog"}
_WORDS = {
    "Accepted": CommandStatus.ACCEPTED,
    "AcceptedCanceled": CommandStatus.ACCEPTED,
    "RebootRequired": CommandStatus.REBOOT_REQUIRED,
    "NotSupported": CommandStatus.UNSUPPORTED,
    "NotSupportedAttributeType": CommandStatus.UNSUPPORTED,
    "NotSupportedMessageFormat": CommandStatus.UNSUPPORTED,
    "NotSupportedPriority": CommandStatus.UNSUPPORTED,
    "NotSupportedState": CommandStatus.UNSUPPORTED,
    "UnknownVendorId": CommandStatus.UNSUPPORTED,
    "UnknownMessageId": CommandStatus.UNSUPPORTED,
    "Failed": CommandStatus.FAILED,
}


def request201(operation: Operation, reference: str | None) -> Request:
    """Action and payload; `reference` names the transaction that the operation names. Raises `NotInThisVersion`."""
    match operation:
        case ClearCache():
            return "ClearCache", {}
        case ReadSettings() if not operation.names:
            return "GetBaseReport", {"requestId": operation.request_id, "reportBase": "FullInventory"}
        case ReadSettings():
            return "GetVariables", {"getVariableData": [variable_of(name) for name in operation.names]}
        case WriteSetting():
            value = {"attributeValue": operation.value, **variable_of(operation.name)}
            return "SetVariables", {"setVariableData": [value]}
        case TransferData():
            return "DataTransfer", without_none(
                vendorId=operation.vendor, messageId=operation.message, data=operation.data
            )
        case ReadListVersion():
            return "GetLocalListVersion", {}
        case SendList():
            return "SendLocalList", without_none(
                versionNumber=operation.version,
                updateType="Full" if operation.full else "Differential",
                # An empty array breaks the schema; a full update without one empties the list (2.0.1, D01.FR.04).
                localAuthorizationList=[_entry(entry) for entry in operation.entries] or None,
            )
        case SetProfile():
            profile = profile201(operation.profile, reference if operation.transaction_id is not None else None)
            return "SetChargingProfile", {"evseId": operation.evse_id, "chargingProfile": profile}
        case ClearProfiles():
            criteria = without_none(
                evseId=operation.evse_id,
                chargingProfilePurpose=_PURPOSE[operation.purpose] if operation.purpose else None,
                stackLevel=operation.stack_level,
            )
            return "ClearChargingProfile", without_none(
                chargingProfileId=operation.profile_id, chargingProfileCriteria=criteria or None
            )
        case ReadSchedule():
            return "GetCompositeSchedule", without_none(
                evseId=operation.evse_id, duration=operation.duration_s, chargingRateUnit=operation.unit
            )
        case _:
            return _maintenance(operation, reference)


def _maintenance(operation: Operation, reference: str | None) -> Request:
    match operation:
        case UpdateFirmware():
            return _firmware(operation)
        case SendLog():
            return _log(operation)
        case InstallCertificate():
            word = CERTIFICATE_WORD[operation.use]
            return "InstallCertificate", {"certificateType": word, "certificate": operation.certificate}
        case ReadCertificates():
            return "GetInstalledCertificateIds", {"certificateType": [CERTIFICATE_WORD[operation.use]]}
        case DeleteCertificate():
            return "DeleteCertificate", {"certificateHashData": certificate_hash(operation.certificate)}
        case ShowMessage():
            return "SetDisplayMessage", {"message": _message(operation, reference)}
        case ClearMessage():
            return "ClearDisplayMessage", {"id": operation.message_id}
        case ReadMessages():
            return "GetDisplayMessages", {"requestId": operation.request_id}
        case TellCost():
            return "CostUpdated", {"totalCost": float(operation.total), "transactionId": reference or ""}
        case ReadTransactionStatus():
            return "GetTransactionStatus", without_none(transactionId=reference)
        case AskCustomerInformation():
            return "CustomerInformation", _customer(operation)
        case _:
            return monitor_request(operation)


def outcome201(operation: Operation, payload: dict[str, Any]) -> CommandOutcome:
    """What the answer means."""
    status = payload.get("status")
    word = status if isinstance(status, str) else ""
    reason = _reason(word, payload.get("statusInfo"))
    match operation:
        case ReadSettings() if operation.names:
            return _settings_read(operation, payload)
        case ReadSettings():
            told = word == "Accepted"
            status_now = CommandStatus.SCHEDULED if told else _WORDS.get(word, CommandStatus.REJECTED)
            return CommandOutcome(status_now, reason, payload)
        case WriteSetting():
            result: Mapping[str, Any] = next(iter(payload.get("setVariableResult") or ()), {})
            told_word = str(result.get("attributeStatus", ""))
            reason = _reason(told_word, result.get("attributeStatusInfo"))
            return CommandOutcome(_WORDS.get(told_word, CommandStatus.REJECTED), reason, payload)
        case ReadListVersion():
            return CommandOutcome(CommandStatus.ACCEPTED, "", payload, {"version": payload.get("versionNumber")})
        case TransferData():
            data = {"data": payload.get("data")}
            return CommandOutcome(_WORDS.get(word, CommandStatus.REJECTED), reason, payload, data)
        case ReadSchedule() if word == "Accepted":
            schedule: Mapping[str, Any] = payload.get("schedule") or {}
            found = schedule_result(schedule, schedule.get("scheduleStart"))
            return CommandOutcome(CommandStatus.ACCEPTED, reason, payload, found)
        case SendLog() if word.startswith("Accepted"):
            return CommandOutcome(CommandStatus.ACCEPTED, reason, payload, {"file_name": payload.get("filename")})
        case ReadCertificates() if word in ("Accepted", "NotFound"):
            return CommandOutcome(CommandStatus.ACCEPTED, reason, payload, _certificates(payload))
        case ReadTransactionStatus():
            running = {"running": payload.get("ongoingIndicator"), "messages_wait": payload.get("messagesInQueue")}
            return CommandOutcome(CommandStatus.ACCEPTED, "", payload, running)
        case TellCost():
            return CommandOutcome(CommandStatus.ACCEPTED, "", payload)
        case ReadMessages() if word == "Unknown":
            return CommandOutcome(CommandStatus.ACCEPTED, "the display shows no such message", payload)
        case _:
            special = monitor_outcome(operation, payload)
            return special or CommandOutcome(_WORDS.get(word, CommandStatus.REJECTED), reason, payload)


def profile201(profile: ChargingProfile, reference: str | None) -> dict[str, Any]:
    """A profile as 2.x writes it; `reference` is the station's name of its transaction."""
    schedule = without_none(
        id=profile.id,
        startSchedule=utc_text(profile.start_at) if profile.start_at else None,
        duration=profile.duration_s,
        chargingRateUnit=profile.unit.value,
        chargingSchedulePeriod=schedule_periods(profile),
    )
    return without_none(
        id=profile.id,
        stackLevel=profile.stack_level,
        chargingProfilePurpose=_PURPOSE[profile.purpose],
        chargingProfileKind=KIND_WORD[profile.kind],
        recurrencyKind=recurrence(profile.kind),
        validFrom=utc_text(profile.valid_from) if profile.valid_from else None,
        validTo=utc_text(profile.valid_to) if profile.valid_to else None,
        chargingSchedule=[schedule],
        transactionId=reference,
    )


def _reason(word: str, info: object) -> str:
    """The status and what the station adds to it."""
    if not isinstance(info, Mapping):
        return word
    added = ": ".join(str(info[key]) for key in ("reasonCode", "additionalInfo") if info.get(key))
    return f"{word} ({added})"[:500] if added else word


def _settings_read(operation: ReadSettings, payload: dict[str, Any]) -> CommandOutcome:
    asked = {_told(**variable_of(name)): name for name in operation.names}
    values = []
    for found in payload.get("getVariableResult") or ():
        word = str(found.get("attributeStatus", ""))
        status = {"Accepted": "accepted", "Rejected": "rejected"}.get(word, "unknown")
        told = _told(found["component"], found["variable"])
        name = asked.get(told) or name_of(found["component"], found["variable"])
        values.append({"name": name, "value": found.get("attributeValue"), "status": status, "readonly": None})
    return settings_outcome(values, payload)


def _told(component: Mapping[str, Any], variable: Mapping[str, Any]) -> str:
    """A variable's name however the station spells it (names are case-insensitive: 2.0.1 part 2, 1.2)."""
    return name_of(component, variable).casefold()


def _certificates(payload: Mapping[str, Any]) -> dict[str, Any]:
    uses: dict[str, CertificateUse] = {word: use for use, word in CERTIFICATE_WORD.items()}
    found = []
    for chain in payload.get("certificateHashDataChain") or ():
        named: Mapping[str, Any] = chain.get("certificateHashData") or {}
        word = str(chain.get("certificateType", ""))
        found.append(certificate_found(uses[word].value if word in uses else word, named))
    return {"certificates": found}


def _entry(entry: ListEntry) -> dict[str, Any]:
    token = {"idToken": entry.token, "type": TOKEN_WORD[entry.token_type]}
    if entry.status is None:
        return {"idToken": token}
    info = without_none(
        status=VERDICT_201[entry.status],
        cacheExpiryDateTime=utc_text(entry.expires_at) if entry.expires_at else None,
        groupIdToken={"idToken": entry.group[:36], "type": "Central"} if entry.group else None,
    )
    return {"idToken": token, "idTokenInfo": info}


def _firmware(operation: UpdateFirmware) -> Request:
    firmware = without_none(
        location=operation.location,
        retrieveDateTime=utc_text(operation.retrieve_at),
        installDateTime=utc_text(operation.install_at) if operation.install_at else None,
        signingCertificate=operation.certificate,
        signature=operation.signature,
    )
    return "UpdateFirmware", without_none(
        requestId=operation.request_id,
        firmware=firmware,
        retries=operation.retries,
        retryInterval=operation.retry_interval_s,
    )


def _log(operation: SendLog) -> Request:
    log = without_none(
        remoteLocation=operation.location,
        oldestTimestamp=utc_text(operation.oldest_at) if operation.oldest_at else None,
        latestTimestamp=utc_text(operation.newest_at) if operation.newest_at else None,
    )
    return "GetLog", without_none(
        log=log,
        logType=_LOG[operation.kind],
        requestId=operation.request_id,
        retries=operation.retries,
        retryInterval=operation.retry_interval_s,
    )


def _message(operation: ShowMessage, reference: str | None) -> dict[str, Any]:
    return without_none(
        id=operation.message_id,
        priority=_PRIORITY.get(operation.priority, "NormalCycle"),
        state=operation.state.capitalize() if operation.state else None,
        startDateTime=utc_text(operation.start_at) if operation.start_at else None,
        endDateTime=utc_text(operation.end_at) if operation.end_at else None,
        transactionId=reference if operation.transaction_id is not None else None,
        message={"format": "UTF8", "language": operation.language, "content": operation.text},
    )


def _customer(operation: AskCustomerInformation) -> dict[str, Any]:
    token = operation.token
    return without_none(
        requestId=operation.request_id,
        report=operation.report,
        clear=operation.clear,
        idToken={"idToken": token, "type": TOKEN_WORD[operation.token_type]} if token else None,
        customerIdentifier=operation.customer,
    )
