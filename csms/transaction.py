"""The record of a transaction: what the rest of the house may know and rely on. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from csms.registers import ZERO
from csms.station import ChargingState, TokenType


class Review(StrEnum):
    """Why a person may want to look at a record."""

    MISSING_START = "missing_start"
    NEVER_ENDED = "never_ended"
    REGISTER_FELL = "register_fell"
    REGISTER_FELL_SLIGHTLY = "register_fell_slightly"
    REGISTER_JUMPED = "register_jumped"
    NO_ENERGY = "no_energy"
    ENERGY_FROM_INTERVALS = "energy_from_intervals"
    ENERGY_AFTER_END = "energy_after_end"
    CONFLICTING_END = "conflicting_end"
    MESSAGES_MISSING = "messages_missing"
    CLOCK_UNSURE = "clock_unsure"
    UNIT_UNSURE = "unit_unsure"
    GUESSED = "guessed"


MINOR = frozenset({Review.REGISTER_FELL_SLIGHTLY, Review.MESSAGES_MISSING, Review.ENERGY_FROM_INTERVALS})
"""Worth knowing, but the energy and the times can be relied on."""


@dataclass(frozen=True, slots=True)
class Period:
    """From when the transaction was in this state, and its energy until then."""

    state: ChargingState
    from_at: datetime
    energy_wh: Decimal


@dataclass(frozen=True, slots=True)
class Reached:
    """The energy of a transaction at the moment of a reading, as the record counts it."""

    at: datetime
    energy_wh: Decimal


@dataclass(slots=True)  # a frozen one takes four times as long to make, and there is one for each message
class TransactionRecord:
    """A transaction as far as it is known.

    `energy_wh` never falls below zero and counts nothing twice. `meter_wh` is the register as last read. `review` is
    empty for a record that can be relied on; nothing that was said is lost even when it is not: the events remain.
    `fold` is for `csms.record` alone. Nobody changes a record.
    """

    station_id: str
    transaction_id: int
    started_at: datetime
    evse_id: int | None = None
    connector_id: int | None = None
    token: str | None = None
    token_type: TokenType | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    ended_at: datetime | None = None
    energy_wh: Decimal = ZERO
    meter_start_wh: Decimal | None = None
    meter_wh: Decimal | None = None
    metered_at: datetime | None = None
    power_w: Decimal | None = None
    soc_percent: Decimal | None = None
    state: ChargingState | None = None
    periods: tuple[Period, ...] = ()
    stop_reason: str | None = None
    review: frozenset[Review] = frozenset()
    fold: object = field(default=None, repr=False, compare=False)

    @property
    def needs_review(self) -> bool:
        """Whether energy or times are in doubt."""
        return bool(self.review - MINOR)
