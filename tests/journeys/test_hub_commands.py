"""All five commands from one partner to another, and their results back, in both ways of naming the receiver."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from kit.clock import ManualClock
from ocpi.headers import Party
from simulators.partner.partner import Partner
from tests.journeys.between import CPO, UID, Three, publish, result_of, three
from tests.journeys.network import LOCATION, Json, Network, eventually
from tests.journeys.peers import addressed, hub_with

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO", "EMSP:DE*EMS", "EMSP:AT*RIV"])]

SOON = "2099-01-01T00:00:00Z"


@pytest.fixture
async def trio(network: Network) -> Three:
    return await three(network)


@pytest.mark.parametrize("to", [CPO, None], ids=["named", "found by the hub"])
async def test_all_five_commands_and_their_results_go_through_the_hub(trio: Three, to: Party | None) -> None:
    emsp, cpo = trio.emsp, trio.cpo
    unlock = await emsp.unlock("L1", "EVSE-1", "1", to=to)
    assert await result_of(emsp, unlock) == "ACCEPTED"
    reserve = await emsp.reserve(UID, "L1", "R1", evse_uid="EVSE-1", to=to)
    assert await result_of(emsp, reserve) == "ACCEPTED"
    cancel = await emsp.cancel_reservation("R1", to=to)
    assert await result_of(emsp, cancel) == "ACCEPTED"
    start = await emsp.start_session(UID, "L1", "EVSE-1", to=to)
    assert await result_of(emsp, start) == "ACCEPTED"

    async def session() -> object:
        return next(iter(emsp.state.sessions), None)

    session_id = str(await eventually(session))
    stop = await emsp.stop_session(session_id, to=to)
    assert await result_of(emsp, stop) == "ACCEPTED"

    asked = [each for each in cpo.state.pushed if each.module == "commands"]
    assert [each.verb for each in asked] == ["POST"] * 5
    hub = trio.network.up.http_url
    for each in asked:
        assert (str(each.sender), str(each.receiver)) == ("DE*EMS", "BE*CPO")
        assert each.body is not None
        assert each.body["response_url"].startswith(f"{hub}/ocpi/2.2.1/sender/commands/")
        assert len(each.body["response_url"]) <= 255
    results = [each for each in emsp.state.pushed if each.module == "commands"]
    assert {(str(each.sender), str(each.receiver)) for each in results} == {("BE*CPO", "DE*EMS")}
    assert {each.correlation_id for each in asked} == {each.correlation_id for each in results}
    assert cpo.state.failures == []
    assert trio.rival.state.results == {}


async def test_a_command_changes_in_nothing_but_its_response_url(trio: Three) -> None:
    url = f"{trio.emsp.public_url}/ocpi/2.2.1/sender/commands/UNLOCK_CONNECTOR/c1"
    raw = b'{ "location_id":"L1","evse_uid" : "EVSE-1","connector_id":"1", "x_own":1.50, "response_url": "%b" }'

    answer = await trio.raw(trio.emsp).send("POST", "receiver/commands/UNLOCK_CONNECTOR", raw=raw % url.encode())

    assert answer.json()["data"]["result"] == "ACCEPTED"
    (body,) = trio.asked(trio.cpo, "commands")
    assert body == {**orjson.loads(raw % b""), "response_url": body["response_url"]}
    assert body["response_url"] != url
    assert (answer.headers["ocpi-from-party-id"], answer.headers["ocpi-to-party-id"]) == ("CPO", "EMS")


async def test_two_emsps_may_choose_the_same_reservation_id(trio: Three) -> None:
    for partner in (trio.emsp, trio.rival):
        done = await partner.reserve(UID, "L1", "R1", evse_uid="EVSE-1", to=CPO)
        assert await result_of(partner, done) == "ACCEPTED"
    first, second = (body["reservation_id"] for body in trio.asked(trio.cpo, "commands"))
    assert len({first, second, "R1"}) == 3
    assert all(len(each) <= 36 for each in (first, second))

    await result_of(trio.rival, await trio.rival.cancel_reservation("r1"))
    assert list(trio.cpo.state.reservations) == [first], "the other's stands"

    again = await trio.emsp.reserve(UID, "L1", "R1", evse_uid="EVSE-1")
    assert await result_of(trio.emsp, again) == "ACCEPTED"
    assert list(trio.cpo.state.reservations) == [first], "the same reservation keeps its id, and is replaced"


async def test_nobody_cancels_a_reservation_of_somebody_else(trio: Three) -> None:
    done = await trio.emsp.reserve(UID, "L1", "R1")
    await result_of(trio.emsp, done)
    (inner,) = trio.cpo.state.reservations
    body = {"response_url": f"{trio.rival.public_url}/r"}
    for reservation_id in ("R1", inner):
        asked = {**body, "reservation_id": reservation_id}
        path, to = "receiver/commands/CANCEL_RESERVATION", addressed(to="BE*CPO")
        assert await trio.raw(trio.rival).code("POST", path, asked, headers=to) == (200, 2001)
        answer = await trio.raw(trio.rival).send("POST", path, asked)
        assert answer.json()["data"]["result"] == "REJECTED", (
            "without a receiver it is for our own chargers, which know none"
        )
    assert list(trio.cpo.state.reservations) == [inner]


async def test_a_cpo_cancels_a_reservation_an_hour_later(tmp_path: Path, migrated_database_url: str) -> None:
    """By the URL that it got with RESERVE_NOW, which has been used once already and outlives the reservation."""
    clock = ManualClock(datetime(2026, 6, 1, 12, tzinfo=UTC))
    async with hub_with(tmp_path, migrated_database_url, clock=clock) as network:
        trio = await three(network)
        token, expiry = trio.emsp.state.tokens[UID], "2026-06-03T12:00:00Z"
        body = {"token": token, "location_id": "L1", "reservation_id": "R1", "expiry_date": expiry}
        reserve = await trio.emsp.asking.command("RESERVE_NOW", body, to=CPO)
        assert await result_of(trio.emsp, reserve) == "ACCEPTED"
        (inner,) = trio.cpo.state.reservations
        kept = dict(trio.cpo.state.reservations[inner])

        clock.advance(3600)
        await trio.cpo.chargers.withdraw(inner)
        assert trio.emsp.state.results[reserve]["result"] == "CANCELED_RESERVATION"

        clock.advance(timedelta(days=2, hours=22).total_seconds())
        assert await posted(trio, trio.cpo, kept["response_url"]) == 200
        clock.advance(2 * 3600)
        assert await posted(trio, trio.cpo, kept["response_url"]) == 404


async def posted(trio: Three, partner: Partner, url: str, body: Json | None = None) -> int:
    answer = await trio.raw(partner).send("POST", url.partition("/2.2.1/")[2], body or {"result": "ACCEPTED"})
    assert answer.json()["status_code"] == (1000 if answer.status_code == 200 else 2000)
    return answer.status_code


async def test_a_result_in_an_envelope_arrives_bare(trio: Three) -> None:
    await trio.emsp.reserve(UID, "L1", "R1", to=CPO)
    (body,) = trio.asked(trio.cpo, "commands")
    await eventually_results(trio)
    wrapped = {"data": {"result": "FAILED", "x": 1}, "status_code": 1000, "timestamp": SOON}
    assert await posted(trio, trio.cpo, body["response_url"], wrapped) == 200
    assert trio.asked(trio.emsp, "commands")[-1] == {"result": "FAILED", "x": 1}


async def eventually_results(trio: Three) -> None:
    async def told() -> object:
        return trio.emsp.state.results

    await eventually(told)


async def test_a_location_id_of_two_cpos_has_to_be_named_with_its_cpo(trio: Three) -> None:
    second = await trio.network.partner("CPO", "FR*CPO")
    await publish(second, "L1", evses=[{**LOCATION_EVSE, "uid": "OTHER-1"}])
    body = {
        "token": trio.emsp.state.tokens[UID],
        "location_id": "L1",
        "response_url": f"{trio.emsp.public_url}/ocpi/2.2.1/sender/commands/START_SESSION/x",
    }
    answer = await trio.raw(trio.emsp).send("POST", "receiver/commands/START_SESSION", body)
    assert answer.json()["status_code"] == 2001
    assert "OCPI-to" in answer.json()["status_message"]
    assert trio.asked(trio.cpo, "commands") == trio.asked(second, "commands") == []

    by_evse = await trio.emsp.start_session(UID, "L1", "OTHER-1")
    assert await result_of(trio.emsp, by_evse) == "ACCEPTED", "only one of them has that EVSE"
    assert len(trio.asked(second, "commands")) == 1


LOCATION_EVSE: Json = {
    **LOCATION["evses"][0],
    "last_updated": "2026-01-01T00:00:00Z",
    "connectors": [{**LOCATION["evses"][0]["connectors"][0], "last_updated": "2026-01-01T00:00:00Z"}],
}


@pytest.mark.parametrize("is_published", [True, False])
async def test_our_own_location_comes_before_a_partners_of_the_same_id(trio: Three, is_published: bool) -> None:
    await trio.network.publish()
    await trio.network.send("PUT", "/locations/LOC1", {**LOCATION, "publish": is_published})
    await publish(trio.cpo, "LOC1")
    station = await trio.network.station()
    unlock = await trio.emsp.unlock("LOC1", "EVSE-1", "1")
    assert await result_of(trio.emsp, unlock)
    assert trio.asked(trio.cpo, "commands") == []
    await station.close()


async def test_what_nobody_has_is_said_to_be_unknown(trio: Three) -> None:
    emsp, url = trio.raw(trio.emsp), f"{trio.emsp.public_url}/r"
    start = {"token": trio.emsp.state.tokens[UID], "location_id": "NOWHERE", "response_url": url}
    assert await emsp.code("POST", "receiver/commands/START_SESSION", start) == (200, 2003)
    stop = await emsp.send("POST", "receiver/commands/STOP_SESSION", {"session_id": "NONE", "response_url": url})
    assert stop.json()["data"]["result"] == "UNKNOWN_SESSION"
    await trio.running_session("S1")
    rival = trio.raw(trio.rival)
    for session_id in ("S1", "s1"):
        body = {"session_id": session_id, "response_url": f"{trio.rival.public_url}/r"}
        answer = await rival.send("POST", "receiver/commands/STOP_SESSION", body)
        assert answer.json()["data"]["result"] == "UNKNOWN_SESSION", "another eMSP's session is not found"


async def test_nobody_starts_with_a_token_of_somebody_else(trio: Three) -> None:
    for command in ("START_SESSION", "RESERVE_NOW"):
        body = {
            "token": trio.rival.state.tokens[UID],
            "location_id": "L1",
            "reservation_id": "R1",
            "expiry_date": SOON,
            "response_url": f"{trio.emsp.public_url}/r",
        }
        for to in (addressed(to="BE*CPO"), {}):
            assert await trio.raw(trio.emsp).code("POST", f"receiver/commands/{command}", body, headers=to) == (
                200,
                2001,
            )
    assert trio.asked(trio.cpo, "commands") == []
