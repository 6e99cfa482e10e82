"""A station's connection to its central system: opening, booting, heartbeats, and coming back when it is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from websockets.exceptions import WebSocketException

from kit.clock import Clock
from simulators.station.identity import Identity
from simulators.station.rpc import Answering, CallRefused, Offline, Rpc
from simulators.station.words import Json, Words

ACCEPTED = "Accepted"
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
UNTOLD_INTERVAL_S = 60
"""How long a station that is not accepted waits, unless the central system says."""

CONNECTION_FAILURES = (OSError, TimeoutError, WebSocketException, Offline, CallRefused)
"""What connecting raises when there is nobody, or nobody who wants this station."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a station connects to, and as whom. `protocol` is the WebSocket subprotocol, `identity` for `wss` URLs."""

    url: str
    station_id: str
    password: str
    protocol: str
    identity: Identity | None = None


@dataclass(slots=True)
class Presence:
    """The connection of one station. `on_accepted` is awaited after each boot that the central system accepts."""

    address: Address
    words: Words
    clock: Clock
    answer: Answering
    on_accepted: Callable[[], Awaitable[None]]
    configuration: dict[str, str]
    boot_status: str = ""
    boot_reason: str = "PowerUp"
    last_failure: str | None = None
    running: bool = False

    _rpc: Rpc | None = None
    _interval_s: int = UNTOLD_INTERVAL_S
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def online(self) -> bool:
        """Whether the connection stands."""
        return self._rpc is not None and not self._rpc.reader.done()

    @property
    def admitted(self) -> bool:
        """Whether it may speak of anything but itself: online, and not told to wait."""
        return self.online and self.boot_status in ("", ACCEPTED)

    async def open(self, *, boot: bool = True) -> None:
        """Connect, anew if there is a connection, and boot. Raises one of `CONNECTION_FAILURES`."""
        self._wanted.set()
        async with self._opening:
            await self.drop(hard=True)
            await self._open(boot=boot)

    async def leave(self, *, hard: bool = False) -> None:
        """Close the connection, or cut it, and stay away until `open`."""
        self._wanted.clear()
        await self.drop(hard=hard)

    async def drop(self, *, hard: bool) -> None:
        """Lose the connection; a running station comes back by itself."""
        rpc, self._rpc = self._rpc, None
        if rpc is not None:
            await rpc.close(hard=hard)

    async def wait_lost(self) -> None:
        """Return as soon as the connection is down."""
        if self._rpc is not None:
            await asyncio.wait([self._rpc.reader])

    async def call(self, action: str, payload: Json) -> Json:
        """Any call. Raises `Offline` or `CallRefused`."""
        if self._rpc is None:
            raise Offline(action)
        return await self._rpc.call(action, payload)

    async def send_raw(self, text: str) -> None:
        """Any text over the socket. Raises `Offline`."""
        if self._rpc is None:
            raise Offline("raw")
        await self._rpc.send_raw(text)

    async def boot(self) -> None:
        """Introduce the station; what it may do depends on the answer. Raises as `call` does."""
        answer = await self.call(*self.words.boot(self.address.station_id, self.boot_reason))
        self.boot_status = str(answer.get("status", ""))
        told = answer.get("interval")
        self._interval_s = told if isinstance(told, int) and told > 0 else UNTOLD_INTERVAL_S
        if self.boot_status == ACCEPTED:
            if self._interval_s == told:
                self.configuration["HeartbeatInterval"] = str(told)
            self.boot_reason = "PowerUp"
            await self.on_accepted()

    async def request_certificate(self) -> None:
        """Make a new key pair and ask for a certificate. Raises as `call` does."""
        if self.address.identity is not None:
            await self.call("SignCertificate", {"csr": self.address.identity.request(self.address.station_id)})

    async def run(self) -> None:
        """Stay connected until cancelled, with ever more patience after each failure."""
        self.running, self.last_failure = True, None
        self._wanted.set()
        pause_s = FIRST_PAUSE_S
        spread = random.Random(self.address.station_id)  # noqa: S311 - keeps a fleet from returning all at once
        try:
            while True:
                await self._wanted.wait()
                try:
                    async with self._opening:
                        if not self.online:
                            await self._open(boot=True)
                    self.last_failure = None
                    if self.boot_status == ACCEPTED:
                        pause_s = FIRST_PAUSE_S
                    await self._beat()
                except CONNECTION_FAILURES as error:
                    self.last_failure = f"{type(error).__name__}: {error}"
                    await self.drop(hard=True)
                if self._wanted.is_set():
                    await self.clock.sleep(pause_s * spread.uniform(0.5, 1.0))
                    pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        finally:
            self.running = False

    async def _open(self, *, boot: bool) -> None:
        identity = self.address.identity
        self._rpc = await Rpc.open(
            self.address.url,
            protocol=self.address.protocol,
            station_id=self.address.station_id,
            password=self.address.password,
            answer=self.answer,
            clock=self.clock,
            tls=None if identity is None else identity.context(),
        )
        if not self._wanted.is_set():
            await self.drop(hard=False)
            raise Offline("the station left while it was connecting")
        if boot:
            await self.boot()

    async def _beat(self) -> None:
        """Heartbeats for as long as the connection stands; boots again where the station was not accepted yet."""
        rpc = self._rpc
        while rpc is not None and rpc is self._rpc and not rpc.reader.done():
            accepted = self.boot_status == ACCEPTED
            interval_s = int(self.configuration["HeartbeatInterval"]) if accepted else self._interval_s
            sleeper: asyncio.Future[None] = asyncio.ensure_future(self.clock.sleep(interval_s))
            try:
                await asyncio.wait((rpc.reader, sleeper), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeper.cancel()
            if rpc is self._rpc and not rpc.reader.done():
                await (self.call("Heartbeat", {}) if accepted else self.boot())
