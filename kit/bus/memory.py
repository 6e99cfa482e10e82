"""The bus of a single process: the same promises as over NATS, without a server."""

import asyncio
from dataclasses import dataclass

from kit.bus.contract import (
    BusTimeout,
    BusUnavailable,
    Handler,
    HandlerFailed,
    NoResponders,
    Subscription,
    check_message,
)
from kit.bus.dispatch import Delivery, Dispatcher, Reply, Respond, Running, drain
from kit.guard import forbid_in_tx
from kit.log import correlation_id


class MemoryBus:
    """Publish/subscribe and request/reply by direct calls."""

    def __init__(self) -> None:
        self._dispatchers: dict[str, list[Dispatcher]] = {}
        self._running: Running = set()
        self._waiting: set[asyncio.Future[Reply]] = set()
        self._open = True

    async def publish(self, subject: str, data: bytes) -> None:
        """Send to all who listen now."""
        forbid_in_tx("bus.publish")
        self._check(subject, data)
        self._deliver(subject, data, None)

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Listen from now on."""
        self._check(subject)
        dispatcher = Dispatcher(subject, handler, self._running)
        self._dispatchers.setdefault(subject, []).append(dispatcher)
        return _MemorySubscription(self, dispatcher)

    async def request(self, subject: str, data: bytes, *, timeout_s: float) -> bytes:
        """Ask and await the first answer."""
        forbid_in_tx("bus.request")
        self._check(subject, data)
        if subject not in self._dispatchers:
            raise NoResponders
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        async def respond(reply: Reply) -> None:
            if not answered.done():
                answered.set_result(reply)

        self._waiting.add(answered)
        self._deliver(subject, data, respond)
        try:
            async with asyncio.timeout(timeout_s):
                reply = await answered
        except TimeoutError:
            raise BusTimeout from None
        finally:
            self._waiting.discard(answered)
        if reply.failed:
            raise HandlerFailed
        return reply.data

    async def close(self) -> None:
        """Stop listening; running handlers get a moment to finish."""
        self._open = False
        for dispatcher in [dispatcher for group in self._dispatchers.values() for dispatcher in group]:
            self.remove(dispatcher)
        await drain(self._running)
        for answered in self._waiting:
            if not answered.done():
                answered.set_exception(BusUnavailable("the bus was closed"))

    def remove(self, dispatcher: Dispatcher) -> None:
        """End one subscription."""
        dispatcher.stop()
        group = self._dispatchers.get(dispatcher.subject, [])
        if dispatcher in group:
            group.remove(dispatcher)
        if not group:
            self._dispatchers.pop(dispatcher.subject, None)

    def _check(self, subject: str, data: bytes = b"") -> None:
        check_message(subject, data)
        if not self._open:
            raise BusUnavailable("the bus was closed")

    def _deliver(self, subject: str, data: bytes, respond: Respond | None) -> None:
        delivery = Delivery(data, correlation_id.get(), respond)
        for dispatcher in tuple(self._dispatchers.get(subject, ())):
            dispatcher.deliver(delivery)


@dataclass(frozen=True, slots=True)
class _MemorySubscription:
    bus: MemoryBus
    dispatcher: Dispatcher

    async def close(self) -> None:
        self.bus.remove(self.dispatcher)
