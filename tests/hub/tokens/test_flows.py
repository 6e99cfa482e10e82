"""Who is asked about a card, how long, and what counts as an answer: with eMSPs on real sockets."""

import asyncio
import time

import orjson
import pytest
from starlette.responses import Response

from hub.tokens.whitelist import Verdict
from tests.hub.tokens.emsps import DEADLINE_S, FOREVER_S, PLACE, UID, Emsps, answers_last, says, token
from tests.journeys.peers import success

pytestmark = pytest.mark.anyio


ROWS = [
    ("ALWAYS", True, False, Verdict.ALLOWED, Verdict.ALLOWED),
    ("ALWAYS", False, False, Verdict.ALLOWED, Verdict.ALLOWED),
    ("ALLOWED", True, False, Verdict.ALLOWED, Verdict.ALLOWED),
    ("ALLOWED", False, False, Verdict.BLOCKED, Verdict.BLOCKED),
    ("ALLOWED_OFFLINE", True, True, Verdict.NO_CREDIT, Verdict.ALLOWED),
    ("ALLOWED_OFFLINE", False, True, Verdict.NO_CREDIT, Verdict.BLOCKED),
    ("NEVER", True, True, Verdict.NO_CREDIT, Verdict.NOT_ALLOWED),
    ("NEVER", False, True, Verdict.NO_CREDIT, Verdict.NOT_ALLOWED),
]


@pytest.mark.parametrize(("whitelist", "valid", "asked", "answered", "away"), ROWS)
async def test_the_whitelist_decides_who_is_asked_and_what_silence_means(
    emsps: Emsps, whitelist: str, valid: bool, asked: bool, answered: Verdict, away: Verdict
) -> None:
    emsp = await emsps.add("DE*EMS")
    await emsps.store("DE*EMS", whitelist=whitelist, valid=valid)
    emsp.replies["/tokens"] = lambda _: says("NO_CREDIT")
    assert (await emsps.decide()).verdict is answered
    assert [seen.path for seen in emsp.seen] == ([f"/tokens/{UID}/authorize"] if asked else [])
    emsp.replies["/tokens"] = lambda _: Response(status_code=503)
    assert (await emsps.decide()).verdict is away
    emsp.delay_s = FOREVER_S
    with emsps.hurried(0.5):
        assert (await emsps.decide()).verdict is away


@pytest.mark.parametrize("reply", [success(status=404, code=2004), success(code=2004)])
async def test_an_emsp_that_no_longer_knows_its_token_has_answered(emsps: Emsps, reply: Response) -> None:
    """That is a no, and no silence: what is stored does not count."""
    emsp = await emsps.add("DE*EMS")
    await emsps.store("DE*EMS", whitelist="ALLOWED_OFFLINE", valid=True)
    emsp.replies["/tokens"] = lambda _: reply
    assert (await emsps.decide()).verdict is Verdict.NOT_ALLOWED


async def test_our_own_card_is_decided_here(emsps: Emsps) -> None:
    emsp = await emsps.add("DE*EMS")
    await emsps.store("NL*PLB", whitelist="NEVER")
    allowed = await emsps.decide()
    assert (allowed.verdict, allowed.reference is not None) == (Verdict.ALLOWED, True)
    await emsps.store("NL*PLB", valid=False, last_updated="2026-01-02T00:00:00Z")
    refused = await emsps.decide()
    assert (refused.verdict, refused.reference) == (Verdict.BLOCKED, None)
    assert emsp.seen == []


async def test_everybody_is_asked_at_once_and_the_first_yes_wins(emsps: Emsps) -> None:
    slow, fast, no = [await emsps.add(party) for party in ("DE*SLO", "DE*FAS", "DE*NOO")]
    cpo = await emsps.add("DE*CPO", role="CPO")
    slow.replies["/tokens"] = lambda _: says("ALLOWED", "DE*SLO")
    slow.delay_s = fast.delay_s = FOREVER_S
    fast.replies["/tokens"] = lambda _: says("ALLOWED", "DE*FAS", authorization_reference="REF-1")
    no.replies["/tokens"] = lambda _: says("BLOCKED", "DE*NOO")

    before = time.monotonic()
    deciding = asyncio.create_task(emsps.decide(place=PLACE))
    await answers_last(fast, (slow, fast, no))
    answer = await deciding

    assert time.monotonic() - before < DEADLINE_S
    assert (answer.verdict, answer.reference, answer.auth_method) == (Verdict.ALLOWED, "REF-1", "AUTH_REQUEST")
    assert answer.cdr_token is not None
    assert answer.cdr_token["party_id"] == "FAS"
    assert orjson.loads(fast.seen[0].body) == {"location_id": "LOC1", "evse_uids": ["EVSE-1"]}
    assert len(slow.seen) == len(no.seen) == 1
    assert cpo.seen == []


async def test_nobody_is_waited_for_beyond_the_deadline(emsps: Emsps) -> None:
    slow, no = await emsps.add("DE*SLO"), await emsps.add("DE*NOO")
    slow.delay_s = FOREVER_S
    no.replies["/tokens"] = lambda _: says("NO_CREDIT", "DE*NOO")
    before = time.monotonic()
    with emsps.hurried(2):
        answer = await emsps.decide()
    assert 1.9 < time.monotonic() - before < DEADLINE_S
    assert answer.verdict is Verdict.NO_CREDIT, "who answered in time counts"


async def test_a_refusal_by_who_knows_the_card_outweighs_those_who_do_not(emsps: Emsps) -> None:
    stranger_to_it, knows = await emsps.add("DE*STR"), await emsps.add("DE*KNO")
    stranger_to_it.replies["/tokens"] = lambda _: success(status=404, code=2004)
    knows.replies["/tokens"] = lambda _: says("EXPIRED", "DE*KNO")
    knows.delay_s = 0.2
    answer = await emsps.decide()
    assert (answer.verdict, answer.token is not None) == (Verdict.EXPIRED, True)


@pytest.mark.parametrize(
    "reply",
    [
        says("ALLOWED", "DE*OTH"),
        says("ALLOWED", "NL*PLB"),
        says("PERHAPS"),
        says("NOT_ALLOWED"),
        says("ALLOWED", location={"location_id": "LOC1", "evse_uids": ["EVSE-2"]}),
        success({"allowed": "ALLOWED"}),
        success(["ALLOWED"]),
        success(None),
        Response("ALLOWED"),
        Response(b"\xff", media_type="application/json"),
        success({"allowed": "ALLOWED", "token": token()}, code=2000),
        success({"allowed": "ALLOWED", "token": token()}, status=401),
        Response(status_code=302, headers={"Location": "http://127.0.0.1:9/"}),
    ],
    ids=range(13),
)
async def test_what_is_no_yes_does_not_allow(emsps: Emsps, reply: Response) -> None:
    """Another's token, an unknown verdict, another EVSE, half an answer, none at all."""
    emsp, other = await emsps.add("DE*EMS"), await emsps.add("DE*OTH")
    emsp.replies["/tokens"] = lambda _: reply
    answer = await emsps.decide(place=PLACE)
    assert not answer.allowed
    assert answer.verdict is Verdict.NOT_ALLOWED
    assert len(other.seen) == 1


async def test_who_asks_is_not_asked_back(emsps: Emsps) -> None:
    emsp = await emsps.add("DE*EMS")
    peer = (await emsps.network.up.hub.directory.snapshot()).peer_of("DE", "EMS")
    assert peer is not None
    emsp.replies["/tokens"] = lambda _: says("ALLOWED")
    assert (await emsps.decide(asker=peer.id)).verdict is Verdict.NOT_ALLOWED
    assert emsp.seen == []


async def test_without_any_emsp_an_unknown_card_is_refused_at_once(emsps: Emsps) -> None:
    answer = await emsps.decide()
    assert (answer.verdict, answer.token) == (Verdict.NOT_ALLOWED, None)
