"""What is written off the answer's path: in order, within bounds, again after a failure."""

import asyncio
from collections.abc import Sequence

import pytest

from kit.clock import ManualClock
from kit.spool import Spool

pytestmark = pytest.mark.anyio


class Store:
    """What was written, in batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failures = 0

    async def write(self, batch: Sequence[int]) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no database")
        self.batches.append(list(batch))


def spool_of(store: Store, **options: int) -> Spool[int]:
    return Spool("test", store.write, clock=ManualClock(), **{"queue_bytes": 100, **options})  # type: ignore[arg-type]


async def test_items_are_written_in_order_and_no_more_than_so_many_at_once() -> None:
    store = Store()
    spool = spool_of(store, most=2)
    for number in range(5):
        spool.put(number, 1)
    await spool.flush()
    assert store.batches == [[0, 1], [2, 3], [4]]


async def test_what_does_not_fit_is_dropped_and_counted_until_there_is_room() -> None:
    store = Store()
    spool = spool_of(store)
    spool.put(1, 60)
    spool.put(2, 60)
    await spool.flush()
    spool.put(3, 60)
    await spool.flush()
    assert store.batches == [[1], [3]]
    assert spool.dropped == 1


async def test_what_could_not_be_written_is_written_later_and_what_waits_at_the_end_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kit.spool.RETRY_S", 0.01)
    store = Store()
    store.failures = 1
    spool = spool_of(store)
    running = asyncio.create_task(spool.run())
    spool.put(1, 1)
    async with asyncio.timeout(30):
        while not store.batches:
            await asyncio.sleep(0.01)
    spool.put(2, 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert store.batches == [[1], [2]]
