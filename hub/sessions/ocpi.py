"""Sessions and CDRs over OCPI: eMSPs read what is theirs (Sender), and CPOs report theirs (Receiver)."""

from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import quote

import orjson

from hub.locations import service as locations
from hub.locations import tree
from hub.parties.callers import caller, owned_party, speaks_as
from hub.parties.objects import ObjectKey, look_up
from hub.parties.outbox import Outgoing, Source, speaker
from hub.parties.pages import ListPages
from hub.parties.pulls import OWNERS
from hub.sessions import service
from hub.sessions.preferences import answer_to
from hub.sessions.tables import Cdr, Session, own_session
from kit.tx import Database, Tx
from ocpi import patch
from ocpi.call import Answer, Call, Handler
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import InvalidParameters, NotFound, PreferencesNotSupported
from ocpi.types import JsonObject
from ocpi.v221.sessions import ChargingPreferences
from ocpi.v221.sessions import Session as WireSession

Json = dict[str, Any]


OnSession = Callable[[Tx, Session], Awaitable[None]]


class SessionHandlers:
    """Handlers of the sessions module. `on_session` is told of each session that a partner reports."""

    def __init__(self, db: Database, on_session: OnSession, *, page_limit: int) -> None:
        self._db = db
        self._on_session = on_session
        self._list = ListPages(db, Session, limit=page_limit)

    def table(self) -> dict[HandlerKey, Handler]:
        """The handlers by endpoint."""
        return {
            ("sessions", Interface.SENDER, Verb.GET, "list"): self._list,
            ("sessions", Interface.SENDER, Verb.PUT, "charging_preferences"): self.charging_preferences,
            ("sessions", Interface.RECEIVER, Verb.GET, "session"): self.read_own,
            ("sessions", Interface.RECEIVER, Verb.PUT, "session"): self.put,
            ("sessions", Interface.RECEIVER, Verb.PATCH, "session"): self.patch,
        }

    async def charging_preferences(self, call: Call) -> Answer:
        """What the driver wishes, for a session of the caller's driver at a charger of ours."""
        wishes = call.model(ChargingPreferences)
        async with self._db.read() as tx:
            session = await own_session(tx, call.path["session_id"])
            if session is None or session.audience not in caller(call).viewer.parties:
                raise NotFound("no such session")
            evse_uid = str(session.body()["evse_uid"])
            location = await locations.locate_evse(tx, session.country_code, session.party_id, evse_uid)
        unit = tree.evse(location, evse_uid) if location else None
        if "CHARGING_PREFERENCES_CAPABLE" not in ((unit or {}).get("capabilities") or []):
            raise PreferencesNotSupported
        return Answer(orjson.dumps(answer_to(wishes, runs=session.ended_at is None).value))

    async def read_own(self, call: Call) -> Answer:
        """What we have stored of the caller's own session."""
        async with self._db.read() as tx:
            stored = await look_up(tx, Session, _key(call))
        if stored is None:
            raise NotFound("no such session")
        return Answer(stored.doc)

    async def put(self, call: Call) -> Answer:
        """Create or replace a session."""
        _key(call)
        sent: Json = orjson.loads(call.raw)
        async with self._db.tx() as tx:
            kept = await service.receive(tx, sent, platform_id=caller(call).peer.id)
            await self._on_session(tx, kept.row)
        return Answer(http_status=201 if kept.is_new else 200)

    async def patch(self, call: Call) -> Answer:
        """Change some fields of a session; `charging_periods` are added to those stored."""
        async with self._db.tx() as tx:
            stored = await look_up(tx, Session, _key(call), to_change=True)
            if stored is None:
                raise NotFound("no such session: send it with PUT first")
            before = stored.body()
            merged = patch.merge(WireSession, cast(JsonObject, before), _without_repeated(call.patch(), before))
            kept = await service.receive(tx, cast(Json, merged), platform_id=caller(call).peer.id)
            await self._on_session(tx, kept.row)
        return Answer()


class CdrHandlers:
    """Handlers of the cdrs module."""

    def __init__(self, db: Database, *, page_limit: int, base_url: str) -> None:
        self._db = db
        self._base_url = base_url
        self._list = ListPages(db, Cdr, limit=page_limit)

    def table(self) -> dict[HandlerKey, Handler]:
        """The handlers by endpoint."""
        return {
            ("cdrs", Interface.SENDER, Verb.GET, "list"): self._list,
            ("cdrs", Interface.RECEIVER, Verb.POST, "list"): self.post,
            ("cdrs", Interface.RECEIVER, Verb.GET, "cdr"): self.read_own,
        }

    async def post(self, call: Call) -> Answer:
        """Take a CDR; the same one again is answered in the same way, another one under its id is a dispute."""
        sent: Json = orjson.loads(call.raw)
        owner = f"{sent['country_code']}*{sent['party_id']}".upper()
        if not speaks_as(caller(call), owner, OWNERS["cdrs"]):
            raise InvalidParameters("/party_id: that party does not live on your platform as a CPO")
        async with self._db.tx() as tx:
            kept = await service.receive_cdr(tx, sent, platform_id=caller(call).peer.id)
        if kept is None:
            raise InvalidParameters("/id: a CDR with this id and other content is stored, and CDRs are immutable")
        key, cdr_id = kept.row.key, quote(str(kept.row.body()["id"]), safe="")
        location = f"{self._base_url}/{key.country_code}/{key.party_id}/{cdr_id}"
        return Answer(http_status=201 if kept.is_new else 200, headers={"Location": location})

    async def read_own(self, call: Call) -> Answer:
        """A CDR that the caller has sent."""
        owner = owned_party(call)
        async with self._db.read() as tx:
            stored = await look_up(tx, Cdr, ObjectKey.of(owner.country_code, owner.party_id, call.path["cdr_id"]))
        if stored is None:
            raise NotFound("no such CDR")
        return Answer(stored.doc)


def _without_repeated(sent: JsonObject, stored: Json) -> JsonObject:
    """A PATCH without the charging periods that came with it before: a repeated message adds nothing."""
    periods = sent.get("charging_periods")
    if not isinstance(periods, list):
        return sent
    known = stored.get("charging_periods") or []
    return {**sent, "charging_periods": [period for period in periods if period not in known]}


def _key(call: Call) -> ObjectKey:
    owner = owned_party(call)
    return ObjectKey.of(owner.country_code, owner.party_id, call.path["session_id"])


def cdr_source(hub_party: str) -> Source:
    """CDRs go out by POST, each once."""

    async def source(tx: Tx, key: ObjectKey, *, removed: bool) -> Outgoing | None:
        stored = await look_up(tx, Cdr, key)
        return Outgoing("POST", (), stored.doc, speaker(stored, hub_party), once=True) if stored else None

    return source
