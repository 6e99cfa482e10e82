"""Many charging stations from one process, one call in flight for each, nothing checked that costs time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

_HANDSHAKES_AT_ONCE = 20
_START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_METER_READINGS = 6


class Station:
    """One station that speaks OCPP 1.6. `answered` counts the calls that got a result."""

    protocol = Subprotocol("ocpp1.6")

    def __init__(self, name: str, socket: ClientConnection) -> None:
        self.name = name
        self.socket = socket
        self.answered = 0
        self._clock = _START
        self._sent = 0
        self._transaction: Any = 0

    async def boot(self) -> None:
        """Introduce itself."""
        await self.call(b"BootNotification", b'{"chargePointVendor":"Bench","chargePointModel":"Swarm"}')

    async def heartbeats(self, count: int) -> None:
        """So many heartbeats."""
        for _ in range(count):
            await self.call(b"Heartbeat", b"{}")

    async def sessions(self, count: int) -> None:
        """So many times: boot, report a connector, charge with six meter readings of three samples, end."""
        for _ in range(count):
            await self.session()

    async def session(self, pause: Callable[[], Awaitable[None]] | None = None) -> None:
        """One of them, eleven calls; `pause` is awaited before each."""
        steps: Sequence[Callable[[], Awaitable[None]]] = [
            self.boot,
            self.report,
            self.start,
            *[lambda number=number: self.meter(_samples(1500 + 500 * number)) for number in range(_METER_READINGS)],
            lambda: self.heartbeats(1),
            self.stop,
        ]
        for step in steps:
            if pause is not None:
                await pause()
            await step()

    async def report(self) -> None:
        """A connector has a status."""
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing", "timestamp": self._later()}
        await self.call(b"StatusNotification", orjson.dumps(status))

    async def start(self) -> None:
        """A transaction begins."""
        begin = {"connectorId": 1, "idTag": f"TAG{self.name}", "meterStart": 1000, "timestamp": self._later()}
        started = orjson.loads(await self.call(b"StartTransaction", orjson.dumps(begin)))
        self._transaction = started[2]["transactionId"]

    async def meter(self, samples: Sequence[dict[str, Any]]) -> None:
        """A reading in the transaction."""
        reading = {"timestamp": self._later(), "sampledValue": samples}
        values = {"connectorId": 1, "transactionId": self._transaction, "meterValue": [reading]}
        await self.call(b"MeterValues", orjson.dumps(values))

    async def stop(self) -> None:
        """The transaction ends."""
        end = {"transactionId": self._transaction, "meterStop": 5000, "timestamp": self._later(), "reason": "Local"}
        await self.call(b"StopTransaction", orjson.dumps(end))

    def go_on(self, lost: "Station") -> None:
        """Go on where a connection of the same station was lost."""
        self._clock, self._sent, self._transaction = lost._clock, lost._sent, lost._transaction

    def frame(self, action: bytes, payload: bytes) -> bytes:
        """The next call."""
        self._sent += 1
        return b'[2,"%d","%b",%b]' % (self._sent, action, payload)

    async def call(self, action: bytes, payload: bytes) -> bytes:
        """Ask, and return the answer as it came."""
        await self.socket.send(self.frame(action, payload), text=True)
        answer = await self.socket.recv(decode=False)
        if not answer.startswith(b"[3,"):
            raise RuntimeError(f"{action.decode()} was not answered: {answer!r}")
        self.answered += 1
        return answer

    def _later(self) -> str:
        self._clock += timedelta(minutes=1)
        return self._clock.strftime("%Y-%m-%dT%H:%M:%SZ")


class Station201(Station):
    """The same in OCPP 2.0.1."""

    protocol = Subprotocol("ocpp2.0.1")
    _number = 0

    async def boot(self) -> None:
        """Introduce itself."""
        payload = b'{"chargingStation":{"vendorName":"Bench","model":"Swarm"},"reason":"PowerUp"}'
        await self.call(b"BootNotification", payload)

    async def report(self) -> None:
        """A connector has a status."""
        status = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": self._later()}
        await self.call(b"StatusNotification", orjson.dumps(status))

    async def start(self) -> None:
        """A transaction begins."""
        self._number += 1
        self._transaction, self._told = f"{self.name}-{self._number}", 0
        token = {"idToken": f"TAG{self.name}", "type": "ISO14443"}
        await self._tell("Started", "Authorized", [_register(1000)], evse={"id": 1, "connectorId": 1}, idToken=token)

    async def meter(self, samples: Sequence[dict[str, Any]]) -> None:
        """A reading in the transaction."""
        await self._tell("Updated", "MeterValuePeriodic", [_sample201(one) for one in samples])

    async def stop(self) -> None:
        """The transaction ends."""
        await self._tell("Ended", "StopAuthorized", [_register(5000)])

    async def _tell(self, kind: str, reason: str, samples: Sequence[dict[str, Any]], **more: Any) -> None:
        at = self._later()
        ended = {"stoppedReason": "Local"} if kind == "Ended" else {}
        event = {
            "eventType": kind,
            "timestamp": at,
            "triggerReason": reason,
            "seqNo": self._told,
            "transactionInfo": {"transactionId": self._transaction, "chargingState": "Charging", **ended},
            "meterValue": [{"timestamp": at, "sampledValue": samples}],
            **more,
        }
        self._told += 1
        await self.call(b"TransactionEvent", orjson.dumps(event))


def _register(energy_wh: int) -> dict[str, Any]:
    return {"value": energy_wh, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}}


def _sample201(sample: dict[str, Any]) -> dict[str, Any]:
    """A sample as 2.0.1 writes it."""
    rest = {name: value for name, value in sample.items() if name not in ("value", "unit")}
    return {"value": float(sample["value"]), "unitOfMeasure": {"unit": sample["unit"]}, **rest}


def _samples(energy_wh: int) -> list[dict[str, str]]:
    return [
        {"value": str(energy_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "11000.0", "measurand": "Power.Active.Import", "unit": "W"},
        {"value": "16.0", "phase": "L1", "measurand": "Current.Import", "unit": "A"},
    ]


def eight_samples(energy_wh: int) -> list[dict[str, str]]:
    """A reading as full as chargers send them: register, power, and current and voltage of three phases."""
    phases = ("L1", "L2", "L3")
    return [
        *_samples(energy_wh)[:2],
        *({"value": "16.1", "phase": phase, "measurand": "Current.Import", "unit": "A"} for phase in phases),
        *({"value": "231.4", "phase": phase, "measurand": "Voltage", "unit": "V"} for phase in phases),
    ]


async def join(url: str, name: str, kind: type[Station] = Station) -> Station:
    """One station, connected."""
    socket = await connect(
        f"{url}/{name}",
        subprotocols=[kind.protocol],
        compression=None,
        ping_interval=None,
        proxy=None,
        open_timeout=120,
        close_timeout=1,
    )
    return kind(name, socket)


@asynccontextmanager
async def swarm(
    url: str, size: int, kind: type[Station] = Station, *, name: str = "BENCH"
) -> AsyncIterator[list[Station]]:
    """So many stations, connected."""
    gate = asyncio.Semaphore(_HANDSHAKES_AT_ONCE)

    async def enter(name: str) -> Station:
        async with gate:
            return await join(url, name, kind)

    stations = await asyncio.gather(*(enter(f"{name}{number:04}") for number in range(size)))
    try:
        yield stations
    finally:
        await asyncio.gather(*(station.socket.close() for station in stations))


async def together(stations: list[Station], act: Callable[[Station], Awaitable[None]]) -> int:
    """Let every station do it at the same time; returns how many calls were answered."""
    before = sum(station.answered for station in stations)
    await asyncio.gather(*(act(station) for station in stations))
    return sum(station.answered for station in stations) - before
