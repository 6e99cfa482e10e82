"""Time, passed in: the real clock for the product, one that tests move by hand.

Only this module reads the machine's time.
"""

import asyncio
import heapq
import math
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the rest of the house knows of time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start, never running backwards: for durations and time-outs."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed; at once, after giving others a turn, when zero or fewer."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep in real time."""
        await asyncio.sleep(max(seconds, 0))


class ManualClock:
    """A clock that stands still until `advance` moves it.

    It counts whole microseconds, so that eight steps of 0.1 s do wake a sleeper of 0.8 s.
    """

    def __init__(self, start: datetime | None = None) -> None:
        start = start or datetime(2026, 1, 1, tzinfo=UTC)
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware datetime")
        self._start = start.astimezone(UTC)
        self._elapsed_us = 0
        self._order = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The start plus everything advanced so far."""
        return self._start + timedelta(microseconds=self._elapsed_us)

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed_us / 1_000_000

    @property
    def sleeping(self) -> int:
        """How many sleepers wait: a test awaits this before it advances."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has moved the clock so far."""
        wait_us = _microseconds(seconds)
        if wait_us <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._sleepers, (self._elapsed_us + wait_us, self._order, sleeper))
        await sleeper

    def advance(self, seconds: float) -> None:
        """Jump forward and wake every sleeper that is due, earliest first, first come first among equals.

        The woken tasks run when the caller next awaits, and all of them find the clock at its new time.
        """
        step_us = _microseconds(seconds)
        if step_us < 0:
            raise ValueError("a clock does not run backwards")
        self._elapsed_us += step_us
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_us:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)


def _microseconds(seconds: float) -> int:
    if not math.isfinite(seconds):
        raise ValueError(f"not a number of seconds: {seconds}")
    return round(seconds * 1_000_000)
