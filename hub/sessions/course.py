"""From the charger's transaction record to the course of a session, as OCPI and the tariff see it. Pure.

Only a vehicle that does not ask for power is parked (OCPI 2.2.1, mod_cdrs, PARKING_TIME): an EVSE that holds back
energy, or that has not begun, is none of the driver's doing and counts as charging time.
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from csms.record import Reached, TransactionRecord
from csms.station import ChargingState
from hub.sessions.documents import Course, Stretch

ZERO = Decimal(0)
PARKED = frozenset({ChargingState.SUSPENDED_EV, ChargingState.IDLE})


def course_of(record: TransactionRecord, *, now: datetime, curve: Sequence[Reached] = ()) -> Course:
    """How far the transaction has come; a running one is taken to last until `now`."""
    end = record.ended_at or max(now, record.started_at)
    return Course(record.started_at, record.ended_at, record.energy_wh, stretches(record, end), curve)


def at_readings(stretches: Sequence[Stretch], curve: Sequence[Reached]) -> Sequence[Stretch]:
    """The stretches split at each reading inside them, so that energy flows evenly between two readings only.

    Nothing is lost, and none of them goes back: a reading that does not fit the stretch's energy is drawn into it.
    """
    return split(stretches, curve)[0]


def split(
    stretches: Sequence[Stretch], curve: Sequence[Reached], *, before_wh: Decimal = ZERO
) -> tuple[Sequence[Stretch], bool]:
    """The same, and whether every reading fitted. `before_wh` is the energy before the first stretch."""
    finer: list[Stretch] = []
    waiting, fits = deque(sorted(curve, key=lambda reached: reached.at)), True
    for stretch in stretches:
        at, used_wh = stretch.start, ZERO
        while waiting and waiting[0].at < stretch.end:
            reached = waiting.popleft()
            if reached.at <= at:
                continue
            told_wh = reached.energy_wh - before_wh
            now_wh = min(max(told_wh, used_wh), stretch.energy_wh)
            fits = fits and now_wh == told_wh
            finer.append(Stretch(at, reached.at, now_wh - used_wh, stretch.parked, stretch.reserved))
            at, used_wh = reached.at, now_wh
        finer.append(Stretch(at, stretch.end, stretch.energy_wh - used_wh, stretch.parked, stretch.reserved))
        before_wh += stretch.energy_wh
    return finer, fits


def resumed(stretches: Sequence[Stretch], at: datetime, energy_wh: Decimal) -> Sequence[Stretch] | None:
    """What of the stretches comes after `at`, by when so much energy had flowed; at least the last of them.

    None where that is not what the stretches say.
    """
    rest: list[Stretch] = []
    before_wh = ZERO
    for number, stretch in enumerate(stretches, 1):
        after_wh = before_wh + stretch.energy_wh
        if stretch.end > at or number == len(stretches):
            if stretch.start > at:
                rest.append(stretch)
            elif stretch.end < at or after_wh < energy_wh or (stretch.start == at and before_wh != energy_wh):
                return None
            else:
                rest.append(Stretch(at, stretch.end, after_wh - energy_wh, stretch.parked))
        before_wh = after_wh
    return rest


def stretches(record: TransactionRecord, end: datetime) -> Sequence[Stretch]:
    """The record's periods, neighbours of the same kind joined; one stretch when it tells no states."""
    borders = [
        (max(period.from_at, record.started_at), period.energy_wh, period.state in PARKED)
        for period in record.periods
        if period.from_at < end
    ]
    if not borders or borders[0][0] > record.started_at:
        borders.insert(0, (record.started_at, record.energy_wh * 0, False))
    kept = [border for index, border in enumerate(borders) if index == 0 or border[2] != borders[index - 1][2]]
    kept[0] = (record.started_at, record.energy_wh * 0, kept[0][2])  # what was read as it began belongs to it as well
    closing = [*kept[1:], (end, record.energy_wh, False)]
    return [
        Stretch(start, until, max(reached - energy, energy * 0), parked)
        for (start, energy, parked), (until, reached, _) in zip(kept, closing, strict=True)
    ]
