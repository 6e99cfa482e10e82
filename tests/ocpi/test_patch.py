"""PATCH follows from the full type."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpi.datetimes import format_datetime
from ocpi.errors import InvalidParameters
from ocpi.patch import check, merge
from ocpi.types import JsonObject, OcpiModel, to_bytes, to_json
from ocpi.v221.locations import Evse, Location
from ocpi.v221.sessions import Session
from ocpi.v221.tokens import Token

GOLDEN = Path(__file__).parent.parent / "golden" / "ocpi-2.2.1"


def example(name: str) -> JsonObject:
    loaded: JsonObject = json.loads((GOLDEN / name).read_text())
    return loaded


LOCATION = to_json(Location.model_validate(example("locations_location_1.json")))
SESSION = to_json(Session.model_validate(example("sessions_session_2.json")))
TOKEN = to_json(Token.model_validate(example("tokens_token_3.json")))
LATER = "2026-01-01T00:00:00Z"


def patches() -> st.SearchStrategy[JsonObject]:
    """Valid patches of a Location, unknown fields and nulls among them."""
    moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    return st.fixed_dictionaries(
        {"last_updated": moments.map(format_datetime)},
        optional={
            "name": st.none() | st.text("abcdefg ", max_size=20),
            "city": st.none() | st.text("abcdefg ", max_size=20),
            "publish": st.booleans(),
            "coordinates": st.just({"latitude": "1.00000", "longitude": "2.00000"}),
            "facilities": st.lists(st.sampled_from(["WIFI", "HOTEL", "SAUNA"]), max_size=3),
            "evses": st.sampled_from([[], LOCATION["evses"]]),
            "vendor_field": st.integers(0, 9) | st.just({"nested": [1]}),
        },
    )


@given(patches())
def test_a_patch_is_a_put_of_the_merge(patch: JsonObject) -> None:
    merged = merge(Location, LOCATION, patch)
    put = to_json(Location.model_validate({**LOCATION, **{k: v for k, v in patch.items() if v is not None}}))
    assert merged == put


@given(patches())
def test_the_same_patch_twice_changes_nothing_more(patch: JsonObject) -> None:
    once = merge(Location, LOCATION, patch)
    assert merge(Location, once, patch) == once


@given(patches(), patches())
def test_two_patches_are_one_that_has_the_later_fields(first: JsonObject, second: JsonObject) -> None:
    combined = {**first, **{k: v for k, v in second.items() if v is not None}}
    assert merge(Location, merge(Location, LOCATION, first), second) == merge(Location, LOCATION, combined)


@given(patches())
def test_a_merge_stays_what_it_is_when_written_and_read(patch: JsonObject) -> None:
    merged = merge(Location, LOCATION, patch)
    assert json.loads(to_bytes(Location.model_validate(merged))) == merged


@pytest.mark.parametrize("patch", [{}, {"name": "x"}, {"name": "x", "last_updated": None}])
def test_last_updated_is_mandatory(patch: JsonObject) -> None:
    with pytest.raises(InvalidParameters, match="/last_updated"):
        check(Location, patch)


@pytest.mark.parametrize(
    ("model_type", "patch", "pointer"),
    [
        (Location, {"name": "x" * 256}, "/name"),
        (Location, {"coordinates": {"latitude": "1.00000"}}, "/coordinates/longitude"),
        (Location, {"evses": [{"uid": "1"}]}, "/evses/0/status"),
        (Location, {"publish": "yes"}, "/publish"),
        (Evse, {"connectors": []}, "/connectors"),
        (Session, {"kwh": "12"}, "/kwh"),
    ],
)
def test_a_field_that_is_sent_is_checked_against_its_type(
    model_type: type[OcpiModel], patch: JsonObject, pointer: str
) -> None:
    with pytest.raises(InvalidParameters, match=pointer):
        check(model_type, {**patch, "last_updated": LATER})


def test_charging_periods_are_added() -> None:
    patch = example("sessions_patch_charging_periods_kwh_total_cost_1.json")
    merged = merge(Session, SESSION, patch)
    before, added = SESSION["charging_periods"], patch["charging_periods"]
    assert isinstance(before, list)
    assert isinstance(added, list)
    assert merged["charging_periods"] == [*before, *added]
    assert merged["kwh"] == 15
    assert merged["total_cost"] == {"excl_vat": 0.8, "incl_vat": 0.88}


@pytest.mark.parametrize("periods", [[], None])
def test_no_charging_periods_change_none(periods: list[JsonObject] | None) -> None:
    patch: JsonObject = {"charging_periods": periods, "last_updated": LATER}  # type: ignore[dict-item]
    assert merge(Session, SESSION, patch)["charging_periods"] == SESSION["charging_periods"]
    bare = {name: value for name, value in SESSION.items() if name != "charging_periods"}
    assert "charging_periods" not in merge(Session, bare, patch)


@pytest.mark.parametrize(
    "change",
    [{"uid": "other"}, {"country_code": "NL"}, {"party_id": "ALF"}, {"type": "APP_USER"}],
    ids=lambda change: next(iter(change)),
)
def test_an_identity_cannot_be_patched(change: JsonObject) -> None:
    with pytest.raises(InvalidParameters, match="identity"):
        merge(Token, TOKEN, {**change, "last_updated": LATER})


def test_an_identity_may_be_repeated_in_another_case() -> None:
    merged = merge(Token, TOKEN, {"country_code": "de", "valid": False, "last_updated": LATER})
    assert merged["valid"] is False


def test_the_whole_is_checked_too() -> None:
    with pytest.raises(InvalidParameters, match="/issuer"):
        merge(Token, {name: value for name, value in TOKEN.items() if name != "issuer"}, {"last_updated": LATER})


def test_a_fault_never_repeats_what_was_sent() -> None:
    with pytest.raises(InvalidParameters) as caught:
        check(Token, {"uid": "CARD-NUMBER" * 9, "visual_number": 123456, "last_updated": LATER})
    assert "CARD" not in caught.value.message
    assert "123456" not in caught.value.message


def test_numbers_keep_their_value() -> None:
    merged = merge(Session, SESSION, {"kwh": 41.1234, "last_updated": LATER})
    assert Session.model_validate(merged).kwh == Decimal("41.1234")
