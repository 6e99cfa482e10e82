"""OCPP 2.0.1 payloads to facts and commands to payloads. Pure; payloads are what `csms.schemas` let pass.

`csms.v21` builds on it: of what the two share, 2.1 changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from csms.backoffice import Authorization
from csms.commands import (
    CancelReservation,
    Command,
    CommandOutcome,
    CommandStatus,
    Operation,
    RawCall,
    Reserve,
    Reset,
    ResetKind,
    SetAvailability,
    StartCharging,
    StopCharging,
    Trigger,
    Unlock,
)
from csms.frames import RULES_2
from csms.meters import begin_register_wh, end_register_wh, instant, number, sample
from csms.operations201 import outcome201, profile201, request201
from csms.schemas import Fault, Schemas, schemas_201
from csms.station import (
    AuthorizeAsked,
    Booted,
    BootStatus,
    CertificateStatus,
    ChargingState,
    ConnectorStatus,
    FactKind,
    PlainlyAnswered,
    Reading,
    Sample,
    StationFact,
    StatusChanged,
    StatusesAsked,
    StatusWanted,
    TokenType,
    TransactionFact,
)
from csms.vendors import VendorAnswer
from csms.words import (
    BOOT_WORD,
    TOKEN_WORD,
    VERDICT_201,
    clean,
    data_sent,
    fact_key,
    firmware_progress,
    log_progress,
    optional_int,
    read_outcome,
    signing_asked,
    small_int,
    utc_text,
    without_none,
)

SUBPROTOCOL = "ocpp2.0.1"
_LONGEST_OCSP_RESULT = 5500

_KIND = {"Started": FactKind.STARTED, "Ended": FactKind.ENDED}
_STATUS = {
    "Available": ConnectorStatus.AVAILABLE,
    "Occupied": ConnectorStatus.OCCUPIED,
    "Reserved": ConnectorStatus.RESERVED,
    "Unavailable": ConnectorStatus.UNAVAILABLE,
    "Faulted": ConnectorStatus.FAULTED,
}
_STATE = {
    "Idle": ChargingState.IDLE,
    "EVConnected": ChargingState.EV_CONNECTED,
    "Charging": ChargingState.CHARGING,
    "SuspendedEV": ChargingState.SUSPENDED_EV,
    "SuspendedEVSE": ChargingState.SUSPENDED_EVSE,
}
_TOKEN_TYPE = {
    "ISO14443": TokenType.RFID,
    "ISO15693": TokenType.RFID,
    "Central": TokenType.CENTRAL,
    "eMAID": TokenType.CONTRACT,
    "KeyCode": TokenType.KEY_CODE,
    "Local": TokenType.LOCAL,
    "MacAddress": TokenType.MAC_ADDRESS,
    "NoAuthorization": TokenType.NONE,
}
_PLAIN: dict[str, Mapping[str, Any]] = {
    "ClearedChargingLimit": {},
    "Get15118EVCertificate": {"status": "Failed", "exiResponse": ""},
    "NotifyChargingLimit": {},
    "NotifyCustomerInformation": {},
    "NotifyDisplayMessages": {},
    "NotifyEVChargingNeeds": {"status": "Rejected"},
    "NotifyEVChargingSchedule": {"status": "Accepted"},
    "NotifyEvent": {},
    "NotifyMonitoringReport": {},
    "NotifyReport": {},
    "PublishFirmwareStatusNotification": {},
    "ReportChargingProfiles": {},
    "ReservationStatusUpdate": {},
    "SecurityEventNotification": {},
}
_WORDS = {
    "Accepted": CommandStatus.ACCEPTED,
    "Unlocked": CommandStatus.ACCEPTED,
    "Scheduled": CommandStatus.SCHEDULED,
    "UnlockFailed": CommandStatus.FAILED,
    "NotImplemented": CommandStatus.UNSUPPORTED,
}


class Ocpp201:
    """How 2.0.1 says it. See `csms.dialect`."""

    subprotocol = SUBPROTOCOL
    rules = RULES_2
    tells_total = True
    plain: Mapping[str, Mapping[str, Any]] = _PLAIN
    """What changes nothing here, and the answer to it."""
    fault_codes: Mapping[Fault, str] = {
        Fault.MISSING: "OccurrenceConstraintViolation",
        Fault.WRONG_TYPE: "TypeConstraintViolation",
        Fault.UNREADABLE: "FormatViolation",
        Fault.OUT_OF_RANGE: "PropertyConstraintViolation",
    }

    def __init__(self) -> None:
        self.schemas = self._schemas()
        self._readers: Mapping[str, Callable[[dict[str, Any]], StationFact]] = {
            "BootNotification": _booted,
            "StatusNotification": _status,
            "Authorize": _authorize,
            "TransactionEvent": _transaction,
            "MeterValues": _metered,
            "DataTransfer": data_sent,
            "SignCertificate": signing_asked,
            "FirmwareStatusNotification": firmware_progress,
            "LogStatusNotification": log_progress,
            "GetCertificateStatus": _status_asked,
        }
        self.understood = frozenset((*self._readers, *self.plain, "Heartbeat"))

    def _schemas(self) -> Schemas:
        return schemas_201()

    def fact(self, action: str, payload: dict[str, Any]) -> StationFact:
        """What a request of a station says. Raises `SchemaViolation` for numbers out of range."""
        reader = self._readers.get(action)
        return PlainlyAnswered(self.plain[action]) if reader is None else reader(payload)

    def boot_answer(self, now: datetime, interval_s: int, status: BootStatus) -> dict[str, Any]:
        """The answer to BootNotification."""
        return {"status": BOOT_WORD[status], "currentTime": utc_text(now), "interval": interval_s}

    def authorize_answer(self, authorization: Authorization) -> dict[str, Any]:
        """The answer to Authorize."""
        return {"idTokenInfo": _id_token_info(authorization)}

    def transaction_answer(
        self,
        action: str,
        transaction_id: int | None,
        authorization: Authorization | None,
        total_cost: Decimal | None = None,
    ) -> dict[str, Any]:
        """The answer to a message about a transaction. A cost of 0 is free, no cost is an unknown one."""
        cost = {} if total_cost is None else {"totalCost": float(total_cost)}
        if authorization is None or action == "MeterValues":
            return cost
        return {**cost, "idTokenInfo": _id_token_info(authorization)}

    def data_answer(self, answer: VendorAnswer) -> dict[str, Any]:
        """The answer to DataTransfer."""
        return without_none(status=answer.verdict.value, data=answer.data)

    def statuses_answer(
        self, action: str, payload: dict[str, Any], statuses: Sequence[CertificateStatus], now: datetime
    ) -> dict[str, Any]:
        """The answer to GetCertificateStatus: what the responder has signed, for the station to judge."""
        signed = next((status.signed for status in statuses if status.signed), None)
        if signed is None or len(signed) > _LONGEST_OCSP_RESULT:
            return {"status": "Failed"}
        return {"status": "Accepted", "ocspResult": signed}

    def request(self, command: Command, reference: str | None) -> tuple[str, dict[str, Any]]:
        """Action and payload of a command; `reference` names its transaction. Raises `NotInThisVersion`."""
        match command:
            case StartCharging():
                return "RequestStartTransaction", without_none(
                    evseId=command.evse_id,
                    idToken=_id_token(command.token, command.token_type),
                    groupIdToken=_id_token(command.group, TokenType.CENTRAL) if command.group else None,
                    remoteStartId=command.remote_start_id,
                    chargingProfile=profile201(command.profile, None) if command.profile else None,
                )
            case StopCharging():
                return "RequestStopTransaction", {"transactionId": reference or ""}
            case Unlock():
                return "UnlockConnector", {"evseId": command.evse_id, "connectorId": command.connector_id}
            case Reset():
                kind = "OnIdle" if command.kind is ResetKind.ON_IDLE else "Immediate"
                return "Reset", without_none(type=kind, evseId=command.evse_id)
            case Trigger():
                return "TriggerMessage", without_none(requestedMessage=command.message, evse=_evse(command))
            case SetAvailability():
                kind = "Operative" if command.operative else "Inoperative"
                return "ChangeAvailability", without_none(operationalStatus=kind, evse=_evse(command))
            case Reserve():
                return "ReserveNow", without_none(
                    id=command.reservation_id,
                    expiryDateTime=utc_text(command.expires_at),
                    idToken=_id_token(command.token, command.token_type),
                    groupIdToken=_id_token(command.group, TokenType.CENTRAL) if command.group else None,
                    evseId=command.evse_id or None,
                )
            case CancelReservation():
                return "CancelReservation", {"reservationId": command.reservation_id}
            case RawCall():
                return command.action, dict(command.payload)
            case Operation():
                return request201(command, reference)

    def outcome(self, command: Command, payload: dict[str, Any]) -> CommandOutcome:
        """What the answer to a command means."""
        if isinstance(command, Operation):
            return outcome201(command, payload)
        return read_outcome(_WORDS, command, payload)


def _booted(payload: dict[str, Any]) -> Booted:
    station = payload["chargingStation"]
    return Booted(
        vendor=clean(station["vendorName"], 255) or "",
        model=clean(station["model"], 255) or "",
        serial=clean(station.get("serialNumber"), 255),
        firmware=clean(station.get("firmwareVersion"), 255),
        reason=clean(payload["reason"], 64),
    )


def _status_asked(payload: dict[str, Any]) -> StatusesAsked:
    asked = payload["ocspRequestData"]
    return StatusesAsked((status_wanted(asked, [asked["responderURL"]]),))


def status_wanted(asked: Mapping[str, Any], urls: Sequence[Any]) -> StatusWanted:
    """A certificate by its hash data, and whom to ask about it."""
    return StatusWanted(
        hash_algorithm=str(asked["hashAlgorithm"]),
        issuer_name_hash=str(asked["issuerNameHash"]),
        issuer_key_hash=str(asked["issuerKeyHash"]),
        serial_number=str(asked["serialNumber"]),
        urls=tuple(str(url) for url in urls),
    )


def _status(payload: dict[str, Any]) -> StatusChanged:
    return StatusChanged(
        evse_id=small_int(payload, "evseId"),
        connector_id=small_int(payload, "connectorId"),
        status=_STATUS.get(payload["connectorStatus"], ConnectorStatus.UNKNOWN),
        at=instant(payload["timestamp"]),
    )


def _authorize(payload: dict[str, Any]) -> AuthorizeAsked:
    token = payload["idToken"]
    return AuthorizeAsked(clean(token["idToken"], 255) or "", _token_type(token["type"]))


def _transaction(payload: dict[str, Any]) -> TransactionFact:
    info = payload["transactionInfo"]
    evse: Mapping[str, Any] = payload.get("evse") or {}
    token: Mapping[str, Any] = payload.get("idToken") or {}
    kind = _KIND.get(payload["eventType"], FactKind.UPDATED)
    readings = _readings(payload.get("meterValue", ()))
    at = instant(payload["timestamp"])
    return TransactionFact(
        kind=kind,
        key=fact_key("TransactionEvent", payload, at),
        at=at,
        reference=clean(info["transactionId"], 255) or "",
        opens=True,
        evse_id=optional_int(evse.get("id")),
        connector_id=optional_int(evse.get("connectorId")),
        token=clean(token.get("idToken"), 255),
        token_type=_token_type(token["type"]) if token else None,
        meter_wh=_boundary_wh(kind, readings),
        readings=readings,
        state=_STATE.get(info.get("chargingState", "")),
        seq_no=optional_int(payload["seqNo"]),
        stop_reason=_stop_reason(kind, info),
        remote_start_id=optional_int(info.get("remoteStartId")),
        reservation_id=optional_int(payload.get("reservationId")),
        offline=payload.get("offline") is True,
    )


def _metered(payload: dict[str, Any]) -> TransactionFact:
    readings = _readings(payload["meterValue"])
    at = readings[0].at if readings else None
    return TransactionFact(
        kind=FactKind.METERED,
        key=fact_key("MeterValues", payload, at),
        at=at,
        evse_id=small_int(payload, "evseId"),
        readings=readings,
    )


def _boundary_wh(kind: FactKind, readings: tuple[Reading, ...]) -> Decimal | None:
    if kind is FactKind.STARTED:
        return begin_register_wh(readings)
    return end_register_wh(readings) if kind is FactKind.ENDED else None


def _stop_reason(kind: FactKind, info: Mapping[str, Any]) -> str | None:
    # Left out, it means Local (OCPP 2.0.1 part 2, TransactionType).
    return (clean(info.get("stoppedReason"), 64) or "Local") if kind is FactKind.ENDED else None


def _readings(values: Iterable[Mapping[str, Any]]) -> tuple[Reading, ...]:
    return tuple([_reading(value) for value in values])


def _reading(value: Mapping[str, Any]) -> Reading:
    samples: list[Sample] = []
    raw: list[Mapping[str, Any]] = []
    for one in value["sampledValue"]:
        get = one.get
        measured = number(one["value"])
        unit: Mapping[str, Any] = get("unitOfMeasure") or {}
        multiplier = unit.get("multiplier", 0)
        if measured is None or not isinstance(multiplier, int | float) or abs(multiplier) > 12:
            raw.append(one)
            continue
        if "signedMeterValue" in one:
            raw.append({**without_none(context=get("context")), **one["signedMeterValue"]})
        samples.append(
            sample(
                measured.scaleb(int(multiplier)) if multiplier else measured,
                measurand=get("measurand"),
                unit=unit.get("unit"),
                phase=get("phase"),
                location=get("location"),
                context=get("context"),
            )
        )
    return Reading(instant(value["timestamp"]), tuple(samples), tuple(raw))


def _token_type(word: str) -> TokenType:
    return _TOKEN_TYPE.get(word, TokenType.RFID)


def _id_token(token: str, token_type: TokenType) -> dict[str, Any]:
    return {"idToken": token, "type": TOKEN_WORD[token_type]}


def _evse(command: Trigger | SetAvailability) -> dict[str, Any] | None:
    if not command.evse_id:
        return None
    if isinstance(command, Trigger) and command.message == "StatusNotification":
        # A status is one connector's (2.0.1, F06.FR.12).
        return {"id": command.evse_id, "connectorId": command.connector_id}
    return {"id": command.evse_id}


def _id_token_info(authorization: Authorization) -> dict[str, Any]:
    return without_none(
        status=VERDICT_201[authorization.status],
        groupIdToken=_id_token(authorization.group[:36], TokenType.CENTRAL) if authorization.group else None,
        cacheExpiryDateTime=utc_text(authorization.expires_at) if authorization.expires_at else None,
    )
