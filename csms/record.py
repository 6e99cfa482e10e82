"""One reducer over the events of a transaction, whatever version they came in.

Pure. `reduce` gives the same record for the same events in any order, with repetitions, late ones and ones that come
after the end. `apply` adds one event to a record that already stands, for the live path; it declines what would change
the past, and the caller reduces again from the stored events.
"""

from collections.abc import Iterable, Sequence

from csms.fold import IDENTIFYING, LATE_AFTER, Fold
from csms.station import FactKind
from csms.timeline import Point, TransactionEvent, points, telling_order
from csms.transaction import MINOR, Period, Reached, Review, TransactionRecord

__all__ = [
    "LATE_AFTER",
    "MINOR",
    "Period",
    "Reached",
    "Review",
    "TransactionEvent",
    "TransactionRecord",
    "apply",
    "apply_with_curve",
    "reduce",
    "reduce_with_curve",
]


def reduce(events: Iterable[TransactionEvent]) -> TransactionRecord:
    """The record of one transaction from all its events, in whatever order. Raises `ValueError` without any."""
    return reduce_with_curve(events)[0]


def reduce_with_curve(events: Iterable[TransactionEvent]) -> tuple[TransactionRecord, tuple[Reached, ...]]:
    """The same, and where its energy stood at each reading whose time can be believed, oldest first."""
    ordered = sorted(_unique(events), key=telling_order)
    if not ordered:
        raise ValueError("a transaction has at least one event")
    fold = _begin(ordered)
    line: list[Point] = []
    for event in ordered:
        fold.identify(event)
        for point in points(event):
            if _is_late(fold, point, event):
                fold.note_late(point)
            else:
                line.append(point)
    curve = []
    for point in sorted(line):
        fold.step(point)
        if _is_on_curve(point):
            curve.append(Reached(point.at, fold.energy()))
    return fold.record(), tuple(curve)


def apply(record: TransactionRecord, event: TransactionEvent) -> TransactionRecord | None:
    """The record with one more event, or None when the event belongs before what the record has already counted.

    What it gives is what `reduce` would give of all events together.
    """
    fold = _applied(record, event, None)
    return None if fold is None else fold.record()


def apply_with_curve(
    record: TransactionRecord, event: TransactionEvent
) -> tuple[TransactionRecord, tuple[Reached, ...]] | None:
    """The same, and what the event adds to the curve of `reduce_with_curve`."""
    added: list[Reached] = []
    fold = _applied(record, event, added)
    return None if fold is None else (fold.record(), tuple(added))


def _applied(record: TransactionRecord, event: TransactionEvent, curve: list[Reached] | None) -> Fold | None:
    known = record.fold
    kind = event.fact.kind
    if not isinstance(known, Fold) or known.end is not None or known.abandoned is not None:
        return None
    if kind is FactKind.STARTED or (known.start is None and event.at < known.started_at):
        return None
    line = sorted(points(event))
    if line and known.head is not None and line[0] <= known.head:
        return None
    if kind in IDENTIFYING and known.told_head is not None and telling_order(event) <= known.told_head:
        return None
    fold = known.copy()
    if kind is FactKind.ENDED or kind is FactKind.ABANDONED:
        if not _ends_last(known, event):
            return None
        if kind is FactKind.ENDED:
            fold.end = event
        else:
            fold.abandoned = event
    fold.identify(event)
    for point in line:
        fold.step(point)
        if curve is not None and _is_on_curve(point):
            curve.append(Reached(point.at, fold.energy()))
    return fold


def _is_on_curve(point: Point) -> bool:
    """Whether a point tells the energy at a time that can be believed."""
    return point.timely and (point.has_register or point.has_interval)


def _unique(events: Iterable[TransactionEvent]) -> Iterable[TransactionEvent]:
    """One event for each key: the one received first."""
    unique: dict[tuple[str, FactKind], TransactionEvent] = {}
    for event in events:
        identity = (event.fact.key, event.fact.kind)
        known = unique.get(identity)
        if known is None or event.received_at < known.received_at:
            unique[identity] = event
    return unique.values()


def _begin(ordered: Sequence[TransactionEvent]) -> Fold:
    starts = [event for event in ordered if event.fact.kind is FactKind.STARTED]
    ends = [event for event in ordered if event.fact.kind is FactKind.ENDED]
    abandoned = [event for event in ordered if event.fact.kind is FactKind.ABANDONED]
    fold = Fold(starts[0] if starts else min(ordered, key=lambda event: (event.at, event.fact.key)))
    fold.start = starts[0] if starts else None
    fold.end = ends[0] if ends else None
    fold.abandoned = abandoned[0] if abandoned else None
    if not starts:
        fold.flags |= {Review.MISSING_START}
    if any(_said_of_end(end) != _said_of_end(ends[0]) for end in ends[1:]):
        fold.flags |= {Review.CONFLICTING_END}
    return fold


def _said_of_end(event: TransactionEvent) -> tuple[object, ...]:
    return (event.fact.meter_wh, event.fact.at, event.fact.stop_reason)


def _is_late(fold: Fold, point: Point, event: TransactionEvent) -> bool:
    """Whether this came after the end, and must not move it."""
    end = fold.end or fold.abandoned
    if end is None or event is end or event.fact.kind is FactKind.STARTED:
        return False
    if event.fact.kind is FactKind.ENDED:
        return True
    if event.fact.seq_no is not None and end.fact.seq_no is not None:
        return event.fact.seq_no > end.fact.seq_no
    return point.at > end.at + LATE_AFTER


def _ends_last(fold: Fold, event: TransactionEvent) -> bool:
    """Whether an end leaves everything that is already counted where it is."""
    if fold.head is not None and fold.head.at > event.at + LATE_AFTER:
        return False
    return event.fact.seq_no is None or not fold.sequence or fold.sequence[-1][1] < event.fact.seq_no
