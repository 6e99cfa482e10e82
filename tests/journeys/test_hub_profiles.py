"""Charging profiles from one partner to another: asked for, set and cleared, their results, and what the CPO tells."""

from pathlib import Path
from urllib.parse import quote

import orjson
import pytest

from ocpi.endpoint import Interface
from ocpi.headers import Party
from simulators.partner.partner import Partner
from tests.journeys.between import CPO, EMSP, UID, Three, result_of, three
from tests.journeys.network import PARTNER_TOKEN, Json, Network, eventually
from tests.journeys.peers import STAMP, Ocpi, addressed, hub_with, session_of

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO", "EMSP:DE*EMS", "EMSP:AT*RIV"])]

PROFILE: Json = {
    "charging_rate_unit": "W",
    "min_charging_rate": 1380.5,
    "charging_profile_period": [{"start_period": 0, "limit": 11000.1}],
}


@pytest.fixture
async def trio(network: Network) -> Three:
    made = await three(network)
    await made.running_session("S1")
    return made


async def tell_active(trio: Three, profile: Json, *, to: Party | None = None) -> None:
    """The CPO tells which profile is active."""
    client = trio.cpo.asking.hub.client()
    body = orjson.dumps({"start_date_time": STAMP, "charging_profile": profile})
    await client.put("chargingprofiles", Interface.SENDER, "S1", body=body, headers=client.headers(to_party=to))


def told(partner: Partner) -> list[Json]:
    """The active profiles that a partner was told."""
    pushed = [each for each in partner.state.pushed if each.module == "chargingprofiles" and each.verb == "PUT"]
    return [(each.body or {})["charging_profile"] for each in pushed]


@pytest.mark.parametrize("to", [CPO, None], ids=["named", "found by the hub"])
async def test_profiles_are_set_asked_for_and_cleared_through_the_hub(trio: Three, to: Party | None) -> None:
    asking, results = trio.emsp.asking, trio.emsp.state.results
    set_id = await asking.profile("S1", PROFILE, to=to)
    assert await result_of(trio.emsp, set_id) == "ACCEPTED"
    assert trio.cpo.state.profiles == {"S1": PROFILE}

    ask_id = await asking.active_profile("S1", 900, to=to)
    assert await result_of(trio.emsp, ask_id) == "ACCEPTED"
    assert results[ask_id]["profile"]["charging_profile"] == PROFILE

    clear_id = await asking.profile("S1", None, to=to)
    assert await result_of(trio.emsp, clear_id) == "ACCEPTED"
    assert trio.cpo.state.profiles == {}

    kinds = [results[each]["command"] for each in (set_id, ask_id, clear_id)]
    assert kinds == ["set_profile_result", "active_profile_result", "clear_profile_result"]
    heard = [each for each in trio.emsp.state.pushed if each.module == "chargingprofiles"]
    assert {(str(each.sender), str(each.receiver)) for each in heard} == {("BE*CPO", "DE*EMS")}
    assert trio.cpo.state.failures == []


async def test_the_first_answer_of_the_cpo_goes_back_as_it_is(trio: Three) -> None:
    body: Json = {"charging_profile": PROFILE, "response_url": f"{trio.emsp.public_url}/r"}
    path, to = "receiver/chargingprofiles/NONE", addressed(to="BE*CPO")
    answer = await trio.raw(trio.emsp).send("PUT", path, body, headers=to)
    assert answer.json()["data"] == {"result": "UNKNOWN_SESSION", "timeout": 0}


async def test_the_active_profile_goes_to_whoever_set_it(trio: Three) -> None:
    await tell_active(trio, PROFILE)
    assert told(trio.emsp) == [PROFILE], "before anybody set one: the driver's eMSP"
    await trio.rival.asking.profile("S1", PROFILE, to=CPO)
    await eventually(lambda: has_been_told(trio.rival, [PROFILE]))  # the CPO says what is active now
    changed = {**PROFILE, "charging_rate_unit": "A"}
    await tell_active(trio, changed)
    assert told(trio.rival) == [PROFILE, changed]
    assert told(trio.emsp) == [PROFILE]
    await tell_active(trio, changed, to=EMSP)
    assert told(trio.emsp) == [PROFILE, changed], "a named receiver is the one"


async def has_been_told(partner: Partner, profiles: list[Json]) -> bool:
    return told(partner) == profiles


async def test_a_profile_that_was_refused_makes_nobody_its_setter(trio: Three) -> None:
    trio.cpo.state.sessions["S1"]["status"] = "COMPLETED"
    asked = await trio.rival.asking.profile("S1", PROFILE, to=CPO)
    assert trio.rival.state.results[asked]["result"] == "UNKNOWN_SESSION"
    await tell_active(trio, PROFILE)
    assert told(trio.rival) == []


async def test_the_session_of_another_emsps_driver_is_not_found(trio: Three) -> None:
    asking = trio.rival.asking
    for ask in (
        asking.profile("S1", PROFILE, to=None),
        asking.active_profile("S1", 900, to=None),
        asking.profile("S1", None, to=None),
    ):
        assert trio.rival.state.results[await ask]["result"] == "UNKNOWN_SESSION"
    assert trio.cpo.state.profiles == {}


async def test_a_session_id_of_two_cpos_has_to_be_named_with_its_cpo(trio: Three) -> None:
    second = await trio.network.partner("CPO", "FR*CPO")
    body = session_of("FR*CPO", "S1", "DE*EMS")
    assert await Ocpi.of(trio.network, second).code("PUT", "receiver/sessions/FR/CPO/S1", body) == (201, 1000)
    url = f"{trio.emsp.public_url}/r"
    emsp, path = trio.raw(trio.emsp), "receiver/chargingprofiles/S1"
    assert await emsp.code("DELETE", f"{path}?response_url={quote(url, safe='')}") == (200, 2001)
    asked: Json = {"charging_profile": PROFILE, "response_url": url}
    assert await emsp.code("PUT", path, asked) == (200, 2001)
    assert await emsp.code("PUT", path, asked, headers=addressed(to="BE*CPO")) == (200, 1000)
    preferences = {"profile_type": "GREEN"}
    assert await emsp.code("PUT", "sender/sessions/S1/charging_preferences", preferences) == (200, 2001)


async def test_charging_preferences_reach_the_cpo_of_the_session(trio: Three) -> None:
    path, wish = "sender/sessions/S1/charging_preferences", {"profile_type": "GREEN"}
    answer = await trio.raw(trio.emsp).send("PUT", path, wish)
    assert (answer.status_code, answer.json()["data"]) == (200, "ACCEPTED")
    assert answer.headers["ocpi-from-party-id"] == "CPO"
    assert trio.cpo.state.preferences == {"S1": wish}
    assert await trio.raw(trio.rival).code("PUT", path, wish) == (404, 2000)


async def test_our_own_chargers_say_that_they_take_no_profiles(tmp_path: Path, migrated_database_url: str) -> None:
    async with hub_with(tmp_path, migrated_database_url) as network:
        await network.publish()
        emsp = await network.partner("EMSP", "DE*EMS")
        emsp.state.tokens[UID] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
        station = await network.station()
        await emsp.start_session(UID, "LOC1", "EVSE-1")

        async def session() -> object:
            return next(iter(emsp.state.sessions), None)

        session_id = str(await eventually(session))
        our_cpo, asking = Party("NL", "PLB"), emsp.asking
        for ask in (
            asking.profile(session_id, PROFILE, to=None),
            asking.profile(session_id, PROFILE, to=our_cpo),
            asking.active_profile(session_id, 900, to=None),
            asking.profile(session_id, None, to=None),
        ):
            assert emsp.state.results[await ask]["result"] == "NOT_SUPPORTED"
        unknown = await asking.profile("NONE", PROFILE, to=our_cpo)
        assert emsp.state.results[unknown]["result"] == "UNKNOWN_SESSION"
        raw = Ocpi.of(network, emsp)
        assert await raw.code("PUT", f"receiver/chargingprofiles/{session_id}", {}) == (200, 2001)
        assert await raw.code("GET", f"receiver/chargingprofiles/{session_id}?duration=x") == (200, 2001)
        await station.close()


@pytest.mark.parametrize("level", ["active_profile_result", "set_profile_result", "clear_profile_result"])
async def test_a_result_that_nobody_waits_for_is_not_found(trio: Three, level: str) -> None:
    body = {"result": "ACCEPTED"}
    assert await trio.raw(trio.cpo).code("POST", f"sender/chargingprofiles/{level}/x1", body) == (404, 2000)
    active = {"start_date_time": "2026-01-01T00:00:00Z", "charging_profile": PROFILE}
    assert await trio.raw(trio.cpo).code("PUT", "sender/chargingprofiles/NONE", active) == (404, 2000)
