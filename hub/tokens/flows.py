"""May this driver charge here? Asked at our own chargers, and by partners about our drivers and each other's.

    stored   ours: decided at once · a partner's: by the whitelist table, its eMSP asked where the table says so
    learned  the eMSP that allowed the card before is asked, with a head start
    unknown  every eMSP that has an agreement with the CPO and authorizes in real time, at once: the first yes wins

A learned eMSP that says no has decided, and nobody else is asked: it knows the card. All are asked when it does not
know the card any more, and when it is silent for longer than its head start; a yes of another takes its place.
"""

from dataclasses import replace
from datetime import timedelta

from hub.parties.agreements import Agreements
from hub.parties.clients import Clients
from hub.parties.directory import Directory, Snapshot
from hub.tokens import routes
from hub.tokens.asking import Asker, Candidate
from hub.tokens.tables import by_uid
from hub.tokens.verdicts import UNKNOWN, Authorization, Json, Question, is_final, owner_of
from hub.tokens.whitelist import Verdict, must_ask, without_asking
from kit.crypto import KeyRing
from kit.ids import uuid7
from kit.rates import Rates
from kit.tx import Database
from ocpi.errors import TooManyRequests

__all__ = ["Authorization", "Authorizer", "Question"]


class Authorizer:
    """Decides about tokens; `deadline_s` is the longest that partners may take together, `hedge_s` the head start of
    an eMSP that allowed the card before, `route_kept` how long that is remembered, `misses_per_minute` how many
    unknown cards one platform may ask about."""

    def __init__(
        self,
        db: Database,
        keys: KeyRing,
        directory: Directory,
        clients: Clients,
        *,
        deadline_s: float,
        hedge_s: float,
        route_kept: timedelta,
        misses_per_minute: int,
    ) -> None:
        self._db = db
        self._keys = keys
        self._directory = directory
        self._asker = Asker(clients, db.clock, deadline_s=deadline_s, hedge_s=hedge_s)
        self._route_kept = route_kept
        # Lookups that go out to eMSPs and end in no: so many that a partner's drivers do not notice, too few to find
        # cards by trying. One that is allowed is given back, so that a large network never meets the limit.
        self._misses = Rates(db.clock.monotonic, misses_per_minute / 60, burst=misses_per_minute)
        self._deadline_s = deadline_s
        self._usual_refusal_s = hedge_s

    async def decide(self, question: Question) -> Authorization:
        """The verdict on a token. Who does not answer does not allow, whatever else partners do.

        Raises `TooManyRequests` for a platform that asks about too many cards in vain.
        """
        snapshot = await self._directory.snapshot()
        async with self._db.read() as tx:
            known = [(row.platform_id, row.body()) for row in await by_uid(tx, self._keys, question.uid)]
            route = await routes.learned(tx, self._keys, question.uid, question.token_type)
        known = [each for each in known if _may_charge(snapshot.agreements, question, owner_of(each[1]))]
        if question.emsp is not None:
            known = [each for each in known if owner_of(each[1]) == question.emsp]
        known = [each for each in known if each[1]["type"] == question.token_type] or known
        if not known and question.emsp is not None:
            return UNKNOWN
        if not known:
            return await self._look_up(question, snapshot, route)
        home, body = known[0]
        if home is None:
            return _own(body, question)
        if must_ask(body["whitelist"]):
            candidates = [each for each in _candidates(snapshot, question) if each.peer.id == home]
            asked = await self._asker.ask(question, candidates)
            if asked is not None:
                return replace(asked, stored=True)
        verdict = without_asking(body["whitelist"], valid=bool(body["valid"]))
        return Authorization(verdict, body, auth_method="WHITELIST", place=question.place, stored=True)

    async def close(self) -> None:
        """Stop whatever still goes on."""
        await self._asker.close()

    async def _look_up(self, question: Question, snapshot: Snapshot, route: str | None) -> Authorization:
        """Ask about a card that nobody has stored, and remember who allowed it."""
        asker, began_s = question.asker, self._db.clock.monotonic()
        if asker is not None and (wait_s := self._misses.take(asker)):
            raise TooManyRequests(headers={"Retry-After": str(int(wait_s) + 1)})
        candidates = _candidates(snapshot, question)
        first = next((each for each in candidates if route in each.parties), None)
        answer = await self._asker.ask(question, candidates, first=first) or UNKNOWN
        if answer.allowed:
            if asker is not None:
                self._misses.give_back(asker)
            await self._remember(question, answer)
            return answer
        if asker is not None:
            await self._pace(began_s, is_short=first is not None and is_final(answer))
        return answer

    async def _remember(self, question: Question, answer: Authorization) -> None:
        assert answer.emsp is not None  # noqa: S101 - a yes comes with the token
        async with self._db.tx() as tx:
            await routes.learn(tx, self._keys, question.uid, question.token_type, answer.emsp, kept=self._route_kept)

    async def _pace(self, began_s: float, *, is_short: bool) -> None:
        """Let the no of one eMSP take as long as the no of all: the time would tell that somebody knows the card."""
        took_s = self._db.clock.monotonic() - began_s
        if is_short:
            await self._db.clock.sleep(min(self._usual_refusal_s, self._deadline_s) - took_s)
        else:
            self._usual_refusal_s += (took_s - self._usual_refusal_s) / 4


def _may_charge(agreements: Agreements, question: Question, emsp: str) -> bool:
    return any(agreements.may_charge(cpo, emsp, question.location_id) for cpo in question.cpos)


def _candidates(snapshot: Snapshot, question: Question) -> list[Candidate]:
    """The platforms that authorize in real time, with their eMSPs that have an agreement with who asks."""
    found = []
    for peer in snapshot.peers.values():
        if not peer.is_registered or peer.id == question.asker or "SENDER/tokens" not in peer.endpoints:
            continue
        emsps = peer.keys_with({"EMSP"})
        agreed = tuple(emsp for emsp in emsps if _may_charge(snapshot.agreements, question, emsp))
        if agreed:
            found.append(Candidate(peer, agreed))
    return found


def _own(body: Json, question: Question) -> Authorization:
    verdict = Verdict.ALLOWED if body["valid"] else Verdict.BLOCKED
    reference = uuid7() if verdict is Verdict.ALLOWED else None
    return Authorization(verdict, body, auth_method="WHITELIST", reference=reference, place=question.place, stored=True)
