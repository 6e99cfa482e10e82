"""Tariffs over OCPI: partners read ours and other partners' (Sender), and CPOs write theirs (Receiver)."""

from typing import Any

import orjson

from hub.parties.callers import caller, owned_party
from hub.parties.pages import ListPages
from hub.tariffs import service
from hub.tariffs.tables import Tariff
from kit.tx import Database
from ocpi.call import Answer, Call, Handler
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import NotFound

Json = dict[str, Any]


class TariffHandlers:
    """Handlers of the tariffs module."""

    def __init__(self, db: Database, *, page_limit: int) -> None:
        self._db = db
        self._list = ListPages(db, Tariff, limit=page_limit)

    def table(self) -> dict[HandlerKey, Handler]:
        """The handlers by endpoint."""
        return {
            ("tariffs", Interface.SENDER, Verb.GET, "list"): self._list,
            ("tariffs", Interface.RECEIVER, Verb.GET, "tariff"): self.read_own,
            ("tariffs", Interface.RECEIVER, Verb.PUT, "tariff"): self.put,
            ("tariffs", Interface.RECEIVER, Verb.DELETE, "tariff"): self.delete,
        }

    async def read_own(self, call: Call) -> Answer:
        """What we have stored of the caller's own tariff."""
        owner = owned_party(call)
        async with self._db.read() as tx:
            body = await service.get(tx, owner.country_code, owner.party_id, call.path["tariff_id"])
        if body is None:
            raise NotFound("no such tariff")
        return Answer(orjson.dumps(body))

    async def put(self, call: Call) -> Answer:
        """Create or replace a tariff. A partner's is stored as it is: what we cannot price we still pass on."""
        owned_party(call)
        sent: Json = orjson.loads(call.raw)
        async with self._db.tx() as tx:
            is_new = await service.put(tx, sent, platform_id=caller(call).peer.id)
        return Answer(http_status=201 if is_new else 200)

    async def delete(self, call: Call) -> Answer:
        """Forget a tariff."""
        owner = owned_party(call)
        async with self._db.tx() as tx:
            found = await service.remove(
                tx, owner.country_code, owner.party_id, call.path["tariff_id"], platform_id=caller(call).peer.id
            )
        if not found:
            raise NotFound("no such tariff")
        return Answer()
