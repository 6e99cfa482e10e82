"""The modules of the hub itself: credentials, and hubclientinfo for who is connected through it."""

import orjson

from hub.parties import clientinfo
from hub.parties.callers import Caller, caller
from hub.parties.directory import Directory
from hub.parties.registration import Registrar
from kit.tx import Database
from ocpi.call import Answer, Call, Handler, ListAnswer
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import NotFound
from ocpi.v221.credentials import Credentials
from ocpi.v221.hub_client_info import ClientInfo

_SENDER = Interface.SENDER


class PartyHandlers:
    """Handlers of the configuration modules."""

    def __init__(self, db: Database, registrar: Registrar, directory: Directory, *, page_limit: int) -> None:
        self._db = db
        self._registrar = registrar
        self._directory = directory
        self._page_limit = page_limit

    def table(self) -> dict[HandlerKey, Handler]:
        """The handlers by endpoint."""
        return {
            ("credentials", _SENDER, Verb.GET, "credentials"): self.get,
            ("credentials", _SENDER, Verb.POST, "credentials"): self.post,
            ("credentials", _SENDER, Verb.PUT, "credentials"): self.put,
            ("credentials", _SENDER, Verb.DELETE, "credentials"): self.delete,
            ("hubclientinfo", _SENDER, Verb.GET, "list"): self.client_info,
            ("hubclientinfo", Interface.RECEIVER, Verb.GET, "client_info"): self.read_client,
            ("hubclientinfo", Interface.RECEIVER, Verb.PUT, "client_info"): self.put_client,
        }

    async def get(self, call: Call) -> Answer:
        """Our credentials, with the token that the caller presents: only its digest is stored."""
        return Answer.of(self._registrar.ours(caller(call).token))

    async def post(self, call: Call) -> Answer:
        """Register."""
        return Answer.of(await self._registrar.accept(caller(call).peer.id, call.model(Credentials)))

    async def put(self, call: Call) -> Answer:
        """Renew a registration."""
        who: Caller = caller(call)
        return Answer.of(await self._registrar.replace(who.peer.id, who.token, call.model(Credentials)))

    async def delete(self, call: Call) -> Answer:
        """Unregister."""
        await self._registrar.remove(caller(call).peer.id)
        return Answer()

    async def client_info(self, call: Call) -> ListAnswer:
        """The parties that the caller can reach through us, our own among them."""
        snapshot, query = await self._directory.snapshot(), call.page_query()
        peer = caller(call).peer
        found = [
            entry
            for entry in snapshot.parties
            if entry.role != "HUB" and clientinfo.may_know(peer, snapshot.agreements, entry.role, entry.key)
        ]
        found = [
            entry
            for entry in found
            if (query.date_from is None or entry.last_updated >= query.date_from)
            and (query.date_to is None or entry.last_updated < query.date_to)
        ]
        asked = found[query.offset : query.offset + query.capped(self._page_limit)]
        items = [orjson.dumps(clientinfo.client_info(entry, snapshot)) for entry in asked]
        return ListAnswer(total=len(found), limit=self._page_limit, items=items)

    async def read_client(self, call: Call) -> Answer:
        """What we have stored of a party that the caller, a hub, reaches for us."""
        async with self._db.read() as tx:
            rows = await clientinfo.behind(tx, caller(call).peer.id)
        row = next((row for row in rows if call.owner and call.owner.key == f"{row.country_code}*{row.party_id}"), None)
        if row is None:
            raise NotFound("no such party behind you")
        return Answer(orjson.dumps(clientinfo.as_json(row)))

    async def put_client(self, call: Call) -> Answer:
        """A partner hub tells how a party can be reached through it."""
        async with self._db.tx() as tx:
            is_new = await clientinfo.keep(tx, caller(call).peer, call.model(ClientInfo))
        return Answer(http_status=201 if is_new else 200)
