"""The first moments of a connection: when the station has booted, what it may say until then, and when we may call it.

Some stations go down when they are called around their boot, some never boot until they are asked to, and one that was
told to wait may only say what it was asked for (OCPP 1.6 section 4.2, OCPP 2.0.1 part 2 B02).
"""

import asyncio
from collections.abc import Awaitable, Callable

from csms.commands import Command, RawCall, Trigger
from csms.station import BootStatus
from kit.clock import Clock

_ANSWERS = frozenset(
    {
        "BootNotification",
        "Heartbeat",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "LogStatusNotification",
        "NotifyMonitoringReport",
        "NotifyReport",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
    }
)
"""What a station that was told to wait says by itself, or because it is being set up."""
_OWED = frozenset({"StartTransaction", "MeterValues", "StopTransaction"})
"""A station of 1.6 may drop what is refused: energy that has flowed is taken down, told to wait or not. Those of 2.x
keep their events, and are to be refused (OCPP 2.0.1 part 2, B02.FR.09)."""
_IN_QUARANTINE = frozenset({"BootNotification", "Heartbeat", "StatusNotification"})


class Introduction:
    """Of one connection. `ask_to_boot` is awaited once when no BootNotification came for `patience_s`."""

    def __init__(
        self,
        clock: Clock,
        *,
        settle_s: float,
        patience_s: float,
        is_quarantined: bool,
        ask_to_boot: Callable[[], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._settle_s = settle_s
        self._patience_s = patience_s
        self._is_quarantined = is_quarantined
        self._ask_to_boot = ask_to_boot
        self._triggered: set[str] = set()
        self._open = asyncio.Event()
        self._opening: asyncio.Task[None] | None = None
        self._patience: asyncio.Task[None] | None = None
        self._spoken = False
        self.status: BootStatus | None = None
        """What the station was told at its boot; None before it has booted over this connection."""

    def begin(self) -> None:
        """The connection stands."""
        if self._settle_s <= 0:
            self._open.set()
        if self._patience_s > 0:
            self._patience = asyncio.get_running_loop().create_task(self._wait())

    def end(self) -> None:
        """The connection is over; whoever waits for the station goes on and finds out."""
        for task in (self._opening, self._patience):
            if task is not None:
                task.cancel()
        self._open.set()

    def heard(self, action: str) -> None:
        """The station said something: it boots, or is here without booting."""
        if action == "BootNotification" or not self._spoken:
            self._settle()
        self._spoken = True

    def needs(self, settle_s: float) -> None:
        """Its model is better not called for so long."""
        self._settle_s = max(self._settle_s, settle_s)

    def answered(self, status: BootStatus) -> None:
        """The station has booted and was told this."""
        self.status = status
        self._triggered.clear()
        self._settle()

    def expect(self, command: Command) -> None:
        """The station is about to be asked for something, which it may say then."""
        if isinstance(command, Trigger):
            self._triggered.add(command.message)
        elif isinstance(command, RawCall) and isinstance(asked := command.payload.get("requestedMessage"), str):
            self._triggered.add(asked)

    def may_say(self, action: str) -> bool:
        """Whether a request of the station is to be handled."""
        if self._is_quarantined:
            return action in _IN_QUARANTINE
        if self.status in (None, BootStatus.ACCEPTED):
            return True
        return action in _ANSWERS or action in _OWED or action in self._triggered

    async def settled(self) -> None:
        """Return when the station may be called."""
        await self._open.wait()

    def _settle(self) -> None:
        if self._settle_s <= 0:
            return
        self._open.clear()
        if self._opening is not None:
            self._opening.cancel()
        self._opening = asyncio.get_running_loop().create_task(self._open_later())

    async def _open_later(self) -> None:
        await self._clock.sleep(self._settle_s)
        self._open.set()

    async def _wait(self) -> None:
        await self._clock.sleep(self._patience_s)
        if self.status is None:
            await self._ask_to_boot()
        if not self._spoken:
            self._open.set()
