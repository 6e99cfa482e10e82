"""Fees for staying after charging, which OCPI cannot express: with grace, by occupancy, up to a cap. Pure.

A tariff of ours may carry an `idle_fee` (docs/tariffs.md has its fields). For a session it is put into plain OCPI:
`expanded` replaces it by PARKING_TIME elements that hold between two durations of this very session. So it is priced
like anything else, its amount stands in `total_parking_cost`, and a partner prices the CDR to the same sum.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hub.tariffs.cuts import wall_moments
from hub.tariffs.model import NOTHING, CannotPrice, InvalidTariff, Measure, Period, Restrictions, UnsupportedTariff
from hub.tariffs.parsing import number, time_of_day, whole
from hub.tariffs.restrictions import beginnings, in_daily_window, zone

Json = dict[str, Any]

FIELD = "idle_fee"

_FIELDS = frozenset({"price", "vat", "grace", "max_price", "free_from", "free_until", "occupancy"})
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How many of a location's EVSEs are taken, in percent, from a moment on."""

    at: datetime
    percent: Decimal


@dataclass(frozen=True, slots=True)
class IdleFee:
    """A fee per hour, as PARKING_TIME, from `grace_s` after charging ended. Sums are without VAT.

    `tiers` are the prices that hold from an occupancy on, lowest first; below them `price` does. Between `free_from`
    and `free_until`, on the wall, nothing is owed, and no more than `max_price` for a session.
    """

    price: Decimal
    vat_percent: Decimal | None = None
    grace_s: int = 0
    max_price: Decimal | None = None
    free_from: time | None = None
    free_until: time | None = None
    tiers: tuple[tuple[Decimal, Decimal], ...] = ()

    def price_at(self, percent: Decimal | None) -> Decimal:
        """The price per hour at an occupancy."""
        reached = [price for least, price in self.tiers if percent is not None and percent >= least]
        return reached[-1] if reached else self.price


@dataclass(frozen=True, slots=True)
class _Owed:
    """A stretch of a session for which a price per hour is owed; seconds since the session began."""

    from_s: int
    until_s: int
    price: Decimal


def parse_idle_fee(tariff: Mapping[str, Any], *, measured: frozenset[Measure] = frozenset()) -> IdleFee | None:
    """The idle fee of a tariff; None without one.

    Raises `InvalidTariff` for what cannot be meant, PARKING_TIME beside it included, and `UnsupportedTariff` for fees
    by an occupancy that nobody `measured`.
    """
    doc = tariff.get(FIELD)
    if doc is None:
        return None
    if not isinstance(doc, dict) or doc.keys() - _FIELDS:
        raise InvalidTariff(f"{FIELD} is an object with {', '.join(sorted(_FIELDS))}")
    if any(each["type"] == "PARKING_TIME" for element in tariff["elements"] for each in element["price_components"]):
        raise InvalidTariff(f"a tariff with {FIELD} has no PARKING_TIME: each is a price of the same time")
    quiet = time_of_day(doc.get("free_from")), time_of_day(doc.get("free_until"))
    if (quiet[0] is None) != (quiet[1] is None) or (quiet[0] is not None and quiet[0] == quiet[1]):
        raise InvalidTariff("free_from and free_until belong together and differ")
    tiers = tuple(sorted((_above_zero(tier, "min_percent"), _above_zero(tier, "price")) for tier in _tiers(doc)))
    if tiers and Measure.OCCUPANCY not in measured:
        raise UnsupportedTariff("fees by occupancy are not priced here: the sessions do not tell it")
    return IdleFee(
        price=_above_zero(doc, "price"),
        vat_percent=None if doc.get("vat") is None else _above_zero(doc, "vat"),
        grace_s=whole(_above_zero({"grace": 0, **doc}, "grace")),
        max_price=None if doc.get("max_price") is None else _above_zero(doc, "max_price"),
        free_from=quiet[0],
        free_until=quiet[1],
        tiers=tiers,
    )


def expanded(
    tariff: Json,
    periods: Sequence[Period],
    *,
    ended_at: datetime,
    time_zone: str | None,
    occupancy: Sequence[Occupancy] = (),
    measured: frozenset[Measure] = frozenset(),
) -> Json:
    """The tariff for a session with these periods, in plain OCPI; as it is when it has no idle fee.

    `occupancy` says how full the location was, oldest first. Raises like `parse_idle_fee`, and `CannotPrice` for hours
    on the wall at a place whose time zone is not known.
    """
    fee = parse_idle_fee(tariff, measured=measured)
    if fee is None:
        return tariff
    owed = list(_capped(fee, _owed(fee, periods, ended_at, zone(time_zone), occupancy)))
    plain = {name: value for name, value in tariff.items() if name != FIELD}
    return {**plain, "elements": [*(_element(fee, each) for each in owed), *tariff["elements"]]}


def _owed(
    fee: IdleFee, periods: Sequence[Period], ended_at: datetime, tz: ZoneInfo | None, occupancy: Sequence[Occupancy]
) -> Iterator[_Owed]:
    """What is owed without a cap. Where the price changes inside a second, it does so at the end of that second."""
    began = list(beginnings(periods))[-1] if periods else ended_at
    for parked_at, left_at in _stays(periods, ended_at):
        first = parked_at + timedelta(seconds=fee.grace_s)
        if first >= left_at:
            continue
        changes = {first, left_at, *(each.at for each in occupancy), *_quiet_moments(fee, first, left_at, tz)}
        for this, following in pairwise(sorted(each for each in changes if first <= each <= left_at)):
            if not _is_free(fee, this, tz):
                percent = next((each.percent for each in reversed(occupancy) if each.at <= this), None)
                owed = _Owed(_seconds(this - began), _seconds(following - began), fee.price_at(percent))
                if owed.from_s < owed.until_s:
                    yield owed


def _stays(periods: Sequence[Period], ended_at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when the vehicle stood without asking for power; neighbouring periods are one stay."""
    ends = [*(period.start for period in periods[1:]), ended_at]
    parked_at: datetime | None = None
    for period, end in zip(periods, ends, strict=True):
        if period.parking_s and parked_at is None:
            parked_at = period.start
        if parked_at is not None and not period.parking_s:
            yield parked_at, period.start
            parked_at = None
        if parked_at is not None and end is ended_at:
            yield parked_at, ended_at


def _capped(fee: IdleFee, owed: Iterator[_Owed]) -> Iterator[_Owed]:
    """No more than the cap: it is reached on a whole second, and never passed."""
    left = fee.max_price
    for each in owed:
        if left is None or not each.price:
            yield each
            continue
        affordable_s = int((left * _HOUR_S / each.price).to_integral_value(ROUND_FLOOR))
        until_s = min(each.until_s, each.from_s + affordable_s)
        if until_s > each.from_s:
            yield _Owed(each.from_s, until_s, each.price)
            left -= each.price * (until_s - each.from_s) / _HOUR_S
        if until_s < each.until_s:
            return


def _element(fee: IdleFee, owed: _Owed) -> Json:
    component: Json = {"type": "PARKING_TIME", "price": _json(owed.price), "step_size": 1}
    if fee.vat_percent is not None:
        component["vat"] = _json(fee.vat_percent)
    restrictions = {"min_duration": owed.from_s, "max_duration": owed.until_s}
    return {"price_components": [component], "restrictions": restrictions}


def _quiet_moments(fee: IdleFee, start: datetime, end: datetime, tz: ZoneInfo | None) -> Iterator[datetime]:
    if fee.free_from is not None and tz is not None:
        yield from wall_moments([Restrictions(start_time=fee.free_from, end_time=fee.free_until)], start, end, tz)


def _is_free(fee: IdleFee, at: datetime, tz: ZoneInfo | None) -> bool:
    if fee.free_from is None or fee.free_until is None:
        return False
    if tz is None:
        raise CannotPrice("the idle fee depends on the time of day, and the time zone is not known")
    return in_daily_window(at.astimezone(tz).time(), fee.free_from, fee.free_until)


def _seconds(elapsed: timedelta) -> int:
    return math.ceil(elapsed / timedelta(seconds=1))


def _tiers(doc: Json) -> Sequence[Json]:
    tiers = doc.get("occupancy") or []
    if not isinstance(tiers, list) or not all(isinstance(tier, dict) for tier in tiers):
        raise InvalidTariff("occupancy is a list of objects with min_percent and price")
    return tiers


def _above_zero(doc: Mapping[str, Any], name: str) -> Decimal:
    value = number(doc.get(name))
    if value < NOTHING:
        raise InvalidTariff(f"{FIELD}: {name} is not below zero")
    return value


def _json(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)
