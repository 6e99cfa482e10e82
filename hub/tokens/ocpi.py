"""Tokens over OCPI: CPOs read and ask (Sender), and eMSPs write theirs (Receiver)."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson

from hub.parties.callers import caller, owned_party
from hub.parties.objects import ObjectKey, look_up
from hub.parties.outbox import Outgoing, Source, speaker
from hub.parties.pages import ListPages
from hub.tokens import service
from hub.tokens.flows import Authorization, Question
from hub.tokens.tables import Token
from kit.crypto import KeyRing
from kit.tx import Database, Tx
from ocpi import patch
from ocpi.call import Answer, Call, Handler
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import ClientError, NotFound, TokenNotFound
from ocpi.types import JsonObject
from ocpi.v221.tokens import LocationReferences
from ocpi.v221.tokens import Token as WireToken

Json = dict[str, Any]
Decide = Callable[[Question], Awaitable[Authorization]]
"""Who says whether a driver may charge."""


class TokenHandlers:
    """Handlers of the tokens module."""

    def __init__(self, db: Database, keys: KeyRing, decide: Decide, *, page_limit: int) -> None:
        self._db = db
        self._keys = keys
        self._decide = decide
        self._list = ListPages(db, Token, limit=page_limit)

    def table(self) -> dict[HandlerKey, Handler]:
        """The handlers by endpoint."""
        return {
            ("tokens", Interface.SENDER, Verb.GET, "list"): self._list,
            ("tokens", Interface.SENDER, Verb.POST, "authorize"): self.authorize,
            ("tokens", Interface.RECEIVER, Verb.GET, "token"): self.read_own,
            ("tokens", Interface.RECEIVER, Verb.PUT, "token"): self.put,
            ("tokens", Interface.RECEIVER, Verb.PATCH, "token"): self.patch,
        }

    async def authorize(self, call: Call) -> Answer:
        """May this driver charge at the caller's charger?

        Ours we decide; others' are asked about on the caller's behalf, and what the eMSP answers goes back untouched.
        """
        if not caller(call).may_read("tokens"):
            raise ClientError("only a CPO asks whether a driver may charge")
        place = call.model(LocationReferences) if call.body is not None else None
        token_type = call.query.get("type") or "RFID"
        addressed = call.headers.to_party
        question = Question(
            call.path["token_uid"],
            token_type,
            place,
            caller(call).peer.id,
            _cpos(call),
            emsp=addressed.key if addressed else None,
        )
        answer = await self._decide(question)
        if answer.token is None or not (answer.allowed or answer.stored):
            raise TokenNotFound  # the same for a card that somebody knows and refused: a no names nobody
        if answer.info is not None:
            return Answer(orjson.dumps(answer.info))
        info: Json = {"allowed": answer.verdict.value, "token": answer.token}
        if answer.reference is not None:
            info["authorization_reference"] = answer.reference
        if answer.place is not None and answer.allowed:
            info["location"] = answer.place.model_dump(mode="json", exclude_none=True)
        return Answer(orjson.dumps(info))

    async def read_own(self, call: Call) -> Answer:
        """What we have stored of the caller's own token."""
        async with self._db.read() as tx:
            return Answer((await self._own(tx, call)).doc)

    async def put(self, call: Call) -> Answer:
        """Create or replace a token."""
        owned_party(call)
        sent: Json = orjson.loads(call.raw)
        async with self._db.tx() as tx:
            is_new = await service.put(tx, self._keys, sent, platform_id=caller(call).peer.id)
        return Answer(http_status=201 if is_new else 200)

    async def patch(self, call: Call) -> Answer:
        """Change some fields of a token."""
        async with self._db.tx() as tx:
            stored = await look_up(tx, Token, (await self._own(tx, call)).key, to_change=True)
            if stored is None:
                raise NotFound("no such token")
            merged = patch.merge(WireToken, cast(JsonObject, stored.body()), call.patch())
            await service.put(tx, self._keys, cast(Json, merged), platform_id=stored.platform_id)
        return Answer()

    async def _own(self, tx: Tx, call: Call) -> Token:
        owner = owned_party(call)
        token_type = call.query.get("type") or "RFID"
        uid = call.path["token_uid"]
        row = await service.get(tx, self._keys, owner.country_code, owner.party_id, uid, token_type)
        if row is None:
            raise NotFound("no such token")
        return row


def _cpos(call: Call) -> tuple[str, ...]:
    """Who asks: the party that the call is from, or any of the platform's CPOs."""
    cpos, sender = caller(call).peer.keys_with({"CPO"}), call.headers.from_party
    return (sender.key,) if sender is not None and sender.key in cpos else cpos


def token_source(hub_party: str) -> Source:
    """Tokens are PUT at `{country_code}/{party_id}/{uid}`, their type in the query."""

    async def source(tx: Tx, key: ObjectKey, *, removed: bool) -> Outgoing | None:
        stored = await look_up(tx, Token, key)
        if stored is None:
            return None
        body = stored.body()
        path = (key.country_code, key.party_id, str(body["uid"]))
        return Outgoing("PUT", path, stored.doc, speaker(stored, hub_party), query=(("type", body["type"]),))

    return source
