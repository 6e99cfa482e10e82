"""The station itself: lets drivers charge, tells its central system, and does what that one asks."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from kit.clock import Clock, SystemClock
from kit.ids import uuid7
from simulators.station import configuration
from simulators.station.evse import Evse, Vehicle
from simulators.station.identity import Identity
from simulators.station.orders import SIGNING, answer
from simulators.station.presence import CONNECTION_FAILURES, Address, Presence
from simulators.station.rpc import Answered, CallRefused, Offline
from simulators.station.tells import Queued, Telling, TransactionQueue
from simulators.station.upkeep import Upkeep
from simulators.station.versions import VERSIONS
from simulators.station.words import Charging, Json, Message, NeutralAnswer, StopReason, Words

RFID = "ISO14443"


@dataclass(slots=True)
class SimulatedStation:
    """A station with one or more EVSEs of `power_w` each. `url` is what its id is appended to, `identity` is for `wss`.

    `finished` keeps what it counted itself, to be compared with what the central system made of it.
    """

    station_id: str
    url: str
    password: str = ""
    protocol: str = "ocpp1.6"
    clock: Clock = field(default_factory=SystemClock)
    evse_count: int = 1
    power_w: int = 11_000
    meter_interval_s: float = 0.2
    """Seconds of the clock between two meter readings."""
    speed: float = 600.0
    """Seconds of charging that pass in one second of the clock."""

    identity: Identity | None = None
    evses: dict[int, Evse] = field(init=False)
    configuration: dict[str, str] = field(init=False)
    upkeep: Upkeep = field(init=False)
    finished: list[Charging] = field(default_factory=list)
    received: list[tuple[str, Json]] = field(default_factory=list)
    """Every call of the central system."""
    answers: dict[str, Json] = field(default_factory=dict)
    """Answers to give instead of the usual ones, by action."""
    delays_s: dict[str, float] = field(default_factory=dict)
    """Seconds until a call of the central system is looked at, by action."""

    _presence: Presence = field(init=False)
    _queue: TransactionQueue = field(init=False)
    _reset_when_idle: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _shown: dict[int, Json] = field(default_factory=dict)
    _flowing_since_s: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.evses = {number: Evse(number, self.power_w) for number in range(1, self.evse_count + 1)}
        sampling_s = max(1, round(self.meter_interval_s * self.speed))
        self.configuration = configuration.initial(connectors=self.evse_count, meter_interval_s=sampling_s)
        is_2x = self.protocol != "ocpp1.6"
        self.upkeep = Upkeep(self.evses, self.soon, self.call, self.status, self.clock, is_2x)
        address = Address(self.url, self.station_id, self.password, self.protocol, self.identity)
        self._presence = Presence(address, self.words, self.clock, self._answer, self._introduce, self.configuration)
        self._queue = TransactionQueue(self._call_when_admitted, self.words, self.clock, self._told)

    # What can be seen of it

    @property
    def words(self) -> Words:
        """The messages of its OCPP version."""
        return VERSIONS[self.protocol].words

    @property
    def online(self) -> bool:
        """Whether the connection stands."""
        return self._presence.online

    @property
    def boot_status(self) -> str:
        """The central system's answer to the last BootNotification; empty before it."""
        return self._presence.boot_status

    @property
    def last_failure(self) -> str | None:
        """Why `run` could not connect the last time."""
        return self._presence.last_failure

    @property
    def charging(self) -> dict[int, Charging]:
        """The running transactions, by EVSE."""
        return {evse.id: evse.charging for evse in self.evses.values() if evse.charging is not None}

    @property
    def waiting(self) -> int:
        """How many transaction messages still have to be told."""
        return self._queue.waiting

    # The connection

    async def connect(self, *, boot: bool = True) -> None:
        """Connect and boot; once accepted, report the EVSEs and tell what was queued.

        Raises one of `CONNECTION_FAILURES`.
        """
        await self._presence.open(boot=boot)

    async def disconnect(self, *, hard: bool = False) -> None:
        """Close the connection, or cut it, and stay away until `connect`; charging goes on and is queued."""
        await self._presence.leave(hard=hard)

    async def wait_disconnected(self) -> None:
        """Return as soon as the connection is down."""
        await self._presence.wait_lost()

    async def run(self) -> None:
        """Stay connected until cancelled: heartbeats, and ever more patient attempts after each failure."""
        await self._presence.run()

    async def close(self) -> None:
        """Stop everything at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.disconnect()

    async def call(self, action: str, payload: Json) -> Json:
        """Any call to the central system. Raises `Offline` or `CallRefused`."""
        return await self._presence.call(action, payload)

    async def send_raw(self, text: str) -> None:
        """Any text at all over the socket. Raises `Offline`."""
        await self._presence.send_raw(text)

    async def heartbeat(self) -> None:
        """Send a Heartbeat. Raises `Offline` or `CallRefused`."""
        await self.call("Heartbeat", {})

    async def status(self, evse_id: int, status: str) -> None:
        """Report a status in the words of 1.6; nothing is reported while offline, nor what was reported before."""
        self.evses[evse_id].status = status
        message = self.words.status(evse_id, status, self.clock.now())
        shown = {name: value for name, value in message.payload.items() if name != "timestamp"}
        if not self._presence.admitted or self._shown.get(evse_id) == shown:
            return
        self._shown[evse_id] = shown
        try:
            await self.call(*message)
        except (Offline, CallRefused):
            self._shown.pop(evse_id, None)

    # Drivers

    async def authorize(self, id_token: str) -> NeutralAnswer:
        """Ask whether a token may charge; `INVALID` when the answer cannot be read. Raises as `call` does."""
        return self.words.verdict(await self.call(*self.words.authorize(id_token))) or NeutralAnswer.INVALID

    async def plug_in(self, evse_id: int = 1, vehicle: Vehicle | None = None) -> None:
        """Connect a vehicle, one that can charge for hours when none is given."""
        evse = self.evses[evse_id]
        evse.vehicle = vehicle or Vehicle()
        await self.status(evse_id, evse.resting_status)

    async def unplug(self, evse_id: int = 1) -> None:
        """Take the vehicle away, which ends its transaction."""
        evse = self.evses[evse_id]
        await self._end(evse, StopReason.EV_DISCONNECTED)
        evse.vehicle = None
        await self.status(evse_id, evse.resting_status)

    async def tap(self, id_token: str, *, seconds: float = 1.0, evse_id: int = 1) -> Charging | None:
        """A driver plugs in, taps a card, charges for `seconds` of the clock and leaves; None when it is refused.

        An offline station lets everybody charge, as those that trust their drivers do.
        """
        if self.evses[evse_id].vehicle is None:
            await self.plug_in(evse_id)
        if self.online and await self.authorize(id_token) is not NeutralAnswer.ACCEPTED:
            await self.unplug(evse_id)
            return None
        return await self.charge(id_token, seconds=seconds, evse_id=evse_id)

    async def charge(self, id_token: str, *, seconds: float = 1.0, evse_id: int = 1) -> Charging:
        """Charge for `seconds` with a card that may, or until somebody stops it."""
        charging = await self.start(id_token, evse_id=evse_id)
        await self._let_flow(charging, seconds)
        if self.charging.get(evse_id) is charging:
            await self.stop(evse_id)
        return charging

    async def start(
        self, id_token: str, *, evse_id: int = 1, remote_start_id: int | None = None, token_type: str = RFID
    ) -> Charging:
        """Begin a transaction, whatever the central system thinks of it. Raises `ValueError` where one runs.

        No energy flows yet: `meter` counts some.
        """
        evse = self.evses[evse_id]
        if evse.charging is not None:
            raise ValueError(f"EVSE {evse_id} is charging")
        evse.charging = charging = Charging(
            id_token,
            evse_id,
            uuid7(),
            evse.register_wh,
            evse.register_wh,
            self.clock.now(),
            remote_start_id=remote_start_id,
            token_type=token_type,
            reservation_id=self.upkeep.use_reservation(evse, id_token),
        )
        if evse.vehicle is None:
            await self.plug_in(evse_id)
        await self._tell(Telling.STARTED, charging, self.words.started(charging, self.clock.now()))
        if evse.charging is charging:
            await self.status(evse_id, charging.flow)
        return charging

    async def meter(self, evse_id: int, added_wh: int) -> None:
        """Count energy and report the register."""
        evse = self.evses[evse_id]
        charging = self.charging[evse_id]
        evse.register_mwh += added_wh * 1000
        charging.meter_wh = evse.register_wh
        await self._tell(Telling.METERED, charging, self.words.metered(charging, self.clock.now()))

    async def stop(self, evse_id: int = 1, *, reason: StopReason = StopReason.LOCAL) -> Charging:
        """End the transaction on an EVSE; the vehicle leaves. Raises `KeyError` where none runs."""
        charging = self.charging[evse_id]
        await self._end(self.evses[evse_id], reason)
        await self.unplug(evse_id)
        return charging

    async def flush(self) -> None:
        """Tell what was queued, as long as the connection stands."""
        await self._queue.flush()

    # What the central system asks for: see `simulators.station.orders.Charger`

    def soon(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do it in the background; a lost connection ends it."""
        task = asyncio.create_task(_unless_offline(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def configured(self, key: str) -> None:
        """Act on a changed value."""
        if key == "MeterValueSampleInterval":
            self.meter_interval_s = int(self.configuration[key]) / self.speed

    async def start_remotely(self, evse: Evse, id_token: str, *, token_type: str, remote_start_id: int | None) -> None:
        """Charge for a token that the central system named, until it is stopped."""
        asks = self.configuration["AuthorizeRemoteTxRequests"] == "true"
        if asks and await self.authorize(id_token) is not NeutralAnswer.ACCEPTED:
            return
        if evse.charging is None:
            await self._let_flow(
                await self.start(id_token, evse_id=evse.id, remote_start_id=remote_start_id, token_type=token_type)
            )

    async def stop_remotely(self, evse: Evse, reason: StopReason) -> None:
        """End what is running; the vehicle leaves."""
        if evse.charging is not None:
            await self.stop(evse.id, reason=reason)

    async def reset(self, *, hard: bool) -> None:
        """Restart: at once, or on 2.0.1 when nothing charges any more unless it is `hard`."""
        if not hard and self.protocol != "ocpp1.6" and self.charging:
            self._reset_when_idle = True
            return
        self._reset_when_idle = False
        for evse in self.evses.values():
            await self._end(evse, StopReason.HARD_RESET if hard else StopReason.SOFT_RESET)
        self._presence.boot_reason = "RemoteReset"
        await self._presence.drop(hard=False)
        if not self._presence.running:
            await self.connect()

    async def set_operative(self, evse: Evse, operative: bool) -> None:
        """Put an EVSE in or out of service; one that charges goes out of service when it ends."""
        evse.operative = operative
        if evse.charging is None:
            await self.status(evse.id, evse.resting_status)

    async def send_triggered(self, message: str, evse: Evse) -> None:
        """Send a message that was asked for."""
        if message == "BootNotification":
            await self._presence.boot()
        elif message == "Heartbeat":
            await self.heartbeat()
        elif message in SIGNING:
            await self._presence.request_certificate()
        elif message == "StatusNotification":
            self._shown.pop(evse.id, None)
            await self.status(evse.id, evse.status)
        elif evse.charging is not None:
            self._settle(evse)
            await self._tell(Telling.METERED, evse.charging, self.words.metered(evse.charging, self.clock.now()))

    # Inside

    async def _introduce(self) -> None:
        """After a boot: how every EVSE is, and what could not be told before."""
        self._shown.clear()
        for evse in self.evses.values():
            await self.status(evse.id, evse.charging.flow if evse.charging else evse.resting_status)
        await self.flush()

    async def _let_flow(self, charging: Charging, seconds: float | None = None) -> None:
        """Let energy flow and report it, for a time or without end, until the transaction ends."""
        evse, left_s = self.evses[charging.evse_id], seconds
        self._flowing_since_s[evse.id] = self.clock.monotonic()
        while evse.charging is charging and (left_s is None or left_s > 0):
            step_s = self.meter_interval_s if left_s is None else min(self.meter_interval_s, left_s)
            await self.clock.sleep(step_s)
            left_s = None if left_s is None else left_s - step_s
            if evse.charging is charging:
                self._settle(evse)
                await self._report_flow(evse, charging)
            if evse.charging is charging:
                await self._tell(Telling.METERED, charging, self.words.metered(charging, self.clock.now()))

    def _settle(self, evse: Evse) -> None:
        """Count what has flowed since it was counted last."""
        charging, since_s = evse.charging, self._flowing_since_s.get(evse.id)
        if charging is None or since_s is None:
            return
        now_s = self.clock.monotonic()
        self._flowing_since_s[evse.id] = now_s
        charging.power_w = evse.let_flow(round((now_s - since_s) * self.speed * 1000))
        charging.meter_wh = evse.register_wh

    async def _report_flow(self, evse: Evse, charging: Charging) -> None:
        flow = evse.flow
        if flow is charging.flow:
            return
        charging.flow = flow
        message = self.words.flow_changed(charging, self.clock.now())
        if message is not None:
            await self._tell(Telling.FLOW_CHANGED, charging, message)
        await self.status(evse.id, flow)

    async def _end(self, evse: Evse, reason: StopReason) -> None:
        charging = evse.charging
        if charging is None:
            return
        self._settle(evse)
        self._flowing_since_s.pop(evse.id, None)
        evse.charging = None
        charging.stop_reason, charging.power_w = reason, 0
        self.finished.append(charging)
        self.upkeep.forget_transaction(evse.id)
        await self._tell(Telling.ENDED, charging, self.words.ended(charging, self.clock.now()))
        await self.status(evse.id, "Finishing")
        if self._reset_when_idle and not self.charging:
            self.soon(self.reset(hard=False))

    async def _call_when_admitted(self, action: str, payload: Json) -> Json:
        if not self._presence.admitted:
            raise Offline(action)
        return await self.call(action, payload)

    async def _tell(self, telling: Telling, charging: Charging, message: Message) -> None:
        await self._queue.tell(Queued(telling, charging, message, offline=not self.online))

    def _told(self, queued: Queued, answer: Json) -> None:
        """Learn from the answer to a transaction message."""
        charging, verdict = queued.charging, self.words.verdict(answer)
        if queued.telling is Telling.STARTED and isinstance(answer.get("transactionId"), int):
            charging.transaction_id = answer["transactionId"]
        self.upkeep.note_total(charging.reference, answer)
        if verdict is None or queued.telling is Telling.ENDED:
            return
        charging.verdict = verdict
        evse = self.evses[charging.evse_id]
        refused = verdict is not NeutralAnswer.ACCEPTED and evse.charging is charging
        if refused and self.configuration["StopTransactionOnInvalidId"] == "true":
            self.soon(self.stop_remotely(evse, StopReason.DEAUTHORIZED))

    async def _answer(self, action: str, payload: Json) -> Answered:
        """Answer a call of the central system."""
        self.received.append((action, payload))
        if action in self.delays_s:
            await self.clock.sleep(self.delays_s[action])
        if action in self.answers:
            return Answered(self.answers[action])
        return await answer(self, self.protocol, action, payload)


async def _unless_offline(work: Coroutine[Any, Any, Any]) -> None:
    """Background work that may find the connection gone."""
    try:
        await work
    except CONNECTION_FAILURES:
        return
