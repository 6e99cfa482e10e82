"""The record of a transaction: one reducer over the events of it, whatever version they came in.

Pure. `reduce` gives the same record for the same events in any order, with repetitions, late ones and ones that come
after the end. `apply` adds one event to a record that already stands, for the live path; it declines what would change
the past, and the caller reduces again from the stored events.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from csms.meters import interval_wh, power_w, register_wh, soc_percent
from csms.registers import ZERO, Series
from csms.station import ChargingState, FactKind, TokenType, TransactionFact

LATE_AFTER = timedelta(seconds=2)
"""Stations cut fractions of seconds off: a reading so little after the end belongs to the transaction."""
_BEGINNING_OF_OCPP = datetime(2012, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)


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
    GUESSED = "guessed"


MINOR = frozenset({Review.REGISTER_FELL_SLIGHTLY, Review.MESSAGES_MISSING, Review.ENERGY_FROM_INTERVALS})
"""Worth knowing, but the energy and the times can be relied on."""


@dataclass(frozen=True, slots=True)
class TransactionEvent:
    """A fact as it was received and given to one of our transactions."""

    station_id: str
    transaction_id: int
    received_at: datetime
    fact: TransactionFact

    @property
    def timely(self) -> bool:
        """Whether the station's own time can be believed; otherwise the time of receipt stands for it."""
        return _believable(self.fact.at, self.received_at)

    @property
    def at(self) -> datetime:
        """When it happened, as well as we know."""
        return self.fact.at if self.fact.at is not None and self.timely else self.received_at


@dataclass(frozen=True, slots=True)
class Period:
    """From when the transaction was in this state, and its energy until then."""

    state: ChargingState
    from_at: datetime
    energy_wh: Decimal


class _Point(NamedTuple):
    """One thing on the time line: a reading, or a change of state. Compared in this order."""

    phase: int  # 0 the start, 1 between, 2 the end
    at: datetime
    is_state: bool
    register: Decimal
    interval: Decimal
    key: str
    place: int
    state: ChargingState | None = None
    has_register: bool = False
    has_interval: bool = False
    timely: bool = True
    power_w: Decimal | None = None
    soc_percent: Decimal | None = None
    seq_no: int | None = None


@dataclass(frozen=True, slots=True)
class _Fold:
    """What has to be remembered to go on from a record."""

    head: _Point | None = None
    series: Series = field(default_factory=Series)
    interval_wh: Decimal | None = None
    interval_at: datetime | None = None
    sequence: tuple[tuple[int, int], ...] = ()
    start: TransactionEvent | None = None
    end: TransactionEvent | None = None
    abandoned: TransactionEvent | None = None
    identity_head: tuple[object, ...] | None = None
    periods: tuple[Period, ...] = ()
    flags: frozenset[Review] = frozenset()


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A transaction as far as it is known.

    `energy_wh` never falls below zero and counts nothing twice. `meter_wh` is the register as last read. `review` is
    empty for a record that can be relied on; nothing that was said is lost even when it is not: the events remain.
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
    fold: _Fold = field(default_factory=_Fold, repr=False, compare=False)

    @property
    def needs_review(self) -> bool:
        """Whether energy or times are in doubt."""
        return bool(self.review - MINOR)


def reduce(events: Iterable[TransactionEvent]) -> TransactionRecord:
    """The record of one transaction from all its events, in whatever order. Raises `ValueError` without any."""
    unique: dict[tuple[str, FactKind], TransactionEvent] = {}
    for event in events:
        identity = (event.fact.key, event.fact.kind)
        known = unique.get(identity)
        if known is None or event.received_at < known.received_at:
            unique[identity] = event
    if not unique:
        raise ValueError("a transaction has at least one event")
    ordered = sorted(unique.values(), key=_identity_order)
    fold, record = _begin(ordered)
    late = _Lateness(fold)
    points: list[_Point] = []
    for event in ordered:
        fold, record = _identify(fold, record, event)
        for point in _points(event):
            if late.excludes(point, event):
                fold = _note_late(fold, point)
            else:
                points.append(point)
    for point in sorted(points):
        fold, record = _step(fold, record, point)
    return _finish(fold, record)


def apply(record: TransactionRecord, event: TransactionEvent) -> TransactionRecord | None:
    """The record with one more event, or None when the event belongs before what the record has already counted.

    What it gives is what `reduce` would give of all events together.
    """
    fold = record.fold
    fact = event.fact
    if fold.end is not None or fold.abandoned is not None or fact.kind is FactKind.STARTED:
        return None
    if fold.start is None and event.at < record.started_at:
        return None
    points = sorted(_points(event))
    if points and fold.head is not None and points[0] <= fold.head:
        return None
    if fact.kind in _IDENTIFYING and fold.identity_head is not None and _identity_order(event) <= fold.identity_head:
        return None
    if fact.kind in (FactKind.ENDED, FactKind.ABANDONED) and not _ends_last(fold, event):
        return None
    fold = _with_marks(fold, event)
    fold, record = _identify(fold, record, event)
    for point in points:
        fold, record = _step(fold, record, point)
    return _finish(fold, record)


_IDENTIFYING = frozenset({FactKind.STARTED, FactKind.UPDATED, FactKind.ENDED})
_PHASE = {FactKind.STARTED: 0, FactKind.ENDED: 2, FactKind.ABANDONED: 3}


def _believable(at: datetime | None, received_at: datetime) -> bool:
    return at is not None and _BEGINNING_OF_OCPP <= at <= received_at + _AHEAD


def _identity_order(event: TransactionEvent) -> tuple[object, ...]:
    fact = event.fact
    return (_PHASE.get(fact.kind, 1), fact.seq_no or 0, event.at, event.received_at, fact.key, fact.kind)


def _begin(ordered: list[TransactionEvent]) -> tuple[_Fold, TransactionRecord]:
    starts = [event for event in ordered if event.fact.kind is FactKind.STARTED]
    ends = [event for event in ordered if event.fact.kind is FactKind.ENDED]
    abandoned = [event for event in ordered if event.fact.kind is FactKind.ABANDONED]
    flags: set[Review] = set()
    if not starts:
        flags.add(Review.MISSING_START)
    if any(_end_said(end) != _end_said(ends[0]) for end in ends[1:]):
        flags.add(Review.CONFLICTING_END)
    first = starts[0] if starts else min(ordered, key=lambda event: (event.at, event.fact.key))
    fold = _Fold(
        start=starts[0] if starts else None,
        end=ends[0] if ends else None,
        abandoned=abandoned[0] if abandoned else None,
        flags=frozenset(flags),
    )
    return fold, TransactionRecord(first.station_id, first.transaction_id, first.at)


def _end_said(event: TransactionEvent) -> tuple[object, ...]:
    return (event.fact.meter_wh, event.fact.at, event.fact.stop_reason)


def _with_marks(fold: _Fold, event: TransactionEvent) -> _Fold:
    if event.fact.kind is FactKind.ENDED:
        return replace(fold, end=event)
    if event.fact.kind is FactKind.ABANDONED:
        return replace(fold, abandoned=event)
    return fold


def _ends_last(fold: _Fold, event: TransactionEvent) -> bool:
    """Whether an end leaves everything already counted where it is."""
    if fold.head is not None and fold.head.at > event.at + LATE_AFTER:
        return False
    return event.fact.seq_no is None or not fold.sequence or fold.sequence[-1][1] < event.fact.seq_no


class _Lateness:
    """Tells what came after the end and must not move it."""

    def __init__(self, fold: _Fold) -> None:
        end = fold.end or fold.abandoned
        self._end = end
        self._until = None if end is None else end.at + LATE_AFTER

    def excludes(self, point: _Point, event: TransactionEvent) -> bool:
        if self._end is None or self._until is None or event is self._end or event.fact.kind is FactKind.STARTED:
            return False
        if event.fact.kind is FactKind.ENDED:
            return True
        if event.fact.seq_no is not None and self._end.fact.seq_no is not None:
            return event.fact.seq_no > self._end.fact.seq_no
        return point.at > self._until


def _note_late(fold: _Fold, point: _Point) -> _Fold:
    end_wh = fold.end.fact.meter_wh if fold.end is not None else None
    if not point.has_register or (end_wh is not None and point.register <= end_wh):
        return fold
    return replace(fold, flags=fold.flags | {Review.ENERGY_AFTER_END})


def _points(event: TransactionEvent) -> Iterator[_Point]:
    fact = event.fact
    at, key, seq_no = event.at, fact.key, fact.seq_no
    phase = _PHASE.get(fact.kind, 1)
    if fact.meter_wh is not None and fact.kind in (FactKind.STARTED, FactKind.ENDED):
        yield _Point(phase, at, False, fact.meter_wh, ZERO, key, -1, None, True, False, event.timely, seq_no=seq_no)
    for index, reading in enumerate(fact.readings):
        register, interval = register_wh(reading), interval_wh(reading)
        timely = _believable(reading.at, event.received_at)
        yield _Point(
            1,
            reading.at if timely and reading.at is not None else at,
            False,
            ZERO if register is None else register,
            ZERO if interval is None else interval,
            key,
            index,
            None,
            register is not None,
            interval is not None,
            timely,
            power_w(reading),
            soc_percent(reading),
            seq_no,
        )
    if fact.state is not None and fact.kind is not FactKind.ENDED:
        yield _Point(phase, at, True, ZERO, ZERO, key, -1, fact.state, seq_no=seq_no)


def _identify(fold: _Fold, record: TransactionRecord, event: TransactionEvent) -> tuple[_Fold, TransactionRecord]:
    fact = event.fact
    flags = fold.flags
    if not event.timely and fact.kind in (FactKind.STARTED, FactKind.ENDED):
        flags |= {Review.CLOCK_UNSURE}
    if fact.guessed:
        flags |= {Review.GUESSED}
    sequence = fold.sequence if fact.seq_no is None else _with_number(fold.sequence, fact.seq_no)
    identity_head = fold.identity_head
    if fact.kind in _IDENTIFYING:
        identity_head = _identity_order(event)
        if _tells_more(record, fact):
            record = replace(
                record,
                evse_id=fact.evse_id if record.evse_id is None else record.evse_id,
                connector_id=fact.connector_id if record.connector_id is None else record.connector_id,
                token=fact.token if record.token is None else record.token,
                token_type=fact.token_type if record.token is None else record.token_type,
                remote_start_id=_first(record.remote_start_id, fact.remote_start_id),
                reservation_id=_first(record.reservation_id, fact.reservation_id),
            )
    return (
        replace(fold, flags=flags, sequence=sequence, identity_head=identity_head),
        record,
    )


def _tells_more(record: TransactionRecord, fact: TransactionFact) -> bool:
    return (
        (record.evse_id is None and fact.evse_id is not None)
        or (record.connector_id is None and fact.connector_id is not None)
        or (record.token is None and fact.token is not None)
        or (record.remote_start_id is None and fact.remote_start_id is not None)
        or (record.reservation_id is None and fact.reservation_id is not None)
    )


def _first(known: int | None, told: int | None) -> int | None:
    return told if known is None else known


def _with_number(ranges: tuple[tuple[int, int], ...], number: int) -> tuple[tuple[int, int], ...]:
    """Numbers seen so far as ranges without gaps, ascending."""
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


def _step(fold: _Fold, record: TransactionRecord, point: _Point) -> tuple[_Fold, TransactionRecord]:
    if point.state is not None:
        periods = fold.periods
        if not periods or periods[-1].state is not point.state:
            since = max(point.at, periods[-1].from_at) if periods else point.at
            periods = (*periods, Period(point.state, since, _energy(fold)))
        return replace(fold, head=point, periods=periods), replace(record, state=point.state)
    series, interval, interval_at = fold.series, fold.interval_wh, fold.interval_at
    if point.has_register:
        series = series.plus(point.register, point.at if point.timely else None)
    if point.has_interval and point.at != interval_at:
        interval, interval_at = (interval or ZERO) + max(point.interval, ZERO), point.at
    fold = replace(fold, head=point, series=series, interval_wh=interval, interval_at=interval_at)
    return fold, replace(
        record,
        meter_wh=point.register if point.has_register else record.meter_wh,
        metered_at=point.at if point.has_register else record.metered_at,
        power_w=record.power_w if point.power_w is None else point.power_w,
        soc_percent=record.soc_percent if point.soc_percent is None else point.soc_percent,
    )


def _energy(fold: _Fold) -> Decimal:
    if fold.series.last_wh is None and fold.interval_wh is not None:
        return fold.interval_wh
    return fold.series.total_wh


def _finish(fold: _Fold, record: TransactionRecord) -> TransactionRecord:
    """The values that follow from the whole."""
    start, end = fold.start, fold.end
    start_wh = start.fact.meter_wh if start is not None else None
    end_wh = end.fact.meter_wh if end is not None else None
    flags = set(fold.flags)
    energy = _energy(fold)
    if start_wh is not None and end_wh is not None and fold.series.between(start_wh, end_wh):
        energy = end_wh - start_wh
    else:
        flags |= _register_flags(fold.series)
    if fold.series.last_wh is None and fold.interval_wh is not None:
        flags.add(Review.ENERGY_FROM_INTERVALS)
    if end is not None or fold.abandoned is not None:
        if fold.interval_wh is None and fold.series.last_wh is None:
            flags.add(Review.NO_ENERGY)
        if len(fold.sequence) > 1:
            flags.add(Review.MESSAGES_MISSING)
        if end is None:
            flags.add(Review.NEVER_ENDED)
    return replace(
        record,
        energy_wh=energy,
        meter_start_wh=start_wh,
        ended_at=_ended_at(fold, record),
        stop_reason=end.fact.stop_reason if end is not None else None,
        periods=_capped(fold.periods, energy),
        review=frozenset(flags),
        fold=fold,
    )


def _register_flags(series: Series) -> set[Review]:
    flags = set()
    if series.fell:
        flags.add(Review.REGISTER_FELL)
    if series.fell_slightly:
        flags.add(Review.REGISTER_FELL_SLIGHTLY)
    if series.jumped:
        flags.add(Review.REGISTER_JUMPED)
    return flags


def _ended_at(fold: _Fold, record: TransactionRecord) -> datetime | None:
    if fold.end is not None:
        return max(fold.end.at, record.started_at)
    if fold.abandoned is not None:
        # Nobody knows when it ended: the last that was heard of it is all that can be charged for.
        return max(min(record.metered_at or record.started_at, fold.abandoned.at), record.started_at)
    return None


def _capped(periods: tuple[Period, ...], energy_wh: Decimal) -> tuple[Period, ...]:
    """Where the final registers correct the way there, no period begins with more energy than there is in the end."""
    if all(period.energy_wh <= energy_wh for period in periods):
        return periods
    return tuple(
        period if period.energy_wh <= energy_wh else replace(period, energy_wh=energy_wh) for period in periods
    )
