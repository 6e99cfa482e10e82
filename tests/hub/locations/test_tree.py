"""Changes inside a location's tree."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.locations import tree

Json = dict[str, Any]


def location() -> Json:
    return {
        "id": "LOC1",
        "last_updated": "2026-01-01T10:00:00Z",
        "evses": [
            {
                "uid": "E1",
                "last_updated": "2026-01-01T10:00:00Z",
                "connectors": [{"id": "1", "last_updated": "2026-01-01T10:00:00Z", "tariff_ids": ["T1"]}],
            }
        ],
    }


def test_an_evse_is_replaced_without_regard_to_case_and_lifts_its_location() -> None:
    changed = tree.with_evse(location(), {"uid": "e1", "status": "CHARGING", "last_updated": "2026-01-02T00:00:00Z"})
    assert [evse["uid"] for evse in changed["evses"]] == ["e1"]
    assert changed["last_updated"] == "2026-01-02T00:00:00Z"


def test_a_connector_lifts_both_parents() -> None:
    changed = tree.with_connector(location(), "E1", {"id": "2", "last_updated": "2026-01-02T00:00:00.5Z"})
    assert changed is not None
    assert [plug["id"] for plug in changed["evses"][0]["connectors"]] == ["1", "2"]
    assert changed["evses"][0]["last_updated"] == changed["last_updated"] == "2026-01-02T00:00:00.5Z"


def test_a_connector_of_an_unknown_evse_changes_nothing() -> None:
    assert tree.with_connector(location(), "nowhere", {"id": "2"}) is None


def test_an_older_child_does_not_take_its_parent_back_in_time() -> None:
    changed = tree.with_evse(location(), {"uid": "E2", "last_updated": "2025-01-01T00:00:00Z"})
    assert changed["last_updated"] == "2026-01-01T10:00:00Z"


def test_fractions_and_missing_zones_compare_as_instants() -> None:
    changed = tree.lifted({"last_updated": "2026-01-01T10:00:00Z"}, {"last_updated": "2026-01-01T10:00:00.25"})
    assert changed["last_updated"] == "2026-01-01T10:00:00.25"


def test_the_tariffs_of_a_connector_are_found() -> None:
    assert tree.tariff_ids(location(), "e1", "1") == ["T1"]
    assert tree.tariff_ids(location(), "e1", "9") == []


@given(st.lists(st.sampled_from(["E1", "e1", "E2", "E3"]), max_size=8))
def test_a_location_never_has_two_evses_with_one_uid(uids: list[str]) -> None:
    changed = location()
    for uid in uids:
        changed = tree.with_evse(changed, {"uid": uid, "last_updated": "2026-02-01T00:00:00Z"})
    folded = [evse["uid"].casefold() for evse in changed["evses"]]
    assert len(folded) == len(set(folded))
