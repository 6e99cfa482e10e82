"""Many charging stations from one process: OCPP 1.6, one call in flight for each, nothing checked that costs time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

_OCPP_16 = Subprotocol("ocpp1.6")
_HANDSHAKES_AT_ONCE = 20
_START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_METER_READINGS = 6


class Station:
    """One station. `answered` counts the calls that got a result."""

    def __init__(self, name: str, socket: ClientConnection) -> None:
        self._name = name
        self._socket = socket
        self._clock = _START
        self._sent = 0
        self.answered = 0

    async def heartbeats(self, count: int) -> None:
        """So many heartbeats."""
        for _ in range(count):
            await self._call(b"Heartbeat", b"{}")

    async def sessions(self, count: int) -> None:
        """So many times: boot, report a connector, charge with six meter readings of three samples, end."""
        for _ in range(count):
            await self._session()

    async def _session(self) -> None:
        await self._call(b"BootNotification", b'{"chargePointVendor":"Bench","chargePointModel":"Swarm"}')
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing", "timestamp": self._later()}
        await self._call(b"StatusNotification", orjson.dumps(status))
        begin = {"connectorId": 1, "idTag": f"TAG{self._name}", "meterStart": 1000, "timestamp": self._later()}
        started = orjson.loads(await self._call(b"StartTransaction", orjson.dumps(begin)))
        transaction = started[2]["transactionId"]
        for number in range(_METER_READINGS):
            reading = {"timestamp": self._later(), "sampledValue": _samples(1500 + 500 * number)}
            values = {"connectorId": 1, "transactionId": transaction, "meterValue": [reading]}
            await self._call(b"MeterValues", orjson.dumps(values))
        await self._call(b"Heartbeat", b"{}")
        end = {"transactionId": transaction, "meterStop": 5000, "timestamp": self._later(), "reason": "Local"}
        await self._call(b"StopTransaction", orjson.dumps(end))

    def _later(self) -> str:
        self._clock += timedelta(minutes=1)
        return self._clock.strftime("%Y-%m-%dT%H:%M:%SZ")

    async def _call(self, action: bytes, payload: bytes) -> bytes:
        self._sent += 1
        await self._socket.send(b'[2,"%d","%b",%b]' % (self._sent, action, payload), text=True)
        answer = await self._socket.recv(decode=False)
        if not answer.startswith(b"[3,"):
            raise RuntimeError(f"{action.decode()} was not answered: {answer!r}")
        self.answered += 1
        return answer


def _samples(energy_wh: int) -> list[dict[str, str]]:
    return [
        {"value": str(energy_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "11000.0", "measurand": "Power.Active.Import", "unit": "W"},
        {"value": "16.0", "phase": "L1", "measurand": "Current.Import", "unit": "A"},
    ]


@asynccontextmanager
async def swarm(url: str, size: int) -> AsyncIterator[list[Station]]:
    """So many stations, connected."""
    gate = asyncio.Semaphore(_HANDSHAKES_AT_ONCE)

    async def join(name: str) -> tuple[str, ClientConnection]:
        async with gate:
            address = f"{url}/{name}"
            return name, await connect(
                address, subprotocols=[_OCPP_16], compression=None, ping_interval=None, proxy=None
            )

    joined = await asyncio.gather(*(join(f"BENCH{number:04}") for number in range(size)))
    try:
        yield [Station(name, socket) for name, socket in joined]
    finally:
        await asyncio.gather(*(socket.close() for _, socket in joined))


async def together(stations: list[Station], act: Callable[[Station], Awaitable[None]]) -> int:
    """Let every station do it at the same time; returns how many calls were answered."""
    before = sum(station.answered for station in stations)
    await asyncio.gather(*(act(station) for station in stations))
    return sum(station.answered for station in stations) - before
