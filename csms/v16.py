"""OCPP 1.6-J payloads to facts and commands to payloads. Pure; payloads are what `csms.schemas` let pass.

A connector of 1.6 is an EVSE with one connector here; connector 0 is the station.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from csms.backoffice import Authorization, AuthorizationStatus
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
from csms.frames import RULES_16
from csms.meters import energy_wh as exact_wh
from csms.meters import instant, number, sample
from csms.operations import NotInThisVersion
from csms.operations16 import data_text, outcome16, profile16, request16
from csms.schemas import Fault, schemas_16
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
    TokenType,
    TransactionFact,
)
from csms.vendors import VendorAnswer
from csms.words import (
    BOOT_WORD,
    VERDICT_16,
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

SUBPROTOCOL = "ocpp1.6"

_STATUS = {
    "Available": ConnectorStatus.AVAILABLE,
    "Preparing": ConnectorStatus.PREPARING,
    "Charging": ConnectorStatus.CHARGING,
    "SuspendedEV": ConnectorStatus.SUSPENDED_EV,
    "SuspendedEVSE": ConnectorStatus.SUSPENDED_EVSE,
    "Finishing": ConnectorStatus.FINISHING,
    "Reserved": ConnectorStatus.RESERVED,
    "Unavailable": ConnectorStatus.UNAVAILABLE,
    "Faulted": ConnectorStatus.FAULTED,
}
_STATE = {
    ConnectorStatus.CHARGING: ChargingState.CHARGING,
    ConnectorStatus.SUSPENDED_EV: ChargingState.SUSPENDED_EV,
    ConnectorStatus.SUSPENDED_EVSE: ChargingState.SUSPENDED_EVSE,
    ConnectorStatus.FINISHING: ChargingState.EV_CONNECTED,
}
_PLAIN: dict[str, Mapping[str, Any]] = {
    "SecurityEventNotification": {},
}
_WORDS = {
    "Accepted": CommandStatus.ACCEPTED,
    "Unlocked": CommandStatus.ACCEPTED,
    "Scheduled": CommandStatus.SCHEDULED,
    "UnlockFailed": CommandStatus.FAILED,
    "NotSupported": CommandStatus.UNSUPPORTED,
    "NotImplemented": CommandStatus.UNSUPPORTED,
}
_EXTENDED_TRIGGERS = {
    "LogStatusNotification": "LogStatusNotification",
    "SignChargePointCertificate": "SignChargePointCertificate",
    "SignChargingStationCertificate": "SignChargePointCertificate",
}
"""Messages that only the trigger of the security extensions knows, by their name in either version."""


class Ocpp16:
    """How 1.6 says it. See `csms.dialect`."""

    subprotocol = SUBPROTOCOL
    rules = RULES_16
    tells_total = False
    fault_codes: Mapping[Fault, str] = {
        Fault.MISSING: "OccurenceConstraintViolation",  # spelled so in the 1.6 specification
        Fault.WRONG_TYPE: "TypeConstraintViolation",
        Fault.UNREADABLE: "FormationViolation",
        Fault.OUT_OF_RANGE: "PropertyConstraintViolation",
    }

    def __init__(self) -> None:
        self.schemas = schemas_16()
        self._readers: Mapping[str, Callable[[dict[str, Any]], StationFact]] = {
            "BootNotification": _booted,
            "StatusNotification": _status,
            "Authorize": _authorize,
            "StartTransaction": _started,
            "StopTransaction": _ended,
            "MeterValues": _metered,
            "DataTransfer": data_sent,
            "SignCertificate": signing_asked,
            "DiagnosticsStatusNotification": log_progress,
            "FirmwareStatusNotification": firmware_progress,
            "LogStatusNotification": log_progress,
            "SignedFirmwareStatusNotification": firmware_progress,
        }
        self.understood = frozenset((*self._readers, *_PLAIN, "Heartbeat"))

    def fact(self, action: str, payload: dict[str, Any]) -> StationFact:
        """What a request of a station says. Raises `SchemaViolation` for numbers out of range."""
        reader = self._readers.get(action)
        return PlainlyAnswered(_PLAIN[action]) if reader is None else reader(payload)

    def boot_answer(self, now: datetime, interval_s: int, status: BootStatus) -> dict[str, Any]:
        """The answer to BootNotification."""
        return {"status": BOOT_WORD[status], "currentTime": utc_text(now), "interval": interval_s}

    def authorize_answer(self, authorization: Authorization) -> dict[str, Any]:
        """The answer to Authorize."""
        return {"idTagInfo": _id_tag_info(authorization)}

    def transaction_answer(
        self,
        action: str,
        transaction_id: int | None,
        authorization: Authorization | None,
        total_cost: Decimal | None = None,
    ) -> dict[str, Any]:
        """The answer to a message about a transaction; it has no room for a cost."""
        if action == "MeterValues" or (authorization is None and action != "StartTransaction"):
            return {}
        verdict = authorization or Authorization(AuthorizationStatus.INVALID)
        if action == "StartTransaction":
            return {"transactionId": transaction_id or 0, "idTagInfo": _id_tag_info(verdict)}
        return {"idTagInfo": _id_tag_info(verdict)}

    def data_answer(self, answer: VendorAnswer) -> dict[str, Any]:
        """The answer to DataTransfer."""
        return without_none(status=answer.verdict.value, data=data_text(answer.data))

    def statuses_answer(
        self, action: str, payload: dict[str, Any], statuses: Sequence[CertificateStatus], now: datetime
    ) -> dict[str, Any]:
        """No station of 1.6 asks about certificates."""
        return {}

    def request(self, command: Command, reference: str | None) -> tuple[str, dict[str, Any]]:
        """Action and payload of a command; `reference` names its transaction. Raises `NotInThisVersion`."""
        match command:
            case StartCharging():
                return "RemoteStartTransaction", without_none(
                    connectorId=command.evse_id,
                    idTag=command.token,
                    chargingProfile=profile16(command.profile, None) if command.profile else None,
                )
            case StopCharging():
                return "RemoteStopTransaction", {"transactionId": command.transaction_id}
            case Unlock():
                return "UnlockConnector", {"connectorId": command.evse_id}
            case Reset():
                return "Reset", {"type": _reset_word(command)}
            case Trigger():
                # Some stations refuse a request without a connector, whatever the message.
                action = "ExtendedTriggerMessage" if command.message in _EXTENDED_TRIGGERS else "TriggerMessage"
                message = _EXTENDED_TRIGGERS.get(command.message, command.message)
                return action, {"requestedMessage": message, "connectorId": command.evse_id or 1}
            case SetAvailability():
                kind = "Operative" if command.operative else "Inoperative"
                return "ChangeAvailability", {"connectorId": command.evse_id, "type": kind}
            case Reserve():
                return "ReserveNow", without_none(
                    connectorId=command.evse_id,
                    expiryDate=utc_text(command.expires_at),
                    idTag=command.token,
                    parentIdTag=command.group,
                    reservationId=command.reservation_id,
                )
            case CancelReservation():
                return "CancelReservation", {"reservationId": command.reservation_id}
            case RawCall():
                return command.action, dict(command.payload)
            case Operation():
                return request16(command, reference)

    def outcome(self, command: Command, payload: dict[str, Any]) -> CommandOutcome:
        """What the answer to a command means. A raw call that was answered is accepted, whatever the answer says."""
        if isinstance(command, Operation):
            return outcome16(command, payload)
        return read_outcome(_WORDS, command, payload)


def _booted(payload: dict[str, Any]) -> Booted:
    return Booted(
        vendor=clean(payload["chargePointVendor"], 255) or "",
        model=clean(payload["chargePointModel"], 255) or "",
        serial=clean(payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber"), 255),
        firmware=clean(payload.get("firmwareVersion"), 255),
    )


def _status(payload: dict[str, Any]) -> StatusChanged:
    evse_id = small_int(payload, "connectorId")
    status = _STATUS.get(payload["status"], ConnectorStatus.UNKNOWN)
    error = payload["errorCode"]
    return StatusChanged(
        evse_id=evse_id,
        connector_id=min(evse_id, 1),
        status=status,
        at=instant(payload.get("timestamp")),
        error=None if error == "NoError" else clean(payload.get("vendorErrorCode") or error, 255),
        info=clean(payload.get("info"), 255),
        state=_STATE.get(status),
    )


def _authorize(payload: dict[str, Any]) -> AuthorizeAsked:
    return AuthorizeAsked(clean(payload["idTag"], 255) or "", TokenType.RFID)


def _started(payload: dict[str, Any]) -> TransactionFact:
    evse_id = small_int(payload, "connectorId")
    at = instant(payload["timestamp"])
    return TransactionFact(
        kind=FactKind.STARTED,
        key=fact_key("StartTransaction", payload, at),
        at=at,
        opens=True,
        evse_id=evse_id,
        connector_id=min(evse_id, 1),
        token=clean(payload["idTag"], 255),
        token_type=TokenType.RFID,
        meter_wh=_whole_wh(payload["meterStart"]),
        # The start says nothing of the state: it is charging until a StatusNotification says otherwise.
        state=ChargingState.CHARGING,
        reservation_id=optional_int(payload.get("reservationId")),
    )


def _ended(payload: dict[str, Any]) -> TransactionFact:
    id_tag = clean(payload.get("idTag"), 255)
    at = instant(payload["timestamp"])
    return TransactionFact(
        kind=FactKind.ENDED,
        key=fact_key("StopTransaction", payload, at),
        at=at,
        reference=_reference(payload["transactionId"]),
        token=id_tag,
        token_type=None if id_tag is None else TokenType.RFID,
        meter_wh=_whole_wh(payload["meterStop"]),
        readings=tuple(_reading(value) for value in payload.get("transactionData", ())),
        stop_reason=clean(payload.get("reason"), 64) or "Local",
    )


def _metered(payload: dict[str, Any]) -> TransactionFact:
    evse_id = small_int(payload, "connectorId")
    readings = tuple([_reading(value) for value in payload["meterValue"]])
    at = readings[0].at if readings else None
    return TransactionFact(
        kind=FactKind.METERED,
        key=fact_key("MeterValues", payload, at),
        at=at,
        reference=_reference(payload.get("transactionId")),
        evse_id=evse_id,
        readings=readings,
    )


def _reference(transaction_id: object) -> str | None:
    known = optional_int(transaction_id)
    return str(known) if known else None


def _whole_wh(value: object) -> Decimal | None:
    register = number(value)
    return None if register is None else exact_wh(register)


def _reading(value: Mapping[str, Any]) -> Reading:
    samples: list[Sample] = []
    raw: list[Mapping[str, Any]] = []
    for one in value["sampledValue"]:
        measured = None if one.get("format") == "SignedData" else number(one["value"])
        if measured is None:
            raw.append(one)
            continue
        get = one.get
        samples.append(
            sample(
                measured,
                measurand=get("measurand"),
                unit=get("unit"),
                phase=get("phase"),
                location=get("location"),
                context=get("context"),
            )
        )
    return Reading(instant(value["timestamp"]), tuple(samples), tuple(raw))


def _id_tag_info(authorization: Authorization) -> dict[str, Any]:
    return without_none(
        status=VERDICT_16.get(authorization.status, "Invalid"),
        parentIdTag=authorization.group[:20] if authorization.group else None,
        expiryDate=utc_text(authorization.expires_at) if authorization.expires_at else None,
    )


def _reset_word(command: Reset) -> str:
    if command.evse_id is not None:
        raise NotInThisVersion("OCPP 1.6 restarts the whole station only")
    if command.kind is ResetKind.ON_IDLE:
        raise NotInThisVersion("OCPP 1.6 cannot wait until nothing charges")
    return "Hard" if command.kind is ResetKind.HARD else "Soft"
