"""5,000 stations connect, boot, and then say nothing: the memory of each, and the CPU time of connecting and booting.

Memory is what the process has grown by, all included; what is allowed is divided by it. CPU time is compared with what
the bare server takes for the same handshakes and boots.
"""

import resource
import sys
import tempfile

import psutil
import uvloop

from bench.harness import WRITTEN_LATER_S, Measured, Server, server, tell
from bench.swarm import Station, swarm, together

STATIONS = 5_000
ALLOWED_KB = 40
TARGET_MEMORY = 1.0
TARGET_CONNECT = 0.2


def _resident_kb(measured: Server) -> float:
    return float(psutil.Process(measured.pids[0]).memory_info().rss) / 1e3


async def _connect(target: Server, *, lag_s: float = 0.0) -> tuple[float, float]:
    """CPU microseconds for each to connect and boot, and kilobytes that each takes when all are at rest."""
    async with swarm(target.url, 50, name="WARM") as warm:
        await together(warm, Station.boot)
    await target.calm()
    before_kb = _resident_kb(target)
    grown_kb = 0.0

    async def load() -> int:
        nonlocal grown_kb
        async with swarm(target.url, STATIONS, name="IDLE") as stations:
            await together(stations, Station.boot)
            await target.calm()
            grown_kb = _resident_kb(target) - before_kb
        return STATIONS

    measured = Measured(target, load, lag_s)
    await measured.round()
    return measured.cost_us, grown_kb / STATIONS


async def _main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the servers inherit it
    with (
        tempfile.TemporaryDirectory() as folder,
        server("bench.servers.bare_ocpp") as bare,
        server("bench.servers.csms", f"sqlite:///{folder}/bench.db") as ours,
    ):
        bare_us, bare_kb = await _connect(bare)
        our_us, our_kb = await _connect(ours, lag_s=WRITTEN_LATER_S)
    print(
        f"ocpp_idle: {our_kb:.1f} kB and {our_us:.0f} us of CPU for a station, bare {bare_kb:.1f} kB, {bare_us:.0f} us",
        file=sys.stderr,
    )
    tell("ocpp_idle_memory", ALLOWED_KB / our_kb, TARGET_MEMORY)
    tell("ocpp_connect_and_boot", bare_us / our_us, TARGET_CONNECT)


if __name__ == "__main__":
    uvloop.run(_main())
