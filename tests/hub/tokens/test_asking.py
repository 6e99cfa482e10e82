"""Cards that nobody has stored: who is asked first, who is asked at all, and who makes nobody wait."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from sqlmodel import select
from starlette.responses import Response

from hub.tokens import routes
from hub.tokens.asking import Asker, Candidate
from hub.tokens.circuit import FAILURES, PAUSE_S
from hub.tokens.tables import TokenRoute
from hub.tokens.verdicts import Authorization, Question
from hub.tokens.whitelist import Verdict
from kit.clock import ManualClock
from tests.hub.tokens.emsps import DEADLINE_S, FOREVER_S, PLACE, UID, Emsps, answers_last, says, token
from tests.journeys.network import http_client
from tests.journeys.peers import Stranger, hub_with, success

pytestmark = pytest.mark.anyio

UNKNOWN = [success(status=404, code=2004), success(code=2004), Response(status_code=404)]


async def learned(emsps: Emsps) -> Stranger:
    """An eMSP that has allowed the card once."""
    emsp = await emsps.add("DE*EMS")
    emsp.replies["/tokens"] = lambda _: says("ALLOWED")
    assert (await emsps.decide()).allowed
    emsp.seen.clear()
    return emsp


async def stored_routes(emsps: Emsps) -> list[TokenRoute]:
    async with emsps.network.up.hub.db.read() as tx:
        return list(await tx.all(select(TokenRoute)))


async def test_who_allowed_a_card_before_is_asked_alone(emsps: Emsps) -> None:
    emsp, other = await learned(emsps), await emsps.add("AT*EMS")
    other.replies["/tokens"] = lambda _: says("ALLOWED", "AT*EMS")
    for _ in range(3):
        answer = await emsps.decide(place=PLACE)
        assert answer.emsp == "DE*EMS"
    assert (len(emsp.seen), len(other.seen)) == (3, 0)


class LastMoment(Asker):
    """Asks as ever, and gets the answer in the very turn of the loop in which the deadline passes."""

    async def _request(self, candidate: Candidate, question: Question) -> Authorization | None:
        answer = asyncio.get_running_loop().create_future()

        def late() -> None:
            answer.set_result(Authorization(Verdict.ALLOWED, reference="LATE"))
            time.sleep(self._deadline_s)  # the loop is held up: what is due now is due in its next turn

        asyncio.get_running_loop().call_soon(late)
        found: Authorization = await answer
        return found


@pytest.mark.parametrize("is_first", [False, True])
async def test_an_answer_that_comes_together_with_the_deadline_counts(emsps: Emsps, is_first: bool) -> None:
    await emsps.add("DE*EMS")
    hub = emsps.network.up.hub
    peer = (await hub.directory.snapshot()).peer_of("DE", "EMS")
    assert peer is not None
    candidate = Candidate(peer, ("DE*EMS",))
    asker = LastMoment(hub.clients, hub.db.clock, deadline_s=0.2, hedge_s=10)
    answer = await asker.ask(Question(UID, "RFID"), [candidate], first=candidate if is_first else None)
    assert answer is not None
    assert (answer.verdict, answer.reference) == (Verdict.ALLOWED, "LATE")
    assert asker._circuits == {}, "it has answered in time"


async def test_no_card_number_is_in_a_route(emsps: Emsps) -> None:
    await learned(emsps)
    [route] = await stored_routes(emsps)
    assert (route.country_code, route.party_id) == ("DE", "EMS")
    assert UID.casefold() not in repr(route).casefold()


async def test_a_no_of_who_knows_the_card_is_final(emsps: Emsps) -> None:
    emsp, other = await learned(emsps), await emsps.add("AT*EMS")
    other.replies["/tokens"] = lambda _: says("ALLOWED", "AT*EMS")
    for verdict in ("BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"):
        emsp.replies["/tokens"] = lambda _, verdict=verdict: says(verdict)  # type: ignore[misc]
        assert (await emsps.decide()).verdict == verdict
    assert other.seen == [], "nobody else learns of the card"


@pytest.mark.parametrize("reply", UNKNOWN, ids=["404 and 2004", "2004", "404"])
async def test_a_card_that_moved_to_another_emsp_is_found_there_and_stays_there(emsps: Emsps, reply: Response) -> None:
    emsp, other = await learned(emsps), await emsps.add("AT*EMS")
    emsp.replies["/tokens"] = lambda _: reply
    other.replies["/tokens"] = lambda _: says("ALLOWED", "AT*EMS")
    assert (await emsps.decide()).emsp == "AT*EMS"
    emsp.seen.clear()
    assert (await emsps.decide()).emsp == "AT*EMS"
    assert emsp.seen == []


async def test_a_silent_first_has_a_head_start_and_no_more(emsps: Emsps) -> None:
    emsp, other = await learned(emsps), await emsps.add("AT*EMS")
    emsp.delay_s = FOREVER_S
    other.replies["/tokens"] = lambda _: says("ALLOWED", "AT*EMS")
    before = time.monotonic()
    assert (await emsps.decide()).emsp == "AT*EMS"
    assert 0.3 <= time.monotonic() - before < DEADLINE_S


async def test_a_late_no_of_the_first_ends_the_question(emsps: Emsps) -> None:
    """It comes after its head start, while the others are still at it: it knows the card, so it decides."""
    emsp, other = await learned(emsps), await emsps.add("AT*EMS")
    emsp.delay_s, other.delay_s = 0.5, FOREVER_S
    emsp.replies["/tokens"] = lambda _: says("BLOCKED")
    before = time.monotonic()
    assert (await emsps.decide()).verdict is Verdict.BLOCKED
    assert time.monotonic() - before < DEADLINE_S


async def test_one_late_yes_wins_over_every_other_temper(emsps: Emsps) -> None:
    """One is slow, one dead, one says no, one talks nonsense; one allows late."""
    slow, dead, no, odd, late = [await emsps.add(f"DE*E{n}X") for n in range(5)]
    slow.delay_s = late.delay_s = FOREVER_S
    dead.replies["/tokens"] = lambda _: Response(status_code=503)
    no.replies["/tokens"] = lambda _: says("BLOCKED", "DE*E2X")
    odd.replies["/tokens"] = lambda _: success({"allowed": "ALLOWED"})
    late.replies["/tokens"] = lambda _: says("ALLOWED", "DE*E4X")
    deciding = asyncio.create_task(emsps.decide(cpos=("NL*PLB",)))
    await answers_last(late, (slow, dead, no, odd, late))
    answer = await deciding
    assert (answer.emsp, answer.allowed) == ("DE*E4X", True)
    asked = [each for each in (slow, dead, no, odd, late) if each.seen]
    assert len(asked) == 5
    for each in asked:
        addresses = [value for name, value in each.seen[0].headers.items() if name.startswith("ocpi-")]
        assert sum(f"E{n}X" in addresses for n in range(5)) == 1, "who is asked learns of no other eMSP"
        assert each.seen[0].headers["ocpi-from-party-id"] == "PLB"


async def test_two_at_once_both_allow_and_one_is_remembered(emsps: Emsps) -> None:
    for party in ("DE*ONE", "DE*TWO"):
        emsp = await emsps.add(party)
        emsp.replies["/tokens"] = lambda _, party=party: says("ALLOWED", party)  # type: ignore[misc]
    answers = await asyncio.gather(*(emsps.decide() for _ in range(8)))
    assert all(answer.allowed for answer in answers)
    assert len(await stored_routes(emsps)) == 1


async def test_a_dead_emsp_slows_nobody_for_long_and_is_found_when_it_is_back(emsps: Emsps) -> None:
    dead, other = await emsps.add("DE*EMS"), await emsps.add("AT*EMS")
    dead.delay_s = FOREVER_S
    with emsps.hurried(2):
        for _ in range(FAILURES):
            assert (await emsps.decide()).verdict is Verdict.NOT_ALLOWED
    before = time.monotonic()
    assert (await emsps.decide()).verdict is Verdict.NOT_ALLOWED
    assert time.monotonic() - before < DEADLINE_S
    assert len(other.seen) == FAILURES + 1


async def test_who_was_left_alone_is_tried_again(tmp_path: Path, migrated_database_url: str) -> None:
    clock = ManualClock()
    async with (
        http_client() as http,
        hub_with(tmp_path, migrated_database_url, clock=clock) as network,
    ):
        emsps = Emsps(network, network.stack, http)
        emsp, other = await emsps.add("DE*EMS"), await emsps.add("AT*EMS")
        emsp.replies["/tokens"] = lambda _: Response(status_code=503)
        for _ in range(FAILURES):
            await emsps.decide()
        emsp.seen.clear()
        emsp.replies["/tokens"] = lambda _: says("ALLOWED")
        assert not (await emsps.decide()).allowed
        assert emsp.seen == []
        clock.advance(PAUSE_S)
        other.delay_s = FOREVER_S
        assert (await emsps.decide()).allowed
        assert (await emsps.decide()).allowed, "and asked as before"


async def test_a_learned_route_survives_a_restart_and_ends(tmp_path: Path, migrated_database_url: str) -> None:
    clock = ManualClock()

    async with (
        http_client() as http,
        hub_with(tmp_path, migrated_database_url, clock=clock, authorize_route_days=1) as network,
    ):
        first = Emsps(network, network.stack, http)
        emsp = await first.add("DE*EMS")
        emsp.replies["/tokens"] = lambda _: says("ALLOWED")
        assert (await first.decide()).allowed
        other = await first.add("AT*EMS")
        async with hub_with(tmp_path, migrated_database_url, clock=clock, authorize_route_days=1) as second:
            assert (await first.opened(second).decide()).allowed
            assert other.seen == []
        clock.advance(timedelta(days=1, seconds=1).total_seconds())
        emsp.delay_s = 0.5  # the first yes ends all other questions, and one may not have arrived by then
        assert (await first.decide()).allowed
        assert len(other.seen) == 1, "too long ago: everybody is asked again"
        clock.advance(timedelta(days=2).total_seconds())
        await routes.forget_expired(network.up.hub.db, {})
        assert await stored_routes(first) == []


async def test_only_who_has_an_agreement_with_the_cpo_is_asked(emsps: Emsps) -> None:
    agreed, other = await emsps.add("DE*EMS"), await emsps.add("AT*EMS")
    for emsp, party in ((agreed, "DE*EMS"), (other, "AT*EMS")):
        emsp.replies["/tokens"] = lambda _, party=party: says("ALLOWED", party)  # type: ignore[misc]
    await emsps.network.send("PUT", "/agreements/NL*PLB/AT*EMS", {"allowed": False})
    assert (await emsps.decide(cpos=("NL*PLB",))).emsp == "DE*EMS"
    assert other.seen == []
    await emsps.network.send("PUT", "/agreements/NL*PLB/DE*EMS", {"allowed": False})
    assert (await emsps.decide(cpos=("NL*PLB",))).verdict is Verdict.NOT_ALLOWED, "a learned route is no agreement"
    assert (await emsps.decide(cpos=("BE*CPO",))).allowed
    await emsps.store("AT*EMS", whitelist="ALWAYS")
    assert not (await emsps.decide(cpos=("NL*PLB",))).allowed, "nor is a stored card"


async def test_an_answer_is_kept_as_it_came(emsps: Emsps) -> None:
    emsp = await emsps.add("DE*EMS")
    said = {
        "allowed": "ALLOWED",
        "token": {**token(), "x_tier": "gold"},
        "info": {"language": "de", "text": "Gute Fahrt"},
        "x_more": [1, {"a": None}],
    }
    emsp.replies["/tokens"] = lambda _: success(said)
    answer = await emsps.decide()
    assert answer.info == orjson.loads(orjson.dumps(said))
