"""What is written off the answer's path: handed over at once, written a moment later, many at a time.

The queue is bounded by memory: what does not fit is dropped and counted, nobody waits. A graceful stop writes what
waits; a process that dies loses what it has gathered since the last write.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Generic, TypeVar

from kit.clock import Clock
from kit.log import get

log = get(__name__)

Item = TypeVar("Item")

GATHER_S = 0.25
RETRY_S = 1.0
FAREWELL_S = 3.0
WARN_EVERY_S = 10.0


class Spool(Generic[Item]):
    """Gathers items for `write`, at most `most` at once and in their order; `name` stands in the log of the process.

    A batch whose write fails is written again, so `write` has to bear that. `on_drop` is told how many were dropped.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[Item]], Awaitable[None]],
        *,
        clock: Clock,
        queue_bytes: int,
        most: int = 500,
        gather_s: float = GATHER_S,
        on_drop: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._name = name
        self._write = write
        self._clock = clock
        self._queue_bytes = queue_bytes
        self._most = most
        self._gather_s = gather_s
        self._on_drop = on_drop
        self._queue: deque[tuple[Item, int]] = deque()
        self._waiting_bytes = 0
        self._came = asyncio.Event()
        self._writing = asyncio.Lock()
        self._warned_at = -WARN_EVERY_S
        self.dropped = 0

    def put(self, item: Item, size: int) -> None:
        """Hand an item over that takes so many bytes of memory; dropped when there is no room."""
        if self._waiting_bytes + size > self._queue_bytes:
            return self.drop(1)
        self._queue.append((item, size))
        self._waiting_bytes += size
        self._came.set()

    def drop(self, count: int) -> None:
        """Count items that will not be written."""
        self.dropped += count
        self._on_drop(count)
        now = self._clock.monotonic()
        if now - self._warned_at >= WARN_EVERY_S:
            self._warned_at = now
            log.warning("spool_dropped", spool=self._name, dropped=self.dropped, waiting=len(self._queue))

    async def run(self) -> None:
        """Write until cancelled; then write what waits, for as long as a farewell may take."""
        try:
            while True:
                await self._came.wait()
                await asyncio.sleep(self._gather_s)
                self._came.clear()
                try:
                    await self.flush()
                except Exception as error:
                    waiting = len(self._queue)
                    log.error("spool_not_written", spool=self._name, waiting=waiting, error=type(error).__name__)
                    self._came.set()
                    await asyncio.sleep(RETRY_S)
        finally:
            await self._farewell()

    async def flush(self) -> None:
        """Write everything that waits."""
        async with self._writing:
            while self._queue:
                batch = [item for item, _ in islice(self._queue, self._most)]
                await self._write(batch)
                for _ in batch:
                    self._waiting_bytes -= self._queue.popleft()[1]

    async def _farewell(self) -> None:
        with suppress(TimeoutError, Exception):
            async with asyncio.timeout(FAREWELL_S):
                await self.flush()
        if self._queue:
            self.drop(len(self._queue))
