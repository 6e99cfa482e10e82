"""OCPP-J from the charger's side: one call of ours at a time, the central system's calls answered meanwhile."""

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from kit.clock import Clock
from kit.ids import uuid7
from simulators.station.words import Json

CALL, RESULT, ERROR = 2, 3, 4
OPEN_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 30.0


class Offline(Exception):
    """The connection is down, or went down before the answer."""


class CallRefused(Exception):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Answered:
    """How a call of the central system is answered: a payload, or else an error code.

    `afterwards` is done once the answer is on its way: a charger agrees first and acts then.
    """

    payload: Json | None = None
    error: str = "NotImplemented"
    afterwards: Callable[[], None] | None = None


Answering = Callable[[str, Json], Awaitable[Answered]]
"""Answers a call of the central system, whatever is in it."""


class Rpc:
    """One connection to a central system."""

    def __init__(self, socket: ClientConnection, answer: Answering, clock: Clock) -> None:
        self._socket = socket
        self._answer = answer
        self._clock = clock
        self._one_call = asyncio.Lock()
        self._pending: dict[str, asyncio.Future[Json]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.reader = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        protocol: str,
        station_id: str,
        password: str,
        answer: Answering,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> "Rpc":
        """Connect to `{url}/{station_id}`, with HTTP Basic when there is a password; `tls` is for `wss` URLs.

        Raises `OSError`, `TimeoutError`, or a `WebSocketException` when the handshake is refused.
        """
        headers = {}
        if password:
            credentials = base64.b64encode(f"{station_id}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {credentials}"
        socket = await connect(
            f"{url.rstrip('/')}/{quote(station_id, safe='')}",
            additional_headers=headers,
            subprotocols=[Subprotocol(protocol)],
            compression=None,
            open_timeout=OPEN_TIMEOUT_S,
            proxy=None,
            ssl=tls,
        )
        return cls(socket, answer, clock)

    async def call(self, action: str, payload: Json, *, timeout_s: float = CALL_TIMEOUT_S) -> Json:
        """Send a call and wait for its answer. Raises `Offline` or `CallRefused`.

        A central system that does not answer in time is taken for gone, and the connection is dropped.
        """
        async with self._one_call:
            message_id = uuid7()
            future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
            self._pending[message_id] = future
            try:
                if self.reader.done():
                    raise Offline(action)
                await self._socket.send(orjson.dumps([CALL, message_id, action, payload]), text=True)
                return await self._in_time(future, timeout_s)
            except ConnectionClosed as error:
                raise Offline(action) from error
            except TimeoutError as error:
                self._socket.transport.abort()
                raise Offline(f"no answer to {action}") from error
            finally:
                self._pending.pop(message_id, None)
                if not future.cancel() and not future.cancelled():
                    future.exception()  # a call that could not even be sent has nobody who waits for its answer

    async def send_raw(self, text: str) -> None:
        """Send anything at all: to see what a central system does with it. Raises `Offline`."""
        try:
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise Offline("raw") from error

    async def close(self, *, hard: bool = False) -> None:
        """Close politely, or drop the connection as a cut cable does."""
        if hard:
            self._socket.transport.abort()
        else:
            await self._socket.close()
        await asyncio.gather(self.reader, return_exceptions=True)

    async def _in_time(self, future: asyncio.Future[Json], timeout_s: float) -> Json:
        sleeper: asyncio.Future[None] = asyncio.ensure_future(self._clock.sleep(timeout_s))
        try:
            await asyncio.wait((future, sleeper), return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise TimeoutError
            return future.result()
        finally:
            sleeper.cancel()

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self._take(text)
        except ConnectionClosed:
            pass  # whoever waits for an answer learns of it below
        finally:
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(Offline("the connection was closed"))
            for task in self._answering:
                task.cancel()

    def _take(self, text: str | bytes) -> None:
        try:
            kind, message_id, *rest = orjson.loads(text)
        except (ValueError, TypeError):
            return  # no frame: a station has nobody to tell
        match kind, rest:
            case (int() as kind, [str() as action, dict() as payload]) if kind == CALL:
                task = asyncio.create_task(self._respond(message_id, action, payload))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case (int() as kind, [dict() as payload]) if kind == RESULT:
                self._settle(message_id, payload, None)
            case (int() as kind, [code, *description]) if kind == ERROR:
                self._settle(message_id, {}, CallRefused(str(code), str(description[0]) if description else ""))
            case _:
                return

    def _settle(self, message_id: object, payload: Json, error: CallRefused | None) -> None:
        future = self._pending.get(message_id) if isinstance(message_id, str) else None
        if future is None or future.done():
            return
        if error is None:
            future.set_result(payload)
        else:
            future.set_exception(error)

    async def _respond(self, message_id: object, action: str, payload: Json) -> None:
        answered = await self._answer(action, payload)
        frame: list[Any] = [RESULT, message_id, answered.payload]
        if answered.payload is None:
            frame = [ERROR, message_id, answered.error, "", {}]
        try:
            await self._socket.send(orjson.dumps(frame), text=True)
        except ConnectionClosed:
            return
        if answered.afterwards is not None:
            answered.afterwards()
