"""Handlers that a partner needs for several modules: lists of what is kept, and what the hub pushes onto a shelf."""

from typing import cast

import orjson

from ocpi import patch
from ocpi.call import Answer, Call, ListAnswer
from ocpi.datetimes import parse_datetime
from ocpi.errors import NotFound
from ocpi.headers import Party
from ocpi.paging import PageQuery
from ocpi.types import JsonObject, OcpiModel
from simulators.partner.state import Json, Pushed, State

PAGE_LIMIT = 50


class Shelf:
    """The objects of one module, kept by the path parameter and body field that name them."""

    def __init__(self, state: State, module: str, model: type[OcpiModel], *, party: Party, name: str = "id") -> None:
        self._state = state
        self._objects = state.objects(module)
        self._model = model
        self._party = party
        self._name = name
        self._parameter = f"{module.removesuffix('s')}_{name}"

    async def list(self, call: Call) -> ListAnswer:
        """A page of what is kept, oldest first."""
        query = call.page_query()
        found = [each for each in self._objects.values() if in_window(each, query)]
        asked = found[query.offset : query.offset + query.capped(PAGE_LIMIT)]
        items = [orjson.dumps(each) for each in asked]
        return ListAnswer(total=len(found), limit=PAGE_LIMIT, items=items, sender=self._party)

    async def get(self, call: Call) -> Answer:
        """One object."""
        return Answer(orjson.dumps(self.find(call)), sender=self._party)

    async def put(self, call: Call) -> Answer:
        """Keep a whole object."""
        body = remember(self._state, call)
        is_new = body[self._name] not in self._objects
        self._objects[body[self._name]] = body
        return Answer(http_status=201 if is_new else 200, sender=self._party)

    async def patch(self, call: Call) -> Answer:
        """Change some fields."""
        remember(self._state, call)
        stored = self.find(call)
        merged = patch.merge(self._model, cast(JsonObject, stored), call.patch())
        self._objects[stored[self._name]] = cast(Json, merged)
        return Answer(sender=self._party)

    async def delete(self, call: Call) -> Answer:
        """Forget an object."""
        remember(self._state, call)
        del self._objects[self.find(call)[self._name]]
        return Answer(sender=self._party)

    def find(self, call: Call) -> Json:
        """The object that the URL names. Raises `NotFound`."""
        wanted = call.path[self._parameter].casefold()
        for object_id, stored in self._objects.items():
            if object_id.casefold() == wanted:
                return stored
        raise NotFound("send it with PUT first")

    def replace(self, stored: Json) -> None:
        """Keep the new state of a known object."""
        self._objects[stored[self._name]] = stored


def remember(state: State, call: Call) -> Json:
    """Note that a message came in; its body."""
    body: Json = orjson.loads(call.raw) if call.raw else {}
    state.pushed.append(
        Pushed(
            call.verb.value,
            call.module,
            tuple(call.path.values()),
            body or None,
            call.headers.correlation_id,
            call.headers.from_party,
            call.headers.to_party,
        )
    )
    return body


def in_window(each: Json, query: PageQuery) -> bool:
    """Whether an object was last updated when a list asks for it."""
    changed_at = parse_datetime(each["last_updated"])
    return (query.date_from is None or changed_at >= query.date_from) and (
        query.date_to is None or changed_at < query.date_to
    )
