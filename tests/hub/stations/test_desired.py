"""Which of several wishes counts for a station, and what came of it."""

from dataclasses import dataclass
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.stations.desired import Outcome, Subject, Version, digest, is_same, judge, version_of, wanted


@dataclass(frozen=True)
class Wish:
    key: str = "K"
    value: str = "v"
    vendor: str = "*"
    model: str = "*"
    location_id: str | None = None
    station_id: str | None = None
    version: str = "1.6"
    is_required: bool = False


HERE = Subject("CS-1", "LOC1", "Alpha Inc", "Alpha 22", Version.OCPP_16)


def test_the_most_specific_wish_counts_in_whatever_order_they_were_made() -> None:
    wishes = [
        Wish(value="all"),
        Wish(value="vendor", vendor="alpha*"),
        Wish(value="model", model="ALPHA ?2"),
        Wish(value="location", location_id="LOC1"),
        Wish(value="station", station_id="CS-1"),
    ]
    for count in range(1, len(wishes) + 1):
        for order in permutations(wishes[:count]):
            assert wanted(order, HERE)["K"].value == wishes[count - 1].value


def test_the_later_of_two_equal_wishes_counts() -> None:
    assert wanted([Wish(value="old"), Wish(value="new")], HERE)["K"].value == "new"


@pytest.mark.parametrize(
    "other",
    [
        Wish(version="2"),
        Wish(vendor="Beta"),
        Wish(model="Alpha 1*"),
        Wish(location_id="LOC2"),
        Wish(station_id="CS-2"),
    ],
)
def test_what_is_meant_for_others_does_not_count(other: Wish) -> None:
    assert wanted([other], HERE) == {}


def test_a_station_is_known_by_the_version_it_speaks() -> None:
    assert version_of("ocpp1.6") is version_of(None) is Version.OCPP_16
    assert version_of("ocpp2.0.1") is version_of("ocpp2.1") is Version.OCPP_2


def test_the_digest_is_that_of_what_is_required() -> None:
    assert digest({"K": Wish()}) is None
    one = digest({"K": Wish(is_required=True)})
    assert one == digest({"K": Wish(is_required=True, vendor="x"), "L": Wish(key="L")})
    assert one != digest({"K": Wish(is_required=True, value="w")})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("true", "True", True),
        ("300", "300.0", True),
        ("A,B", "a, b", True),
        ("A,B", "B,A", False),
        ("30", "300", False),
        ("", "0", False),
    ],
)
def test_values_that_stations_write_in_another_way_are_the_same(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) is same


@given(st.text(max_size=20))
def test_every_value_is_the_same_as_itself(value: str) -> None:
    assert is_same(value, value)
    assert judge(value, value, "Accepted") is Outcome.AS_WANTED


@pytest.mark.parametrize(
    ("actual", "answer", "outcome"),
    [
        ("1", None, Outcome.AS_WANTED),
        ("1", "Accepted", Outcome.AS_WANTED),
        ("2", "Accepted", Outcome.DRIFT),
        ("2", "RebootRequired", Outcome.REBOOT_NEEDED),
        ("2", "Rejected", Outcome.REJECTED),
        (None, "NotSupported", Outcome.UNKNOWN_KEY),
        (None, "UnknownVariable", Outcome.UNKNOWN_KEY),
        (None, "Accepted", Outcome.UNREAD),
        (None, None, Outcome.UNREAD),
    ],
)
def test_nothing_is_taken_for_done_because_it_was_accepted(actual, answer, outcome) -> None:
    assert judge("1", actual, answer) is outcome


def test_what_nobody_asked_the_station_about_counts_as_told_when_it_was_accepted() -> None:
    assert judge("9", None, "Accepted", is_read=False) is Outcome.TOLD
    assert judge("9", None, None, is_read=False) is Outcome.UNREAD
    assert judge("9", None, "Rejected", is_read=False) is Outcome.REJECTED
    assert judge("9", None, "RebootRequired", is_read=False) is Outcome.REBOOT_NEEDED
    assert judge("9", None, "Accepted") is Outcome.UNREAD
