"""A simulated partner as servers of its own: its OCPI endpoints, and its control API on a port that stays open."""

import asyncio
import ipaddress
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from kit.clock import Clock, SystemClock
from ocpi.headers import Party
from ocpi.server import build_router
from simulators.partner import samples
from simulators.partner.control import control_routes
from simulators.partner.faults.catalog import Faults
from simulators.partner.faults.exchange import Gate
from simulators.partner.faults.pushes import Outgoing
from simulators.partner.faults.scene import Scene
from simulators.partner.handlers import Handlers
from simulators.partner.partner import Partner
from simulators.partner.state import State

VERSION = "2.2.1"
GRACE_S = 2
KEPT_IDLE_S = 2.0
"""Well before the hub closes an idle connection: a request that meets that moment is lost."""
TIMEOUT_S = 30.0
"""A hub that is asked for something asks back first, maybe more than once."""
ROLES = ("CPO", "EMSP", "HUB", "NSP", "SCSP")


class Listener:
    """An HTTP server that can be closed, so that connections are refused, and opened again at the same address."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._socket = self._bind(port)
        self._port: int = self._socket.getsockname()[1]
        self._app: ASGIApp | None = None
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def serve(self, app: ASGIApp) -> None:
        """Open for the first time."""
        self._app = app
        await self.open()

    async def open(self) -> None:
        """Listen, if it does not."""
        async with self._one_at_a_time:
            if self._serving is None and self._app is not None:
                await self._start(self._app)

    async def refuse(self) -> None:
        """Refuse connections; requests that are being answered are finished first. Nobody else gets the address."""
        async with self._one_at_a_time:
            if self._serving is not None:
                await self._stop()
                self._socket = self._bind(self._port)

    async def close(self) -> None:
        """Refuse connections, for good."""
        async with self._one_at_a_time:
            await self._stop()

    async def _stop(self) -> None:
        if self._serving is not None and self._server is not None:
            self._server.should_exit = True
            await self._serving
        self._serving = None
        self._socket.close()

    async def _start(self, app: ASGIApp) -> None:
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve(sockets=[self._socket]))
        self._server, self._serving = server, serving
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)

    def _bind(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio leaves Nagle's algorithm on
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((self._host, port))
        except OSError:
            made.close()
            raise
        return made


def partner_app(partner: Partner, handlers: Handlers, *, controlled: bool) -> ASGIApp:
    """The partner's OCPI endpoints, behind the gate where it misbehaves; `controlled` adds the control API."""
    routes: list[BaseRoute] = build_router(
        VERSION,
        handlers.table(),
        partner.hub.authenticate,
        now=partner.clock.now,
        public_url=partner.public_url,
        intercept=partner.hubbing.intercept if partner.role == "HUB" else None,
    )
    app = Starlette(routes=[*(control_routes(partner) if controlled else []), *routes])
    return Gate(app, partner.state, partner.faults.answers)


@asynccontextmanager
async def running_partner(
    *,
    role: str,
    party: str,
    name: str,
    host: str = "127.0.0.1",
    port: int = 0,
    control_port: int = 0,
    public_url: str | None = None,
    clock: Clock | None = None,
    charging_s: float = 1.0,
    faults: Sequence[str] = (),
    sample_count: int = 0,
) -> AsyncIterator[Partner]:
    """A partner whose servers are up when the block is entered. `party` is `CC*PID`, `role` one of `ROLES`.

    `faults` are switched on at once (`slow=2`); `sample_count` objects of each module are there.
    The control API listens on this machine only. `public_url` is for a partner behind a proxy.
    """
    async with AsyncExitStack() as stack:
        state, time = State(), clock or SystemClock()
        switchboard = Faults(Scene(state, time))
        for setting in faults:
            switchboard.switch_on(setting)
        idle = httpx.Limits(keepalive_expiry=KEPT_IDLE_S)
        network = Outgoing(httpx.AsyncHTTPTransport(verify=_public_authorities(), limits=idle), switchboard.pushes)
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S, transport=network))
        door, control = Listener(host, port), Listener("127.0.0.1", control_port)
        country_code, _, party_id = party.partition("*")
        partner = Partner(
            role=role,
            party=Party(country_code, party_id),
            name=name,
            public_url=(public_url or door.url).rstrip("/"),
            clock=time,
            http=http,
            state=state,
            faults=switchboard,
            charging_s=charging_s,
        )
        if sample_count:
            owns = {"CPO": "cpo", "EMSP": "emsp"}
            parties = {key: partner.owner(of) for of, key in owns.items() if role in (of, "HUB")}
            samples.fill(state, cpo=parties.get("cpo"), emsp=parties.get("emsp"), count=sample_count, at=time.now())
        partner.door, partner.control_url = door, control.url
        handlers = Handlers(partner)

        async def close() -> None:
            await partner.close()
            await asyncio.gather(door.close(), control.close())  # first, or a last request would begin another command
            await handlers.close()

        stack.push_async_callback(close)
        await door.serve(partner_app(partner, handlers, controlled=_is_loopback(host)))
        await control.serve(Starlette(routes=control_routes(partner)))
        yield partner


async def run_partner(
    *,
    role: str,
    party: str,
    name: str,
    announce: bool = False,
    host: str = "127.0.0.1",
    port: int = 0,
    control_port: int = 0,
    public_url: str | None = None,
    charging_s: float = 1.0,
    faults: Sequence[str] = (),
    sample_count: int = 0,
) -> None:
    """Run a partner until cancelled; with `announce`, one JSON line on stdout says where it is."""
    async with running_partner(
        role=role,
        party=party,
        name=name,
        host=host,
        port=port,
        control_port=control_port,
        public_url=public_url,
        charging_s=charging_s,
        faults=faults,
        sample_count=sample_count,
    ) as partner:
        if announce:
            line = {
                "url": partner.public_url,
                "control_url": partner.control_url,
                "versions_url": f"{partner.public_url}/ocpi/versions",
                "role": partner.role,
                "party": str(partner.party),
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
        await asyncio.Event().wait()


@cache
def _public_authorities() -> ssl.SSLContext:
    """Who may vouch for a server; reading them all takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
