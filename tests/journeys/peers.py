"""Raw OCPI: requests byte by byte in a partner's name, and servers that answer whatever a test tells them to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hub.serve import running
from kit.clock import Clock
from ocpi.headers import authorization
from simulators.partner.partner import Partner
from tests.journeys.network import LOCATION, Json, Network, operator_api, operator_key, settings_for

STAMP = "2026-01-01T00:00:00Z"


@asynccontextmanager
async def hub_with(
    tmp_path: Path, database_url: str, *, clock: Clock | None = None, **changes: Any
) -> AsyncIterator[Network]:
    """A hub with settings of its own."""
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(running(settings_for(tmp_path, database_url, **changes), clock=clock))
        api = await stack.enter_async_context(operator_api(up.http_url, await operator_key(up)))
        yield Network(up, api, stack)


@dataclass
class Ocpi:
    """Requests to the hub's OCPI endpoints with a token."""

    base: str
    http: httpx.AsyncClient
    token: str

    @classmethod
    def of(cls, network: Network, partner: Partner) -> "Ocpi":
        assert partner.state.link is not None
        return cls.with_token(network, partner.http, partner.state.link.token_out)

    @classmethod
    def with_token(cls, network: Network, http: httpx.AsyncClient, token: str) -> "Ocpi":
        return cls(f"{network.up.http_url}/ocpi/2.2.1", http, token)

    async def send(
        self, method: str, path: str, body: Any = None, *, raw: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        content = raw if raw is not None else None if body is None else orjson.dumps(body)
        sent = {"Authorization": authorization(self.token), "Content-Type": "application/json", **(headers or {})}
        return await self.http.request(method, f"{self.base}/{path}", content=content, headers=sent)

    async def code(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, int]:
        """HTTP status and OCPI status code."""
        answer = await self.send(method, path, body, **options)
        return answer.status_code, answer.json()["status_code"]


def addressed(to: str | None = None, sender: str | None = None) -> dict[str, str]:
    """Routing headers from `CC*PID`."""
    found: dict[str, str] = {}
    for direction, party in (("to", to), ("from", sender)):
        if party is not None:
            country_code, _, party_id = party.partition("*")
            found |= {f"OCPI-{direction}-country-code": country_code, f"OCPI-{direction}-party-id": party_id}
    return found


@dataclass(frozen=True)
class Seen:
    """A request that came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


Reply = Callable[[Seen], Response]


@dataclass
class Stranger:
    """A server of somebody else's."""

    url: str
    replies: dict[str, Reply] = field(default_factory=dict)
    """By path; the longest that a request's path begins with."""
    seen: list[Seen] = field(default_factory=list)
    pulled: list[Seen] = field(default_factory=list)
    """The lists that the hub read of its own accord, which stand nowhere else."""
    delay_s: float = 0.0
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it ends: nobody waits for delayed answers any more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        seen = Seen(request.method, request.url.path, request.url.query, dict(request.headers), await request.body())
        (self.pulled if seen.method == "GET" and "limit=" in seen.query else self.seen).append(seen)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.leaving.wait(), self.delay_s)
        path = max((path for path in self.replies if seen.path.startswith(path)), key=len, default=None)
        response = Response(status_code=404) if path is None else self.replies[path](seen)
        await response(scope, receive, send)

    def forget(self) -> None:
        """Answer at once, and nothing but which version it speaks; it was asked nothing."""
        self.replies = {path: self.replies[path] for path in ("/versions", "/details") if path in self.replies}
        self.delay_s = 0.0
        self.seen.clear()
        self.pulled.clear()

    def speaks(self, endpoints: Mapping[str, str], *, version: str = "2.2.1") -> str:
        """Offer a version with these endpoints (`"RECEIVER/locations"` to URL); returns the versions URL."""
        listed = [
            {"identifier": name.partition("/")[2], "role": name.partition("/")[0], "url": url}
            for name, url in {"SENDER/credentials": f"{self.url}/credentials", **endpoints}.items()
        ]
        self.replies["/versions"] = lambda _: success([{"version": version, "url": f"{self.url}/details"}])
        self.replies["/details"] = lambda _: success({"version": version, "endpoints": listed})
        return f"{self.url}/versions"


def success(data: Any = None, *, status: int = 200, code: int = 1000) -> Response:
    """An OCPI answer."""
    body = {"data": data, "status_code": code, "timestamp": STAMP}
    return Response(orjson.dumps(body), status, media_type="application/json")


@asynccontextmanager
async def stranger(host: str = "127.0.0.1") -> AsyncIterator[Stranger]:
    """A server that is up when the block is entered."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind((host, 0))
    made = Stranger(f"http://{host}:{listener.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(made, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield made
    finally:
        made.leaving.set()
        server.should_exit = True
        await serving
        listener.close()


@asynccontextmanager
async def trap(host: str = "127.0.0.1") -> AsyncIterator[tuple[int, list[object]]]:
    """A port that must not be connected to, and the connections that it got."""
    caught: list[object] = []

    async def on_connection(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caught.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(on_connection, host, 0)
    try:
        yield server.sockets[0].getsockname()[1], caught
    finally:
        server.close()
        await server.wait_closed()


def credentials(url: str, *roles: str, token: str = "OUR-TOKEN-1") -> Json:
    """Credentials with roles as `EMSP:DE*EMS`."""
    listed = [
        {
            "role": role.partition(":")[0],
            "country_code": role.partition(":")[2][:2],
            "party_id": role.partition(":")[2][3:],
            "business_details": {"name": "A partner"},
        }
        for role in roles
    ]
    return {"token": token, "url": url, "roles": listed}


def stamped_location(**fields: Any) -> Json:
    """A whole Location as a partner sends it."""
    evses = [
        {
            **evse,
            "last_updated": STAMP,
            "connectors": [{**plug, "last_updated": STAMP} for plug in evse["connectors"]],
        }
        for evse in LOCATION["evses"]
    ]
    return {**LOCATION, "evses": evses, "last_updated": STAMP, **fields}


def session_of(party: str, session_id: str, token_party: str, **fields: Any) -> Json:
    """A whole Session of a partner CPO."""
    body: Json = {
        "country_code": party[:2],
        "party_id": party[3:],
        "id": session_id,
        "start_date_time": STAMP,
        "kwh": 1.5,
        "cdr_token": cdr_token(token_party),
        "auth_method": "WHITELIST",
        "location_id": "L1",
        "evse_uid": "E1",
        "connector_id": "1",
        "currency": "EUR",
        "status": "ACTIVE",
        "last_updated": STAMP,
    }
    return {**body, **fields}


def cdr_of(party: str, cdr_id: str, token_party: str, **fields: Any) -> Json:
    """A whole CDR of a partner CPO."""
    body: Json = {
        "country_code": party[:2],
        "party_id": party[3:],
        "id": cdr_id,
        "start_date_time": STAMP,
        "end_date_time": "2026-01-01T01:00:00Z",
        "session_id": f"S-{cdr_id}",
        "cdr_token": cdr_token(token_party),
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "L1",
            "address": "Canal Street 1",
            "city": "Utrecht",
            "country": "NLD",
            "coordinates": LOCATION["coordinates"],
            "evse_uid": "E1",
            "evse_id": "BE*CPO*E1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "charging_periods": [{"start_date_time": STAMP, "dimensions": [{"type": "ENERGY", "volume": 1.5}]}],
        "total_cost": {"excl_vat": 1.0},
        "total_energy": 1.5,
        "total_time": 1.0,
        "last_updated": STAMP,
    }
    return {**body, **fields}


def cdr_token(party: str, uid: str = "0411AABBCC") -> Json:
    """A CdrToken of an eMSP."""
    owner = {"country_code": party[:2], "party_id": party[3:]}
    return {**owner, "uid": uid, "type": "RFID", "contract_id": f"{party[:2]}-{party[3:]}-C00000001"}
