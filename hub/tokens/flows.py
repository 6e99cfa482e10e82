"""May this driver charge here? Asked at our own chargers, and by partners about our drivers and each other's.

A token of ours is decided at once. A partner's stored token is decided by the whitelist table, its eMSP being asked
where the table says so. A token that nobody has stored is asked of every eMSP that authorizes in real time, at once and
under one deadline: the first that allows it wins.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hub.parties.clients import Clients
from hub.parties.directory import Directory, Peer
from hub.parties.outbox import Refused, Unreachable
from hub.tokens.service import cdr_token
from hub.tokens.tables import by_uid
from hub.tokens.whitelist import Verdict, must_ask, without_asking
from kit.crypto import KeyRing
from kit.ids import uuid7
from kit.log import get
from kit.tx import Database
from ocpi.errors import UnknownToken
from ocpi.types import to_bytes
from ocpi.v221.tokens import AuthorizationInfo, LocationReferences

Json = dict[str, Any]

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """A token that was presented, and where. `token_type` is OCPI's; `asker` a platform that must not be asked back."""

    uid: str
    token_type: str
    place: LocationReferences | None = None
    asker: str | None = None


@dataclass(frozen=True, slots=True)
class Authorization:
    """The verdict on a token. `token` is the eMSP's Token object, None for one that nobody knows."""

    verdict: Verdict
    token: Json | None = None
    auth_method: str = "AUTH_REQUEST"
    reference: str | None = None
    place: LocationReferences | None = None

    @property
    def allowed(self) -> bool:
        """Whether the driver may charge."""
        return self.verdict is Verdict.ALLOWED

    @property
    def cdr_token(self) -> Json | None:
        """The CdrToken for a session of this driver."""
        return cdr_token(self.token) if self.token else None


UNKNOWN = Authorization(Verdict.NOT_ALLOWED)


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Decides about tokens; `deadline_s` is the longest that partners may take together."""

    db: Database
    keys: KeyRing
    directory: Directory
    clients: Clients
    deadline_s: float

    async def decide(self, question: Question) -> Authorization:
        """The verdict on a token. Never raises for what partners do: who does not answer does not allow."""
        async with self.db.read() as tx:
            known = [(row.platform_id, row.body()) for row in await by_uid(tx, self.keys, question.uid)]
        known = [(home, body) for home, body in known if body["type"] == question.token_type] or known
        if not known:
            return await self._ask_around(question)
        home, body = known[0]
        if home is None:
            return _own(body, question)
        if must_ask(body["whitelist"]):
            peer = (await self.directory.snapshot()).peers.get(home)
            asked = await self._ask_within_deadline([peer] if peer else [], question)
            if asked is not None:
                return asked
        verdict = without_asking(body["whitelist"], valid=bool(body["valid"]))
        return Authorization(verdict, body, auth_method="WHITELIST", place=question.place)

    async def _ask_around(self, question: Question) -> Authorization:
        snapshot = await self.directory.snapshot()
        peers = [
            peer
            for peer in snapshot.peers.values()
            if peer.is_registered
            and peer.id != question.asker
            and peer.party_with("EMSP")
            and "SENDER/tokens" in peer.endpoints
        ]
        return await self._ask_within_deadline(peers, question) or UNKNOWN

    async def _ask_within_deadline(self, peers: Sequence[Peer], question: Question) -> Authorization | None:
        """The first answer that allows, else any answer, else None; whoever is slower than the deadline is ignored."""
        tasks = [asyncio.create_task(self._ask(peer, question)) for peer in peers]
        refusal: Authorization | None = None
        try:
            async with asyncio.timeout(self.deadline_s):
                for answered in asyncio.as_completed(tasks):
                    answer = await answered
                    if answer is not None and answer.allowed:
                        return answer
                    if refusal is None or refusal.token is None:
                        refusal = answer or refusal
        except TimeoutError:
            log.warning("authorization_deadline_passed", asked=len(peers))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return refusal

    async def _ask(self, peer: Peer, question: Question) -> Authorization | None:
        """One eMSP's answer; None when it gave none that counts."""
        try:
            data = await self.clients.request(
                peer,
                "POST",
                "SENDER/tokens",
                (question.uid, "authorize"),
                query={"type": question.token_type},
                body=to_bytes(question.place) if question.place else None,
            )
            info = AuthorizationInfo.model_validate_json(orjson.dumps(data))
        except Refused as error:
            return UNKNOWN if error.status_code == UnknownToken.status_code else None
        except Unreachable as error:
            log.warning("emsp_did_not_answer", platform_id=peer.id, reason=str(error))
            return None
        except ValueError:
            log.warning("emsp_answer_unintelligible", platform_id=peer.id)
            return None
        if not any(party.key == f"{info.token.country_code}*{info.token.party_id}".upper() for party in peer.parties):
            log.warning("emsp_vouches_for_another", platform_id=peer.id)
            return None
        verdict = Verdict(info.allowed) if info.allowed.known else Verdict.NOT_ALLOWED
        return Authorization(
            verdict=verdict if _holds_at(info.location, question.place) else Verdict.NOT_ALLOWED,
            token=orjson.loads(to_bytes(info.token)),
            reference=info.authorization_reference,
            place=info.location,
        )


def _holds_at(allowed: LocationReferences | None, asked: LocationReferences | None) -> bool:
    """Whether an answer is about the EVSE that was asked for: it may name those alone where the driver may charge."""
    if allowed is None or asked is None or not allowed.evse_uids or not asked.evse_uids:
        return True
    named = {uid.casefold() for uid in allowed.evse_uids}
    return any(uid.casefold() in named for uid in asked.evse_uids)


def _own(body: Json, question: Question) -> Authorization:
    verdict = Verdict.ALLOWED if body["valid"] else Verdict.BLOCKED
    reference = uuid7() if verdict is Verdict.ALLOWED else None
    return Authorization(verdict, body, auth_method="WHITELIST", reference=reference, place=question.place)
