"""Work that is cheaper for many at once: whoever wants some hands it in and awaits the result of its batch.

While one batch is worked off, the next one gathers; where that is too short for what comes in a wave, batches wait a
little before they begin. When a batch fails its members are tried one by one, so that one that cannot be done harms
nobody else.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """Gathers items for `work`, which returns a result for each in their order; at most `most` at once.

    The first item of a batch waits `gather_s` for others.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        most: int = 500,
        gather_s: float = 0.0,
    ) -> None:
        self._work = work
        self._most = most
        self._gather_s = gather_s
        self._queue: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def result(self, item: Item) -> Result:
        """The result for one item. Raises what `work` raises for it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((item, future))
        if self._task is None:
            # An empty context: the task outlives the caller and must not carry its correlation id or transaction.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())
        return await future

    async def close(self) -> None:
        """Wait until everything that was handed in is done."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._queue:
                if self._gather_s and len(self._queue) < self._most:
                    await asyncio.sleep(self._gather_s)
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._most))]
                if not await self._try(batch, alone=len(batch) == 1):
                    for each in batch:
                        await self._try([each], alone=True)
        finally:
            self._task = None

    async def _try(self, batch: Sequence[tuple[Item, "asyncio.Future[Result]"]], *, alone: bool) -> bool:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as error:
            if not alone:
                return False
            if not batch[0][1].done():
                batch[0][1].set_exception(error)
            return True
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():  # whoever waited may be gone
                future.set_result(result)
        return True
