"""What a quote promises, that its signature covers all of it, and what its estimate is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sessions.documents import Reserved
from hub.starts.quotes import (
    VALIDITY,
    NoPrice,
    Quote,
    QuoteExpired,
    WrongSignature,
    charging_s,
    estimate,
    most_power_w,
)
from payments.ledger.conversion import Rate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TARIFF: dict[str, Any] = {
    "country_code": "NL",
    "party_id": "PLB",
    "id": "T1",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [
                {"type": "ENERGY", "price": 0.5, "vat": 20.0, "step_size": 1},
                {"type": "PARKING_TIME", "price": 6.0, "vat": 20.0, "step_size": 60},
            ]
        }
    ],
    "last_updated": "2026-01-01T00:00:00Z",
}
QUOTE = Quote(
    id="q1",
    payer="driver:d1",
    place={"cpo": "NL*PLB", "location_id": "LOC1", "evse_uid": "E1", "connector_id": "1"},
    tariff=TARIFF,
    currency="EUR",
    time_zone="Europe/Amsterdam",
    made_at=NOW,
    expires_at=NOW + VALIDITY,
)


def test_a_quote_is_good_for_its_payer_until_it_expires() -> None:
    QUOTE.check(now=QUOTE.expires_at - timedelta(microseconds=1), payer="driver:d1")
    with pytest.raises(QuoteExpired):
        QUOTE.check(now=QUOTE.expires_at, payer="driver:d1")
    with pytest.raises(WrongSignature):
        QUOTE.check(now=NOW, payer="driver:d2")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "q2"},
        {"payer": "driver:d2"},
        {"place": {**QUOTE.place, "connector_id": "2"}},
        {"tariff": {**TARIFF, "elements": [{"price_components": [{"type": "FLAT", "price": 1, "step_size": 1}]}]}},
        {"currency": "SEK"},
        {"time_zone": None},
        {"exchange": Rate("EUR", "SEK", Decimal("11.5"), NOW.date(), "ECB", Decimal(2))},
        {"made_at": NOW - timedelta(seconds=1)},
        {"expires_at": QUOTE.expires_at + timedelta(seconds=1)},
    ],
)
def test_a_statement_tells_every_part_of_a_quote(change: dict[str, Any]) -> None:
    assert replace(QUOTE, **change).statement() != QUOTE.statement()


def test_a_statement_is_the_same_whatever_the_order_of_the_tariffs_members() -> None:
    turned = dict(reversed(list(TARIFF.items())))
    assert replace(QUOTE, tariff=turned).statement() == QUOTE.statement()


def test_an_estimate_has_energy_and_parking() -> None:
    priced = QUOTE.estimate(Decimal(20_000), Decimal(7200), Decimal(1800))
    assert priced.payable().to_decimal() == Decimal("15.60")  # (20 × 0.50 + 0.5 × 6.00) × 1.2
    assert [line.kind for line in priced.lines] == ["ENERGY", "PARKING_TIME"]


def test_an_estimate_has_the_reservation_that_stands() -> None:
    waiting = {"type": "TIME", "price": 6.0, "vat": 20.0, "step_size": 60}
    element = {"price_components": [waiting], "restrictions": {"reservation": "RESERVATION"}}
    tariff = {**TARIFF, "elements": [element, *TARIFF["elements"]]}
    size: dict[str, Any] = {"began": NOW, "energy_wh": Decimal(20_000), "charging_s": Decimal(7200)}
    size["parking_s"] = Decimal(0)
    alone = estimate(tariff, "EUR", "Europe/Amsterdam", **size)
    reserved = Reserved(NOW - timedelta(minutes=19, seconds=30), NOW)
    both = estimate(tariff, "EUR", "Europe/Amsterdam", **size, reserved=reserved)
    assert [line.kind for line in both.lines] == ["ENERGY", "RESERVATION_TIME"]
    assert both.payable().amount_minor - alone.payable().amount_minor == 240  # 20 minutes of 6.00 an hour, with VAT


@given(st.decimals(min_value=1, max_value=100_000, places=0), st.integers(0, 100_000))
def test_an_estimate_never_falls_when_more_is_wanted(energy_wh: Decimal, parking_s: int) -> None:
    less = QUOTE.estimate(energy_wh, Decimal(3600), Decimal(parking_s))
    more = QUOTE.estimate(energy_wh + 1, Decimal(3600), Decimal(parking_s + 60))
    assert Decimal(0) <= less.total.incl_vat <= more.total.incl_vat


def test_what_cannot_be_priced_is_not_estimated() -> None:
    with pytest.raises(NoPrice):
        replace(QUOTE, currency="SEK").estimate(Decimal(1), Decimal(1), Decimal(0))


@pytest.mark.parametrize(
    ("connector", "watts"),
    [
        ({"power_type": "DC", "max_voltage": 920, "max_amperage": 400, "max_electric_power": 150_000}, 150_000),
        ({"power_type": "AC_1_PHASE", "max_voltage": 230, "max_amperage": 16}, 3_680),
        ({"power_type": "AC_3_PHASE", "max_voltage": 230, "max_amperage": 32}, 22_080),
        ({"power_type": "AC_3_PHASE", "max_voltage": 400, "max_amperage": 32}, 22_080),
        ({"power_type": "AC_1_PHASE", "max_voltage": 0, "max_amperage": 0}, 1),
    ],
)
def test_the_power_of_a_connector(connector: dict[str, Any], watts: int) -> None:
    assert most_power_w(connector) == watts
    assert charging_s(Decimal(watts), connector) == 3600
