"""The profile of a partner's ways: learned, said by an operator, kept as JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.parties.quirks import KINDS, QUIET, NoSuchQuirk, Quirks

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VALUES: dict[type, Any] = {
    bool: st.booleans(),
    int: st.integers(1, 999),
    tuple: st.lists(st.sampled_from(["locations", "tokens"]), unique=True).map(lambda names: tuple(sorted(names))),
}


@st.composite
def profiles(draw: st.DrawFn) -> Quirks:
    quirks = Quirks()
    for name in draw(st.lists(st.sampled_from(sorted(KINDS)), unique=True)):
        value = draw(VALUES[KINDS[name].kind])
        quirks = quirks.pinned(name, value, NOW) if draw(st.booleans()) else quirks.learned(name, value, NOW)
    return quirks


@given(profiles())
def test_a_profile_survives_being_stored(quirks: Quirks) -> None:
    assert Quirks.of_json(orjson.loads(orjson.dumps(quirks.as_json()))) == quirks


@given(profiles(), st.sampled_from(sorted(KINDS)), st.data())
def test_what_an_operator_said_is_not_learned_away(quirks: Quirks, name: str, data: st.DataObject) -> None:
    said, seen = data.draw(VALUES[KINDS[name].kind]), data.draw(VALUES[KINDS[name].kind])
    pinned = quirks.pinned(name, said, NOW)
    assert pinned.learned(name, seen, NOW + timedelta(days=1)).value(name) == said


def test_nothing_is_noted_of_a_partner_that_keeps_to_the_specification() -> None:
    quirks = Quirks()
    for name, kind in KINDS.items():
        if kind.normal is not None:
            quirks = quirks.learned(name, kind.normal, NOW)
    assert quirks == Quirks()


def test_findings_count_and_do_not_count_every_request() -> None:
    first = Quirks().learned("slash_after_list", True, NOW)
    soon = first.learned("slash_after_list", True, NOW + QUIET / 2)
    later = soon.learned("slash_after_list", True, NOW + QUIET)
    assert soon == first
    found = later.findings["slash_after_list"]
    assert (found.count, found.first_seen, found.last_seen) == (2, NOW, NOW + QUIET)


def test_a_partner_can_mend_its_ways() -> None:
    quirks = Quirks().learned("link_usable", False, NOW).learned("link_usable", True, NOW + QUIET)
    assert quirks.flag("link_usable")


def test_modules_gather() -> None:
    quirks = Quirks().learned("refuses_put", ("tokens",), NOW).learned("refuses_put", ("locations",), NOW)
    assert quirks.modules("refuses_put") == ("locations", "tokens")


@pytest.mark.parametrize(
    ("name", "value"),
    [("colour", True), ("page_cap", "many"), ("page_cap", -1), ("link_usable", 1), ("refuses_put", 3)],
)
def test_a_quirk_that_is_none_is_refused(name: str, value: Any) -> None:
    with pytest.raises(NoSuchQuirk):
        Quirks().pinned(name, value, NOW)
