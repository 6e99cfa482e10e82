"""200 stations send heartbeats: what reading, checking and answering a message costs, with nothing to store."""

import tempfile

import uvloop

from bench.harness import Measured, compare, server
from bench.swarm import Station, swarm, together

STATIONS = 200
HEARTBEATS = 100
TARGET = 0.65


async def _beat(station: Station) -> None:
    await station.heartbeats(HEARTBEATS)


async def _main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        server("bench.servers.bare_ocpp") as bare,
        server("bench.servers.csms", f"sqlite:///{folder}/bench.db") as ours,
    ):
        async with swarm(bare.url, STATIONS) as bare_stations, swarm(ours.url, STATIONS) as our_stations:
            await compare(
                "ocpp_heartbeat",
                target=TARGET,
                ours=Measured(ours, lambda: together(our_stations, _beat)),
                bare=Measured(bare, lambda: together(bare_stations, _beat)),
            )


if __name__ == "__main__":
    uvloop.run(_main())
