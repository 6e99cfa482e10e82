"""What is accepted as a tariff: everything that is priced exactly, and nothing else."""

import json
from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from hub.tariffs.pricing import (
    Amount,
    Band,
    CannotPrice,
    Dimension,
    InvalidTariff,
    Measure,
    Period,
    UnsupportedTariff,
    cost_fields,
    parse_periods,
    parse_tariff,
    price,
)
from kit.money import UnknownCurrency

Json = dict[str, Any]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def tariff(**changes: Any) -> Json:
    component = {"type": "ENERGY", "price": 0.3, "step_size": 1}
    return {"id": "T", "currency": "EUR", "elements": [{"price_components": [component]}]} | changes


def restricted(**restrictions: Any) -> Json:
    return tariff(
        elements=[{"price_components": [{"type": "TIME", "price": 2, "step_size": 1}], "restrictions": restrictions}]
    )


@pytest.mark.parametrize(
    "doc",
    [
        restricted(min_power=11),
        restricted(max_current=32),
        restricted(min_soc=80),
        restricted(day_of_week=["FUNDAY"]),
        tariff(elements=[{"price_components": [{"type": "CARBON", "price": 1, "step_size": 1}]}]),
        tariff(elements=[{"price_components": [{"type": "ENERGY", "price": -0.1, "step_size": 1}]}]),
        restricted(reservation="WAITING_LIST"),
    ],
)
def test_what_would_be_mispriced_is_refused(doc: Json) -> None:
    with pytest.raises(UnsupportedTariff):
        parse_tariff(doc)


@pytest.mark.parametrize("kind", ["RESERVATION", "RESERVATION_EXPIRES"])
def test_our_own_sessions_tell_of_reservations(kind: str) -> None:
    [element] = parse_tariff(restricted(reservation=kind)).elements
    assert element.components[0].dimension is Dimension.RESERVATION_TIME


@pytest.mark.parametrize(
    "doc",
    [
        restricted(start_time="09:00", end_time="09:00"),
        restricted(start_time="quarter past"),
        restricted(start_date="2026-13-01"),
        tariff(elements=[{"price_components": [{"type": "TIME", "price": "much", "step_size": 1}]}]),
        tariff(elements=[{"price_components": [{"type": "TIME", "price": True, "step_size": 1}]}]),
        tariff(elements=[{"price_components": [{"type": "TIME", "price": 1, "step_size": -1}]}]),
        tariff(elements=[{"price_components": [{"type": "TIME", "price": 1, "step_size": 1}] * 2}]),
        tariff(min_price={"excl_vat": 2}, max_price={"excl_vat": 1}),
        tariff(max_price={"excl_vat": 2, "incl_vat": 1}),
        tariff(max_price=2),
        tariff(start_date_time="2026-03-02T12:00:00Z", end_date_time="2026-03-02T12:00:00Z"),
        tariff(elements=[]),
        tariff(elements=[7]),
        tariff(elements=[{"price_components": [7]}]),
        tariff(elements=[{"price_components": [{"type": "TIME", "price": 1e99, "step_size": 1}]}]),
        tariff(elements=[{"price_components": [{"type": "TIME", "price": 1, "step_size": 1.5}]}]),
        tariff(currency=None),
        restricted(start_time=9),
        restricted(start_date=9),
        restricted(min_duration="long"),
        [],
    ],
)
def test_what_cannot_be_meant_is_refused(doc: Json) -> None:
    with pytest.raises(InvalidTariff):
        parse_tariff(doc)


def test_a_currency_that_nobody_counts_in_is_refused() -> None:
    with pytest.raises(UnknownCurrency):
        parse_tariff(tariff(currency="XXX"))


def test_numbers_are_exact() -> None:
    parsed = parse_tariff(json.loads(json.dumps(tariff())))
    assert parsed.elements[0].components[0].price == D("0.3")


def test_empty_restrictions_are_none() -> None:
    assert parse_tariff(restricted(day_of_week=[], start_time=None)).elements[0].restrictions is None


def test_absent_vat_is_not_zero_vat() -> None:
    without = parse_tariff(tariff())
    zero = parse_tariff(
        tariff(elements=[{"price_components": [{"type": "ENERGY", "price": 0.3, "vat": 0, "step_size": 1}]}])
    )
    used = [Period(NOON, energy_wh=D(1000))]
    lines = [price(each, used, currency="EUR", time_zone=None).lines[0] for each in (without, zero)]
    assert [line.vat_percent for line in lines] == [None, D(0)]
    assert [line.amount.incl_vat for line in lines] == [D("0.3"), D("0.3")]


def test_a_reservation_has_a_fee_and_a_time_and_nothing_else() -> None:
    doc = tariff(
        elements=[
            {
                "price_components": [{"type": "ENERGY", "price": 1, "step_size": 1}],
                "restrictions": {"reservation": "RESERVATION"},
            }
        ]
    )
    with pytest.raises(InvalidTariff):
        parse_tariff(doc, measured=frozenset(Measure))


@pytest.mark.parametrize(("vat", "incl_vat"), [(19, D("11.9")), (None, D(10)), (0, D(10))])
def test_a_limit_without_vat_follows_from_the_one_rate(vat: int | None, incl_vat: D) -> None:
    component = {"type": "ENERGY", "price": 0.3, "step_size": 1} | ({} if vat is None else {"vat": vat})
    parsed = parse_tariff(tariff(elements=[{"price_components": [component]}], max_price={"excl_vat": 10}))
    priced = price(parsed, [Period(NOON, energy_wh=D(100_000))], currency="EUR", time_zone=None)
    assert priced.total == Amount(D(10), incl_vat)


def test_a_limit_without_vat_among_several_rates_keeps_the_sessions_proportion() -> None:
    components = [
        {"type": "ENERGY", "price": 0.4, "vat": 10, "step_size": 1},
        {"type": "FLAT", "price": 10, "vat": 30, "step_size": 1},
    ]
    parsed = parse_tariff(tariff(elements=[{"price_components": components}], max_price={"excl_vat": 25}))
    priced = price(parsed, [Period(NOON, energy_wh=D(100_000))], currency="EUR", time_zone=None)
    assert priced.total == Amount(D(25), D("28.5"))  # of 50.00 and 57.00


def test_hours_of_a_cdr_are_whole_seconds() -> None:
    (period,) = parse_periods(
        [
            {
                "start_date_time": "2026-03-02T12:00:00Z",
                "dimensions": [
                    {"type": "TIME", "volume": 0.0833},
                    {"type": "ENERGY", "volume": 1.5},
                    {"type": "MAX_POWER", "volume": 11},
                ],
            }
        ]
    )
    assert period == Period(NOON, D(1500), D(300), D(0), Band(most=D(11)))


def test_another_currency_cannot_be_priced() -> None:
    with pytest.raises(CannotPrice):
        price(parse_tariff(tariff()), [], currency="SEK", time_zone=None)


def test_the_wall_clock_needs_a_time_zone() -> None:
    parsed = parse_tariff(restricted(start_time="09:00"))
    for zone in (None, "Middle/Earth", "../etc/passwd"):
        with pytest.raises(CannotPrice):
            price(parsed, [Period(NOON, charging_s=D(60))], currency="EUR", time_zone=zone)


def test_energy_that_flowed_back_cannot_be_priced() -> None:
    with pytest.raises(CannotPrice):
        price(parse_tariff(tariff()), [Period(NOON, energy_wh=D(-1))], currency="EUR", time_zone=None)


def test_cost_fields_name_what_the_tariff_prices() -> None:
    priced = price(parse_tariff(tariff()), [], currency="EUR", time_zone=None)
    nothing = {"excl_vat": 0, "incl_vat": 0}
    assert cost_fields(priced) == {"total_cost": nothing, "total_energy_cost": nothing}
    assert Dimension.TIME not in priced.costs


@pytest.mark.parametrize(
    ("hours", "seconds"),
    [
        ("0.0833", "300"),  # five minutes, rounded
        ("0.3333", "1200"),
        ("0.25", "900"),
        ("0.0834", "300.24"),  # the rounding of no whole second: what the CDR says is what counts
        ("1.973", "7102.8"),
    ],
)
def test_hours_are_whole_seconds_where_they_can_be_their_rounding(hours: str, seconds: str) -> None:
    dimension = {"type": "TIME", "volume": D(hours)}
    (period,) = parse_periods([{"start_date_time": "2026-03-02T12:00:00Z", "dimensions": [dimension]}])
    assert period.charging_s == D(seconds)
