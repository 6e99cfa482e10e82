"""Doorbells: tell the parts of a deployment that there is something to look at, never what it is.

A transaction rings by name (`tx.ring("changes")`); after the commit the listeners of that name are called in this
process at once and, when a bus is joined, in every other one. A ring can be lost, so every listener also looks by
itself now and then; what counts stands in the database.
"""

import asyncio
from collections.abc import Callable, Iterable

from kit.bus import Bus, Subscription
from kit.ids import uuid7

SUBJECT = "plugbridge.ring"


class Doorbells:
    """Listeners by name, and the bus that carries rings to other processes."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._listeners_below: dict[str, list[Callable[[str], None]]] = {}
        self._sender = uuid7().encode()
        self._bus: Bus | None = None
        self._subscription: Subscription | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def listen(self, name: str, listener: Callable[[], None]) -> None:
        """Call `listener` at each ring of `name`. It must not raise or block."""
        self._listeners.setdefault(name, []).append(listener)

    def listen_below(self, name: str, listener: Callable[[str], None]) -> None:
        """Call `listener` with `part` at each ring of `name/part`. It must not raise or block."""
        self._listeners_below.setdefault(name, []).append(listener)

    def ring(self, names: Iterable[str]) -> None:
        """Ring here now, and elsewhere as soon as the bus has carried it."""
        for name in names:
            self._ring_here(name)
            if self._bus is not None:
                task = asyncio.create_task(self._bus.publish(SUBJECT, self._sender + b" " + name.encode()))
                self._sending.add(task)
                task.add_done_callback(self._sent)

    async def join(self, bus: Bus) -> None:
        """Share rings with the other processes on this bus."""
        self._bus = bus
        self._subscription = await bus.subscribe(SUBJECT, self._receive)

    async def leave(self) -> None:
        """Stop sharing; rings under way are finished first."""
        if self._subscription is not None:
            await self._subscription.close()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._bus = self._subscription = None

    async def _receive(self, data: bytes) -> None:
        sender, _, name = data.partition(b" ")
        if sender != self._sender:
            self._ring_here(name.decode())

    def _ring_here(self, name: str) -> None:
        for listener in self._listeners.get(name, ()):
            listener()
        above, _, part = name.partition("/")
        for listener_below in self._listeners_below.get(above, ()) if part else ():
            listener_below(part)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled():
            task.exception()  # a lost ring is made good by the listeners' own look; reading it keeps the loop quiet
