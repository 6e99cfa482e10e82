"""Whether an element of a tariff is active at a moment of a session. Pure.

OCPI 2.2.1, mod_tariffs, TariffRestrictions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.tariffs.model import (
    NOTHING,
    Band,
    Candidate,
    CannotPrice,
    Dimension,
    Measure,
    Period,
    Restrictions,
    Tariff,
)

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


def zone(time_zone: str | None) -> ZoneInfo | None:
    """The time zone of a location by its IANA name. Raises `CannotPrice` for a name that nobody knows."""
    try:
        return None if time_zone is None else ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CannotPrice("the time zone of the location is not known") from None


def moments(tariff: Tariff, periods: Sequence[Period], tz: ZoneInfo | None) -> Iterator[Moment]:
    """What restrictions see at the start of each period."""
    used_wh = NOTHING
    for period, began in zip(periods, beginnings(periods), strict=True):
        yield moment_at(tariff, period, period.start, used_wh, began=began, tz=tz)
        used_wh += period.energy_wh


def beginnings(periods: Sequence[Period]) -> Iterator[datetime]:
    """For each period, when what it belongs to began: the reservation, or the session after it."""
    began: datetime | None = None
    for period in periods:
        if period.is_reservation and began is None:
            yield periods[0].start
        else:
            began = began or period.start
            yield began


def moment_at(
    tariff: Tariff, period: Period, at: datetime, used_wh: Decimal, *, began: datetime, tz: ZoneInfo | None
) -> Moment:
    """What restrictions see at a moment inside a period of a session that began at `began`.

    Where nobody measured the power, it is what the period's energy and charging time make on average: a period ends
    where the power passes a bound of the tariff, so its average lies on the same side.
    """
    elapsed = at - began
    elapsed_s = Decimal(elapsed.days * 86_400 + elapsed.seconds)
    if elapsed.microseconds:
        elapsed_s += Decimal(elapsed.microseconds).scaleb(-6)
    local = at.astimezone(tz).replace(tzinfo=None) if tz is not None and tariff.is_local else None
    power = _mean_power(period) if tariff.by_power and period.power_kw is None else period.power_kw
    return Moment(local, used_wh, elapsed_s, power, period.current_a)


def _mean_power(period: Period) -> Band | None:
    if period.charging_s:
        mean_kw = period.energy_wh * 36 / (period.charging_s * 10)
        return Band(mean_kw, mean_kw)
    return Band(NOTHING, NOTHING) if period.parking_s and not period.energy_wh else None


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
    used_wh, elapsed_s = moment.used_wh, moment.elapsed_s
    if restrictions.min_energy_wh is not None and used_wh < restrictions.min_energy_wh:
        return False
    if restrictions.max_energy_wh is not None and used_wh >= restrictions.max_energy_wh:
        return False
    if restrictions.min_duration_s is not None and elapsed_s < restrictions.min_duration_s:
        return False
    if restrictions.max_duration_s is not None and elapsed_s >= restrictions.max_duration_s:
        return False
    if restrictions.is_local and not _holds_on_the_wall(restrictions, moment.local):
        return False
    if restrictions.power_kw is not None and not _holds_for(Measure.POWER, restrictions.power_kw, moment.power_kw):
        return False
    return restrictions.current_a is None or _holds_for(Measure.CURRENT, restrictions.current_a, moment.current_a)


def _holds_on_the_wall(restrictions: Restrictions, local: datetime | None) -> bool:
    if local is None:
        raise CannotPrice("the tariff depends on the time of day, and the time zone of the location is not known")
    if restrictions.weekdays and local.weekday() not in restrictions.weekdays:
        return False
    if restrictions.start_date is not None and local.date() < restrictions.start_date:
        return False
    if restrictions.end_date is not None and local.date() >= restrictions.end_date:
        return False
    return in_daily_window(local.time(), restrictions.start_time or MIDNIGHT, restrictions.end_time or MIDNIGHT)


def in_daily_window(now: time, start: time, end: time) -> bool:
    """Whether a time of day lies in a window that may wrap midnight; an `end` of 00:00 is the end of the day."""
    if end == MIDNIGHT:  # the end of the day, not its start
        return now >= start
    return start <= now < end if start <= end else now >= start or now < end


def _holds_for(measure: Measure, wanted: Band, known: Band | None) -> bool:
    known = known or Band()
    # One bound alone stands for both: a period is cut where the restriction changes, so both lie on one side of it.
    least = known.most if known.least is None else known.least
    most = known.least if known.most is None else known.most
    if least is None or most is None:
        raise CannotPrice(f"the tariff depends on the {measure.lower()}, which is not known for each period")
    return (wanted.least is None or least >= wanted.least) and (wanted.most is None or most < wanted.most)
