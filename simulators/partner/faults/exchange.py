"""One request and its answer, as faults see and change them, and the gate that every OCPI request passes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.partner.state import State

OCPI_PATH = "/ocpi"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: header names in lower case, the query as it was sent."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def changed(self, **changes: Any) -> "Asked":
        """The request with other fields."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, status: int, document: object = None, **headers: str) -> "Told":
        """An answer with a JSON document, or with no body."""
        body = b"" if document is None else orjson.dumps(document)
        return cls(status, {"content-type": "application/json", **headers}, body)

    def document(self) -> Any:
        """The body as JSON, or None."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def with_document(self, document: object) -> "Told":
        """The answer with another JSON body."""
        return replace(self, body=orjson.dumps(document))

    def with_headers(self, **headers: str | None) -> "Told":
        """The answer with headers set (`x_total_count`), or taken away by None."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in self.headers.items() if name not in names}
        return replace(self, headers=kept | {name: value for name, value in names.items() if value is not None})

    @property
    def is_list(self) -> bool:
        """Whether this is a page of a list."""
        return "x-total-count" in self.headers


Next = Callable[[Asked], Awaitable[Told]]

Fault = Callable[[Asked, Next], Awaitable[Told]]
"""Answers a request: by itself, or with what comes next, changed before or after."""

Active = Callable[[], list[Fault]]
"""The faults that are switched on, the outermost first."""


class Gate:
    """Leads each request to the OCPI endpoints through the faults; everything else passes."""

    def __init__(self, app: ASGIApp, state: State, active: Active) -> None:
        self._app = app
        self._state = state
        self._active = active

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or not scope["path"].startswith(OCPI_PATH):
            await self._app(scope, receive, send)
        elif not self._state.online:
            await Response("down for maintenance", 503)(scope, receive, send)
        elif faults := self._active():
            told = await self._through(faults, scope)(await _asked(scope, receive))
            await Response(told.body, told.status, told.headers)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _through(self, faults: list[Fault], scope: Scope) -> Next:
        async def partner(asked: Asked) -> Told:
            return await _answer(self._app, scope, asked)

        answer: Next = partner
        for fault in reversed(faults):
            answer = _around(fault, answer)
        return answer


def _around(fault: Fault, following: Next) -> Next:
    async def answer(asked: Asked) -> Told:
        return await fault(asked, following)

    return answer


async def _asked(scope: Scope, receive: Receive) -> Asked:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Asked(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body)


async def _answer(app: ASGIApp, scope: Scope, asked: Asked) -> Told:
    """What the partner itself says."""
    inner = {
        **scope,
        "method": asked.method,
        "query_string": asked.query.encode("latin-1"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in asked.headers.items()],
    }
    status, headers, body = 500, dict[str, str](), b""

    async def receive() -> Message:
        return {"type": "http.request", "body": asked.body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, headers, body
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            body += message.get("body", b"")

    await app(inner, receive, send)
    return Told(status, {name: value for name, value in headers.items() if name != "content-length"}, body)
