"""Fees for staying after charging: priced as plain OCPI, so that a partner comes to the same sum."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.tariffs.cdr import EVERYTHING, price_cdr
from hub.tariffs.cuts import cut
from hub.tariffs.idle import Occupancy, expanded, parse_idle_fee
from hub.tariffs.model import Dimension, InvalidTariff, Period, UnsupportedTariff
from hub.tariffs.pricing import Priced, cost_fields, parse_tariff, price
from ocpi.v221.tariffs import Tariff as WireTariff

Json = dict[str, Any]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AMSTERDAM = "Europe/Amsterdam"


def tariff(**idle_fee: Any) -> Json:
    energy = {"type": "ENERGY", "price": 0.5, "vat": 21, "step_size": 1}
    owner = {"country_code": "NL", "party_id": "PLB", "last_updated": "2026-01-01T00:00:00Z"}
    return {**owner, "id": "T", "currency": "EUR", "elements": [{"price_components": [energy]}], "idle_fee": idle_fee}


def stay(hours: float, *, charged: float = 1.0) -> list[Period]:
    """An hour of charging or so, then hours without."""
    left_off = NOON + timedelta(hours=charged)
    return [Period(NOON, D(10_000), D(int(charged * 3600))), Period(left_off, parking_s=D(int(hours * 3600)))]


def costs(doc: Json, periods: list[Period], *, occupancy: tuple[Occupancy, ...] = (), zone: str = AMSTERDAM) -> Priced:
    last = periods[-1]
    ended_at = last.start + timedelta(seconds=int(last.parking_s + last.charging_s))
    plain = expanded(doc, periods, ended_at=ended_at, time_zone=zone, occupancy=occupancy, measured=EVERYTHING)
    WireTariff.model_validate(plain)
    assert "idle_fee" not in plain
    parsed = parse_tariff(plain)
    return price(parsed, cut(parsed, periods, ended_at=ended_at, time_zone=zone), currency="EUR", time_zone=zone)


def parking(priced: Priced) -> D:
    return priced.costs.get(Dimension.PARKING_TIME, priced.total - priced.total).excl_vat


def test_the_fee_begins_after_the_grace() -> None:
    fee = tariff(price=24, vat=21, grace=600)
    assert parking(costs(fee, stay(1 / 6))) == 0
    whole = costs(fee, stay(0.5))
    assert parking(whole) == D(8)  # twenty minutes at 0.40
    assert cost_fields(whole)["total_parking_cost"] == {"excl_vat": 8, "incl_vat": 9.68}
    assert cost_fields(whole)["total_energy_cost"] == {"excl_vat": 5, "incl_vat": 6.05}


def test_each_stay_has_a_grace_of_its_own() -> None:
    fee = tariff(price=6, grace=1800)
    minutes = [(0, 60, False), (60, 40, True), (100, 20, False), (120, 40, True)]
    periods = [
        Period(
            NOON + timedelta(minutes=start),
            charging_s=D(0 if parked else 60 * lasted),
            parking_s=D(60 * lasted if parked else 0),
        )
        for start, lasted, parked in minutes
    ]
    assert parking(costs(fee, periods)) == D(2)  # twice ten minutes


def test_the_cap_is_reached_and_never_passed() -> None:
    fee = tariff(price=7, grace=0, max_price=10)
    assert parking(costs(fee, stay(1))) == D(7)
    for hours in (2, 10, 100):
        assert D(10) - D(7) / 3600 < parking(costs(fee, stay(hours))) <= D(10)


def test_nothing_is_owed_at_night() -> None:
    """From noon UTC: parked from 14:00 on the wall to 08:00; quiet from 22:00 to 06:00."""
    fee = tariff(price=1, free_from="22:00", free_until="06:00")
    assert parking(costs(fee, stay(18))) == D(10)


def test_the_price_follows_how_full_the_place_is() -> None:
    fee = tariff(price=6, occupancy=[{"min_percent": 100, "price": 60}, {"min_percent": 50, "price": 30}], grace=0)
    full = (
        Occupancy(NOON, D(40)),
        Occupancy(NOON + timedelta(minutes=90), D(50)),
        Occupancy(NOON + timedelta(minutes=120), D(100)),
    )
    assert parking(costs(fee, stay(1.5), occupancy=full)) == D(3) + D(15) + D(30)
    assert parking(costs(fee, stay(1.5))) == D(9)


@pytest.mark.parametrize(
    "idle_fee",
    [
        {},
        {"price": -1},
        {"price": "much"},
        {"price": 1, "grace": 0.5},
        {"price": 1, "free_from": "22:00"},
        {"price": 1, "free_from": "22:00", "free_until": "22:00"},
        {"price": 1, "occupancy": [5]},
        {"price": 1, "colour": "red"},
    ],
)
def test_what_cannot_be_meant_is_refused(idle_fee: Json) -> None:
    with pytest.raises(InvalidTariff):
        parse_idle_fee(tariff(**idle_fee), measured=EVERYTHING)


def test_parking_time_beside_it_is_refused() -> None:
    doc = tariff(price=1)
    doc["elements"][0]["price_components"].append({"type": "PARKING_TIME", "price": 1, "step_size": 1})
    with pytest.raises(InvalidTariff):
        parse_idle_fee(doc)


def test_an_occupancy_that_nobody_measures_is_refused() -> None:
    with pytest.raises(UnsupportedTariff):
        parse_idle_fee(tariff(price=1, occupancy=[{"min_percent": 50, "price": 2}]))


def test_a_cdr_is_priced_with_it_though_its_periods_are_not_cut() -> None:
    periods = [
        {"start_date_time": "2026-03-02T12:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 10}]},
        {"start_date_time": "2026-03-02T13:00:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": 0.5}]},
    ]
    cdr = {"charging_periods": periods, "end_date_time": "2026-03-02T13:30:00Z"}
    found = price_cdr([tariff(price=24, grace=600)], cdr)
    assert found.priced.total.excl_vat == D(13)
    assert len(found.periods) == 3


@given(
    st.decimals("0.01", 100, places=2),
    st.integers(0, 3600),
    st.none() | st.decimals(1, 50, places=2),
    st.integers(1, 40_000),
    st.booleans(),
)
def test_a_longer_stay_never_costs_less_and_never_more_than_the_cap(
    price: D, grace: int, cap: D | None, parked_s: int, by_night: bool
) -> None:
    quiet = {"free_from": "23:00", "free_until": "05:00"} if by_night else {}
    doc = tariff(price=float(price), grace=grace, **quiet, **({} if cap is None else {"max_price": float(cap)}))
    shorter = parking(
        costs(doc, [Period(NOON, charging_s=D(60)), Period(NOON + timedelta(seconds=60), parking_s=D(parked_s))])
    )
    longer = parking(
        costs(doc, [Period(NOON, charging_s=D(60)), Period(NOON + timedelta(seconds=60), parking_s=D(parked_s + 600))])
    )
    assert 0 <= shorter <= longer
    assert cap is None or longer <= cap
    if parked_s <= grace:
        assert shorter == 0
