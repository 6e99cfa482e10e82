"""200 stations send meter values of eight samples: validated, stored, and acknowledged after the commit."""

import tempfile

import uvloop

from bench.harness import WRITTEN_LATER_S, Measured, compare, server
from bench.swarm import Station, eight_samples, swarm, together

STATIONS = 200
READINGS = 40
TARGET = 0.12


async def _meter(station: Station) -> None:
    for number in range(READINGS):
        await station.meter(eight_samples(1500 + 100 * number))


async def _main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        server("bench.servers.bare_ocpp") as bare,
        server("bench.servers.csms", f"sqlite:///{folder}/bench.db") as ours,
    ):
        async with swarm(bare.url, STATIONS) as bare_stations, swarm(ours.url, STATIONS) as our_stations:
            for stations in (bare_stations, our_stations):
                await together(stations, Station.start)
            await compare(
                "ocpp_meter_values",
                target=TARGET,
                ours=Measured(ours, lambda: together(our_stations, _meter), lag_s=WRITTEN_LATER_S),
                bare=Measured(bare, lambda: together(bare_stations, _meter)),
            )


if __name__ == "__main__":
    uvloop.run(_main())
