"""A session whose driver chose another profile on the way: each period by the tariff that it names."""

from typing import Any

import pytest

from hub.tariffs.cdr import cost_document, price_cdr
from hub.tariffs.model import CannotPrice

Json = dict[str, Any]


def tariff(id: str, kind: str, energy: float, *, step_size: int = 1, fee: float = 1) -> Json:
    components = [
        {"type": "FLAT", "price": fee, "step_size": 1},
        {"type": "ENERGY", "price": energy, "step_size": step_size},
    ]
    return {"id": id, "currency": "EUR", "type": kind, "elements": [{"price_components": components}]}


def cdr(*used: tuple[str | None, float]) -> Json:
    periods = []
    for hour, (tariff_id, kwh) in enumerate(used):
        period: Json = {
            "start_date_time": f"2026-03-02T1{hour}:00:00Z",
            "dimensions": [{"type": "ENERGY", "volume": kwh}],
        }
        periods.append(period | ({"tariff_id": tariff_id} if tariff_id else {}))
    return {"charging_periods": periods}


REGULAR = tariff("REG", "REGULAR", 0.5, step_size=1000)
CHEAP = tariff("CHEAP", "PROFILE_CHEAP", 0.3, step_size=500)


def test_each_period_is_priced_by_its_tariff_and_the_last_alone_is_stepped() -> None:
    """mod_cdrs: step_size is not taken into account when switching between two tariffs."""
    found = price_cdr([REGULAR, CHEAP], cdr(("REG", 2.2), ("CHEAP", 2.2)))
    lines = [(line["dimension"], line["period"], line["volume"]) for line in cost_document(found)["lines"]]
    assert lines == [("FLAT", 0, 1), ("ENERGY", 0, 2.2), ("ENERGY", 1, 2.5)]
    assert float(found.priced.total.excl_vat) == pytest.approx(1 + 1.1 + 0.75)


def test_a_driver_may_change_back() -> None:
    found = price_cdr([REGULAR, CHEAP], cdr(("REG", 1), ("cheap", 1), ("REG", 0.5)))
    assert float(found.priced.total.excl_vat) == pytest.approx(1 + 1 + 0.3)


def test_a_period_without_a_tariff_costs_nothing() -> None:
    found = price_cdr([REGULAR, CHEAP], cdr((None, 9), ("REG", 1), ("CHEAP", 1), (None, 9)))
    assert float(found.priced.total.excl_vat) == pytest.approx(1 + 0.5 + 0.3)


def test_a_tariff_that_is_not_there_prices_nothing() -> None:
    with pytest.raises(CannotPrice):
        price_cdr([REGULAR, CHEAP], cdr(("REG", 1), ("GONE", 1)))


def test_limits_bound_what_their_tariff_prices() -> None:
    capped = {**CHEAP, "max_price": {"excl_vat": 2}}
    found = price_cdr([REGULAR, capped], cdr(("REG", 10), ("CHEAP", 100)))
    assert float(found.priced.total.excl_vat) == pytest.approx(1 + 5 + 2)


def test_an_idle_fee_and_a_change_of_tariff_do_not_go_together() -> None:
    with pytest.raises(CannotPrice):
        price_cdr([REGULAR, {**CHEAP, "idle_fee": {"price": 1}}], cdr(("REG", 1), ("CHEAP", 1)))
