"""The working state behind a record: what has to be remembered to add one more event. Used by `csms.record` alone."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from csms.meters import is_unit_unsure
from csms.registers import ZERO, Series
from csms.station import ChargingState, FactKind, TokenType
from csms.timeline import Point, TransactionEvent, telling_order
from csms.transaction import Period, Review, TransactionRecord

LATE_AFTER = timedelta(seconds=2)
"""Stations cut fractions of seconds off: a reading so little after the end belongs to the transaction."""
IDENTIFYING = frozenset({FactKind.STARTED, FactKind.UPDATED, FactKind.ENDED})
"""The kinds that tell whose transaction it is, and where."""


class Fold:
    """Mutable while it is filled; a record keeps one and never changes it."""

    def __init__(self, first: TransactionEvent) -> None:
        self.station_id = first.station_id
        self.transaction_id = first.transaction_id
        self.started_at = first.at
        self.start: TransactionEvent | None = None
        self.end: TransactionEvent | None = None
        self.abandoned: TransactionEvent | None = None
        self.flags: frozenset[Review] = frozenset()
        self.head: Point | None = None
        self.told_head: tuple[object, ...] | None = None
        self.sequence: tuple[tuple[int, int], ...] = ()
        self.series = Series()
        self.interval_wh: Decimal | None = None
        self.interval_at: datetime | None = None
        self.periods: tuple[Period, ...] = ()
        self.evse_id: int | None = None
        self.connector_id: int | None = None
        self.token: str | None = None
        self.token_type: TokenType | None = None
        self.remote_start_id: int | None = None
        self.reservation_id: int | None = None
        self.meter_wh: Decimal | None = None
        self.metered_at: datetime | None = None
        self.power_w: Decimal | None = None
        self.soc_percent: Decimal | None = None
        self.state: ChargingState | None = None
        self.unit_unsure = False

    def copy(self) -> Self:
        """Another one with the same content; everything in it is immutable."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def identify(self, event: TransactionEvent) -> None:
        """What an event tells of the transaction as a whole; the first to tell something is believed."""
        fact = event.fact
        if fact.kind in (FactKind.STARTED, FactKind.ENDED) and not event.timely:
            self.flags |= {Review.CLOCK_UNSURE}
        if fact.guessed:
            self.flags |= {Review.GUESSED}
        if not self.unit_unsure and any(is_unit_unsure(reading) for reading in fact.readings):
            self.unit_unsure = True
        if fact.seq_no is not None:
            self.sequence = with_number(self.sequence, fact.seq_no)
        if fact.kind not in IDENTIFYING:
            return
        self.told_head = telling_order(event)
        if self.evse_id is None:
            self.evse_id = fact.evse_id
        if self.connector_id is None:
            self.connector_id = fact.connector_id
        if self.token is None:
            self.token, self.token_type = fact.token, fact.token_type
        if self.remote_start_id is None:
            self.remote_start_id = fact.remote_start_id
        if self.reservation_id is None:
            self.reservation_id = fact.reservation_id

    def note_late(self, point: Point) -> None:
        """A reading after the end counts nothing; one above the final register is worth a look."""
        end_wh = self.end.fact.meter_wh if self.end is not None else None
        if point.has_register and (end_wh is None or point.register > end_wh):
            self.flags |= {Review.ENERGY_AFTER_END}

    def step(self, point: Point) -> None:
        """Go on to the next point of the line."""
        self.head = point
        if point.state is not None:
            self._change_state(point.state, point.at)
            return
        if point.has_register:
            self.series = self.series.plus(point.register, point.at if point.timely else None)
            self.meter_wh, self.metered_at = point.register, point.at
        if point.has_interval and point.at != self.interval_at:
            self.interval_wh = (self.interval_wh or ZERO) + max(point.interval, ZERO)
            self.interval_at = point.at
        if point.power_w is not None:
            self.power_w = point.power_w
        if point.soc_percent is not None:
            self.soc_percent = point.soc_percent

    def record(self) -> TransactionRecord:
        """The record as it follows from everything so far."""
        start_wh = self.start.fact.meter_wh if self.start is not None else None
        end_wh = self.end.fact.meter_wh if self.end is not None else None
        # Where every reading lies between the first and the last register, their order does not matter.
        consistent = start_wh is not None and end_wh is not None and self.series.between(start_wh, end_wh)
        energy = end_wh - start_wh if consistent and start_wh is not None and end_wh is not None else self.energy()
        return TransactionRecord(
            self.station_id,
            self.transaction_id,
            self.started_at,
            self.evse_id,
            self.connector_id,
            self.token,
            self.token_type,
            self.remote_start_id,
            self.reservation_id,
            self._ended_at(),
            energy,
            start_wh,
            self.meter_wh,
            self.metered_at,
            self.power_w,
            self.soc_percent,
            self.state,
            _capped(self.periods, energy),
            self.end.fact.stop_reason if self.end is not None else None,
            self._review(end_wh if consistent else self.series.last_wh, consistent),
            self,
        )

    def _change_state(self, state: ChargingState, at: datetime) -> None:
        self.state = state
        if not self.periods:
            self.periods = (Period(state, at, self.energy()),)
        elif self.periods[-1].state is not state:
            self.periods = (*self.periods, Period(state, max(at, self.periods[-1].from_at), self.energy()))

    def energy(self) -> Decimal:
        """The energy counted so far."""
        if self.series.last_wh is None and self.interval_wh is not None:
            return self.interval_wh
        return self.series.total_wh

    def _ended_at(self) -> datetime | None:
        if self.end is not None:
            return max(self.end.at, self.started_at)
        if self.abandoned is not None:
            # Nobody knows when it ended: the last that was heard of it is all that can be charged for.
            return max(min(self.metered_at or self.started_at, self.abandoned.at), self.started_at)
        return None

    def _review(self, final_wh: Decimal | None, consistent: bool) -> frozenset[Review]:
        flags = self.flags
        series = self.series
        if not consistent:
            if series.fell:
                flags |= {Review.REGISTER_FELL}
            if series.fell_slightly:
                flags |= {Review.REGISTER_FELL_SLIGHTLY}
            if series.jumped:
                flags |= {Review.REGISTER_JUMPED}
        if series.last_wh is None and self.interval_wh is not None:
            flags |= {Review.ENERGY_FROM_INTERVALS}
        if self.end is None and self.abandoned is None:
            return flags
        if self.unit_unsure and final_wh is not None and final_wh != final_wh.to_integral_value():
            flags |= {Review.UNIT_UNSURE}  # a whole number was told by another message than the readings
        if self.interval_wh is None and series.last_wh is None:
            flags |= {Review.NO_ENERGY}
        if len(self.sequence) > 1:
            flags |= {Review.MESSAGES_MISSING}
        if self.end is None:
            flags |= {Review.NEVER_ENDED}
        return flags


def with_number(ranges: tuple[tuple[int, int], ...], number: int) -> tuple[tuple[int, int], ...]:
    """Numbers seen so far as ranges without gaps, ascending, with one more number."""
    if ranges and ranges[-1][1] + 1 == number:
        return (*ranges[:-1], (ranges[-1][0], number))
    if any(low <= number <= high for low, high in ranges):
        return ranges
    merged: list[tuple[int, int]] = []
    for low, high in sorted((*ranges, (number, number))):
        if merged and merged[-1][1] + 1 >= low:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _capped(periods: tuple[Period, ...], energy_wh: Decimal) -> tuple[Period, ...]:
    """Where the final registers correct the way there, no period begins with more energy than there is in the end."""
    for period in periods:
        if period.energy_wh > energy_wh:
            return tuple(replace(one, energy_wh=min(one.energy_wh, energy_wh)) for one in periods)
    return periods
