"""Laws of prices with every restriction, in many time zones, through nights in which the clock is changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from hub.tariffs.cuts import cut
from hub.tariffs.meter import Reading
from hub.tariffs.model import Amount, Dimension, Element, Period, PriceComponent, Reservation, Restrictions, Tariff
from hub.tariffs.pricing import Priced, price
from tests.hub.tariffs.strategies import CHANGES, ZONES, courses, prices, tariffs, tariffs_without_steps
from tests.hub.tariffs.test_meter import periods_of

Course = tuple[datetime, list[Reading]]


def cost(tariff: Tariff, course: Course, zone: str) -> Priced:
    began, readings = course
    pieces = cut(tariff, periods_of(began, readings), ended_at=readings[-1].at, time_zone=zone)
    return price(tariff, pieces, currency="EUR", time_zone=zone)


@given(tariffs, courses, st.sampled_from(ZONES))
def test_lines_add_up_and_limits_hold(tariff: Tariff, course: Course, zone: str) -> None:
    result = cost(tariff, course, zone)
    assert sum((line.amount for line in result.lines), Amount()) == result.total
    assert result.total.excl_vat >= 0
    assert result.total.incl_vat >= 0
    least, most = tariff.min_price, tariff.max_price
    if most is not None:
        assert result.total.excl_vat <= most.excl_vat
        assert most.incl_vat is None or result.total.incl_vat <= most.incl_vat
    if least is not None:
        assert result.total.excl_vat >= least.excl_vat
        assert least.incl_vat is None or result.total.incl_vat >= least.incl_vat


@given(tariffs_without_steps, courses, st.sampled_from(ZONES), st.integers(1, 3), st.booleans())
def test_splitting_a_period_changes_nothing_without_steps(
    tariff: Tariff, course: Course, zone: str, parts: int, by_energy: bool
) -> None:
    """Pieces at one price cost what the whole costs. The parts here flow one after the other without any time, so a
    tariff looks at the energy or at the time, not at both."""
    tariff = replace(tariff, elements=tuple(looking_at(element, by_energy) for element in tariff.elements))
    began, readings = course
    pieces = cut(tariff, periods_of(began, readings), ended_at=readings[-1].at, time_zone=zone)
    finer = [part for piece in pieces for part in split(piece, parts)]
    assert price(tariff, finer, currency="EUR", time_zone=zone).total == (
        price(tariff, pieces, currency="EUR", time_zone=zone).total
    )


def looking_at(element: Element, by_energy: bool) -> Element:
    found = element.restrictions
    if found is None:
        return element
    if by_energy:
        return replace(element, restrictions=Restrictions(min_energy_wh=found.min_energy_wh))
    return replace(element, restrictions=replace(found, min_energy_wh=None))


def split(period: Period, parts: int) -> list[Period]:
    """All at its start, so that each is priced alike; together they are the period."""
    share = [(quantity / (parts + 1)).quantize(D("0.001")) for quantity in quantities(period)]
    rest = [quantity - parts * each for quantity, each in zip(quantities(period), share, strict=True)]
    if any(each < 0 for each in rest):
        return [period]
    return [Period(period.start, *rest), *[Period(period.start, *share) for _ in range(parts)]]


def quantities(period: Period) -> tuple[D, D, D]:
    return period.energy_wh, period.charging_s, period.parking_s


@given(prices, st.sampled_from(CHANGES), st.integers(1, 12), st.sampled_from(ZONES))
def test_a_night_in_which_the_clock_is_changed_has_its_real_seconds(
    per_hour: D, start: str, hours: int, zone: str
) -> None:
    began = datetime.fromisoformat(start).replace(tzinfo=UTC)
    time = PriceComponent(Dimension.TIME, per_hour, None, 1)
    windows = [Restrictions(start_time=clock(hour)) for hour in range(23, 0, -1)]
    tariff = Tariff("t", "EUR", (*(Element((time,), window) for window in windows), Element((time,))))
    course = (began, [Reading(began + timedelta(hours=hours), D(1000))])
    assert cost(tariff, course, zone).total.excl_vat == per_hour * hours


def test_a_night_price_counts_the_hour_that_comes_twice() -> None:
    """23:00 to 07:00 on the wall: nine hours when the clock goes back, seven when it goes forward."""
    night = PriceComponent(Dimension.TIME, D(1), None, 1)
    tariff = Tariff("t", "EUR", (Element((night,), Restrictions(start_time=clock(23), end_time=clock(7))),))
    for day, hours in (("2026-10-24T20:00", 9), ("2026-03-28T20:00", 7), ("2026-06-01T20:00", 8)):
        began = datetime.fromisoformat(day).replace(tzinfo=UTC)
        course = (began, [Reading(began + timedelta(hours=14), D(1000))])
        assert cost(tariff, course, "Europe/Berlin").total.excl_vat == hours


@given(tariffs, courses, st.sampled_from(ZONES), st.sampled_from(Reservation), st.integers(0, 7200))
def test_a_reservation_adds_what_it_costs_and_nothing_else(
    tariff: Tariff, course: Course, zone: str, outcome: Reservation, reserved_s: int
) -> None:
    """Steps apart: a reservation has steps, fees and times of its own."""
    began, readings = course
    fee = PriceComponent(Dimension.RESERVATION_FLAT, D(2), None, 1)
    time = PriceComponent(Dimension.RESERVATION_TIME, D(3), None, 0)
    added = Element((fee, time), Restrictions(reservation=Reservation.USED))
    reserving = Tariff("t", "EUR", (*tariff.elements, added))
    plain = Tariff("t", "EUR", tariff.elements)
    pieces = cut(plain, periods_of(began, readings), ended_at=readings[-1].at, time_zone=zone)
    waiting = Period(began - timedelta(seconds=reserved_s), reserved_s=D(reserved_s))
    alone = price(plain, pieces, currency="EUR", time_zone=zone).total.excl_vat
    both = price(reserving, [waiting, *pieces], currency="EUR", time_zone=zone, reservation=outcome).total.excl_vat
    if reserved_s:
        assert abs(both - alone - 2 - D(3 * reserved_s) / 3600) < D("1e-14")
