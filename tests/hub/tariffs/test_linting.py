"""What is found in a tariff before it is published."""

from decimal import Decimal as D
from typing import Any

import pytest

from hub.tariffs.legal import Place
from hub.tariffs.linting import inspect

Json = dict[str, Any]

OWNER = {"country_code": "NL", "party_id": "PLB", "id": "T", "last_updated": "2026-01-01T00:00:00Z"}
FAST = D(150)


def component(kind: str, price: float = 0.5, **more: Any) -> Json:
    return {"type": kind, "price": price, "step_size": 1, **more}


def element(*components: Json, **restrictions: Any) -> Json:
    return {"price_components": list(components), **({"restrictions": restrictions} if restrictions else {})}


def tariff(*elements: Json, **more: Any) -> Json:
    return {**OWNER, "currency": "EUR", "elements": list(elements), **more}


def codes(doc: Any, place: str = "CH", power_kw: D | None = FAST, *, funded: bool = True) -> list[tuple[str, str, str]]:
    found = inspect(doc, Place.of(place, power_kw, funded=funded)).findings
    assert all(finding.source and finding.message for finding in found)
    return [(finding.severity.value, finding.code, finding.pointer) for finding in found]


def test_a_plain_tariff_is_clean_everywhere() -> None:
    doc = tariff(element(component("ENERGY")))
    assert codes(doc, "DE") == codes(doc, "CH") == []
    assert codes({**doc, "currency": "USD"}, "US-CA") == []
    assert codes({**doc, "currency": "GBP"}, "UK") == []


def test_what_is_filled_in_may_be_missing() -> None:
    doc = {"currency": "EUR", "elements": [element(component("ENERGY"))], "id": "T"}
    assert codes(doc) == [
        ("warning", "incomplete", f"/{name}") for name in ("country_code", "last_updated", "party_id")
    ]


@pytest.mark.parametrize(
    "doc",
    [
        7,
        [],
        {},
        tariff(),
        tariff(element()),
        {**tariff(element(component("ENERGY"))), "currency": "EURO"},
        tariff(element(component("ENERGY"), start_time="25:00")),
    ],
)
def test_what_is_no_tariff_is_an_error(doc: Any) -> None:
    assert ("error", "invalid_tariff") in {(severity, code) for severity, code, _ in codes(doc)}


def test_what_cannot_be_priced_is_an_error() -> None:
    assert codes(tariff(element(component("ENERGY", -1)))) == [("error", "unsupported_tariff", "")]
    assert codes({**tariff(element(component("ENERGY"))), "currency": "XXX"}) == [("error", "unknown_currency", "")]


@pytest.mark.parametrize(
    ("first", "second", "unreachable"),
    [
        ({}, {"start_time": "08:00", "end_time": "20:00"}, True),
        ({"start_time": "00:00", "end_time": "00:00"}, {}, True),
        ({"start_time": "08:00", "end_time": "20:00"}, {"start_time": "09:00", "end_time": "10:00"}, True),
        ({"start_time": "22:00", "end_time": "06:00"}, {"start_time": "23:00", "end_time": "00:00"}, True),
        ({"start_time": "22:00", "end_time": "06:00"}, {"start_time": "05:00", "end_time": "07:00"}, False),
        ({"max_kwh": 20}, {"max_kwh": 10}, True),
        ({"max_kwh": 10}, {"max_kwh": 20}, False),
        ({"min_power": 20, "max_power": 50}, {"min_power": 30, "max_power": 50}, True),
        ({"min_power": 20}, {}, False),
        ({"min_power": 0}, {}, True),
        ({"day_of_week": ["MONDAY", "TUESDAY"]}, {"day_of_week": ["TUESDAY"], "max_duration": 60}, True),
        ({"day_of_week": ["MONDAY"]}, {"day_of_week": ["TUESDAY"]}, False),
        ({"start_date": "2026-01-01"}, {"start_date": "2026-02-01", "end_date": "2026-03-01"}, True),
    ],
)
def test_a_price_that_is_never_reached_is_named(first: Json, second: Json, unreachable: bool) -> None:
    doc = tariff(element(component("ENERGY", 0.4), **first), element(component("ENERGY"), **second))
    assert (("warning", "unreachable", "/elements/1") in codes(doc)) is unreachable


def test_a_reservation_hides_no_session_and_no_expiry() -> None:
    doc = tariff(
        element(component("TIME", 5), reservation="RESERVATION"),
        element(component("TIME", 6), reservation="RESERVATION_EXPIRES"),
        element(component("TIME", 1), component("ENERGY")),
    )
    assert codes(doc) == []


def test_restrictions_that_exclude_each_other_are_an_error() -> None:
    doc = tariff(element(component("ENERGY"), min_kwh=10, max_kwh=10), element(component("ENERGY")))
    assert codes(doc)[0] == ("error", "never_active", "/elements/0")
    waiting = element(component("TIME"), reservation="RESERVATION", min_kwh=1)
    doc = tariff(waiting, element(component("ENERGY")))
    assert codes(doc)[0] == ("error", "never_active", "/elements/0"), "no energy flows before the driver has come"


def test_what_partners_might_read_differently_is_a_warning() -> None:
    doc = tariff(element(component("ENERGY", vat=21, step_size=100), component("FLAT")), max_price={"excl_vat": 10})
    assert {code for _, code, _ in codes(doc)} == {"step_size", "vat_mixed", "limit_without_vat"}
    gap = tariff(element(component("TIME"), start_time="08:00", end_time="20:00"))
    assert codes(gap) == [("warning", "no_default", "")]


@pytest.mark.parametrize(
    ("doc", "found"),
    [
        (tariff(element(component("TIME", 6))), {"afir_not_per_kwh", "afir_charging_time"}),
        (tariff(element(component("ENERGY"), component("FLAT", 1))), {"afir_session_fee"}),
        (tariff(element(component("ENERGY"), component("PARKING_TIME", 6))), set()),
        (tariff(element(component("ENERGY"), component("FLAT", 0))), set()),
        (tariff(element(component("FLAT", 0))), set()),
        (tariff(element(component("ENERGY"), component("FLAT", 1)), type="REGULAR"), set()),
    ],
)
def test_a_fast_charger_in_the_union_sells_by_the_kwh(doc: Json, found: set[str]) -> None:
    assert {code for severity, code, _ in codes(doc, "DE") if severity == "error"} == found
    assert {code for severity, code, _ in codes(doc, "DE", D(22)) if severity == "error"} == set()
    unknown = codes(doc, "FR", None)
    assert {code for _, code, _ in unknown} == found
    assert all(severity == "warning" for severity, _, _ in unknown)


def test_a_price_for_long_stays_is_an_occupancy_fee() -> None:
    doc = tariff(element(component("TIME", 6), min_duration=14400), element(component("ENERGY")))
    assert ("warning", "afir_charging_time", "/elements/0") in codes(doc, "NL")


def test_federal_money_asks_for_one_price_in_dollars() -> None:
    by_time = {"start_time": "08:00", "end_time": "20:00"}
    doc = tariff(element(component("ENERGY", 0.6), **by_time), element(component("ENERGY")), currency="USD")
    assert codes(doc, "US") == [("error", "nevi_price_changes", "/elements/0")]
    assert codes(doc, "US", funded=False) == []
    errors = {code for severity, code, _ in codes(tariff(element(component("TIME"))), "US") if severity == "error"}
    assert errors == {"nevi_not_per_kwh", "nevi_currency"}


def test_california_sells_no_time() -> None:
    doc = tariff(element(component("TIME")), currency="USD")
    found = codes(doc, "US-CA", funded=False)
    assert {code for severity, code, _ in found if severity == "error"} == {
        "california_not_per_kwh",
        "california_charging_time",
    }
    idle = tariff(element(component("ENERGY"), component("PARKING_TIME", 24)), currency="USD")
    assert codes(idle, "US-CA") == [("warning", "california_fees", "")]


def test_the_united_kingdom_reads_pence_per_kilowatt_hour() -> None:
    doc = tariff(element(component("TIME")), currency="GBP")
    assert {code for severity, code, _ in codes(doc, "GB") if severity == "error"} == {"uk_not_per_kwh"}
    fee = tariff(element(component("ENERGY"), component("FLAT", 1)), currency="GBP")
    assert codes(fee, "UK") == [("warning", "uk_fee_beside_kwh", "/elements/0")]
    assert ("error", "uk_currency", "/currency") in codes(tariff(element(component("ENERGY"))), "GB")


def test_partners_should_read_of_an_idle_fee() -> None:
    doc = tariff(element(component("ENERGY")), idle_fee={"price": 24, "grace": 600})
    assert codes(doc, "DE") == [("warning", "idle_fee_untold", "/idle_fee")]
    told = {**doc, "tariff_alt_text": [{"language": "en", "text": "€0.40 per minute after ten minutes."}]}
    assert codes(told, "DE") == []
