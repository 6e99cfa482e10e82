"""A simulated partner as an HTTP server of its own: its OCPI endpoints, and the control API on the same port."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from kit.clock import Clock, SystemClock
from ocpi.errors import OcpiError, PeerError
from ocpi.headers import Party
from ocpi.server import build_router
from simulators.partner.handlers import Handlers
from simulators.partner.partner import Partner
from simulators.partner.state import Json, State

VERSION = "2.2.1"


class Gate:
    """Stands before the OCPI endpoints: a partner that is offline answers 503 to everything but the control API."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer for a server that is down."""
        if scope["type"] == "http" and not self._state.online and scope["path"].startswith("/ocpi"):
            await Response("down for maintenance", 503)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def control_routes(partner: Partner) -> list[BaseRoute]:
    """The control API: what a test or the demo tells the partner to do."""

    async def state(_: Request) -> Response:
        return JSONResponse(partner.state.as_json())

    async def invite(_: Request) -> Response:
        return JSONResponse(partner.invite())

    async def register(request: Request) -> Response:
        asked = await request.json()
        await partner.register(asked["versions_url"], asked["token"])
        return JSONResponse({"registered": True})

    async def push(request: Request) -> Response:
        await partner.push(request.path_params["module"], await request.json())
        return JSONResponse({"pushed": True})

    async def keep(request: Request) -> Response:
        """Keep an object without telling the hub: a token that is only known in real time."""
        body: Json = await request.json()
        objects = getattr(partner.state, request.path_params["module"])
        owner = {"country_code": partner.party.country_code, "party_id": partner.party.party_id}
        objects[str(body.get("uid") or body["id"])] = {**body, **owner}
        return JSONResponse({"kept": True})

    async def pull(request: Request) -> Response:
        limit = request.query_params.get("limit")
        module = request.path_params["module"]
        return JSONResponse(await partner.pull(module, limit=int(limit) if limit else None))

    async def tap(request: Request) -> Response:
        asked = await request.json()
        return JSONResponse(await partner.tap(asked["uid"], kwh=str(asked.get("kwh", "7.5"))))

    async def start_session(request: Request) -> Response:
        asked = await request.json()
        command_id = await partner.start_session(asked["uid"], asked["location_id"], asked.get("evse_uid"))
        return JSONResponse({"command_id": command_id})

    async def stop_session(request: Request) -> Response:
        asked = await request.json()
        return JSONResponse({"command_id": await partner.stop_session(asked["session_id"])})

    async def online(request: Request) -> Response:
        partner.state.online = bool((await request.json())["online"])
        return JSONResponse({"online": partner.state.online})

    return [
        Route("/control/state", state),
        Route("/control/invite", invite, methods=["POST"]),
        Route("/control/register", register, methods=["POST"]),
        Route("/control/push/{module}", push, methods=["POST"]),
        Route("/control/keep/{module}", keep, methods=["POST"]),
        Route("/control/pull/{module}", pull, methods=["POST"]),
        Route("/control/tap", tap, methods=["POST"]),
        Route("/control/start-session", start_session, methods=["POST"]),
        Route("/control/stop-session", stop_session, methods=["POST"]),
        Route("/control/online", online, methods=["POST"]),
    ]


async def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": type(error).__name__, "detail": str(error)}, 502)


def partner_app(partner: Partner) -> ASGIApp:
    """The partner's HTTP application."""
    handlers = Handlers(
        partner.state,
        partner.clock,
        role=partner.role,
        public_url=partner.public_url,
        on_credentials=partner.be_registered,
        on_command=partner.on_command,
    )
    routes = build_router(
        VERSION, handlers.table(), partner.authenticate, now=partner.clock.now, public_url=partner.public_url
    )
    app = Starlette(
        routes=[*control_routes(partner), *routes],
        exception_handlers={OcpiError: _refused, PeerError: _refused},
    )
    return Gate(app, partner.state)


@asynccontextmanager
async def running_partner(
    *,
    role: str,
    party: str,
    name: str,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock | None = None,
    charging_s: float = 1.0,
) -> AsyncIterator[Partner]:
    """A partner whose server is up when the block is entered. `party` is `CC*PID`, `role` CPO or EMSP."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    async with httpx.AsyncClient(trust_env=False) as http:
        partner = Partner(
            role=role,
            party=Party(party[:2], party[3:]),
            name=name,
            public_url=f"http://{host}:{listener.getsockname()[1]}",
            clock=clock or SystemClock(),
            http=http,
            state=State(),
            charging_s=charging_s,
        )
        config = uvicorn.Config(partner_app(partner), log_config=None, access_log=False, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve(sockets=[listener]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            yield partner
        finally:
            server.should_exit = True
            await serving
            listener.close()


async def run_partner(*, announce: bool, **options: Any) -> None:
    """Run a partner until cancelled; with `announce`, one JSON line on stdout says where it is."""
    async with running_partner(**options) as partner:
        if announce:
            line = {"url": partner.public_url, "role": partner.role, "party": str(partner.party)}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
        await asyncio.Event().wait()
