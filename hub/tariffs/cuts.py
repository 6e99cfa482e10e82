"""Cutting the periods of a session where its price changes (OCPI 2.2.1, mod_cdrs, ChargingPeriod). Pure.

A CPO begins a new charging period whenever another price component becomes active: at a time of day, after a duration,
at an amount of energy. Between two readings of the meter energy is taken to flow evenly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from hub.tariffs.model import NOTHING, Candidate, Period, Restrictions, Tariff
from hub.tariffs.restrictions import MIDNIGHT, active, beginnings, first_match, moment_at, moments, zone

_MICROSECOND = timedelta(microseconds=1)
_MILLI = Decimal("0.001")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A moment inside a period, and how much of the period's energy has flowed by then."""

    at: datetime
    energy_wh: Decimal


def cut(tariff: Tariff, periods: Sequence[Period], *, ended_at: datetime, time_zone: str | None) -> tuple[Period, ...]:
    """The periods of a session that ended at `ended_at`, cut wherever a dimension gets another price.

    Nothing is lost: the pieces of a period add up to it. Raises `CannotPrice` like `hub.tariffs.pricing.price`.
    """
    if not any(element.restrictions for element in tariff.elements):
        return tuple(periods)
    tz, pieces, used_wh = zone(time_zone), list[Period](), NOTHING
    ends = [*(period.start for period in periods[1:]), ended_at]
    for period, end, began in zip(periods, ends, beginnings(periods), strict=True):
        pieces += cut_period(tariff, period, end, used_wh, began=began, tz=tz)
        used_wh += period.energy_wh
    return tuple(pieces)


def joined(tariff: Tariff, pieces: Sequence[Period], *, time_zone: str | None) -> tuple[Period, ...]:
    """Neighbours of the same kind at the same prices made one again: what a CDR lists. The price stays the same."""
    kept: list[Period] = []
    last: list[Candidate | None] = []
    for piece, moment in zip(pieces, moments(tariff, pieces, zone(time_zone)), strict=True):
        prices = [first_match(candidates, moment) for candidates in tariff.lookup.values()]
        before = kept[-1] if kept else None
        if before is not None and prices == last and is_alike(before, piece):
            kept[-1] = merged(before, piece)
        else:
            kept.append(piece)
        last = prices
    return tuple(kept)


def is_alike(one: Period, other: Period) -> bool:
    """Whether both are parking, or neither, and alike in all that was measured."""
    if one.reserved_s or other.reserved_s or bool(one.parking_s) is not bool(other.parking_s):
        return False
    return (one.power_kw, one.current_a) == (other.power_kw, other.current_a)


def merged(one: Period, following: Period) -> Period:
    """Two neighbours as one."""
    return replace(
        one,
        energy_wh=one.energy_wh + following.energy_wh,
        charging_s=one.charging_s + following.charging_s,
        parking_s=one.parking_s + following.parking_s,
    )


def cut_period(
    tariff: Tariff, period: Period, end: datetime, used_wh: Decimal, *, began: datetime, tz: ZoneInfo | None
) -> Iterator[Period]:
    """The pieces of one period that lasted until `end`, of a session that had used `used_wh` before it."""
    kept = [_Cut(period.start, NOTHING)]
    prices = _prices(tariff, period, kept[0], used_wh, began=began, tz=tz)
    for each in _candidates(tariff, period, end, used_wh, began=began, tz=tz):
        now = _prices(tariff, period, each, used_wh, began=began, tz=tz)
        if now != prices:
            kept.append(each)
            prices = now
    if len(kept) == 1:
        yield period
        return
    share = _Share(period, end)
    for this, following in pairwise([*kept, _Cut(end, period.energy_wh)]):
        yield replace(
            period,
            start=this.at,
            energy_wh=following.energy_wh - this.energy_wh,
            charging_s=share.of(period.charging_s, following.at) - share.of(period.charging_s, this.at),
            parking_s=share.of(period.parking_s, following.at) - share.of(period.parking_s, this.at),
            reserved_s=share.of(period.reserved_s, following.at) - share.of(period.reserved_s, this.at),
        )


def _prices(
    tariff: Tariff, period: Period, at: _Cut, used_wh: Decimal, *, began: datetime, tz: ZoneInfo | None
) -> list[Candidate | None]:
    """Which component prices each dimension at a moment."""
    moment = moment_at(tariff, period, at.at, used_wh + at.energy_wh, began=began, tz=tz)
    prices = [active(tariff, dimension, moment) for dimension in tariff.lookup]
    return [*prices, first_match(tariff.expired_times, moment)] if tariff.expired_times else prices


def _candidates(
    tariff: Tariff, period: Period, end: datetime, used_wh: Decimal, *, began: datetime, tz: ZoneInfo | None
) -> list[_Cut]:
    """Every moment strictly inside the period at which some restriction may begin or cease to hold, in order."""
    share, found = _Share(period, end), list[_Cut]()
    for at in {
        *_duration_moments(tariff, began),
        *(wall_moments(tariff.restrictions, period.start, end, tz) if tz else ()),
    }:
        if period.start < at < end:
            found.append(_Cut(at, share.of(period.energy_wh, at)))
    for threshold_wh in _energy_thresholds(tariff):
        energy_wh = threshold_wh - used_wh
        if 0 < energy_wh < period.energy_wh:
            at = share.moment(energy_wh)
            if period.start < at < end:
                found.append(_Cut(at, energy_wh))
    return _in_order(found)


def _in_order(found: Sequence[_Cut]) -> list[_Cut]:
    """The cuts by time, one for each moment, and energy never running back: shares of it are rounded."""
    ordered: list[_Cut] = []
    for each in sorted(found, key=lambda each: (each.at, each.energy_wh)):
        energy_wh = max(each.energy_wh, ordered[-1].energy_wh) if ordered else each.energy_wh
        if ordered and ordered[-1].at == each.at:
            ordered.pop()
        ordered.append(_Cut(each.at, energy_wh))
    return ordered


@dataclass(frozen=True, slots=True)
class _Share:
    """How quantities of a period spread evenly over it."""

    period: Period
    end: datetime

    def of(self, quantity: Decimal, at: datetime) -> Decimal:
        """How much of a quantity there has been by a moment, to a thousandth."""
        if at >= self.end:
            return quantity
        whole, part = (self.end - self.period.start) // _MICROSECOND, (at - self.period.start) // _MICROSECOND
        return (quantity * part / whole).quantize(_MILLI, ROUND_HALF_EVEN)

    def moment(self, energy_wh: Decimal) -> datetime:
        """When so much of the period's energy has flowed."""
        whole = (self.end - self.period.start) // _MICROSECOND
        return self.period.start + int(energy_wh / self.period.energy_wh * whole) * _MICROSECOND


def _energy_thresholds(tariff: Tariff) -> set[Decimal]:
    both = ((each.min_energy_wh, each.max_energy_wh) for each in tariff.restrictions)
    return {threshold for pair in both for threshold in pair if threshold is not None}


def _duration_moments(tariff: Tariff, began: datetime) -> set[datetime]:
    both = ((each.min_duration_s, each.max_duration_s) for each in tariff.restrictions)
    return {began + timedelta(seconds=after_s) for pair in both for after_s in pair if after_s is not None}


def wall_moments(
    restrictions: Sequence[Restrictions], start: datetime, end: datetime, tz: ZoneInfo
) -> Iterator[datetime]:
    """When the clock on the wall shows a time that matters, or is put forward or back."""
    local = [each for each in restrictions if each.is_local]
    if not local:
        return
    times = {MIDNIGHT}.union(*({each.start_time or MIDNIGHT, each.end_time or MIDNIGHT} for each in local))
    day, last_day = start.astimezone(tz).date(), end.astimezone(tz).date()
    while day <= last_day:
        for shown in times:
            for fold in (0, 1):  # an hour that is passed twice shows each of its times twice
                yield datetime.combine(day, shown.replace(fold=fold), tz).astimezone(UTC)
        yield from _clock_change(day, tz)
        day += _DAY


def _clock_change(day: date, tz: ZoneInfo) -> Iterator[datetime]:
    """The moment of a day at which the clock is changed, if there is one."""
    early = datetime.combine(day, time(0), tz).astimezone(UTC)
    late = datetime.combine(day + _DAY, time(0), tz).astimezone(UTC)
    before = early.astimezone(tz).utcoffset()
    if before == late.astimezone(tz).utcoffset():
        return
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(tz).utcoffset() == before:
            early = middle
        else:
            late = middle
    yield late.replace(microsecond=0)
