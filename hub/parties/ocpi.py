"""The modules of the hub itself: credentials, and hubclientinfo for who is connected through it."""

from typing import Any

import orjson

from hub.parties.callers import Caller, caller
from hub.parties.directory import Directory, PartyEntry, Snapshot
from hub.parties.registration import Registrar
from hub.parties.tables import INVITED, OFFLINE, SUSPENDED
from ocpi.call import Answer, Call, Handler, ListAnswer
from ocpi.datetimes import format_datetime
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.v221.credentials import Credentials

Json = dict[str, Any]

_SENDER = Interface.SENDER
_CLIENT_STATUS = {INVITED: "PLANNED", OFFLINE: "OFFLINE", SUSPENDED: "SUSPENDED"}


class PartyHandlers:
    """Handlers of the configuration modules."""

    def __init__(self, registrar: Registrar, directory: Directory, *, page_limit: int) -> None:
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
        found = [
            entry for entry in snapshot.parties if entry.platform_id != caller(call).peer.id and entry.role != "HUB"
        ]
        found = [
            entry
            for entry in found
            if (query.date_from is None or entry.last_updated >= query.date_from)
            and (query.date_to is None or entry.last_updated < query.date_to)
        ]
        asked = found[query.offset : query.offset + query.capped(self._page_limit)]
        items = [orjson.dumps(_client_info(entry, snapshot)) for entry in asked]
        return ListAnswer(total=len(found), limit=self._page_limit, items=items)


def _client_info(entry: PartyEntry, snapshot: Snapshot) -> Json:
    peer = snapshot.peers.get(entry.platform_id) if entry.platform_id else None
    return {
        "country_code": entry.country_code,
        "party_id": entry.party_id,
        "role": entry.role,
        "status": _CLIENT_STATUS.get(peer.status, "CONNECTED") if peer else "CONNECTED",
        "last_updated": format_datetime(entry.last_updated),
    }
