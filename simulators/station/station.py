"""The station itself: connects, boots, lets drivers charge, obeys the central system, queues while it is offline."""

import asyncio
import json
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from kit.clock import Clock, SystemClock
from kit.ids import uuid7
from simulators.station.rpc import CallRefused, Offline, Rpc
from simulators.station.words import WORDS, Charging, Json, Words

REGISTER_START_WH = 100_000


@dataclass(frozen=True, slots=True)
class Queued:
    """A transaction message that still has to be told. `kind` is started, metered or ended."""

    kind: str
    charging: Charging
    action: str
    payload: Json


@dataclass(slots=True)
class SimulatedStation:
    """A station with one or more EVSEs. `url` is what its id is appended to.

    `finished` keeps what it counted itself, to be compared with what the central system made of it.
    """

    station_id: str
    url: str
    password: str = ""
    protocol: str = "ocpp1.6"
    clock: Clock = field(default_factory=SystemClock)
    power_w: int = 11_000
    meter_interval_s: float = 0.2
    speed: float = 600.0
    """Seconds of charging that pass in one second of the clock."""

    charging: dict[int, Charging] = field(default_factory=dict)
    finished: list[Charging] = field(default_factory=list)
    received: list[tuple[str, Json]] = field(default_factory=list)
    """Every call of the central system."""
    answers: dict[str, Json] = field(default_factory=dict)
    """Answers to give instead of the usual ones, by action."""
    configuration: dict[str, str] = field(default_factory=lambda: {"HeartbeatInterval": "300"})
    boot_status: str = ""

    _rpc: Rpc | None = None
    _queue: deque[Queued] = field(default_factory=deque)
    _flushing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _stops: dict[int, asyncio.Event] = field(default_factory=dict)
    _register_wh: dict[int, int] = field(default_factory=dict)

    @property
    def words(self) -> Words:
        """The messages of the station's OCPP version."""
        return WORDS[self.protocol]

    @property
    def online(self) -> bool:
        """Whether the connection stands."""
        return self._rpc is not None and not self._rpc.reader.done()

    async def connect(self, *, boot: bool = True) -> None:
        """Connect and boot, report the EVSE free, and tell what was queued. Raises what the handshake raises."""
        self._rpc = await Rpc.open(
            f"{self.url}/{self.station_id}",
            protocol=self.protocol,
            user=self.station_id,
            password=self.password,
            answer=self._answer,
        )
        if boot:
            answer = await self.call(*self.words.boot("Plugbridge", "Simulator", self.station_id))
            self.boot_status = str(answer.get("status", ""))
            await self.status(1, "Charging" if 1 in self.charging else "Available")
        await self.flush()

    async def disconnect(self, *, hard: bool = False) -> None:
        """Close the connection, or drop it; charging goes on and is queued."""
        if self._rpc is not None:
            await self._rpc.close(hard=hard)
        self._rpc = None

    async def close(self) -> None:
        """Stop everything at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.disconnect()

    async def call(self, action: str, payload: Json) -> Json:
        """Any call to the central system. Raises `Offline` or `CallRefused`."""
        if self._rpc is None:
            raise Offline(action)
        return await self._rpc.call(action, payload)

    async def send_raw(self, text: str) -> None:
        """Any text at all over the socket."""
        if self._rpc is None:
            raise Offline("raw")
        await self._rpc.send_raw(text)

    async def heartbeat(self) -> None:
        """Send a Heartbeat."""
        await self.call("Heartbeat", {})

    async def status(self, evse_id: int, status: str) -> None:
        """Report a connector's status in the words of 1.6; nothing is reported while offline."""
        if self.online:
            await self.call(*self.words.status(evse_id, status, self.clock.now()))

    async def authorize(self, id_token: str) -> str:
        """Ask whether a token may charge; the central system's own word."""
        return self.words.verdict(await self.call(*self.words.authorize(id_token)))

    async def tap(self, id_token: str, *, seconds: float = 1.0, evse_id: int = 1) -> Charging | None:
        """A driver taps a card, charges for `seconds` and leaves; None when the card is refused."""
        if self.online and await self.authorize(id_token) != "Accepted":
            return None
        return await self.charge(id_token, seconds=seconds, evse_id=evse_id)

    async def charge(self, id_token: str, *, seconds: float = 1.0, evse_id: int = 1) -> Charging:
        """Charge for `seconds` with a card that may, or until somebody stops it."""
        await self.start(id_token, evse_id=evse_id)
        await self._charge_for(evse_id, seconds)
        return await self.stop(evse_id)

    async def start(self, id_token: str, *, evse_id: int = 1, remote_start_id: int | None = None) -> Charging:
        """Begin a transaction, whatever the central system thinks of it."""
        meter_wh = self._register_wh.get(evse_id, REGISTER_START_WH)
        charging = Charging(
            id_token, evse_id, uuid7(), meter_wh, meter_wh, self.clock.now(), remote_start_id=remote_start_id
        )
        self.charging[evse_id] = charging
        self._stops[evse_id] = asyncio.Event()
        await self.status(evse_id, "Preparing")
        await self._tell("started", charging, *self.words.started(charging, self.clock.now()))
        await self.status(evse_id, "Charging")
        return charging

    async def meter(self, evse_id: int, added_wh: int) -> None:
        """Let energy flow and report the register."""
        charging = self.charging[evse_id]
        charging.meter_wh += added_wh
        await self._tell("metered", charging, *self.words.metered(charging, self.clock.now()))

    async def stop(self, evse_id: int = 1, *, reason: str = "Local") -> Charging:
        """End the transaction on an EVSE."""
        charging = self.charging.pop(evse_id)
        charging.stop_reason = charging.stop_reason if charging.stop_reason != "Local" else reason
        charging.power_w = 0
        self._register_wh[evse_id] = charging.meter_wh
        self.finished.append(charging)
        await self._tell("ended", charging, *self.words.ended(charging, self.clock.now()))
        await self.status(evse_id, "Finishing")
        await self.status(evse_id, "Available")
        return charging

    async def flush(self) -> None:
        """Tell what was queued, in order, as long as the connection stands."""
        async with self._flushing:
            while self._queue and self.online:
                message = self._queue[0]
                try:
                    answer = await self.call(message.action, self._with_number(message))
                except Offline:
                    return
                except CallRefused:
                    answer = {}
                self._queue.popleft()
                if message.kind == "started" and "transactionId" in answer:
                    message.charging.transaction_id = answer["transactionId"]

    async def _tell(self, kind: str, charging: Charging, action: str, payload: Json) -> None:
        self._queue.append(Queued(kind, charging, action, payload))
        await self.flush()

    def _with_number(self, message: Queued) -> Json:
        """On 1.6 a queued message gets the transaction's number as soon as its start was told."""
        number = message.charging.transaction_id
        if self.protocol != "ocpp1.6" or number is None or message.kind == "started":
            return message.payload
        return {**message.payload, "transactionId": number}

    async def _charge_for(self, evse_id: int, seconds: float) -> None:
        """Let energy flow and report it, until the time is over or somebody stops it."""
        stop, left = self._stops[evse_id], seconds
        while left > 0 and not stop.is_set():
            step = min(self.meter_interval_s, left)
            await self.clock.sleep(step)
            left -= step
            if evse_id in self.charging:
                self.charging[evse_id].power_w = self.power_w
                await self.meter(evse_id, round(self.power_w * step * self.speed / 3600))

    async def _answer(self, action: str, payload: Json) -> Json | None:
        """What the central system asks for."""
        self.received.append((action, payload))
        if action in self.answers:
            return self.answers[action]
        match action:
            case "RemoteStartTransaction":
                self._soon(self._remote_start(payload["idTag"], payload.get("connectorId", 1), None))
            case "RequestStartTransaction":
                token = payload["idToken"]["idToken"]
                self._soon(self._remote_start(token, payload.get("evseId", 1), payload["remoteStartId"]))
            case "RemoteStopTransaction" | "RequestStopTransaction":
                return self._remote_stop(payload["transactionId"])
            case "UnlockConnector":
                return {"status": "Unlocked"}
            case "Reset":
                self._soon(self._reset())
            case "TriggerMessage":
                self._soon(self._trigger(payload["requestedMessage"]))
            case "GetConfiguration":
                keys = payload.get("key") or list(self.configuration)
                known = [key for key in keys if key in self.configuration]
                return {
                    "configurationKey": [
                        {"key": key, "readonly": False, "value": self.configuration[key]} for key in known
                    ],
                    "unknownKey": [key for key in keys if key not in self.configuration],
                }
            case "ChangeConfiguration":
                self.configuration[payload["key"]] = payload["value"]
            case "ChangeAvailability" | "ClearCache":
                return {"status": "Accepted"}
            case _:
                return None
        return {"status": "Accepted"}

    async def _remote_start(self, id_token: str, evse_id: int, remote_start_id: int | None) -> None:
        await self.start(id_token, evse_id=evse_id, remote_start_id=remote_start_id)
        await self._charge_for(evse_id, 3600)
        if evse_id in self.charging:
            await self.stop(evse_id, reason="Remote")

    def _remote_stop(self, transaction_id: int | str) -> Json:
        for evse_id, charging in self.charging.items():
            if transaction_id in (charging.transaction_id, charging.reference):
                charging.stop_reason = "Remote"
                self._stops[evse_id].set()
                return {"status": "Accepted"}
        return {"status": "Rejected"}

    async def _reset(self) -> None:
        await self.disconnect(hard=True)
        await self.connect()

    async def _trigger(self, message: str) -> None:
        if message == "BootNotification":
            await self.call(*self.words.boot("Plugbridge", "Simulator", self.station_id))
        elif message == "Heartbeat":
            await self.heartbeat()
        elif message == "StatusNotification":
            await self.status(1, "Charging" if 1 in self.charging else "Available")

    def _soon(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def run_station(
    *, station_id: str, url: str, password: str, protocol: str, tap: str | None, announce: bool
) -> None:
    """Run a station until cancelled, or through one charge of a card when `tap` names one."""
    station = SimulatedStation(station_id, url, password=password, protocol=protocol)
    while True:
        try:
            await station.connect()
        except OSError:
            await station.clock.sleep(1)
            continue
        if announce:
            _say({"station_id": station_id, "boot": station.boot_status})
        if tap is not None:
            charged = await station.tap(tap, seconds=2)
            _say({"station_id": station_id, "energy_wh": charged.energy_wh if charged else None})
            await station.close()
            return
        assert station._rpc is not None  # noqa: S101 - it has just connected
        await asyncio.wait([station._rpc.reader])


def _say(line: Json) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
