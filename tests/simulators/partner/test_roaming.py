"""A CPO and an eMSP that roam with each other: objects, taps, commands, sessions and bills."""

from collections.abc import Awaitable, Callable
from decimal import Decimal as D
from typing import Any

import orjson
import pytest

from ocpi.endpoint import Interface, Verb
from ocpi.errors import PeerRefused
from ocpi.headers import Party
from simulators.partner.documents import price
from simulators.partner.partner import Partner

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
Eventually = Callable[[Callable[[], Any]], Awaitable[Any]]
Peers = tuple[Partner, Partner]


async def test_a_driver_taps_and_the_bill_arrives(peers: Peers) -> None:
    cpo, emsp = peers
    tapped = await cpo.tap("04AABBCC", kwh="12.5", evse_uid="E2")
    assert tapped["allowed"] == "ALLOWED"
    [session], [cdr] = emsp.state.sessions.values(), emsp.state.cdrs.values()
    assert (session["id"], session["status"], session["kwh"]) == (tapped["session_id"], "COMPLETED", 12.5)
    assert cdr["session_id"] == session["id"]
    assert cdr["cdr_location"]["evse_uid"] == "E2"
    assert cdr["cdr_token"]["contract_id"] == "DE-EMS-C1"
    assert cdr["auth_method"] == "AUTH_REQUEST"
    assert cdr["authorization_reference"] == "AUTH-1"
    assert cdr["total_cost"] == session["total_cost"] == {"excl_vat": 5.5, "incl_vat": 6.1}
    assert cdr["total_energy"] == cdr["charging_periods"][0]["dimensions"][0]["volume"] == 12.5
    verbs = [push.verb for push in emsp.state.pushed]
    assert verbs == ["PUT", "PATCH", "POST"]
    assert {push.sender for push in emsp.state.pushed} == {Party("BE", "CPO")}


async def test_a_long_charge_is_told_while_it_goes_on(peers: Peers) -> None:
    cpo, emsp = peers
    cpo.charging_s = 3.0

    async def sleep(seconds: float) -> None:
        return None

    cpo.clock.sleep = sleep  # type: ignore[method-assign]
    await cpo.tap("04AABBCC", kwh="9")
    told = [push.body["kwh"] for push in emsp.state.pushed if push.module == "sessions" and push.body]
    assert told == [0, 3, 6, 9]


@pytest.mark.parametrize("allowed", ["BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"])
async def test_a_card_that_may_not_charge_is_not_charged(peers: Peers, allowed: str) -> None:
    cpo, emsp = peers
    emsp.state.allowed["04AABBCC"] = allowed
    assert await cpo.tap("04AABBCC") == {"allowed": allowed, "session_id": None}
    assert emsp.state.sessions == {}


async def test_a_card_that_nobody_knows_is_not_charged(peers: Peers) -> None:
    cpo, emsp = peers
    tapped = await cpo.tap("STRANGER")
    assert (tapped["allowed"], tapped["session_id"]) == ("NOT_ALLOWED", None)
    assert (emsp.state.authorizations, emsp.state.sessions) == (1, {})


async def test_a_wrong_bill_can_be_asked_for(peers: Peers) -> None:
    cpo, emsp = peers
    cpo.billing_error = D("0.25")
    await cpo.tap("04AABBCC", kwh="10")
    [cdr] = emsp.state.cdrs.values()
    assert cdr["total_cost"]["excl_vat"] == 4.75


def test_the_price_is_exact() -> None:
    components = [{"type": "TIME", "price": 0.1}, {"type": "ENERGY", "price": 0.1, "vat": 10}]
    tariff = {"elements": [{"price_components": components}]}
    assert price(tariff, D("0.3"), D(2)) == {"excl_vat": D("0.23"), "incl_vat": D("0.233")}
    assert price(None, D(5), D(1)) == {"excl_vat": 0, "incl_vat": 0}


async def test_a_driver_is_started_and_stopped_from_afar(peers: Peers, eventually: Eventually) -> None:
    cpo, emsp = peers
    cpo.charging_s = 60.0
    command = await emsp.start_session("04AABBCC", "LOC1", "E1", to=Party("BE", "CPO"))
    assert await eventually(lambda: emsp.state.results.get(command)) == {
        "command": "START_SESSION",
        "result": "ACCEPTED",
    }
    session = await eventually(lambda: next(iter(emsp.state.sessions.values()), None))
    assert (session["auth_method"], session["status"]) == ("COMMAND", "ACTIVE")
    assert cpo.state.pushed[-1].receiver == Party("BE", "CPO")

    again = await emsp.start_session("04AABBCC", "LOC1", "E1")
    assert (await eventually(lambda: emsp.state.results.get(again)))["result"] == "EVSE_OCCUPIED"

    stop = await emsp.stop_session(session["id"])
    assert (await eventually(lambda: emsp.state.results.get(stop)))["result"] == "ACCEPTED"
    [cdr] = await eventually(lambda: list(emsp.state.cdrs.values()))
    assert cdr["authorization_reference"] == session["authorization_reference"]
    assert emsp.state.authorizations == 0
    assert cpo.state.failures == []


async def test_commands_that_make_no_sense_are_refused_at_once(peers: Peers) -> None:
    _, emsp = peers
    with pytest.raises(PeerRefused) as refused:
        await emsp.start_session("04AABBCC", "NOWHERE")
    assert refused.value.status_code == 2003
    command = await emsp.stop_session("no-such-session")
    assert emsp.state.results[command]["result"] == "UNKNOWN_SESSION"
    with pytest.raises(KeyError):
        await emsp.start_session("NOT-MINE", "LOC1")


async def test_a_cable_is_released(peers: Peers, eventually: Eventually) -> None:
    _, emsp = peers
    command = await emsp.unlock("LOC1", "E1", "1")
    assert (await eventually(lambda: emsp.state.results.get(command)))["result"] == "ACCEPTED"


async def test_objects_are_pushed_changed_and_deleted(peers: Peers) -> None:
    cpo, emsp = peers
    await cpo.push("locations", cpo.state.locations["LOC1"])
    await cpo.push("tariffs", cpo.state.tariffs["T1"])
    await cpo.patch("locations", ["LOC1", "E2"], {"status": "CHARGING"})
    await cpo.patch("locations", ["loc1"], {"name": "New quay"})
    stored = emsp.state.locations["LOC1"]
    assert stored["name"] == "New quay"
    assert [evse["status"] for evse in stored["evses"]] == ["AVAILABLE", "CHARGING"]
    with pytest.raises(PeerRefused) as unknown:
        await cpo.patch("locations", ["LOC1", "E9"], {"status": "CHARGING"})
    assert unknown.value.http_status == 404
    await cpo.delete("tariffs", "T1")
    assert emsp.state.tariffs == {}
    await emsp.push("tokens", {**emsp.state.tokens["04AABBCC"], "valid": False})
    assert cpo.state.tokens["04AABBCC"]["valid"] is False
    await emsp.patch("tokens", ["04AABBCC"], {"valid": True})
    assert cpo.state.tokens["04AABBCC"]["valid"] is True


async def test_lists_are_read_page_by_page_and_since_a_date(peers: Peers) -> None:
    cpo, emsp = peers
    for number in range(5):
        cpo.keep("tariffs", {**cpo.state.tariffs["T1"], "id": f"T-{number}"})
    cpo.state.tariffs["T-3"]["last_updated"] = "2030-01-01T00:00:00Z"
    assert len(await emsp.pull("tariffs", limit=2)) == 6
    assert [each["id"] for each in await emsp.pull("tariffs", date_from="2029-01-01T00:00:00Z")] == ["T-3"]


async def test_a_cdr_is_kept_as_it_came_first(peers: Peers) -> None:
    cpo, emsp = peers
    await cpo.tap("04AABBCC")
    [cdr] = list(emsp.state.cdrs.values())
    location = f"{emsp.public_url}/ocpi/2.2.1/receiver/cdrs/BE/CPO/{cdr['id']}"
    assert emsp.state.link is not None
    client = cpo.hub.client()
    changed = {**cdr, "total_energy": 99}
    reply = await client.post("cdrs", Interface.RECEIVER, body=orjson.dumps(changed))
    assert (reply.http_status, reply.headers["location"]) == (200, location)
    assert (await client.request(Verb.GET, location)).envelope.data == cdr
