"""Locations over OCPI: partners read ours and other partners' (Sender), and CPOs write theirs (Receiver)."""

from typing import Any, cast

import orjson

from hub.locations import service, tree
from hub.locations.tables import Location
from hub.parties.callers import caller, owned_party
from hub.parties.objects import ObjectKey, Stored, look_up, may_see
from hub.parties.pages import ListPages
from kit.tx import Database, Tx
from ocpi import patch
from ocpi.call import Answer, Call, Handler
from ocpi.datetimes import parse_datetime
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import NotFound
from ocpi.types import JsonObject, OcpiModel
from ocpi.v221.locations import Connector, Evse
from ocpi.v221.locations import Location as WireLocation

Json = dict[str, Any]

_MODELS: dict[str, type[OcpiModel]] = {"location": WireLocation, "evse": Evse, "connector": Connector}


class LocationHandlers:
    """Handlers of the locations module."""

    def __init__(self, db: Database, *, page_limit: int) -> None:
        self._db = db
        self._list = ListPages(db, Location, limit=page_limit)

    def table(self) -> dict[HandlerKey, Handler]:
        """The handlers by endpoint."""
        found: dict[HandlerKey, Handler] = {("locations", Interface.SENDER, Verb.GET, "list"): self._list}
        for level in _MODELS:
            found["locations", Interface.SENDER, Verb.GET, level] = self.read
            found["locations", Interface.RECEIVER, Verb.GET, level] = self.read_own
            found["locations", Interface.RECEIVER, Verb.PUT, level] = self.put
            found["locations", Interface.RECEIVER, Verb.PATCH, level] = self.patch
        return found

    async def read(self, call: Call) -> Answer:
        """One location, EVSE or connector of ours, or of another partner that has a location with this id."""
        async with self._db.read() as tx:
            for row in await service.with_id(tx, call.path["location_id"]):
                if caller(call).may_read("locations") and may_see(row, caller(call).viewer_of("locations")):
                    return _answer(_part(row.body(), call))
        raise NotFound("no such location")

    async def read_own(self, call: Call) -> Answer:
        """What we have stored of the caller's own location."""
        async with self._db.read() as tx:
            return _answer(_part((await self._own(tx, call)).body(), call))

    async def put(self, call: Call) -> Answer:
        """Create or replace a location, an EVSE or a connector."""
        sent: Json = orjson.loads(call.raw)
        async with self._db.tx() as tx:
            if call.level == "location":
                owned_party(call)
                is_new = await service.put(tx, sent, platform_id=caller(call).peer.id)
            else:
                stored = await self._own(tx, call, to_change=True)
                before = stored.body()
                part = _find(before, call)
                is_new = part is None
                if not _is_late(sent, part):
                    await service.put(tx, _replaced(before, call, sent), platform_id=stored.platform_id)
        return Answer(http_status=201 if is_new else 200)

    async def patch(self, call: Call) -> Answer:
        """Change some fields of a location, an EVSE or a connector."""
        async with self._db.tx() as tx:
            stored = await self._own(tx, call, to_change=True)
            before = stored.body()
            part = _part(before, call)
            merged = patch.merge(_MODELS[call.level], cast(JsonObject, part), call.patch())
            if not _is_late(cast(Json, merged), part):
                await service.put(tx, _replaced(before, call, cast(Json, merged)), platform_id=stored.platform_id)
        return Answer()

    async def _own(self, tx: Tx, call: Call, *, to_change: bool = False) -> Stored:
        owner = owned_party(call)
        key = ObjectKey.of(owner.country_code, owner.party_id, call.path["location_id"])
        stored = await look_up(tx, Location, key, to_change=to_change)
        if stored is None:
            raise NotFound("no such location: send it with PUT first")
        return stored


def _find(location: Json, call: Call) -> Json | None:
    if call.level == "location":
        return location
    evse = tree.evse(location, call.path["evse_uid"])
    if call.level == "evse" or evse is None:
        return evse
    return tree.connector(evse, call.path["connector_id"])


def _part(location: Json, call: Call) -> Json:
    found = _find(location, call)
    if found is None:
        raise NotFound(f"no such {call.level}")
    return found


def _replaced(location: Json, call: Call, part: Json) -> Json:
    """The location with the part that the URL names put in place."""
    if call.level == "location":
        return part
    if call.level == "evse":
        return tree.with_evse(location, part)
    changed = tree.with_connector(location, call.path["evse_uid"], part)
    if changed is None:
        raise NotFound("no such evse: send it with PUT first")
    return changed


def _is_late(sent: Json, stored: Json | None) -> bool:
    """Whether a part is older than the stored one, which the location's own `last_updated` does not tell."""
    return stored is not None and parse_datetime(sent["last_updated"]) < parse_datetime(stored["last_updated"])


def _answer(body: Json) -> Answer:
    return Answer(orjson.dumps(body))
