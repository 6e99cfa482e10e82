"""Reservations and charging profiles between two simulated partners, ordered by their control APIs."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulators.partner.partner import Partner

pytestmark = pytest.mark.anyio

Eventually = Callable[[Callable[[], Any]], Awaitable[Any]]
Peers = tuple[Partner, Partner]
PROFILE = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 16}]}


async def order(partner: Partner, path: str, body: Any) -> Any:
    answer = await partner.http.post(f"{partner.control_url}/control/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_reservation_is_made_and_cancelled_by_either_side(peers: Peers, eventually: Eventually) -> None:
    cpo, emsp = peers
    body = {"uid": "04AABBCC", "location_id": "LOC1", "expiry_date": "2099-01-01T00:00:00Z"}
    made = [await order(emsp, "reserve", {**body, "reservation_id": name}) for name in ("R1", "R2")]
    for each in made:
        result = await eventually(lambda each=each: emsp.state.results.get(each["command_id"]))  # type: ignore[misc]
        assert result["result"] == "ACCEPTED"
    assert set(cpo.state.reservations) == {"R1", "R2"}

    cancelled = await order(emsp, "cancel-reservation", {"reservation_id": "R1"})
    again = await order(emsp, "cancel-reservation", {"reservation_id": "R1"})
    await order(cpo, "cancel-reservation", {"reservation_id": "R2"})
    results = [cancelled["command_id"], again["command_id"]]
    await eventually(lambda: set(results) <= set(emsp.state.results))
    assert [emsp.state.results[each]["result"] for each in results] == ["ACCEPTED", "UNKNOWN_RESERVATION"]
    assert emsp.state.results[made[1]["command_id"]]["result"] == "CANCELED_RESERVATION"


async def test_a_profile_is_set_asked_for_told_and_cleared(peers: Peers, eventually: Eventually) -> None:
    cpo, emsp = peers
    cpo.charging_s = 60
    await order(emsp, "start-session", {"uid": "04AABBCC", "location_id": "LOC1"})
    session_id = await eventually(lambda: next(iter(emsp.state.sessions), None))
    asked = {"session_id": session_id}
    steps = {
        "set-profile": {**asked, "profile": PROFILE},
        "ask-profile": asked,
        "clear-profile": asked,
    }
    for step, body in steps.items():
        first = await order(emsp, step, body)
        assert first["answer"]["result"] == "ACCEPTED", step
        await eventually(lambda first=first: first["request_id"] in emsp.state.results)  # type: ignore[misc]
    kinds = [each["command"] for each in emsp.state.results.values() if "profile" in each["command"]]
    assert kinds == ["set_profile_result", "active_profile_result", "clear_profile_result"]
    await order(cpo, "tell-profile", {**asked, "profile": PROFILE})
    assert emsp.state.profiles == {session_id: PROFILE}
    unknown = await order(emsp, "set-profile", {"session_id": "NONE", "profile": PROFILE})
    assert unknown["answer"]["result"] == "UNKNOWN_SESSION"
