"""200 stations that charge and together say 50 messages a second: how long the slowest answers take.

Ours may take three times as long as the bare server, and four milliseconds more for the disk. What is printed is what
is allowed divided by what it took.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence

import uvloop

from bench.harness import Server, server, tell
from bench.swarm import Station, swarm

STATIONS = 200
MESSAGES_PER_S = 50
PACED_S = 30
ROUNDS = 3
TARGET = 1.0


class _Timed(Station):
    """A station that says something every few seconds and notes how long its answers took."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.took_ms: list[float] = []

    async def call(self, action: bytes, payload: bytes) -> bytes:
        """Ask, and return the answer as it came."""
        asked_s = time.perf_counter()
        answer = await super().call(action, payload)
        self.took_ms.append((time.perf_counter() - asked_s) * 1e3)
        return answer

    async def paced(self, first_s: float, every_s: float, until_s: float) -> None:
        """Sessions, a call each `every_s`, at the loop's times."""
        loop = asyncio.get_running_loop()
        due_s = first_s

        async def pause() -> None:
            nonlocal due_s
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            due_s += every_s

        while due_s < until_s:
            await self.session(pause)


def slowest_ms(took_ms: Sequence[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(took_ms, n=100)[98]


async def _round(target: Server, number: int) -> float:
    async with swarm(target.url, STATIONS, _Timed, name=f"PACED{number}-") as stations:
        begin_s, every_s = asyncio.get_running_loop().time() + 1, STATIONS / MESSAGES_PER_S
        timed = [station for station in stations if isinstance(station, _Timed)]
        await asyncio.gather(
            *(
                station.paced(begin_s + index / MESSAGES_PER_S, every_s, begin_s + PACED_S)
                for index, station in enumerate(timed)
            )
        )
        return slowest_ms([took for station in timed for took in station.took_ms])


async def _main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        server("bench.servers.bare_ocpp") as bare,
        server("bench.servers.csms", f"sqlite:///{folder}/bench.db") as ours,
    ):
        bare_ms, our_ms = [], []
        for number in range(ROUNDS):
            bare_ms.append(await _round(bare, number))
            our_ms.append(await _round(ours, number))
    allowed_ms = 3 * statistics.median(bare_ms) + 4
    took_ms = statistics.median(our_ms)
    print(f"ocpp_paced_p99: {took_ms:.1f} ms, {allowed_ms:.1f} ms are allowed", file=sys.stderr)
    tell("ocpp_paced_p99", allowed_ms / took_ms, TARGET)


if __name__ == "__main__":
    uvloop.run(_main())
