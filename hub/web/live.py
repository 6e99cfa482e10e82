"""One snapshot a second for all who watch, and none while nobody does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import orjson

from hub.web.board import snapshot
from kit.errors import Unavailable
from kit.log import get
from kit.tx import Database

log = get(__name__)

INTERVAL_S = 1.0
FIRST_S = 10.0
"""How long a viewer waits for a snapshot before it hears that the stream is alive all the same."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A snapshot as JSON; `number` rises with each."""

    number: int
    data: bytes


class LiveBoard:
    """Computes the board while somebody watches. A slow viewer skips snapshots and holds up nobody."""

    def __init__(self, db: Database, *, max_viewers: int, interval_s: float = INTERVAL_S) -> None:
        self._db = db
        self._max_viewers = max_viewers
        self._interval_s = interval_s
        self._ticker: asyncio.Task[None] | None = None
        self._frame: Frame | None = None
        self._changed = asyncio.Event()
        self._closed = False
        self.viewers = 0
        self.computed = 0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Be a viewer within the block. Raises `Unavailable` when there are as many as may be."""
        if self.viewers >= self._max_viewers:
            raise Unavailable("too many are watching", headers={"Retry-After": "10"})
        self.viewers += 1
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            self.viewers -= 1
            if not self.viewers:
                self._rest()

    async def next(self, after: int) -> Frame | None:
        """The first frame with a higher number than `after`; None when there is none in a while, or ever again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_S):
                while not self._closed:
                    if self._frame is not None and self._frame.number > after:
                        return self._frame
                    await self._changed.wait()
        return None

    @property
    def closed(self) -> bool:
        """Whether no frame will ever come again."""
        return self._closed

    def close(self) -> None:
        """End every stream, so that the server need not wait for its viewers."""
        self._closed = True
        self._rest()
        self._changed.set()

    def _rest(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        self._ticker, self._frame = None, None

    async def _tick(self) -> None:
        while True:
            try:
                async with self._db.read() as tx:
                    board = await snapshot(tx)
            except Exception as error:  # the page shows that it is stale; the hub has other things to do
                log.warning("live_board_failed", error=type(error).__name__)
            else:
                self.computed += 1
                self._frame = Frame(self.computed, orjson.dumps(board))
                changed, self._changed = self._changed, asyncio.Event()
                changed.set()
            await self._db.clock.sleep(self._interval_s)
