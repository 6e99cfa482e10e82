"""Work for many at once: nobody waits longer than was said, and nobody suffers for another."""

import asyncio
from collections.abc import Sequence

import pytest

from kit.batches import Batches
from kit.guard import tx_active

pytestmark = pytest.mark.anyio


class Doubling:
    """Doubles numbers; not the number 13."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(numbers))
        assert not tx_active.get()
        await self.open.wait()
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]


async def test_what_comes_while_a_batch_is_worked_off_is_the_next_batch() -> None:
    work = Doubling()
    batches = Batches(work)
    work.open.clear()
    first = asyncio.create_task(batches.result(1))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(batches.result(number)) for number in range(2, 6)]
    await asyncio.sleep(0.01)
    work.open.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10]
    assert work.batches == [[1], [2, 3, 4, 5]]


async def test_what_comes_in_a_wave_is_one_batch_where_batches_wait() -> None:
    work = Doubling()
    batches = Batches(work, most=3, gather_s=1)
    first = asyncio.create_task(batches.result(1))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(batches.result(2))
    assert await asyncio.gather(first, second) == [2, 4]
    assert work.batches == [[1, 2]]


async def test_a_full_batch_does_not_wait() -> None:
    work = Doubling()
    batches = Batches(work, most=2, gather_s=3600)
    async with asyncio.timeout(30):
        assert await asyncio.gather(*(batches.result(number) for number in range(4))) == [0, 2, 4, 6]


async def test_a_batch_has_a_limit() -> None:
    work = Doubling()
    batches = Batches(work, most=2)
    await asyncio.gather(*(batches.result(number) for number in range(5)))
    assert [len(batch) for batch in work.batches] == [2, 2, 1]


async def test_one_that_cannot_be_done_fails_alone() -> None:
    work = Doubling()
    batches = Batches(work)
    results = await asyncio.gather(*(batches.result(number) for number in (1, 13, 3)), return_exceptions=True)
    assert (results[0], results[2]) == (2, 6)
    assert isinstance(results[1], ValueError)
    assert await batches.result(4) == 8


async def test_one_who_no_longer_waits_holds_nobody_up() -> None:
    work = Doubling()
    batches = Batches(work)
    work.open.clear()
    tasks = [asyncio.create_task(batches.result(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    tasks[1].cancel()
    work.open.set()
    assert await asyncio.gather(tasks[0], tasks[2]) == [0, 4]


async def test_the_batch_knows_nothing_of_who_asked_and_is_waited_for_at_the_end() -> None:
    work = Doubling()
    batches = Batches(work)
    token = tx_active.set(True)
    try:
        task = asyncio.create_task(batches.result(1))
        await asyncio.sleep(0.01)
    finally:
        tx_active.reset(token)
    await batches.close()
    assert await task == 2
