"""What a station says, whatever its OCPP version: transactions, verdicts, and the messages that each version has."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

Json = dict[str, Any]


class NeutralAnswer(StrEnum):
    """A central system's verdict on a token, in the one spelling of all versions."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"

    @classmethod
    def of(cls, info: object) -> "NeutralAnswer | None":
        """The status in an `idTagInfo` or `idTokenInfo`; None when there is none to be read."""
        status = info.get("status") if isinstance(info, dict) else None
        return next((each for each in cls if each == status), None)


class StopReason(StrEnum):
    """Why a transaction ended, in the words of 1.6."""

    LOCAL = "Local"
    REMOTE = "Remote"
    EV_DISCONNECTED = "EVDisconnected"
    DEAUTHORIZED = "DeAuthorized"
    HARD_RESET = "HardReset"
    SOFT_RESET = "SoftReset"
    UNLOCK_COMMAND = "UnlockCommand"
    POWER_LOSS = "PowerLoss"


class Flow(StrEnum):
    """What the energy does in a transaction; the names are both versions'."""

    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"


@dataclass(slots=True)
class Charging:
    """A transaction as the station counts it.

    `meter_wh` is the import register, `transaction_id` the number that 1.6 gave it, `verdict` what the central system
    made of its token when it was told.
    """

    id_token: str
    evse_id: int
    reference: str
    meter_start_wh: int
    meter_wh: int
    started_at: datetime
    remote_start_id: int | None = None
    token_type: str = "ISO14443"  # noqa: S105 - a kind of card
    transaction_id: int | None = None
    verdict: NeutralAnswer | None = None
    reservation_id: int | None = None
    """The reservation that it uses."""
    seq_no: int = 0
    flow: Flow = Flow.CHARGING
    power_w: int | None = None
    """What flows now; told with each meter value when it is known."""
    stop_reason: StopReason = StopReason.LOCAL

    @property
    def energy_wh(self) -> int:
        """What has flowed since the start."""
        return self.meter_wh - self.meter_start_wh


class Message(NamedTuple):
    """A call to the central system."""

    action: str
    payload: Json


class Words(Protocol):
    """The messages of one OCPP version. A status of an EVSE is named as 1.6 names it."""

    def boot(self, serial: str, reason: str) -> Message: ...
    def status(self, evse_id: int, status: str, at: datetime) -> Message: ...
    def authorize(self, id_token: str) -> Message: ...
    def started(self, tx: Charging, at: datetime) -> Message: ...
    def metered(self, tx: Charging, at: datetime) -> Message: ...
    def flow_changed(self, tx: Charging, at: datetime) -> Message | None:
        """None where the status of the EVSE says it already."""
        ...

    def ended(self, tx: Charging, at: datetime) -> Message: ...
    def as_sent(self, payload: Json, tx: Charging, *, offline: bool) -> Json:
        """A transaction message as it goes out, with what was not known when it was written.

        `offline`: the station was not connected when it happened.
        """
        ...

    def verdict(self, answer: Json) -> NeutralAnswer | None: ...


VENDOR = "Plugbridge"
MODEL = "Simulator"
FIRMWARE = "1.0"


def iso(at: datetime) -> str:
    """UTC with milliseconds and `Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
