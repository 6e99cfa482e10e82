"""The clock that tests move, and the one that nobody does."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.clock import Clock, ManualClock, SystemClock

pytestmark = pytest.mark.anyio

SECONDS = st.floats(min_value=0, max_value=10_000, allow_nan=False)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock()], ids=["system", "manual"])
async def test_every_clock_tells_aware_utc_and_never_runs_backwards(clock: Clock) -> None:
    first, started = clock.now(), clock.monotonic()
    await clock.sleep(0)
    await clock.sleep(-1)
    assert first.utcoffset() == timedelta(0)
    assert clock.now() >= first
    assert clock.monotonic() >= started


async def test_the_system_clock_sleeps_in_real_time() -> None:
    clock = SystemClock()
    started = clock.monotonic()
    await clock.sleep(0.02)
    assert clock.monotonic() - started >= 0.019


def test_a_manual_clock_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(datetime(2026, 3, 29, 2, tzinfo=timezone(timedelta(hours=1))))
    assert clock.now() == datetime(2026, 3, 29, 1, tzinfo=UTC)
    clock.advance(1.5)
    assert clock.now() == datetime(2026, 3, 29, 1, 0, 1, 500_000, tzinfo=UTC)
    assert clock.monotonic() == 1.5


def test_a_manual_clock_refuses_what_is_not_a_step_forward() -> None:
    clock = ManualClock()
    for step in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"backwards|not a number"):
            clock.advance(step)
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001  (the naive datetime is the point)


async def test_eight_steps_of_a_tenth_wake_a_sleeper_of_eight_tenths() -> None:
    clock = ManualClock()
    sleeper = asyncio.create_task(clock.sleep(0.8))
    await settle()
    for _ in range(8):
        assert not sleeper.done()
        clock.advance(0.1)
    await sleeper


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = ManualClock()
    sleeper = asyncio.create_task(clock.sleep(5))
    await settle()
    assert clock.sleeping == 1
    sleeper.cancel()
    await settle()
    assert clock.sleeping == 0
    clock.advance(10)
    assert sleeper.cancelled()


async def test_a_sleeper_that_is_not_due_sleeps_on() -> None:
    clock = ManualClock()
    sleeper = asyncio.create_task(clock.sleep(10))
    await settle()
    clock.advance(9.999_999)
    await settle()
    assert not sleeper.done()
    clock.advance(0.000_001)
    await sleeper


@given(waits=st.lists(SECONDS, max_size=20), steps=st.lists(SECONDS, max_size=20))
def test_sleepers_wake_when_due_in_order_of_time_then_of_arrival(waits: list[float], steps: list[float]) -> None:
    async def scenario() -> None:
        clock, woken = ManualClock(), []

        async def sleep(number: int, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(number)

        sleepers = [asyncio.create_task(sleep(number, seconds)) for number, seconds in enumerate(waits)]
        await settle()
        for step in steps:
            clock.advance(step)
            await settle()
        passed = sum(round(step * 1_000_000) for step in steps)
        due = [(round(seconds * 1_000_000), number) for number, seconds in enumerate(waits)]
        assert woken == [number for wait, number in sorted(due) if wait <= passed]
        clock.advance(10_001)
        await asyncio.gather(*sleepers)

    asyncio.run(scenario())
