"""Whatever stands in a file or comes from a partner: it is priced, or refused by an error of ours."""

import contextlib
import copy
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from hub.tariffs.cdr import cost_document, price_cdr
from hub.tariffs.legal import Place
from hub.tariffs.linting import finding_document, inspect
from kit.errors import InvalidInput

Json = dict[str, Any]

TARIFF: Json = {
    "country_code": "NL",
    "party_id": "PLB",
    "id": "T",
    "currency": "EUR",
    "type": "REGULAR",
    "tariff_alt_text": [{"language": "en", "text": "x"}],
    "min_price": {"excl_vat": 1, "incl_vat": 1.21},
    "max_price": {"excl_vat": 50},
    "start_date_time": "2026-01-01T00:00:00Z",
    "end_date_time": "2027-01-01T00:00:00Z",
    "last_updated": "2026-01-01T00:00:00Z",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.5, "vat": 21, "step_size": 1}],
            "restrictions": {
                "start_time": "08:00",
                "end_time": "20:00",
                "start_date": "2026-01-01",
                "end_date": "2026-12-31",
                "min_kwh": 1,
                "max_kwh": 50,
                "min_power": 1,
                "max_power": 50,
                "min_duration": 60,
                "day_of_week": ["MONDAY"],
            },
        },
        {
            "price_components": [{"type": "TIME", "price": 0.5, "step_size": 60}],
            "restrictions": {"reservation": "RESERVATION"},
        },
        {"price_components": [{"type": "FLAT", "price": 0.5, "step_size": 1}]},
    ],
    "idle_fee": {
        "price": 6,
        "vat": 21,
        "grace": 60,
        "max_price": 5,
        "free_from": "22:00",
        "free_until": "06:00",
        "occupancy": [{"min_percent": 50, "price": 10}],
    },
}
CDR: Json = {
    "currency": "EUR",
    "start_date_time": "2026-03-02T09:00:00Z",
    "end_date_time": "2026-03-02T12:00:00Z",
    "cdr_location": {"country": "NLD"},
    "charging_periods": [
        {
            "start_date_time": "2026-03-02T09:00:00Z",
            "dimensions": [{"type": "RESERVATION_TIME", "volume": 0.25}],
            "tariff_id": "T",
        },
        {
            "start_date_time": "2026-03-02T09:15:00Z",
            "dimensions": [{"type": "ENERGY", "volume": 10}, {"type": "TIME", "volume": 1}],
            "tariff_id": "T",
        },
        {"start_date_time": "2026-03-02T10:15:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": 1.75}]},
    ],
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in children for found in paths(child, (*path, key)))]


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return None if value == "REMOVED" else value
    whole = copy.deepcopy(document)
    place = whole
    for key in path[:-1]:
        place = place[key]
    if value == "REMOVED":
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return whole


ODD: list[Any] = [None, True, -1, 0, 1, 0.1, 2**70, 1e308, 1e-300, float("nan"), float("inf"), "", "x", "T" * 300]
ODD += ["24:00", "2026-02-30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "MONDAY", "REMOVED"]
ODD += [[], {}, [None], [5], [[]], {"a": 1}]

odd = st.sampled_from(ODD)


def attempt(tariff: Any, cdr: Any) -> None:
    with contextlib.suppress(InvalidInput):
        cost_document(price_cdr([tariff], cdr))


@given(st.sampled_from(paths(TARIFF)), odd)
@example(("elements", 0, "restrictions", "day_of_week"), 5)
@example(("elements", 1, "restrictions", "reservation"), {})
def test_a_hostile_tariff_is_priced_or_refused(path: tuple[Any, ...], value: Any) -> None:
    hostile = changed(TARIFF, path, value)
    attempt(hostile, CDR)
    for finding in inspect(hostile, Place.of("DE")).findings:
        finding_document(finding)


@given(st.sampled_from(paths(CDR)), odd)
@example(("end_date_time",), "9999-12-31T23:59:59Z")
@example(("charging_periods",), [])
@example(("charging_periods", 0, "start_date_time"), "0001-01-01T00:00:00Z")
def test_a_hostile_cdr_is_priced_or_refused(path: tuple[Any, ...], value: Any) -> None:
    attempt(TARIFF, changed(CDR, path, value))
    plain = {name: member for name, member in TARIFF.items() if name != "idle_fee"}
    attempt(plain, changed(CDR, path, value))


def test_both_are_priced_as_they_are() -> None:
    assert price_cdr([TARIFF], CDR).priced.total.excl_vat > 0
