"""The requests of one connection that are handled one after the other, so that answers come in their order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from csms.frames import Call, Send


class Lane:
    """A bounded queue with a worker of its own, which begins with the first request.

    `serve` handles a request and never raises; `spawn` starts the worker as a task that somebody waits for.
    """

    def __init__(
        self,
        room: int,
        serve: Callable[[Call | Send], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
    ) -> None:
        self._room = room
        self._serve = serve
        self._spawn = spawn
        self._waiting: deque[Call | Send] = deque()
        self._has_room: asyncio.Future[None] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._ended = False

    async def put(self, request: Call | Send) -> None:
        """Put a request at the end, as soon as there is room."""
        if len(self._waiting) >= self._room:
            self._has_room = asyncio.get_running_loop().create_future()
            await self._has_room
        self._waiting.append(request)
        if self._worker is None:
            self._worker = self._spawn(self._work())
        else:
            self._wake()

    def end(self) -> None:
        """No more will come: the worker ends when it has handled what waits."""
        self._ended = True
        self._wake()

    async def _work(self) -> None:
        waiting = self._waiting
        while True:
            while waiting:
                request = waiting.popleft()
                if self._has_room is not None and not self._has_room.done():
                    self._has_room.set_result(None)
                await self._serve(request)
            if self._ended:
                return
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle

    def _wake(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
