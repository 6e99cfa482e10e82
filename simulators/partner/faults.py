"""Where a partner misbehaves: one gate before its OCPI endpoints that every request passes.

A fault sees the request and may answer in the partner's stead. Being out of order is the first; others join the list.
"""

from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from simulators.partner.state import State

OCPI_PATH = "/ocpi"

Fault = Callable[[Scope], Awaitable[Response | None]]
"""The answer instead of the partner's own; None lets the request pass."""


def out_of_order(state: State) -> Fault:
    """503 for as long as the partner is not online."""

    async def fault(_: Scope) -> Response | None:
        return None if state.online else Response("down for maintenance", 503)

    return fault


class Gate:
    """Asks each fault about each request to the OCPI endpoints; everything else passes."""

    def __init__(self, app: ASGIApp, faults: list[Fault]) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and scope["path"].startswith(OCPI_PATH):
            for fault in self._faults:
                answer = await fault(scope)
                if answer is not None:
                    await answer(scope, receive, send)
                    return
        await self._app(scope, receive, send)
