"""OCPP-J from the charger's side: one call of ours at a time, the central system's calls answered meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from kit.ids import uuid7

Json = dict[str, Any]

CALL, RESULT, ERROR = 2, 3, 4

Answering = Callable[[str, Json], Awaitable[Json | None]]
"""Answers a call of the central system: the payload, or None for an action that this station does not know."""


class Offline(Exception):
    """The connection is down, or went down before the answer."""


class CallRefused(Exception):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class Rpc:
    """One connection to a central system."""

    def __init__(self, socket: ClientConnection, answer: Answering, *, unknown: str) -> None:
        self._socket = socket
        self._answer = answer
        self._unknown = unknown
        self._one_call = asyncio.Lock()
        self._pending: dict[str, asyncio.Future[Json]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.reader = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls, url: str, *, protocol: str, user: str, password: str, answer: Answering, timeout_s: float = 10
    ) -> "Rpc":
        """Connect with HTTP Basic. Raises `OSError`, or an error of websockets when the handshake is refused."""
        scheme, rest = url.split("://", 1)
        secret = f"{user.replace(':', '%3A')}:{password}@" if password else ""
        socket = await connect(
            f"{scheme}://{secret}{rest}",
            subprotocols=[Subprotocol(protocol)],
            compression=None,
            open_timeout=timeout_s,
            proxy=None,
        )
        return cls(socket, answer, unknown="NotImplemented")

    async def call(self, action: str, payload: Json, *, timeout_s: float = 30) -> Json:
        """Send a call and wait for its answer. Raises `Offline` or `CallRefused`."""
        async with self._one_call:
            message_id = uuid7()
            future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
            self._pending[message_id] = future
            try:
                await self._socket.send(orjson.dumps([CALL, message_id, action, payload]), text=True)
                async with asyncio.timeout(timeout_s):
                    return await future
            except (ConnectionClosed, TimeoutError) as error:
                raise Offline(action) from error
            finally:
                self._pending.pop(message_id, None)

    async def send_raw(self, text: str) -> None:
        """Send anything at all: for tests of what a central system does with it."""
        await self._socket.send(text)

    async def close(self, *, hard: bool = False) -> None:
        """Close politely, or drop the connection as a cut cable does."""
        if hard:
            self._socket.transport.abort()
        else:
            await self._socket.close()
        await asyncio.gather(self.reader, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self._take(orjson.loads(text))
        except ConnectionClosed:
            pass  # whoever waits for an answer learns of it below
        finally:
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(Offline("the connection was closed"))
            for task in self._answering:
                task.cancel()

    def _take(self, frame: list[Any]) -> None:
        if frame[0] == CALL:
            task = asyncio.create_task(self._respond(frame[1], frame[2], frame[3]))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            return
        future = self._pending.get(frame[1])
        if future is None or future.done():
            return
        if frame[0] == RESULT:
            future.set_result(frame[2])
        else:
            future.set_exception(CallRefused(frame[2], frame[3]))

    async def _respond(self, message_id: str, action: str, payload: Json) -> None:
        answer = await self._answer(action, payload)
        frame: list[Any] = [RESULT, message_id, answer]
        if answer is None:
            frame = [ERROR, message_id, self._unknown, "", {}]
        try:
            await self._socket.send(orjson.dumps(frame), text=True)
        except ConnectionClosed:
            return
