"""200 stations charge, eleven messages a session, all of it stored: on SQLite, and on PostgreSQL whose CPU time counts.

Durable settings on both: what was acknowledged to a station survives a power cut.
"""

import tempfile
from collections.abc import Sequence

import uvloop

from bench.harness import Measured, Server, compare, server
from bench.postgres import postgres_server
from bench.swarm import Station, swarm, together

STATIONS = 200
SESSIONS = 5
TARGET_SQLITE = 0.12
TARGET_POSTGRESQL = 0.08


async def _charge(station: Station) -> None:
    await station.sessions(SESSIONS)


async def _measure(name: str, target: float, bare: Server, database_url: str, also: Sequence[int] = ()) -> None:
    with server("bench.servers.csms", database_url, also=also) as ours:
        async with swarm(bare.url, STATIONS) as bare_stations, swarm(ours.url, STATIONS) as our_stations:
            await compare(
                name,
                target=target,
                ours=Measured(ours, lambda: together(our_stations, _charge)),
                bare=Measured(bare, lambda: together(bare_stations, _charge)),
            )


async def _main() -> None:
    with server("bench.servers.bare_ocpp") as bare:
        with tempfile.TemporaryDirectory() as folder:
            await _measure("ocpp_session_mix_sqlite", TARGET_SQLITE, bare, f"sqlite:///{folder}/bench.db")
        with postgres_server(durable=True) as database:
            await _measure("ocpp_session_mix_postgresql", TARGET_POSTGRESQL, bare, database.url(), [database.pid])


if __name__ == "__main__":
    uvloop.run(_main())
