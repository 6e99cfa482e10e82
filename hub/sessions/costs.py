"""The costs of a session by the tariff that was frozen when it started. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise, takewhile
from typing import Any

from csms.transaction import Reached
from hub.sessions.course import at_readings
from hub.sessions.documents import Course, Facts, Reserved, Stretch, seconds
from hub.tariffs.cuts import cut, joined
from hub.tariffs.idle import FIELD, expanded
from hub.tariffs.pricing import Period, Priced, Reservation, Tariff, cost_fields, parse_tariff, price
from kit.errors import InvalidInput

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session is priced by: an OCPI tariff, and the time zone of the charger, where it is known.

    `reserved` is the reservation before it, which is priced with it.
    """

    tariff: Json
    currency: str
    time_zone: str | None
    reserved: Reserved | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """What a session costs so far: the exact sums, an OCPI Price of them, and the cost fields of a CDR.

    Who pays is shown and charged the exact sum, rounded once: the fields of OCPI are rounded already.

    `stretches` are those that were priced, cut where the price changes, and `tariff` is what a partner prices them
    with: the frozen one, in plain OCPI.
    """

    total_excl_vat: Decimal
    total_incl_vat: Decimal
    total: Json
    cdr_fields: Json
    stretches: Sequence[Stretch]
    tariff: Json

    def applied(self, facts: Facts, course: Course) -> tuple[Facts, Course]:
        """The session as its documents show it."""
        return replace(facts, tariff=self.tariff), replace(course, stretches=self.stretches)


def price_periods(
    tariff: Json | None,
    stretches: Sequence[Stretch],
    currency: str,
    time_zone: str | None,
    *,
    curve: Sequence[Reached] = (),
) -> Costs | None:
    """Price a session at our own charger; None without a tariff, or with one that cannot be priced here.

    `time_zone` is that of the charger. The stretches are cut where the price changes, with the energy that the readings
    of `curve` before and after tell. A reservation that they begin with is one that was used.
    """
    if tariff is None or not stretches:
        return None
    waited = list(takewhile(lambda stretch: stretch.reserved, stretches))
    lasted = stretches[len(waited) :]
    periods: Sequence[Period] = [period_of(stretch) for stretch in stretches]
    ended_at = stretches[-1].end
    try:
        plain = expanded(tariff, periods, ended_at=ended_at, time_zone=time_zone)
        parsed = parse_tariff(plain)
        if any(restrictions.has_bounds for restrictions in parsed.restrictions):
            pieces = _cut(parsed, waited, time_zone) + _cut(parsed, at_readings(lasted, curve), time_zone)
            periods = joined(parsed, pieces, time_zone=time_zone)
        reservation = Reservation.USED if waited else None
        priced = price(parsed, periods, currency=currency, time_zone=time_zone, reservation=reservation)
    except InvalidInput:
        return None
    return costs_of(priced, periods, plain, ended_at=ended_at)


def _cut(tariff: Tariff, stretches: Sequence[Stretch], time_zone: str | None) -> tuple[Period, ...]:
    """The stretches cut where the price changes: a reservation and the session after it each by itself."""
    if not stretches:
        return ()
    periods = [period_of(stretch) for stretch in stretches]
    return cut(tariff, periods, ended_at=stretches[-1].end, time_zone=time_zone)


def reservation_costs(terms: Terms | None, *, began: datetime, ended: datetime) -> Costs | None:
    """What a reservation costs that nobody came for; None where it costs nothing, or nobody can say what."""
    if terms is None:
        return None
    plain = {name: value for name, value in terms.tariff.items() if name != FIELD}
    period = Period(began, reserved_s=seconds(began, ended))
    try:
        tariff = parse_tariff(plain)
        pieces = cut(tariff, [period], ended_at=ended, time_zone=terms.time_zone)
        priced = price(
            tariff, pieces, currency=terms.currency, time_zone=terms.time_zone, reservation=Reservation.EXPIRED
        )
    except InvalidInput:
        return None
    return costs_of(priced, pieces, plain, ended_at=ended) if priced.total.incl_vat else None


def costs_of(priced: Priced, periods: Sequence[Period], plain: Json, *, ended_at: datetime) -> Costs:
    """The costs from what the engine made of these periods by a tariff in plain OCPI."""
    fields: Json = {**cost_fields(priced)}
    ends = [*(following.start for _, following in pairwise(periods)), ended_at]
    priced_stretches = [_stretch_of(period, end) for period, end in zip(periods, ends, strict=True)]
    return Costs(priced.total.excl_vat, priced.total.incl_vat, fields["total_cost"], fields, priced_stretches, plain)


def period_of(stretch: Stretch) -> Period:
    """A stretch as the engine counts it."""
    lasted_s = seconds(stretch.start, stretch.end)
    if stretch.reserved:
        return Period(stretch.start, reserved_s=lasted_s)
    if stretch.parked:
        return Period(stretch.start, stretch.energy_wh, parking_s=lasted_s)
    return Period(stretch.start, stretch.energy_wh, charging_s=lasted_s)


def _stretch_of(period: Period, end: datetime) -> Stretch:
    """A period as a stretch that lasts until `end`; a reservation that ran out before lasts until then."""
    if period.is_reservation:
        return Stretch(period.start, period.reserved_until, period.energy_wh, parked=False, reserved=True)
    return Stretch(period.start, end, period.energy_wh, parked=bool(period.parking_s))
