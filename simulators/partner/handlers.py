"""The OCPI endpoints of a simulated partner: what it does with what it is sent."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import cast

import orjson

from kit.clock import Clock
from ocpi import patch
from ocpi.call import Answer, Call, Handler, ListAnswer
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import MethodNotAllowed, NotFound, TokenNotFound, UnknownLocation
from ocpi.types import JsonObject
from ocpi.v221.commands import CommandResult
from ocpi.v221.credentials import Credentials
from ocpi.v221.locations import Evse, Location
from ocpi.v221.sessions import Session
from simulators.partner.state import Json, Pushed, State

_SENDER, _RECEIVER = Interface.SENDER, Interface.RECEIVER

Registered = Callable[[Credentials], Awaitable[Credentials]]
"""Handles the hub's credentials and returns ours."""

Started = Callable[[str, Json], Coroutine[None, None, None]]
"""Carries out a command (its name, its body) after it was answered."""

PAGE_LIMIT = 50


class Handlers:
    """Handlers for one role, `CPO` or `EMSP`."""

    def __init__(
        self, state: State, clock: Clock, *, role: str, public_url: str, on_credentials: Registered, on_command: Started
    ) -> None:
        self._state = state
        self._clock = clock
        self._role = role
        self._public_url = public_url
        self._on_credentials = on_credentials
        self._on_command = on_command
        self._commands: set[asyncio.Task[None]] = set()

    def table(self) -> dict[HandlerKey, Handler]:
        """The handlers by endpoint, for this role."""
        found: dict[HandlerKey, Handler] = {
            ("credentials", _SENDER, Verb.POST, "credentials"): self._register,
            ("credentials", _SENDER, Verb.PUT, "credentials"): self._register,
            ("credentials", _SENDER, Verb.DELETE, "credentials"): self._unregister,
        }
        return found | (self._of_cpo() if self._role == "CPO" else self._of_emsp())

    def _of_cpo(self) -> dict[HandlerKey, Handler]:
        return {
            ("locations", _SENDER, Verb.GET, "list"): self._list(self._state.locations),
            ("tariffs", _SENDER, Verb.GET, "list"): self._list(self._state.tariffs),
            ("sessions", _SENDER, Verb.GET, "list"): self._list(self._state.sessions),
            ("cdrs", _SENDER, Verb.GET, "list"): self._list(self._state.cdrs),
            ("tokens", _RECEIVER, Verb.PUT, "token"): self._put(self._state.tokens, "uid"),
            ("commands", _RECEIVER, Verb.POST, "START_SESSION"): self._command,
            ("commands", _RECEIVER, Verb.POST, "STOP_SESSION"): self._command,
        }

    def _of_emsp(self) -> dict[HandlerKey, Handler]:
        return {
            ("tokens", _SENDER, Verb.GET, "list"): self._list(self._state.tokens),
            ("tokens", _SENDER, Verb.POST, "authorize"): self._authorize,
            ("locations", _RECEIVER, Verb.PUT, "location"): self._put(self._state.locations, "id"),
            ("locations", _RECEIVER, Verb.PATCH, "location"): self._patch_location,
            ("locations", _RECEIVER, Verb.PUT, "evse"): self._put_evse,
            ("tariffs", _RECEIVER, Verb.PUT, "tariff"): self._put(self._state.tariffs, "id"),
            ("tariffs", _RECEIVER, Verb.DELETE, "tariff"): self._delete_tariff,
            ("sessions", _RECEIVER, Verb.PUT, "session"): self._put(self._state.sessions, "id"),
            ("sessions", _RECEIVER, Verb.PATCH, "session"): self._patch_session,
            ("cdrs", _RECEIVER, Verb.POST, "list"): self._post_cdr,
            ("cdrs", _RECEIVER, Verb.GET, "cdr"): self._get_cdr,
            ("commands", _SENDER, Verb.POST, "result"): self._result,
        }

    async def _register(self, call: Call) -> Answer:
        registered = self._state.link is not None
        if registered and call.verb is Verb.POST:
            raise MethodNotAllowed("you are registered already: use PUT")
        if not registered and call.verb is Verb.PUT:
            raise MethodNotAllowed("you are not registered: use POST")
        return Answer.of(await self._on_credentials(call.model(Credentials)))

    async def _unregister(self, call: Call) -> Answer:
        self._state.link = None
        return Answer()

    def _list(self, objects: dict[str, Json]) -> Handler:
        async def handler(call: Call) -> ListAnswer:
            query, found = call.page_query(), list(objects.values())
            asked = found[query.offset : query.offset + query.capped(PAGE_LIMIT)]
            return ListAnswer(total=len(found), limit=PAGE_LIMIT, items=[orjson.dumps(each) for each in asked])

        return handler

    def _put(self, objects: dict[str, Json], id_field: str) -> Handler:
        async def handler(call: Call) -> Answer:
            body = self._remember(call)
            is_new = body[id_field] not in objects
            objects[body[id_field]] = body
            return Answer(http_status=201 if is_new else 200)

        return handler

    async def _patch_location(self, call: Call) -> Answer:
        self._remember(call)
        stored = self._found(self._state.locations, call.path["location_id"])
        merged = patch.merge(Location, cast(JsonObject, stored), call.patch())
        self._state.locations[stored["id"]] = cast(Json, merged)
        return Answer()

    async def _put_evse(self, call: Call) -> Answer:
        body = self._remember(call)
        stored = self._found(self._state.locations, call.path["location_id"])
        others = [each for each in stored.get("evses", []) if each["uid"] != body["uid"]]
        self._state.locations[stored["id"]] = {**stored, "evses": [*others, body]}
        call.model(Evse)
        return Answer()

    async def _delete_tariff(self, call: Call) -> Answer:
        self._remember(call)
        self._state.tariffs.pop(call.path["tariff_id"], None)
        return Answer()

    async def _patch_session(self, call: Call) -> Answer:
        self._remember(call)
        stored = self._found(self._state.sessions, call.path["session_id"])
        merged = patch.merge(Session, cast(JsonObject, stored), call.patch())
        self._state.sessions[stored["id"]] = cast(Json, merged)
        return Answer()

    async def _post_cdr(self, call: Call) -> Answer:
        body = self._remember(call)
        is_new = body["id"] not in self._state.cdrs
        self._state.cdrs.setdefault(body["id"], body)
        owner = f"{body['country_code']}/{body['party_id']}"
        location = f"{self._public_url}/ocpi/2.2.1/receiver/cdrs/{owner}/{body['id']}"
        return Answer(http_status=201 if is_new else 200, headers={"Location": location})

    async def _get_cdr(self, call: Call) -> Answer:
        return Answer(orjson.dumps(self._found(self._state.cdrs, call.path["cdr_id"])))

    async def _authorize(self, call: Call) -> Answer:
        """Real-time authorization: a token that we know is allowed while it is valid."""
        self._state.authorizations += 1
        self._state.asked_under.append(call.headers.correlation_id)
        await self._clock.sleep(self._state.authorize_delay_s)
        token = self._state.tokens.get(call.path["token_uid"])
        if token is None:
            raise TokenNotFound
        info: Json = {"allowed": "ALLOWED" if token["valid"] else "BLOCKED", "token": token}
        if token["valid"]:
            info["authorization_reference"] = f"AUTH-{self._state.authorizations}"
        return Answer(orjson.dumps(info))

    async def _command(self, call: Call) -> Answer:
        """Answered at once and carried out afterwards, as a CPO with real chargers does."""
        body = self._remember(call)
        if call.level == "START_SESSION" and body["location_id"] not in self._state.locations:
            raise UnknownLocation
        if call.level == "STOP_SESSION" and body["session_id"] not in self._state.sessions:
            return Answer(orjson.dumps({"result": "UNKNOWN_SESSION", "timeout": 30}))
        task = asyncio.create_task(self._on_command(call.level, body))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)
        return Answer(orjson.dumps({"result": "ACCEPTED", "timeout": 30}))

    async def _result(self, call: Call) -> Answer:
        self._remember(call)
        result = call.model(CommandResult)
        self._state.results[call.path["uid"]] = {"command": call.path["command"], "result": str(result.result)}
        return Answer()

    def _remember(self, call: Call) -> Json:
        body: Json = orjson.loads(call.raw) if call.raw else {}
        path = tuple(call.path.values())
        pushed = Pushed(call.verb.value, call.module, path, body or None, call.headers.correlation_id)
        self._state.pushed.append(pushed)
        return body

    def _found(self, objects: dict[str, Json], wanted: str) -> Json:
        for object_id, stored in objects.items():
            if object_id.casefold() == wanted.casefold():
                return stored
        raise NotFound("send it with PUT first")
