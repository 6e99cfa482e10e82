"""Several stations in one process, told what to do by JSON lines on stdin and telling what happens on stdout.

    → {"id": 1, "do": "connect", "station": "CS-1", "url": "ws://…", "password": "…", "protocol": "ocpp1.6"}
    ← {"id": 1, "event": "booted", "status": "Accepted", "done": true}
    → {"id": 2, "do": "tap", "station": "CS-1", "uid": "04AABBCCDD", "seconds": 3}
    ← {"id": 2, "event": "answered", "verdict": "Accepted", "ms": 4.1}
    ← {"id": 2, "event": "charged", "energy_wh": 5500, "done": true}

A command that fails ends with `{"event": "failed", "reason": …, "done": true}`. The process ends with its input, so it
never outlives whoever drives it.
"""

import asyncio
import json
import sys
from typing import Any

from simulators.station.station import SimulatedStation

Json = dict[str, Any]


class Fleet:
    """The stations of this process by id."""

    def __init__(self, *, speed: float, meter_interval_s: float) -> None:
        self._stations: dict[str, SimulatedStation] = {}
        self._speed = speed
        self._meter_interval_s = meter_interval_s

    async def obey(self, command: Json) -> None:
        """Carry out one command and tell how it ends."""
        try:
            match command["do"]:
                case "connect":
                    done = await self._connect(command)
                case "tap":
                    done = await self._tap(command)
                case other:
                    done = {"event": "failed", "reason": f"unknown command {other}"}
        except Exception as error:  # whatever went wrong, the driver of the process waits for an answer
            done = {"event": "failed", "reason": f"{type(error).__name__}: {error}"}
        _say({"id": command["id"], **done, "done": True})

    async def close(self) -> None:
        """Let every station go."""
        await asyncio.gather(*(station.close() for station in self._stations.values()))

    async def _connect(self, command: Json) -> Json:
        station = SimulatedStation(
            command["station"],
            command["url"],
            password=command["password"],
            protocol=command["protocol"],
            power_w=command.get("power_w", 11_000),
            speed=self._speed,
            meter_interval_s=self._meter_interval_s,
        )
        self._stations[station.station_id] = station
        await station.connect()
        return {"event": "booted", "status": station.boot_status}

    async def _tap(self, command: Json) -> Json:
        station = self._stations[command["station"]]
        asked_at = station.clock.monotonic()
        verdict = await station.authorize(command["uid"])
        took_ms = round((station.clock.monotonic() - asked_at) * 1000, 1)
        _say({"id": command["id"], "event": "answered", "verdict": verdict, "ms": took_ms})
        if verdict != "Accepted":
            return {"event": "refused", "verdict": verdict}
        charged = await station.charge(command["uid"], seconds=command["seconds"])
        return {"event": "charged", "energy_wh": charged.energy_wh}


async def run_fleet(*, speed: float, meter_interval_s: float) -> None:
    """Run stations until the input ends."""
    fleet = Fleet(speed=speed, meter_interval_s=meter_interval_s)
    commands: set[asyncio.Task[None]] = set()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        async for line in reader:
            task = asyncio.create_task(fleet.obey(json.loads(line)))
            commands.add(task)
            task.add_done_callback(commands.discard)
    finally:
        for task in commands:
            task.cancel()
        await asyncio.gather(*commands, return_exceptions=True)
        await fleet.close()
        transport.close()


def _say(line: Json) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
