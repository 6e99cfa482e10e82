"""Stations charge, eleven messages a session, all of it stored: on SQLite, and on PostgreSQL whose CPU time counts.

Durable settings on both: what was acknowledged to a station survives a power cut. The frame log is on. 200 stations
that never rest, and 1,000 of which each says less; then 2.0.1 next to 1.6.
"""

import tempfile
from collections.abc import Sequence

import uvloop

from bench.harness import WRITTEN_LATER_S, Measured, Server, compare, server
from bench.postgres import postgres_server
from bench.swarm import Station, Station201, swarm, together

SESSIONS = 1_000
TARGET_SQLITE = 0.2
TARGET_POSTGRESQL = 0.15
TARGET_201 = 1 / 1.4
"""What a session costs in 1.6, divided by what it costs in 2.0.1."""
ROUNDS = 3


def _measured(server: Server, stations: list[Station], *, lag_s: float = WRITTEN_LATER_S) -> Measured:
    each = max(1, SESSIONS // len(stations))
    return Measured(server, lambda: together(stations, lambda station: station.sessions(each)), lag_s)


async def _mix(name: str, target: float, size: int, bare: Server, ours: Server) -> None:
    prefix = f"MIX{size}-"
    async with swarm(bare.url, size) as bare_stations, swarm(ours.url, size, name=prefix) as our_stations:
        await compare(
            name,
            target=target,
            ours=_measured(ours, our_stations),
            bare=_measured(bare, bare_stations, lag_s=0),
            rounds=ROUNDS,
        )


async def _versions(ours: Server) -> None:
    async with swarm(ours.url, 200, name="OLD") as old, swarm(ours.url, 200, Station201, name="NEW") as new:
        await compare(
            "ocpp_session_201",
            target=TARGET_201,
            ours=_measured(ours, new),
            bare=_measured(ours, old),
            rounds=ROUNDS,
        )


async def _measure(kind: str, target: float, bare: Server, database_url: str, also: Sequence[int] = ()) -> None:
    with server("bench.servers.csms", database_url, also=also) as ours:
        await _mix(f"ocpp_session_mix_{kind}", target, 200, bare, ours)
        await _mix(f"ocpp_session_mix_1000_{kind}", target, 1_000, bare, ours)
        if kind == "sqlite":
            await _versions(ours)


async def _main() -> None:
    with server("bench.servers.bare_ocpp") as bare:
        with tempfile.TemporaryDirectory() as folder:
            await _measure("sqlite", TARGET_SQLITE, bare, f"sqlite:///{folder}/bench.db")
        with postgres_server(durable=True) as database:
            await _measure("postgresql", TARGET_POSTGRESQL, bare, database.url(), [database.pid])


if __name__ == "__main__":
    uvloop.run(_main())
