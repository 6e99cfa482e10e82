"""What can be asked of a station and what came of it, in words that no OCPP version owns. See `csms.station`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from csms.charging import ChargingProfile
from csms.station import TokenType


@dataclass(frozen=True, slots=True)
class StartCharging:
    """Start a transaction for this token. `remote_start_id` comes back in the transaction where the version can.

    `profile` limits that transaction, and names none: it has no number yet.
    """

    token: str
    token_type: TokenType
    evse_id: int | None
    remote_start_id: int
    group: str | None = None
    profile: ChargingProfile | None = None


@dataclass(frozen=True, slots=True)
class StopCharging:
    """End the transaction with this number of ours."""

    transaction_id: int


@dataclass(frozen=True, slots=True)
class Unlock:
    """Release the cable."""

    evse_id: int
    connector_id: int = 1


class ResetKind(StrEnum):
    """How a station restarts. A version may have one word for the first two."""

    SOFT = "soft"
    """Its software, once it has ended what charges."""
    HARD = "hard"
    """All of it, at once."""
    ON_IDLE = "on_idle"
    """When nothing charges any more. 1.6 cannot wait."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Restart the station, or one EVSE where the version can."""

    kind: ResetKind = ResetKind.SOFT
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """Ask the station to send a message now, named as OCPP names it: `StatusNotification`, `MeterValues`, …"""

    message: str
    evse_id: int | None = None
    connector_id: int = 1


@dataclass(frozen=True, slots=True)
class SetAvailability:
    """Put an EVSE, or the station (EVSE 0), in or out of service."""

    operative: bool
    evse_id: int = 0


@dataclass(frozen=True, slots=True)
class Reserve:
    """Keep an EVSE (0: any) for a token until `expires_at`."""

    reservation_id: int
    token: str
    token_type: TokenType
    expires_at: datetime
    evse_id: int = 0
    group: str | None = None


@dataclass(frozen=True, slots=True)
class CancelReservation:
    """Give a reservation back."""

    reservation_id: int


@dataclass(frozen=True, slots=True)
class RawCall:
    """Any OCPP request as it goes over the wire, in the version that the station speaks."""

    action: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """What else an operator can have a station do: see `csms.operations`."""


Command = (
    StartCharging
    | StopCharging
    | Unlock
    | Reset
    | Trigger
    | SetAvailability
    | Reserve
    | CancelReservation
    | RawCall
    | Operation
)


class CommandStatus(StrEnum):
    """How a command ended. After `TIMED_OUT` and `DISCONNECTED` the station may still carry it out."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    """Accepted, to be done later."""
    REBOOT_REQUIRED = "reboot_required"
    """Accepted, and in force after the next restart."""
    REJECTED = "rejected"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    """The station answered with an error, or with something that is no answer."""
    INVALID = "invalid"
    """Not sent: the request does not fit the schema of the station's version, or names something unknown."""
    BUSY = "busy"
    """Not sent: too many calls to this station wait already."""
    OFFLINE = "offline"
    """Not sent: the station is not connected."""
    TIMED_OUT = "timed_out"
    DISCONNECTED = "disconnected"
    """Sent, but the connection ended before the answer."""


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What came of a command: the station's own word in `reason`, its whole answer in `payload`.

    `result` is what was asked for, in words that no version owns, where there is more than a status.
    """

    status: CommandStatus
    reason: str = ""
    payload: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None

    @property
    def ok(self) -> bool:
        """Whether the station agreed to do it."""
        return self.status in (CommandStatus.ACCEPTED, CommandStatus.SCHEDULED, CommandStatus.REBOOT_REQUIRED)
