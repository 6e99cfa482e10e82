"""Commands module: an eMSP asks a CPO to act at a charge point (chapter Commands)."""

from ocpi.types import CiString36, DisplayText, Integer, OcpiDateTime, OcpiEnum, OcpiModel, Url
from ocpi.v221.tokens import Token


class CommandResponseType(OcpiEnum):
    """First answer of the CPO (commands, section CommandResponseType)."""

    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class CommandResultType(OcpiEnum):
    """Outcome at the charge point (commands, section CommandResultType)."""

    ACCEPTED = "ACCEPTED"
    CANCELED_RESERVATION = "CANCELED_RESERVATION"
    EVSE_OCCUPIED = "EVSE_OCCUPIED"
    EVSE_INOPERATIVE = "EVSE_INOPERATIVE"
    FAILED = "FAILED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_RESERVATION = "UNKNOWN_RESERVATION"


class CommandType(OcpiEnum):
    """The commands (commands, section CommandType)."""

    CANCEL_RESERVATION = "CANCEL_RESERVATION"
    RESERVE_NOW = "RESERVE_NOW"
    START_SESSION = "START_SESSION"
    STOP_SESSION = "STOP_SESSION"
    UNLOCK_CONNECTOR = "UNLOCK_CONNECTOR"


class CancelReservation(OcpiModel):
    """Body of CANCEL_RESERVATION (commands, section CancelReservation)."""

    response_url: Url
    reservation_id: CiString36


class ReserveNow(OcpiModel):
    """Body of RESERVE_NOW (commands, section ReserveNow)."""

    response_url: Url
    token: Token
    expiry_date: OcpiDateTime
    reservation_id: CiString36
    location_id: CiString36
    evse_uid: CiString36 | None = None
    authorization_reference: CiString36 | None = None


class StartSession(OcpiModel):
    """Body of START_SESSION (commands, section StartSession)."""

    response_url: Url
    token: Token
    location_id: CiString36
    evse_uid: CiString36 | None = None
    connector_id: CiString36 | None = None
    authorization_reference: CiString36 | None = None


class StopSession(OcpiModel):
    """Body of STOP_SESSION (commands, section StopSession)."""

    response_url: Url
    session_id: CiString36


class UnlockConnector(OcpiModel):
    """Body of UNLOCK_CONNECTOR (commands, section UnlockConnector)."""

    response_url: Url
    location_id: CiString36
    evse_uid: CiString36
    connector_id: CiString36


class CommandResponse(OcpiModel):
    """The CPO's first answer; `timeout` in seconds (commands, section CommandResponse)."""

    result: CommandResponseType
    timeout: Integer
    message: list[DisplayText] | None = None


class CommandResult(OcpiModel):
    """What became of a command, posted to its `response_url` (commands, section CommandResult)."""

    result: CommandResultType
    message: list[DisplayText] | None = None
