"""A central system on a real socket that holds every message against the OCPP schemas, and stations for it."""

import asyncio
import base64
import http
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib import resources
from itertools import count
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from simulators.station import SimulatedStation

Json = dict[str, Any]
PASSWORD = "a-charger's-password"
NOW = "2026-01-01T00:00:00Z"
PROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")


def check(protocol: str, name: str, payload: Json) -> None:
    """Raises when a payload does not fit its schema; `name` is that of the schema in 1.6."""
    folder, suffix = ("v16", "") if protocol == "ocpp1.6" else ("v201", "Request")
    file = name if name.endswith("Response") else name + suffix
    schema = json.loads(resources.files("ocpp").joinpath(folder, "schemas", f"{file}.json").read_text("utf-8-sig"))
    jsonschema_rs.validator_for(schema).validate(payload)


def door(port: int) -> socket.socket:
    """A port on which nobody listens yet."""
    made = socket.socket(proto=socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


@dataclass
class CentralSystem:
    """Answers every call as a friendly central system does, unless `answers` says otherwise."""

    calls: list[tuple[str, Json]] = field(default_factory=list)
    answers: dict[str, Json] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """Error codes to answer with, by action."""
    silent: set[str] = field(default_factory=set)
    """Actions that get no answer."""
    faults: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _socket: ServerConnection | None = None
    _server: Server | None = None
    _door: socket.socket = field(default_factory=lambda: door(0))
    _numbers: Any = field(default_factory=lambda: count(1))
    _replies: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def actions(self) -> list[str]:
        return [action for action, _ in self.calls]

    def payloads(self, action: str) -> list[Json]:
        return [payload for name, payload in self.calls if name == action]

    async def listen(self) -> None:
        self._server = await serve(
            self._serve,
            sock=self._door,
            subprotocols=[Subprotocol(each) for each in PROTOCOLS],
            process_request=self._admit,
            compression=None,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections; nobody else gets the port meanwhile."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._door = door(self.port)

    async def ask(self, action: str, payload: Json) -> list[Any]:
        """Call the station; the whole frame that answers."""
        assert self._socket is not None
        protocol = str(self._socket.subprotocol)
        if action != "Nonsense" and payload:
            check(protocol, action, payload)
        message_id = f"cs-{next(self._numbers)}"
        self._replies[message_id] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(30):
            frame = await self._replies[message_id]
        if frame[0] == 3:
            check(protocol, f"{action}Response", frame[2])
        return frame

    async def send(self, text: str) -> None:
        assert self._socket is not None
        await self._socket.send(text)

    async def hang_up(self) -> None:
        assert self._socket is not None
        await self._socket.close()

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        station_id = unquote(request.path.rsplit("/", 1)[-1])
        expected = base64.b64encode(f"{station_id}:{PASSWORD}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no\n")
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        self._socket = socket
        self.connections += 1
        try:
            async for text in socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    await self._take(socket, frame[1], frame[2], frame[3])
                else:
                    self._replies[frame[1]].set_result(frame)
        except ConnectionClosed:
            pass

    async def _take(self, socket: ServerConnection, message_id: str, action: str, payload: Json) -> None:
        self.calls.append((action, payload))
        protocol = str(socket.subprotocol)
        try:
            check(protocol, action, payload)
        except jsonschema_rs.ValidationError as error:
            self.faults.append(f"{action}: {error.message}")
        if action in self.silent:
            return
        if action in self.errors:
            await socket.send(json.dumps([4, message_id, self.errors[action], "", {}]))
            return
        answer = self.answers.get(action, self._usual(protocol, action))
        await socket.send(json.dumps([3, message_id, answer]))

    def _usual(self, protocol: str, action: str) -> Json:
        info = {"idTagInfo" if protocol == "ocpp1.6" else "idTokenInfo": {"status": "Accepted"}}
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": NOW, "interval": 60}
            case "Heartbeat":
                return {"currentTime": NOW}
            case "StartTransaction":
                return {"transactionId": 1000 + self.connections, **info}
            case "Authorize" | "TransactionEvent" | "StopTransaction":
                return info
        return {}


@pytest.fixture
async def central() -> AsyncIterator[CentralSystem]:
    """A central system that listens."""
    system = CentralSystem()
    await system.listen()
    yield system
    await system.stop()
    system._door.close()
    assert system.faults == []


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    """Each OCPP version."""
    return str(request.param)


Made = Callable[..., SimulatedStation]


@pytest.fixture
async def make(central: CentralSystem) -> AsyncIterator[Made]:
    """Makes stations that are closed after the test."""
    async with AsyncExitStack() as stack:

        def made(protocol: str = "ocpp1.6", station_id: str = "CS-1", **options: Any) -> SimulatedStation:
            options = {"password": PASSWORD, "meter_interval_s": 0.02, **options}
            station = SimulatedStation(station_id, central.url, protocol=protocol, **options)
            stack.push_async_callback(station.close)
            return station

        yield made


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    """Waits until something is so."""

    async def wait(check: Callable[[], Any]) -> Any:
        async with asyncio.timeout(30):
            while not (found := check()):
                await asyncio.sleep(0.005)
            return found

    return wait
