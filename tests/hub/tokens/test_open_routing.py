"""A partner CPO asks about a card that is not the hub's: it learns whose it is when it is allowed, and else nothing."""

import asyncio
import time
from typing import Any

import orjson
import pytest
from starlette.responses import Response

from tests.hub.tokens.emsps import UID, Emsps, says, token
from tests.journeys.peers import Ocpi, addressed, credentials, hub_with, stranger, success

pytestmark = pytest.mark.anyio

PATH = f"sender/tokens/{UID}/authorize"
PLACE = {"location_id": "L9", "evse_uids": ["E1", "E2"], "x_floor": 2}
EMSPS = ("DE*ONE", "DE*TWO", "AT*TRE")


async def cpo_of(emsps: Emsps, party: str = "BE*CPO") -> Ocpi:
    """A partner CPO that can ask."""
    made = await emsps.stack.enter_async_context(stranger())
    invitation = await emsps.network.send("POST", "/partners/invitations", {"name": party}, expect=201)
    invitee = Ocpi.with_token(emsps.network, emsps.http, invitation["token"])
    joined = await invitee.send("POST", "credentials", credentials(made.speaks({}), f"CPO:{party}"))
    return Ocpi.with_token(emsps.network, emsps.http, joined.json()["data"]["token"])


async def test_a_yes_comes_back_untouched_and_the_question_goes_out_as_it_was_asked(emsps: Emsps) -> None:
    cpo = await cpo_of(emsps)
    one, two, three = [await emsps.add(party) for party in EMSPS]
    said: dict[str, Any] = {
        "allowed": "ALLOWED",
        "token": {**token("DE*TWO"), "x_tier": "gold"},
        "location": {"location_id": "L9", "evse_uids": ["E1"]},
        "authorization_reference": "REF-2",
        "info": {"language": "de", "text": "Gute Fahrt"},
        "x_more": [1.5, None],
    }
    two.replies["/tokens"] = lambda _: success(said)
    one.replies["/tokens"] = lambda _: Response(status_code=404)
    answer = await cpo.send("POST", PATH, PLACE)
    assert (answer.status_code, answer.json()["status_code"], answer.json()["data"]) == (200, 1000, said)
    for emsp, party in zip((one, two, three), EMSPS, strict=True):
        [seen] = emsp.seen
        assert orjson.loads(seen.body) == PLACE
        assert seen.query == "type=RFID"
        assert (seen.headers["ocpi-to-party-id"], seen.headers["ocpi-from-party-id"]) == (party[3:], "CPO")
    await cpo.send("POST", f"{PATH}?type=APP_USER")
    assert [each.seen[-1].query for each in (one, two, three)] == ["type=APP_USER"] * 3, "a route is for uid and type"


async def test_every_no_looks_the_same(emsps: Emsps) -> None:
    """Nobody knows the card; one knows it and refuses it; the one that allowed it before refuses it now."""
    cpo = await cpo_of(emsps)
    servers = [await emsps.add(party) for party in EMSPS]
    for emsp in servers:
        emsp.delay_s = 0.25

    async def ask() -> tuple[bytes, float]:
        before = time.monotonic()
        answer = await cpo.send("POST", PATH)
        body = answer.json()
        assert "data" not in body
        del body["timestamp"]
        return orjson.dumps([answer.status_code, body]), time.monotonic() - before

    nobody, took_s = await ask()
    assert took_s >= 0.25
    refusals = [nobody]
    for verdict in ("BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"):
        servers[0].replies["/tokens"] = lambda _, verdict=verdict: says(verdict, "DE*ONE")  # type: ignore[misc]
        refusals.append((await ask())[0])
    servers[0].replies["/tokens"] = lambda _: says("ALLOWED", "DE*ONE")
    assert await cpo.code("POST", PATH) == (200, 1000)
    servers[0].replies["/tokens"] = lambda _: says("BLOCKED", "DE*ONE")
    servers[0].delay_s = 0
    refused, took_s = await ask()
    assert took_s >= 0.2, "a quick no would tell that somebody knows the card"
    assert {*refusals, refused} == {nobody}
    assert orjson.loads(nobody)[0] == 404
    assert orjson.loads(nobody)[1]["status_code"] == 2004


async def test_an_addressed_question_goes_to_who_is_named_alone(emsps: Emsps) -> None:
    cpo = await cpo_of(emsps)
    one, two, _ = [await emsps.add(party) for party in EMSPS]
    one.replies["/tokens"] = lambda _: says("NO_CREDIT", "DE*ONE")
    answer = await cpo.send("POST", PATH, PLACE, headers=addressed(to="DE*ONE"))
    assert answer.json()["data"]["allowed"] == "NO_CREDIT", "who names the eMSP knows it"
    assert (len(one.seen), len(two.seen)) == (1, 0)


async def test_our_own_emsp_answers_for_itself_alone(emsps: Emsps) -> None:
    cpo = await cpo_of(emsps)
    emsp = await emsps.add("DE*ONE")
    emsp.replies["/tokens"] = lambda _: says("ALLOWED", "DE*ONE")
    assert await cpo.code("POST", PATH, headers=addressed(to="NL*PLB")) == (404, 2004)
    assert emsp.seen == []
    await emsps.store("NL*PLB")
    answer = await cpo.send("POST", PATH, PLACE, headers=addressed(to="NL*PLB"))
    assert (answer.json()["data"]["allowed"], answer.json()["data"]["token"]["party_id"]) == ("ALLOWED", "PLB")


async def test_a_card_in_the_list_of_the_cpo_is_refused_with_its_reason(emsps: Emsps) -> None:
    cpo = await cpo_of(emsps)
    emsp = await emsps.add("DE*ONE")
    await emsps.store("DE*ONE", whitelist="NEVER")
    emsp.replies["/tokens"] = lambda _: says("NO_CREDIT", "DE*ONE", x_why=1)
    answer = (await cpo.send("POST", PATH)).json()
    assert (answer["data"]["allowed"], answer["data"]["x_why"]) == ("NO_CREDIT", 1)
    await emsps.network.send("PUT", "/agreements/BE*CPO/DE*ONE", {"allowed": False})
    assert await cpo.code("POST", PATH) == (404, 2004), "without an agreement it is as unknown as any other"


@pytest.fixture
async def limited(tmp_path: Any, migrated_database_url: str, emsps: Emsps) -> Any:
    async with hub_with(tmp_path, migrated_database_url, authorize_misses_per_minute=5) as network:
        yield emsps.opened(network)


async def test_nobody_finds_cards_by_trying(limited: Emsps) -> None:
    cpo, other = await cpo_of(limited), await cpo_of(limited, "FR*CPO")
    emsp = await limited.add("DE*ONE")
    emsp.replies[f"/tokens/{UID}"] = lambda _: says("ALLOWED", "DE*ONE")
    for _ in range(10):
        assert await cpo.code("POST", PATH) == (200, 1000), "what is allowed costs nothing"
    codes = await asyncio.gather(*(cpo.code("POST", f"sender/tokens/TRY{n}/authorize") for n in range(12)))
    assert sorted(set(codes)) == [(404, 2004), (429, 2000)]
    assert codes.count((404, 2004)) == 5
    answer = await cpo.send("POST", PATH)
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
    assert await other.code("POST", PATH) == (200, 1000)
