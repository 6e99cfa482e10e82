"""Which tariff of a connector holds for a session."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hub.tariffs.choosing import choose, is_valid_at, wanted_type

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def tariff(id: str, kind: str | None = None, **dates: str) -> dict[str, Any]:
    return {"id": id, **({"type": kind} if kind else {}), **dates}


def test_a_tariff_is_valid_from_its_start_to_its_end() -> None:
    doc = tariff("T", start_date_time="2026-03-02T12:00:00Z", end_date_time="2026-03-02T13:00:00")
    assert [is_valid_at(doc, NOON.replace(hour=hour)) for hour in (11, 12, 13, 14)] == [False, True, True, False]


def test_the_old_tariff_gives_way_to_the_new_one() -> None:
    old = tariff("OLD", end_date_time="2026-03-02T11:59:59Z")
    new = tariff("NEW", start_date_time="2026-03-02T12:00:00Z")
    assert [choose([old, new], NOON.replace(hour=hour)) for hour in (11, 12)] == [old, new]
    assert choose([old], NOON) is None


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (wanted_type(), "REG"),
        (wanted_type(profile="REGULAR"), "REG"),
        (wanted_type(profile="CHEAP"), "CHEAP"),
        (wanted_type(profile="FAST"), "ALL"),
        (wanted_type(ad_hoc=True), "AD"),
    ],
)
def test_the_type_follows_who_pays_and_what_is_wished(wanted: str, chosen: str) -> None:
    docs = [tariff("AD", "AD_HOC_PAYMENT"), tariff("CHEAP", "PROFILE_CHEAP"), tariff("ALL"), tariff("REG", "REGULAR")]
    found = choose(docs, NOON, wanted=wanted)
    assert found is not None
    assert found["id"] == chosen


def test_a_driver_is_not_let_off_because_of_a_type() -> None:
    found = choose([tariff("AD", "AD_HOC_PAYMENT")], NOON)
    assert found is not None
    assert found["id"] == "AD"
