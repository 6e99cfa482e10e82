"""A simulated station as a program: it says in JSON lines what happens to it, and takes orders on stdin."""

import asyncio
import json
import sys
from contextlib import suppress

from kit.clock import Clock, SystemClock
from simulators.station.identity import Identity
from simulators.station.presence import ACCEPTED, CONNECTION_FAILURES
from simulators.station.station import SimulatedStation
from simulators.station.words import Json

LOOK_EVERY_S = 0.1


async def run_station(
    *,
    station_id: str,
    url: str,
    password: str = "",
    protocol: str = "ocpp1.6",
    tap: str | None = None,
    seconds: float = 2.0,
    evses: int = 1,
    power_w: int = 11_000,
    trusted: str | None = None,
    announce: bool = False,
    clock: Clock | None = None,
) -> None:
    """Run a station until cancelled, or through one charge of a card when `tap` names one.

    With `announce` it tells when it has booted, and takes orders on stdin until that ends, a JSON object a line:
    `{"tap": "04A1…", "seconds": 2}` lets a driver charge, answered by what the station counted (null: refused).
    What keeps it from connecting goes to stderr, once for each reason. `trusted` is the PEM of a CA, for a `wss` URL.
    """
    station = SimulatedStation(
        station_id,
        url,
        password=password,
        protocol=protocol,
        clock=clock or SystemClock(),
        evse_count=evses,
        power_w=power_w,
        identity=None if trusted is None else Identity(trusted),
    )
    running = asyncio.create_task(station.run())
    try:
        await _until_booted(station)
        if announce:
            _say({"station_id": station_id, "url": url, "protocol": protocol, "boot": station.boot_status})
        if tap is not None:
            await _charge(station, tap, seconds)
        elif announce:
            await _obey(station, seconds)
        else:
            await running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await station.close()


async def _until_booted(station: SimulatedStation) -> None:
    told: str | None = None
    while station.boot_status != ACCEPTED:
        if station.last_failure not in (None, told):
            told = station.last_failure
            sys.stderr.write(f"{station.station_id} cannot connect: {told}\n")
        await station.clock.sleep(LOOK_EVERY_S)


async def _obey(station: SimulatedStation, seconds: float) -> None:
    """Carry out the orders on stdin until it is closed."""
    orders = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    try:
        while line := await orders.readline():
            order = json.loads(line)
            await _charge(station, str(order["tap"]), float(order.get("seconds", seconds)))
    finally:
        transport.close()


async def _charge(station: SimulatedStation, id_token: str, seconds: float) -> None:
    try:
        charged = await station.tap(id_token, seconds=seconds)
    except CONNECTION_FAILURES:  # lost while it asked: nobody is charged unasked
        charged = None
    await station.flush()
    _say({"station_id": station.station_id, "energy_wh": charged.energy_wh if charged else None})


def _say(line: Json) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
