"""Whether an element of a tariff is active at a moment of a session. Pure.

OCPI 2.2.1, mod_tariffs, TariffRestrictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal

from hub.tariffs.model import Band, Candidate, CannotPrice, Dimension, Measure, Restrictions, Tariff

MIDNIGHT = time(0, 0)


@dataclass(frozen=True, slots=True)
class Moment:
    """What restrictions look at: the wall clock, how much has been used, and how fast. None is what nobody knows.

    `local` is the date and time on the wall, without a zone; `elapsed_s` and `used_wh` count from the session's start.
    """

    local: datetime | None
    used_wh: Decimal
    elapsed_s: Decimal
    power_kw: Band | None
    current_a: Band | None


def active(tariff: Tariff, dimension: Dimension, moment: Moment) -> Candidate | None:
    """The component that prices a dimension now: of the first element that has one and is active. None: no costs.

    Raises `CannotPrice` when that depends on something which is not known.
    """
    return first_match(tariff.lookup.get(dimension, ()), moment)


def first_match(candidates: Sequence[Candidate], moment: Moment) -> Candidate | None:
    """See `active`."""
    for candidate in candidates:
        if candidate.restrictions is None or holds(candidate.restrictions, moment):
            return candidate
    return None


def holds(restrictions: Restrictions, moment: Moment) -> bool:
    """Whether all restrictions hold. Raises `CannotPrice` when one looks at something which is not known."""
    if not _within(moment.used_wh, restrictions.min_energy_wh, restrictions.max_energy_wh):
        return False
    if not _within(moment.elapsed_s, restrictions.min_duration_s, restrictions.max_duration_s):
        return False
    if restrictions.is_local and not _holds_on_the_wall(restrictions, moment.local):
        return False
    return _holds_for(Measure.POWER, restrictions.power_kw, moment.power_kw) and _holds_for(
        Measure.CURRENT, restrictions.current_a, moment.current_a
    )


def _within(value: Decimal, least: Decimal | int | None, most: Decimal | int | None) -> bool:
    return (least is None or value >= least) and (most is None or value < most)


def _holds_on_the_wall(restrictions: Restrictions, local: datetime | None) -> bool:
    if local is None:
        raise CannotPrice("the tariff depends on the time of day, and the time zone of the location is not known")
    if restrictions.weekdays and local.weekday() not in restrictions.weekdays:
        return False
    if restrictions.start_date is not None and local.date() < restrictions.start_date:
        return False
    if restrictions.end_date is not None and local.date() >= restrictions.end_date:
        return False
    return _in_daily_window(local.time(), restrictions.start_time or MIDNIGHT, restrictions.end_time or MIDNIGHT)


def _in_daily_window(now: time, start: time, end: time) -> bool:
    if end == MIDNIGHT:  # the end of the day, not its start
        return now >= start
    return start <= now < end if start <= end else now >= start or now < end


def _holds_for(measure: Measure, wanted: Band | None, known: Band | None) -> bool:
    if wanted is None:
        return True
    known = known or Band()
    # One bound alone stands for both: a period is cut where the restriction changes, so both lie on one side of it.
    least = known.most if known.least is None else known.least
    most = known.least if known.most is None else known.most
    if least is None or most is None:
        raise CannotPrice(f"the tariff depends on the {measure.lower()}, which is not known for each period")
    return (wanted.least is None or least >= wanted.least) and (wanted.most is None or most < wanted.most)
