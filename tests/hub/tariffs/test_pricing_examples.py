"""The worked examples of OCPI 2.2.1 (mod_tariffs and mod_cdrs), to the last figure."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from itertools import pairwise

import pytest

from hub.tariffs.cuts import cut
from hub.tariffs.pricing import (
    Band,
    Dimension,
    Element,
    Limit,
    Period,
    PriceComponent,
    Priced,
    Restrictions,
    Tariff,
    cost_fields,
    price,
)

SpecTariff = Callable[[str], Tariff]
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
SATURDAY = datetime(2026, 3, 7, tzinfo=UTC)
MINUTE_S = 60


def at(day: datetime, clock: str) -> datetime:
    hour, minute = clock.split(":")
    return day + timedelta(hours=int(hour), minutes=int(minute))


def priced(tariff: Tariff, *periods: Period) -> Priced:
    return price(tariff, periods, currency="EUR", time_zone="UTC")


def charged(kwh: str) -> Period:
    return Period(MONDAY, energy_wh=D(kwh) * 1000)


def minutes(start: datetime, charging: int = 0, parking: int = 0) -> Period:
    return Period(start, charging_s=D(charging * MINUTE_S), parking_s=D(parking * MINUTE_S))


def totals(result: Priced) -> tuple[D, D]:
    return result.total.excl_vat, result.total.incl_vat


@pytest.mark.parametrize(
    ("name", "kwh", "excl_vat", "incl_vat"),
    [
        ("tariff_8_simple_025kwh", "20", "5.00", "5.50"),
        ("tariff_9_025kwh_start", "20", "5.50", "6.10"),
        ("tariff_12_025kwh_min_price", "20", "5.00", "5.50"),
        ("tariff_12_025kwh_min_price", "1.5", "0.50", "0.55"),
        ("tariff_6_025kwh_start_max_price", "50", "10.00", "11.00"),
        ("tariff_6_025kwh_start_max_price", "30", "8.00", "8.85"),
        ("tariff_5_free_of_charge", "30", "0", "0"),
    ],
)
def test_energy_by_the_examples(spec_tariff: SpecTariff, name: str, kwh: str, excl_vat: str, incl_vat: str) -> None:
    assert totals(priced(spec_tariff(name), charged(kwh))) == (D(excl_vat), D(incl_vat))


def test_parking_is_billed_in_its_steps(spec_tariff: SpecTariff) -> None:
    result = priced(spec_tariff("tariff_10_025kwh_parking_start"), charged("20"), minutes(at(MONDAY, "02:00"), 0, 40))
    assert totals(result) == (D("7.00"), D("7.90"))
    assert result.lines[-1].volume == D("0.75")
    assert result.lines[-1].step_added == (D(5) / 60).quantize(D("1e-15"))


def test_charging_time_by_the_hour(spec_tariff: SpecTariff) -> None:
    assert totals(priced(spec_tariff("tariff_1_simple_2hour"), minutes(MONDAY, 150))) == (D("5.00"), D("5.50"))
    alternative = priced(spec_tariff("tariff_2_alt_text"), minutes(MONDAY, 150))
    assert totals(alternative) == (D("4.75"), D("4.997"))
    assert alternative.payable().amount_minor == 500


def test_charging_and_parking_have_their_own_vat(spec_tariff: SpecTariff) -> None:
    tariff = spec_tariff("tariff_13_simple_3hour_5parking")
    result = priced(tariff, minutes(MONDAY, 150), minutes(at(MONDAY, "02:30"), 0, 42))
    assert totals(result) == (D("11.25"), D("12.75"))


def test_energy_is_billed_in_its_steps(spec_tariff: SpecTariff) -> None:
    result = priced(spec_tariff("tariff_3_alt_url"), charged("20.45"))
    assert totals(result) == (D("5.625"), D("6.2375"))
    assert (result.payable().amount_minor, cost_fields(result)["total_energy_cost"]) == (
        624,
        {"excl_vat": 5.125, "incl_vat": 5.6375},
    )


@pytest.mark.parametrize(("step_size", "cost"), [(1, "0.029"), (25, "0.03125"), (500, "0.125")])
def test_a_step_of_watt_hours(step_size: int, cost: str) -> None:
    """115.2 Wh in the note on step_size; what the specification rounds to 0.031 is exact here."""
    component = PriceComponent(Dimension.ENERGY, D("0.25"), None, step_size)
    tariff = Tariff("t", "EUR", (Element((component,)),))
    assert priced(tariff, charged("0.1152")).total.excl_vat == D(cost)


def test_the_complex_tariff_on_a_monday(spec_tariff: SpecTariff) -> None:
    slow = Band(most=D(16))
    start = at(MONDAY, "09:30")
    result = priced(
        spec_tariff("tariff_4_complex"),
        Period(start, charging_s=D(165 * MINUTE_S), current_a=slow),
        Period(start + timedelta(minutes=165), parking_s=D(42 * MINUTE_S), current_a=Band(most=D(0))),
    )
    assert totals(result) == (D("9.00"), D("10.30"))
    assert [(line.kind, line.amount.excl_vat, line.amount.incl_vat) for line in result.lines] == [
        (Dimension.FLAT, D("2.50"), D("2.875")),
        (Dimension.TIME, D("2.75"), D("3.30")),
        (Dimension.PARKING_TIME, D("3.75"), D("4.125")),
    ]


def test_the_complex_tariff_on_a_saturday(spec_tariff: SpecTariff) -> None:
    """The specification prints 12.28 and 13.861: it reckons 114 minutes at 1.20 where its own tariff says 1.25."""
    fast = Band(least=D(43))
    start = at(SATURDAY, "13:30")
    result = priced(
        spec_tariff("tariff_4_complex"),
        Period(start, charging_s=D(114 * MINUTE_S), current_a=fast),
        Period(start + timedelta(minutes=114), parking_s=D(71 * MINUTE_S), current_a=Band(most=D(0))),
    )
    assert totals(result) == (D("12.375"), D("13.975"))
    assert [line.amount.excl_vat for line in result.lines] == [D("2.50"), D("2.375"), D("7.50")]


def in_the_step_size_example(tariff: Tariff, *periods: Period, ended_at: str) -> Priced:
    pieces = cut(tariff, periods, ended_at=at(MONDAY, ended_at), time_zone="UTC")
    return priced(tariff, *pieces)


def test_only_the_parking_is_stepped_when_there_is_parking(spec_tariff: SpecTariff) -> None:
    result = in_the_step_size_example(
        spec_tariff("tariff_14_step_size"),
        minutes(at(MONDAY, "16:55"), 10),
        minutes(at(MONDAY, "17:05"), 0, 2),
        ended_at="17:07",
    )
    assert [line.amount.excl_vat for line in result.lines] == [D("0.10"), D("0.20"), D("0.25")]
    assert result.total.excl_vat == D("0.55")


def test_the_step_of_the_last_element_rounds_the_whole_time(spec_tariff: SpecTariff) -> None:
    result = in_the_step_size_example(
        spec_tariff("tariff_14_step_size"), minutes(at(MONDAY, "16:35"), 35), ended_at="17:10"
    )
    assert [line.amount.excl_vat for line in result.lines] == [D("0.50"), D("0.80")]


def test_what_is_free_does_not_count_for_the_step(spec_tariff: SpecTariff) -> None:
    result = in_the_step_size_example(
        spec_tariff("tariff_14_step_size"),
        minutes(at(MONDAY, "19:40"), 12),
        minutes(at(MONDAY, "19:52"), 0, 20),
        ended_at="20:12",
    )
    assert [line.amount.excl_vat for line in result.lines] == [D("0.48"), D("0.25")]
    assert result.total.excl_vat == D("0.73")


def test_energy_is_stepped_once_for_the_session() -> None:
    """mod_cdrs: 4.3 kWh before and 1.1 kWh after 17:00 are billed as 5.5 kWh, not as 5.8."""
    before, after = (PriceComponent(Dimension.ENERGY, D(each), None, 500) for each in ("0.20", "0.27"))
    tariff = Tariff(
        "t", "EUR", (Element((before,), Restrictions(end_time=at(MONDAY, "17:00").time())), Element((after,)))
    )
    result = priced(
        tariff, Period(at(MONDAY, "16:00"), energy_wh=D(4300)), Period(at(MONDAY, "17:00"), energy_wh=D(1100))
    )
    assert [line.volume for line in result.lines] == [D("4.3"), D("1.2")]
    assert result.total.excl_vat == D("4.3") * D("0.20") + D("1.2") * D("0.27")


def test_time_is_stepped_once_for_the_session() -> None:
    """mod_cdrs: 6 minutes before and 22 after 17:00 are billed as 30 minutes, 24 of them after."""
    before, after = (PriceComponent(Dimension.TIME, D(each), None, 600) for each in ("5", "7"))
    tariff = Tariff(
        "t", "EUR", (Element((before,), Restrictions(end_time=at(MONDAY, "17:00").time())), Element((after,)))
    )
    result = priced(tariff, minutes(at(MONDAY, "16:54"), 6), minutes(at(MONDAY, "17:00"), 22))
    assert [line.amount.excl_vat for line in result.lines] == [D("0.5"), D("2.8")]


def test_power_chooses_the_element(spec_tariff: SpecTariff) -> None:
    tariff = spec_tariff("tariffrestriction_example_max_power")
    amounts = [("1", "6"), ("40", "48"), ("0.5", "4")]
    periods = [
        Period(MONDAY + timedelta(minutes=index), energy_wh=D(kwh) * 1000, power_kw=Band(D(power), D(power)))
        for index, (kwh, power) in enumerate(amounts)
    ]
    result = priced(tariff, *periods)
    assert [line.amount.excl_vat for line in result.lines] == [D("0.20"), D("20.00"), D("0.10")]


def test_the_first_half_hour_is_free(spec_tariff: SpecTariff) -> None:
    tariff = spec_tariff("tariffrestriction_example_max_duration")
    start = at(MONDAY, "10:00")
    periods = [Period(start, energy_wh=D(5000)), Period(start + timedelta(minutes=30), energy_wh=D(1200))]
    result = priced(tariff, *periods)
    assert [line.amount.excl_vat for line in result.lines] == [D(0), D("0.30")]


def test_a_limit_is_a_line_of_its_own(spec_tariff: SpecTariff) -> None:
    result = priced(spec_tariff("tariff_12_025kwh_min_price"), charged("1"))
    assert [(line.kind, line.amount.excl_vat) for line in result.lines] == [
        (Dimension.ENERGY, D("0.25")),
        (Limit.MIN_PRICE, D("0.25")),
    ]
    assert cost_fields(result) == {
        "total_cost": {"excl_vat": 0.5, "incl_vat": 0.55},
        "total_energy_cost": {"excl_vat": 0.25, "incl_vat": 0.275},
    }


def test_thirds_of_an_hour_add_up_to_the_cent() -> None:
    tariff = Tariff("t", "EUR", (Element((PriceComponent(Dimension.TIME, D("0.345"), None, 1),)),))
    thirds = [minutes(MONDAY + timedelta(minutes=20 * index), 20) for index in range(3)]
    assert priced(tariff, *thirds).total.excl_vat == D("0.345")
    for first, second in pairwise(priced(tariff, *thirds).lines):
        assert abs(first.amount.excl_vat - second.amount.excl_vat) <= D("1e-15")
