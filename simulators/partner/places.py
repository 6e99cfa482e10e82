"""The locations module of a partner at its three levels: locations, their EVSEs, and the connectors of those."""

from typing import cast

import orjson

from ocpi import patch
from ocpi.call import Answer, Call
from ocpi.errors import NotFound
from ocpi.types import JsonObject, OcpiModel
from ocpi.v221.locations import Connector, Evse
from simulators.partner.shelves import Shelf, remember
from simulators.partner.state import Json

_MODELS: dict[str, type[OcpiModel]] = {"evse": Evse, "connector": Connector}


class LocationShelf(Shelf):
    """Locations, whose parts can be read and written by themselves."""

    async def get_part(self, call: Call) -> Answer:
        """One EVSE or connector."""
        return Answer(orjson.dumps(_part(self.find(call), call)), sender=self._party)

    async def put_part(self, call: Call) -> Answer:
        """Keep a whole EVSE or connector."""
        body = remember(self._state, call)
        location = self.find(call)
        is_new = _find(location, call) is None
        self.replace(_with_part(location, call, body))
        return Answer(http_status=201 if is_new else 200, sender=self._party)

    async def patch_part(self, call: Call) -> Answer:
        """Change some fields of an EVSE or connector."""
        remember(self._state, call)
        location = self.find(call)
        stored = cast(JsonObject, _part(location, call))
        merged = patch.merge(_MODELS[call.level], stored, call.patch())
        self.replace(_with_part(location, call, cast(Json, merged)))
        return Answer(sender=self._party)


def _named(parts: list[Json], name: str, wanted: str) -> Json | None:
    return next((each for each in parts if str(each[name]).casefold() == wanted.casefold()), None)


def _find(location: Json, call: Call) -> Json | None:
    evse = _named(location.get("evses") or [], "uid", call.path["evse_uid"])
    if call.level == "evse" or evse is None:
        return evse
    return _named(evse["connectors"], "id", call.path["connector_id"])


def _part(location: Json, call: Call) -> Json:
    found = _find(location, call)
    if found is None:
        raise NotFound("send it with PUT first")
    return found


def _with_part(location: Json, call: Call, part: Json) -> Json:
    """The location with a part in place; what it stands in is as new as the part (locations, PUT Method)."""
    evses = location.get("evses") or []
    evse = part
    if call.level == "connector":
        holder = _named(evses, "uid", call.path["evse_uid"])
        if holder is None:
            raise NotFound("send the EVSE with PUT first")
        evse = {**holder, "connectors": _put(holder["connectors"], "id", part), "last_updated": part["last_updated"]}
    return {**location, "evses": _put(evses, "uid", evse), "last_updated": part["last_updated"]}


def _put(parts: list[Json], name: str, part: Json) -> list[Json]:
    known = _named(parts, name, str(part[name]))
    return [*parts, part] if known is None else [part if each is known else each for each in parts]
