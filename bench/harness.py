"""How a benchmark is made: two servers in processes of their own, the same load on both, CPU time for each message.

The load comes from the benchmark's process, so it does not count. CPU time is compared and not wall time, because it
is nearly the same on a machine that is busy with something else; the ratio is what a bare server pays for a message
divided by what ours pays. Both are measured in turns, in the same run.
"""

import asyncio
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.processes import tied

ROOT = Path(__file__).parents[1]
_CALM_S = 0.3
_CALM_SHARE = 0.05
_LONGEST_UNREST_S = 60.0
WRITTEN_LATER_S = 6.0
"""The longest that our central system gathers what it writes off the answer's path: the `lag_s` of its loads."""

Load = Callable[[], Awaitable[int]]
"""Loads a server and returns how many messages it answered."""


@dataclass(frozen=True)
class Server:
    """A server that runs: where it is, and the processes whose CPU time it costs (their children's included)."""

    url: str
    pids: Sequence[int]

    def cpu_s(self) -> float:
        """CPU seconds spent so far, by processes that have ended, too."""
        return sum(_cpu_s(psutil.Process(pid)) for pid in self.pids)

    async def calm(self) -> None:
        """Return when what was started has been worked off."""
        for _ in range(int(_LONGEST_UNREST_S / _CALM_S)):
            before = self.cpu_s()
            await asyncio.sleep(_CALM_S)
            if self.cpu_s() - before < _CALM_S * _CALM_SHARE:
                return
        raise TimeoutError("the server does not come to rest")


def _cpu_s(process: psutil.Process) -> float:
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            spent = one.cpu_times()
        except psutil.NoSuchProcess:  # it has ended just now: its parent has inherited what it spent
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


@contextmanager
def server(
    module: str, *arguments: str, also: Sequence[int] = (), environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """`python -m module arguments…` as a server; `also` are further processes that work for it (a database)."""
    command = tied([sys.executable, "-m", module, *arguments])
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"{module} did not start")
        yield Server(url, [process.pid, *also])
    finally:
        process.terminate()
        process.communicate()


@dataclass
class Measured:
    """A server under a load, and the CPU microseconds that a message cost in each round."""

    server: Server
    load: Load
    lag_s: float = 0.0
    """After so long everything that is written off the answer's path has been begun: it counts as well."""
    costs_us: list[float] = field(default_factory=list)

    async def round(self) -> None:
        """Load it once."""
        await self.server.calm()
        before = self.server.cpu_s()
        messages = await self.load()
        await asyncio.sleep(self.lag_s)
        await self.server.calm()
        self.costs_us.append((self.server.cpu_s() - before) / messages * 1e6)

    @property
    def cost_us(self) -> float:
        """The round in the middle."""
        return statistics.median(self.costs_us)


async def compare(name: str, *, target: float, ours: Measured, bare: Measured, rounds: int = 5) -> None:
    """Load both in turns, print `NAME ratio=R target=T ok|short`, and what it stands on to stderr."""
    for _ in range(rounds):
        await bare.round()
        await ours.round()
    print(f"{name}: {ours.cost_us:.1f} us of CPU for a message, bare {bare.cost_us:.1f} us", file=sys.stderr)
    tell(name, bare.cost_us / ours.cost_us, target)


def tell(name: str, ratio: float, target: float) -> None:
    """Print the line of one ratio."""
    print(f"{name} ratio={ratio:.2f} target={target:.2f} {'ok' if ratio >= target else 'short'}", flush=True)
