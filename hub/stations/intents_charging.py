"""What operators can ask of a station about who may charge and how much: reservations, local lists, limits."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from csms.backoffice import AuthorizationStatus
from csms.charging import LimitUnit, Period, ProfileKind, ProfilePurpose
from csms.commands import Command
from csms.operations import ClearProfiles, ListEntry, ReadListVersion, ReadSchedule
from csms.profiles import Wish
from csms.station import TokenType
from hub.stations.intents import Intent, OneCommand

Limit = Annotated[Decimal, Field(ge=0, max_digits=9, decimal_places=3)]


class ReserveIn(Intent):
    """Keep an EVSE, or any of the station, for a card. `result` has the `reservation_id`."""

    hidden: ClassVar[frozenset[str]] = frozenset({"token_uid"})
    operation: Literal["reserve"]
    token_uid: str = Field(min_length=1, max_length=36)
    expires_at: AwareDatetime
    evse_id: int = Field(0, ge=0, description="0 is any; not every station keeps any.")


class CancelReservationIn(Intent):
    """Give a reservation back."""

    operation: Literal["cancel_reservation"]
    reservation_id: int = Field(ge=1, le=2**31 - 1)


class ListEntryIn(BaseModel):
    """A card of a local list."""

    model_config = ConfigDict(extra="forbid")

    token_uid: str = Field(min_length=1, max_length=36)
    token_type: TokenType = TokenType.RFID
    status: AuthorizationStatus = AuthorizationStatus.ACCEPTED
    expires_at: AwareDatetime | None = None
    group: str | None = Field(None, max_length=36)

    def entry(self) -> ListEntry:
        """As the charger is told."""
        return ListEntry(self.token_uid, self.token_type, self.status, self.expires_at, self.group)


class SendListIn(Intent):
    """Bring the list of cards that the station lets charge by itself up to date.

    Only what differs from the list that it was last sent goes out, in as many messages as it wants, and the version is
    read back. A card of more than 20 characters is left out on OCPP 1.6, which has no room for it.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"entries"})
    operation: Literal["send_list"]
    entries: list[ListEntryIn] | None = Field(
        None, max_length=20_000, description="The whole list; when absent, our own tokens that may charge unasked."
    )
    full: bool = Field(False, description="Send all of it, whatever the station has.")


class ReadListVersionIn(OneCommand):
    """Which version of the local list the station has."""

    operation: Literal["read_list_version"]

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ReadListVersion()


class PeriodIn(BaseModel):
    """From a moment on, at most so much."""

    model_config = ConfigDict(extra="forbid")

    start_s: int = Field(ge=0, le=31_536_000, description="Seconds after the start of the schedule.")
    limit: Limit
    phases: int | None = Field(None, ge=1, le=3)


class LimitIn(BaseModel):
    """At most so much: one limit, or a schedule of limits."""

    model_config = ConfigDict(extra="forbid")

    unit: LimitUnit
    limit: Limit | None = Field(None, description="At most so much, from now on …")
    periods: list[PeriodIn] = Field(default_factory=list, max_length=100, description="… or a schedule.")
    duration_s: int | None = Field(None, ge=1)
    stack_level: int = Field(0, ge=0, le=99)
    volts: int = Field(230, ge=100, le=1000, description="To neutral, for conversion.")
    phases: int = Field(3, ge=1, le=3, description="For conversion.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.limit is None) == (not self.periods):
            raise ValueError("give a limit or periods")
        return self

    @property
    def wished(self) -> tuple[Period, ...]:
        """The limits, in the words of `csms.profiles`."""
        periods = [Period(each.start_s, each.limit, each.phases) for each in self.periods]
        return tuple(periods) if self.limit is None else (Period(0, self.limit),)


class SetLimitIn(LimitIn, Intent):
    """Limit what a station, its transactions or one of them draws, in the way that its model takes.

    Where a model knows watts or amperes only, limits are converted and rounded down. A limit with the same purpose,
    EVSE and stack level replaces the one before it.
    """

    operation: Literal["set_limit"]
    purpose: ProfilePurpose = Field(ProfilePurpose.DEFAULT, description="station, default, or transaction")
    evse_id: int = Field(0, ge=0, le=999, description="0 is the whole station.")
    transaction_id: int | None = Field(None, ge=1, description="For the purpose `transaction`.")
    start_at: AwareDatetime | None = Field(None, description="Of the schedule; else the start of the transaction.")
    repeats: Literal["daily", "weekly"] | None = None
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None

    @model_validator(mode="after")
    def _is_for_whom_it_says(self) -> Self:
        if (self.purpose is ProfilePurpose.TRANSACTION) != (self.transaction_id is not None):
            raise ValueError("a transaction_id goes with the purpose transaction, and it needs one")
        if self.purpose is ProfilePurpose.STATION and self.evse_id:
            raise ValueError("a limit of the station is not one of an EVSE")
        if self.purpose is ProfilePurpose.TRANSACTION and not self.evse_id:
            raise ValueError("a limit of a transaction needs its evse_id")
        return self

    def wish(self) -> Wish:
        """What is wished, in the words of `csms.profiles`."""
        return Wish(
            self.purpose,
            self.unit,
            self.wished,
            self.stack_level,
            self.start_at,
            ProfileKind(self.repeats) if self.repeats else None,
            self.duration_s,
            self.valid_from,
            self.valid_to,
            self.volts,
            self.phases,
        )


class ClearLimitsIn(OneCommand):
    """Take back the limits that all of these fit; all of them without any."""

    operation: Literal["clear_limits"]
    purpose: ProfilePurpose | None = None
    evse_id: int | None = Field(None, ge=0)
    stack_level: int | None = Field(None, ge=0)

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ClearProfiles(None, self.evse_id, self.purpose, self.stack_level)


class ReadScheduleIn(OneCommand):
    """What all limits together allow, as the station reckons."""

    operation: Literal["read_schedule"]
    evse_id: int = Field(0, ge=0, description="0 is the whole station.")
    duration_s: int = Field(86_400, ge=1, le=604_800)
    unit: LimitUnit | None = None

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ReadSchedule(self.evse_id, self.duration_s, self.unit)
