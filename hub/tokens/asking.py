"""Asking eMSPs about a card: one first where it is known which, else all at once, and nobody beyond the deadline."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from hub.parties.clients import Clients
from hub.parties.directory import Peer
from hub.parties.outbox import Refused, Unreachable
from hub.tokens.circuit import Circuit, Way
from hub.tokens.verdicts import UNKNOWN, Authorization, Question, holds_at, is_final, weightier
from hub.tokens.whitelist import Verdict
from kit.clock import Clock
from kit.log import get
from ocpi.errors import UnknownToken
from ocpi.types import to_bytes
from ocpi.v221.tokens import AuthorizationInfo

log = get(__name__)

NOT_FOUND = 404

_Answer = asyncio.Task[Authorization | None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A platform that may be asked: `parties`, `CC*PID`, are its eMSPs that have an agreement with who asks."""

    peer: Peer
    parties: tuple[str, ...]


@dataclass
class _Race:
    """The questions that are on their way. `waited` are those whose answers are waited for."""

    waited: set[_Answer] = field(default_factory=set)
    tried: set[_Answer] = field(default_factory=set)
    peers: dict[_Answer, Peer] = field(default_factory=dict)
    first: _Answer | None = None


class Asker:
    """Asks partners. `deadline_s` is the longest that they may take together, `hedge_s` the head start of the first."""

    def __init__(self, clients: Clients, clock: Clock, *, deadline_s: float, hedge_s: float) -> None:
        self._clients = clients
        self._clock = clock
        self._deadline_s = deadline_s
        self._hedge_s = hedge_s
        self._circuits: dict[str, Circuit] = {}
        self._trials: set[_Answer] = set()

    async def ask(
        self, question: Question, candidates: Sequence[Candidate], *, first: Candidate | None = None
    ) -> Authorization | None:
        """The first yes; else the final no of `first`; else the weightiest answer; None when nobody gave any."""
        race, found = _Race(), None
        try:
            async with asyncio.timeout(self._deadline_s):
                if first is not None and self._start(race, first, question):
                    race.first = next(iter(race.waited), None)
                    done, _ = await asyncio.wait(race.waited, timeout=self._hedge_s) if race.waited else (set(), None)
                    found = self._settle(race, done, found)
                    if done and is_final(found):
                        return found
                for candidate in candidates:
                    if first is None or candidate.peer.id != first.peer.id:
                        self._start(race, candidate, question)
                if not race.waited:
                    race.waited, race.tried = race.tried, set()
                while race.waited:
                    done, _ = await asyncio.wait(race.waited | race.tried, return_when=asyncio.FIRST_COMPLETED)
                    is_decided = race.first in done and is_final(race.first.result() if race.first else None)
                    found = self._settle(race, done, found)
                    if found is not None and (found.allowed or is_decided):
                        return found
        except TimeoutError:
            # What came in the same turn of the loop as the deadline has not been looked at yet.
            found = self._settle(race, {task for task in race.peers if task.done()}, found)
            if race.waited:
                log.warning("authorization_deadline_passed", unanswered=len(race.waited))
            for task in race.waited:
                self._failed(race.peers[task])
        finally:
            await self._leave(race)
        return found

    async def close(self) -> None:
        """Give up the trials that still run."""
        await _cancel(self._trials)

    def _start(self, race: _Race, candidate: Candidate, question: Question) -> bool:
        """Send the question, unless the partner is left alone."""
        peer, now_s = candidate.peer, self._clock.monotonic()
        circuit = self._circuits.get(peer.id, Circuit())
        way = circuit.way(now_s)
        if way is Way.SKIP:
            return False
        if way is Way.TRY:
            self._circuits[peer.id] = circuit.tried(now_s)
        task = asyncio.create_task(self._answer(candidate, question, is_trial=way is Way.TRY))
        race.peers[task] = peer
        (race.tried if way is Way.TRY else race.waited).add(task)
        return True

    def _settle(self, race: _Race, done: set[_Answer], found: Authorization | None) -> Authorization | None:
        race.waited -= done
        race.tried -= done
        for task in done:
            found = weightier(found, task.result())
        return found

    async def _leave(self, race: _Race) -> None:
        """Stop waiting. A trial goes on to find out whether its partner is back."""
        for trial in race.tried:
            self._trials.add(trial)
            trial.add_done_callback(self._trials.discard)
        await _cancel(race.waited)

    async def _answer(self, candidate: Candidate, question: Question, *, is_trial: bool) -> Authorization | None:
        """One eMSP's answer; None when it gave none that counts. Notes whether it answered at all."""
        try:
            async with asyncio.timeout(self._deadline_s if is_trial else None):
                answer = await self._request(candidate, question)
        except (Unreachable, TimeoutError) as error:
            log.warning("emsp_did_not_answer", platform_id=candidate.peer.id, reason=str(error))
            self._failed(candidate.peer)
            return None
        self._circuits.pop(candidate.peer.id, None)
        return answer

    async def _request(self, candidate: Candidate, question: Question) -> Authorization | None:
        named = question.cpos[0] if len(question.cpos) == 1 and len(question.cpos[0]) > 1 else None
        try:
            data = await self._clients.request(
                candidate.peer,
                "POST",
                "SENDER/tokens",
                (question.uid, "authorize"),
                query={"type": question.token_type},
                body=to_bytes(question.place) if question.place else None,
                sender=named,
                receiver=candidate.parties[0],
            )
            info = AuthorizationInfo.model_validate_json(orjson.dumps(data))
        except Refused as error:
            is_unknown = error.status_code == UnknownToken.status_code or error.http_status == NOT_FOUND
            return UNKNOWN if is_unknown else None
        except ValueError:
            log.warning("emsp_answer_unintelligible", platform_id=candidate.peer.id)
            return None
        if f"{info.token.country_code}*{info.token.party_id}".upper() not in candidate.parties:
            log.warning("emsp_vouches_for_another", platform_id=candidate.peer.id)
            return None
        verdict = Verdict(info.allowed) if info.allowed.known else Verdict.NOT_ALLOWED
        return Authorization(
            verdict=verdict if holds_at(info.location, question.place) else Verdict.NOT_ALLOWED,
            token=orjson.loads(to_bytes(info.token)),
            reference=info.authorization_reference,
            place=info.location,
            info=data if isinstance(data, dict) else None,
        )

    def _failed(self, peer: Peer) -> None:
        now_s = self._clock.monotonic()
        self._circuits[peer.id] = self._circuits.get(peer.id, Circuit()).failed(now_s)


async def _cancel(tasks: set[_Answer]) -> None:
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
