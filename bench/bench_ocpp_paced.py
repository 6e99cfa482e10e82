"""200 stations that charge and together say 50 messages a second: how long the slowest answers take.

Ours may take three times as long as the bare server, and four milliseconds more for the disk. What is printed is what
is allowed divided by what it took. Both are asked in turns, a few seconds each, and the percentile is that of all
answers together: a machine that is busy with something else for a moment does not decide it. What a commit takes on
this disk is told with it.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import uvloop

from bench.harness import server, tell
from bench.swarm import Station, swarm

STATIONS = 200
MESSAGES_PER_S = 50
PHASE_S = 15
ROUNDS = 6
TARGET = 1.0
_STRAGGLERS_S = 2.0


class Paced(Station):
    """A station that charges, says something when it is its turn, and notes how long its answers took."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.took_ms: list[float] = []
        self._turn = asyncio.Semaphore(0)

    async def call(self, action: bytes, payload: bytes) -> bytes:
        """Ask, and return the answer as it came."""
        asked_s = time.perf_counter()
        answer = await super().call(action, payload)
        self.took_ms.append((time.perf_counter() - asked_s) * 1e3)
        return answer

    async def charge_on(self) -> None:
        """One session after the other, a call for each turn."""
        while True:
            await self.session(self._take_turn)

    def give_turn(self) -> None:
        """Let it say one thing more."""
        self._turn.release()

    async def _take_turn(self) -> None:
        await self._turn.acquire()


class Swarm:
    """The stations of one server."""

    def __init__(self, stations: Sequence[Paced]) -> None:
        self._stations = stations
        self._next = 0

    async def phase(self) -> None:
        """Some seconds of messages, one station after the other."""
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        for number in range(PHASE_S * MESSAGES_PER_S):
            await asyncio.sleep(max(0.0, begin_s + number / MESSAGES_PER_S - loop.time()))
            self._stations[self._next].give_turn()
            self._next = (self._next + 1) % len(self._stations)
        await asyncio.sleep(_STRAGGLERS_S)

    @property
    def slowest_ms(self) -> float:
        """The 99th percentile of all answers so far."""
        return slowest_ms([took for station in self._stations for took in station.took_ms])


def slowest_ms(took_ms: Sequence[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(took_ms, n=100)[98]


async def _main() -> None:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        bare_server = stack.enter_context(server("bench.servers.bare_ocpp"))
        our_server = stack.enter_context(server("bench.servers.csms", f"sqlite:///{folder}/bench.db"))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        swarms, charging = [], []
        for url in (bare_server.url, our_server.url):
            stations = await stack.enter_async_context(swarm(url, STATIONS, Paced, name="PACED"))
            paced = [station for station in stations if isinstance(station, Paced)]
            charging += [group.create_task(station.charge_on()) for station in paced]
            swarms.append(Swarm(paced))
        commits_ms = []
        for _ in range(ROUNDS):
            for each in swarms:
                await each.phase()
            commits_ms += await asyncio.to_thread(_commits_ms, folder)
        for task in charging:
            task.cancel()
        bare_ms, our_ms = (each.slowest_ms for each in swarms)
    allowed_ms = 3 * bare_ms + 4
    print(
        f"ocpp_paced_p99: {our_ms:.1f} ms, bare {bare_ms:.1f} ms, {allowed_ms:.1f} ms are allowed;"
        f" a commit on this disk {slowest_ms(commits_ms):.1f} ms",
        file=sys.stderr,
    )
    tell("ocpp_paced_p99", allowed_ms / our_ms, TARGET)


def _commits_ms(folder: str, count: int = 100) -> list[float]:
    """What the disk takes to keep a few pages, so many times: the part of ours that is nobody's code."""
    took_ms = []
    with open(f"{folder}/disk", "w+b", buffering=0) as file:
        file.write(bytes(2**15))
        os.fsync(file.fileno())
        for _ in range(count):
            time.sleep(1 / MESSAGES_PER_S)
            begun_s = time.perf_counter()
            os.pwrite(file.fileno(), bytes(2**15), 0)
            os.fdatasync(file.fileno())
            took_ms.append((time.perf_counter() - begun_s) * 1e3)
    return took_ms


if __name__ == "__main__":
    uvloop.run(_main())
