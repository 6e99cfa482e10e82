"""What passes the quick check is what the wire types accept, and no more."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.parties.quick_check import quick_check
from ocpi.types import OcpiModel
from tests.hub.parties.lists import location
from tests.journeys.network import PARTNER_TOKEN, TARIFF
from tests.journeys.peers import STAMP, cdr_of
from tests.ocpi.test_golden_221 import FOLDER, INDEX, OBJECTS

EXAMPLES = [
    (OBJECTS[item["object"]], json.loads((FOLDER / item["file"]).read_text()))
    for item in INDEX
    if item["object"] in ("location", "tariff", "token", "session", "cdr")
]
GOOD = [
    (OBJECTS["location"], location(1)),
    (OBJECTS["tariff"], {**TARIFF, "country_code": "BE", "party_id": "CPO", "id": "T1", "last_updated": STAMP}),
    (OBJECTS["token"], {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}),
    (OBJECTS["cdr"], cdr_of("BE*CPO", "C1", "DE*EMS", last_updated=STAMP)),
]
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, 300.0, 1e-31, 1e31, -1e300, 2**53 + 1, 2**63, 2**64 - 1, "", " ",
    "x" * 3, "x" * 300,
    "L\x002", "Köln", "a\nb", "2026-02-29T00:00:00Z", "2026-02-30T00:00:00Z", "2024-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-12-31T23:59:59.123456Z", "2026-12-31T23:59:60Z",
    "2026-12-31t23:59:59z", "2026-12-31T23:59:59+00:00", "2026-12-31T24:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01",
    "1970-1-1T00:00:00Z", "23:59", "24:00", "52.09", "AVAILABLE", "NAPPING", [], [None], {}, {"x": [1]},
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(each, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], other: Any, *, gone: bool) -> Any:
    copied = copy.deepcopy(value)
    parent = copied
    for key in path[:-1]:
        parent = parent[key]
    if gone:
        del parent[path[-1]]
    else:
        parent[path[-1]] = other
    return copied


def accepts(wire: type[OcpiModel], item: Any) -> bool:
    return bool(wire.__pydantic_validator__.isinstance_python(item))


@pytest.mark.parametrize(("wire", "item"), GOOD, ids=[wire.__name__ for wire, _ in GOOD])
def test_ordinary_objects_pass(wire: type[OcpiModel], item: Any) -> None:
    assert quick_check(wire).passes(item)
    assert quick_check(wire).passes({**item, "vendor": {"any": [1, None, "thing"]}}), "unknown fields do not matter"


def test_an_unknown_value_of_an_enum_passes() -> None:
    item = location(1)
    item["evses"][0]["status"] = "NAPPING"
    assert quick_check(OBJECTS["location"]).passes(item)


@pytest.mark.parametrize(("wire", "item"), [*GOOD, *EXAMPLES])
def test_whatever_passes_is_accepted(wire: type[OcpiModel], item: Any) -> None:
    """Every place of every example, with every odd value, and missing."""
    check = quick_check(wire)
    for path in places(item):
        for other in [*ODD, KeyError]:
            made = changed(item, path, other, gone=other is KeyError)
            assert not check.passes(made) or accepts(wire, made), (path, other)


@given(st.data())
def test_whatever_is_put_anywhere_and_passes_is_accepted(data: st.DataObject) -> None:
    wire, item = data.draw(st.sampled_from(GOOD))
    texts = st.text() | st.from_regex(r"[0-9]{4}-[0-3][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]+)?Z?")
    numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    other = data.draw(texts | numbers | st.booleans() | st.none())
    made = changed(item, data.draw(st.sampled_from(places(item))), other, gone=False)
    assert not quick_check(wire).passes(made) or accepts(wire, made)
