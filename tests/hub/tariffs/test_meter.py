"""A running price is that of all readings together, to the last digit, whatever came before."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.tariffs.cuts import cut
from hub.tariffs.meter import Meter, Reading
from hub.tariffs.model import (
    Amount,
    CannotPrice,
    Dimension,
    Element,
    Period,
    PriceComponent,
    Reservation,
    Restrictions,
    StepReading,
    Tariff,
)
from hub.tariffs.pricing import price
from tests.hub.tariffs.strategies import ZONES, courses, prices, tariffs

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

waits = st.builds(
    lambda window, most: Restrictions(
        reservation=Reservation.USED, start_time=window[0], end_time=window[1], max_duration_s=most
    ),
    st.sampled_from([(None, None), (time(6), time(22)), (time(22), time(6))]),
    st.none() | st.integers(0, 10_000),
)
"""When a price for a reservation holds."""


def periods_of(began: datetime, readings: list[Reading]) -> list[Period]:
    """One period for each reading, as a CDR would list them."""
    periods, at, energy_wh = [], began, D(0)
    for reading in readings:
        lasted, used = D((reading.at - at) // timedelta(seconds=1)), reading.energy_wh - energy_wh
        parked, charged = (lasted, D(0)) if reading.parked else (D(0), lasted)
        periods.append(Period(at, used, charged, parked, reading.power_kw))
        at, energy_wh = reading.at, reading.energy_wh
    return periods


@given(tariffs, courses, st.sampled_from(ZONES), st.sampled_from(StepReading), st.integers(1, 6))
def test_a_running_price_is_the_price_from_scratch(
    tariff: Tariff, course: tuple[datetime, list[Reading]], zone: str, steps: StepReading, looked_at: int
) -> None:
    began, readings = course
    meter = Meter(tariff, began=began, currency="EUR", time_zone=zone, steps=steps)
    for number, reading in enumerate(readings, 1):
        meter.read(reading)
        if number not in (looked_at, len(readings)):
            continue
        pieces = cut(tariff, periods_of(began, readings[:number]), ended_at=reading.at, time_zone=zone)
        whole = price(tariff, pieces, currency="EUR", time_zone=zone, steps=steps)
        assert meter.total() == whole.total
        shown = meter.priced()
        assert (shown.total, dict(shown.costs)) == (whole.total, dict(whole.costs))


@given(
    tariffs,
    courses,
    st.sampled_from(ZONES),
    st.integers(1, 20_000),
    st.integers(0, 3600),
    st.lists(st.tuples(prices, st.sampled_from([1, 60, 900]), waits), min_size=1, max_size=3),
)
def test_so_it_is_with_a_reservation_before_the_session(
    tariff: Tariff,
    course: tuple[datetime, list[Reading]],
    zone: str,
    reserved_s: int,
    late_s: int,
    prices: list[tuple[D, int, Restrictions]],
) -> None:
    """Also where it ran out some time before the charger began all the same."""
    began, readings = course
    elements = [
        Element((PriceComponent(Dimension.RESERVATION_TIME, price, D(21), step),), restrictions)
        for price, step, restrictions in prices
    ]
    tariff = replace(tariff, elements=(*tariff.elements, *elements))
    waited = Period(began - timedelta(seconds=reserved_s + late_s), reserved_s=D(reserved_s))
    meter = Meter(tariff, began=began, currency="EUR", time_zone=zone, reserved=waited)
    for reading in readings:
        meter.read(reading)
    pieces = cut(tariff, [waited], ended_at=waited.reserved_until, time_zone=zone)
    pieces += cut(tariff, periods_of(began, readings), ended_at=readings[-1].at, time_zone=zone)
    whole = price(tariff, pieces, currency="EUR", time_zone=zone)
    assert meter.total() == whole.total
    assert dict(meter.priced().costs) == dict(whole.costs)
    assert sum(piece.reserved_s for piece in meter.periods) == reserved_s


@given(tariffs, courses, st.sampled_from(ZONES))
def test_the_lines_of_a_running_price_add_up(tariff: Tariff, course: tuple[datetime, list[Reading]], zone: str) -> None:
    began, readings = course
    meter = Meter(tariff, began=began, currency="EUR", time_zone=zone)
    for reading in readings:
        meter.read(reading)
    assert sum((line.amount for line in meter.priced().lines), Amount()) == meter.total()


def test_readings_at_one_price_share_a_line() -> None:
    energy = PriceComponent(Dimension.ENERGY, D("0.4"), None, 1)
    cheap = PriceComponent(Dimension.ENERGY, D("0.3"), None, 1)
    tariff = Tariff("t", "EUR", (Element((energy,), Restrictions(max_energy_wh=D(1500))), Element((cheap,))))
    meter = Meter(tariff, began=NOON, currency="EUR", time_zone=None)
    for minute in range(1, 31):
        meter.read(Reading(NOON + timedelta(minutes=minute), D(100 * minute)))
    assert [(line.volume, line.amount.excl_vat) for line in meter.priced().lines] == [
        (D("1.5"), D("0.60")),
        (D("1.5"), D("0.45")),
    ]


def test_a_reservation_before_the_session_is_part_of_its_price() -> None:
    reserved = PriceComponent(Dimension.RESERVATION_TIME, D(6), None, 1)
    energy = PriceComponent(Dimension.ENERGY, D("0.4"), None, 1)
    tariff = Tariff("t", "EUR", (Element((reserved,), Restrictions(reservation=Reservation.USED)), Element((energy,))))
    waiting = Period(NOON - timedelta(minutes=10), reserved_s=D(600))
    meter = Meter(tariff, began=NOON, currency="EUR", time_zone=None, reserved=waiting)
    meter.read(Reading(NOON + timedelta(hours=1), D(10_000)))
    assert meter.total().excl_vat == D(5)


@pytest.mark.parametrize(
    "reading", [Reading(NOON - timedelta(seconds=1), D(500)), Reading(NOON + timedelta(hours=2), D(499))]
)
def test_a_reading_from_before_is_refused(reading: Reading) -> None:
    energy = PriceComponent(Dimension.ENERGY, D("0.4"), None, 1)
    meter = Meter(Tariff("t", "EUR", (Element((energy,)),)), began=NOON, currency="EUR", time_zone=None)
    meter.read(Reading(NOON + timedelta(hours=1), D(500)))
    with pytest.raises(CannotPrice):
        meter.read(reading)
    assert meter.total().excl_vat == D("0.2")
