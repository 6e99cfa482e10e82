"""Reservations, charging profiles and preferences, hubs, and faults that are switched while a partner runs."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ocpi.errors import PeerRefused, PeerUnreachable
from ocpi.headers import Party
from simulators.partner.faults.catalog import UnknownFault
from simulators.partner.partner import Partner

pytestmark = pytest.mark.anyio

Eventually = Callable[[Callable[[], Any]], Awaitable[Any]]
Peers = tuple[Partner, Partner]
Run = Callable[..., Awaitable[Partner]]


async def test_a_reservation_is_made_and_later_cancelled_by_the_cpo(peers: Peers, eventually: Eventually) -> None:
    cpo, emsp = peers
    asked = await emsp.reserve("04AABBCC", "LOC1", "R1", evse_uid="E1")
    assert (await eventually(lambda: emsp.state.results.get(asked)))["result"] == "ACCEPTED"
    assert cpo.state.reservations["R1"]["evse_uid"] == "E1"
    await cpo.chargers.withdraw("R1")
    assert emsp.state.results[asked]["result"] == "CANCELED_RESERVATION"
    gone = await emsp.cancel_reservation("R1")
    assert (await eventually(lambda: emsp.state.results.get(gone)))["result"] == "UNKNOWN_RESERVATION"


async def test_a_driver_may_cancel_a_reservation(peers: Peers, eventually: Eventually) -> None:
    cpo, emsp = peers
    made = await emsp.reserve("04AABBCC", "LOC1", "R1")
    await eventually(lambda: emsp.state.results.get(made))
    asked = await emsp.cancel_reservation("R1")
    assert (await eventually(lambda: emsp.state.results.get(asked)))["result"] == "ACCEPTED"
    assert cpo.state.reservations == {}


async def test_a_charging_profile_is_set_read_and_cleared(peers: Peers, eventually: Eventually) -> None:
    cpo, emsp = peers
    cpo.charging_s = 30
    started = await emsp.start_session("04AABBCC", "LOC1", "E1")
    await eventually(lambda: emsp.state.results.get(started))
    session = await eventually(lambda: next(iter(emsp.state.sessions), None))
    profile = {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 7400}]}

    asked = await emsp.asking.profile(session, profile, to=None)
    assert (await eventually(lambda: emsp.state.results.get(asked)))["result"] == "ACCEPTED"
    told = await eventually(lambda: emsp.state.profiles.get(session))
    assert told["charging_profile"] == profile
    asked = await emsp.asking.active_profile(session, 3600, to=None)
    assert (await eventually(lambda: emsp.state.results.get(asked)))["profile"]["charging_profile"] == profile
    asked = await emsp.asking.profile(session, None, to=None)
    assert (await eventually(lambda: emsp.state.results.get(asked)))["result"] == "ACCEPTED"
    assert await emsp.asking.preferences(session, {"profile_type": "GREEN"}, to=None) == "ACCEPTED"
    assert cpo.state.preferences == {session: {"profile_type": "GREEN"}}


async def test_a_profile_of_an_unknown_session_is_answered_so(peers: Peers) -> None:
    _, emsp = peers
    asked = await emsp.asking.profile("NOWHERE", None, to=None)
    assert emsp.state.results[asked]["result"] == "UNKNOWN_SESSION"


async def test_a_hub_has_parties_behind_it_and_refuses_whom_it_does_not_know(run: Run) -> None:
    hub = await run(role="HUB", party="NL*HUB", name="Hub", sample_count=2)
    emsp = await run(role="EMSP", party="DE*EMS", name="eMSP")
    invitation = hub.invite()
    await emsp.register(invitation["versions_url"], invitation["token"])
    assert [each["party_id"] for each in await emsp.pull("hubclientinfo")] == ["HCP", "HEM"]
    assert {each["party_id"] for each in await emsp.pull("locations")} == {"HCP"}
    with pytest.raises(PeerRefused) as unknown:
        await emsp.asking.command("STOP_SESSION", {"session_id": "X"}, to=Party("ZZ", "ZZZ"))
    assert unknown.value.status_code == 4001
    hub.hubbing.set_status(hub.hubbing.parties[0], "OFFLINE")
    with pytest.raises(PeerRefused) as away:
        await emsp.asking.command("STOP_SESSION", {"session_id": "X"}, to=Party("NL", "HCP"))
    assert away.value.status_code == 4003


async def test_faults_are_switched_while_it_runs(peers: Peers) -> None:
    cpo, emsp = peers
    url = f"{emsp.control_url}/control/faults"
    assert (await cpo.http.post(url, json={"on": ["server-errors=1", "no-data"]})).json() == {
        "server-errors": "1",
        "no-data": "",
    }
    with pytest.raises(PeerUnreachable):
        await cpo.pull("tokens")
    await cpo.http.post(url, json={"off": ["server-errors"]})
    assert await cpo.pull("tokens") == []
    await cpo.http.post(url, json={"off": ["no-data"]})
    assert len(await cpo.pull("tokens")) == 1
    assert (await cpo.http.post(url, json={"on": ["slow=soon"]})).status_code == 422


async def test_an_unknown_fault_is_refused_at_the_start(run: Run) -> None:
    with pytest.raises(UnknownFault, match="sleepy"):
        await run(role="CPO", party="FR*CPO", name="CPO", faults=["sleepy"])
