"""What a bad moment does: 2,000 stations lost at once and back at once, and 100 stations that stall.

The stations of the storm charge, lose their connections without a word, come back all together, and go on. Printed is
the part of their acknowledged messages that is stored, and the part of them that is served again. Then 100 others are
served while 100 stall, having asked more than they read the answers of: what is allowed is divided by what it took.
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter

import aiosqlite
import uvloop
from websockets.exceptions import InvalidHandshake

from bench.bench_ocpp_paced import slowest_ms
from bench.harness import Server, server, tell
from bench.swarm import Station, eight_samples, join, swarm

STORM = 2_000
STALLED = 100
OTHERS = 100
FLOOD = 2_000
TURN, TURNS = 20, 8
"""Messages of each of the others in a turn, and turns of each kind."""
ALLOWED_SLOWER = 1.3
TARGET = 1.0
_BEFORE_S = 5.0
_ATTEMPTS = 5


async def _charge_until_lost(station: Station, acknowledged: Counter[str]) -> None:
    try:
        while True:
            await station.meter(eight_samples(1000))
            acknowledged[station.name] += 1
    except Exception:  # the connection is lost: that is the point
        return


async def _storm(ours: Server, database: str) -> None:
    acknowledged: Counter[str] = Counter()
    async with swarm(ours.url, STORM, name="STORM") as stations:
        await asyncio.gather(*(station.start() for station in stations))
        acknowledged.update(station.name for station in stations)
        charging = [asyncio.create_task(_charge_until_lost(station, acknowledged)) for station in stations]
        await asyncio.sleep(_BEFORE_S)
        for station in stations:
            station.socket.transport.abort()
        await asyncio.gather(*charging)
        begun_s = time.perf_counter()
        served = sum(await asyncio.gather(*(_come_back(ours, station, acknowledged) for station in stations)))
        took_s = time.perf_counter() - begun_s
    await ours.calm()
    async with aiosqlite.connect(database) as connection:
        rows = await connection.execute_fetchall("SELECT station_id, count(*) FROM csms_event GROUP BY station_id")
    stored = {str(name): int(count) for name, count in rows}
    total = acknowledged.total()
    lost = sum(max(0, count - stored.get(name, 0)) for name, count in acknowledged.items())
    print(f"ocpp_storm: {total} acknowledged, {lost} lost; {served} back after {took_s:.1f} s", file=sys.stderr)
    tell("ocpp_storm_kept", (total - lost) / total, TARGET)
    tell("ocpp_storm_served_again", served / STORM, TARGET)


async def _come_back(ours: Server, lost: Station, acknowledged: Counter[str]) -> bool:
    """Connect, boot, and go on with the transaction; who does not get in knocks again, as chargers do."""
    try:
        station = await _knock(ours, lost.name)
        station.go_on(lost)
        await station.boot()
        await station.meter(eight_samples(2000))
        acknowledged[station.name] += 1
        await station.stop()
        acknowledged[station.name] += 1
        await station.socket.close()
    except Exception as error:
        print(f"{lost.name} was not served again: {error!r}", file=sys.stderr)
        return False
    return True


async def _knock(ours: Server, name: str) -> Station:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await join(ours.url, name)
        except (OSError, InvalidHandshake):
            await asyncio.sleep(1)
    return await join(ours.url, name)


async def _served(stations: list[Station], calls: int) -> list[float]:
    """How long, in milliseconds, the answers took to meter values that these stations send one after the other."""
    took_ms: list[float] = []

    async def act(station: Station) -> None:
        for _ in range(calls):
            begun_s = time.perf_counter()
            await station.meter(eight_samples(1000))
            took_ms.append((time.perf_counter() - begun_s) * 1e3)
            await asyncio.sleep(0.2)

    await asyncio.gather(*(act(station) for station in stations))
    return took_ms


async def _stall(station: Station) -> None:
    """Ask and ask, read nothing, and stop in the middle of a frame."""
    transport = station.socket.transport
    transport.pause_reading()
    try:
        async with asyncio.timeout(2):
            for _ in range(FLOOD):
                await station.socket.send(station.frame(b"Heartbeat", b"{}"), text=True)
                await asyncio.sleep(0)  # the others have pings to answer
    except TimeoutError:
        pass
    transport.write(b"\x81\xfe")


async def _stalling(ours: Server) -> None:
    """Others are served in turns while nobody stalls and while some do.

    Both percentiles are of all turns together, and each pair of turns begins with the other kind: what else the machine
    does meets both alike.
    """
    calm_ms: list[float] = []
    stalled_ms: list[float] = []
    async with swarm(ours.url, OTHERS, name="OTHER") as others:
        await asyncio.gather(*(station.start() for station in others))
        await _served(others, TURN)  # the first one is slower, whoever stalls
        for number in range(TURNS):
            kinds = (False, True) if number % 2 else (True, False)
            for is_stalled in kinds:
                if is_stalled:
                    stalled_ms += await _served_while_some_stall(ours, others, number)
                else:
                    await ours.calm()
                    calm_ms += await _served(others, TURN)
    allowed_ms, took_ms = ALLOWED_SLOWER * slowest_ms(calm_ms), slowest_ms(stalled_ms)
    print(f"ocpp_stalled_others_p99: {took_ms:.1f} ms, {allowed_ms:.1f} ms are allowed", file=sys.stderr)
    tell("ocpp_stalled_others_p99", allowed_ms / took_ms, TARGET)


async def _served_while_some_stall(ours: Server, others: list[Station], number: int) -> list[float]:
    async with swarm(ours.url, STALLED, name=f"STALL{number}-") as stalled:
        await asyncio.gather(*(_stall(station) for station in stalled))
        await ours.calm()
        took_ms = await _served(others, TURN)
        for station in stalled:
            station.socket.transport.abort()
    return took_ms


async def _main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the server inherits it
    with tempfile.TemporaryDirectory() as folder:
        database = f"{folder}/bench.db"
        with server("bench.servers.csms", f"sqlite:///{database}") as ours:
            await _storm(ours, database)
            await _stalling(ours)


if __name__ == "__main__":
    uvloop.run(_main())
