"""The bus over NATS: the same promises as in memory, between machines."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as ClientSubscription
from nats.errors import Error as NatsError

from kit.bus.contract import (
    BusTimeout,
    BusUnavailable,
    Handler,
    HandlerFailed,
    NoResponders,
    Subscription,
    check_message,
)
from kit.bus.dispatch import Delivery, Dispatcher, Reply, Running, drain
from kit.guard import forbid_in_tx
from kit.ids import random_token
from kit.log import correlation_id, get

_CONNECT_TIMEOUT_S = 5.0
_RECONNECT_WAIT_S = 1
_CONFIRM_TIMEOUT_S = 2
_CORRELATION = "Correlation-Id"
_FAILED = "Handler-Failed"
_NO_RESPONDERS = "503"

log = get("kit.bus")


class NatsBus:
    """A connection to a NATS server. It reconnects by itself, for ever; its subscriptions come back with it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = f"_INBOX.{random_token(16)}"
        self._asked = 0
        self._closing = False
        self._waiting: dict[str, asyncio.Future[Reply | None]] = {}
        self._running: Running = set()
        self._dispatchers: set[Dispatcher] = set()

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Connect and listen for answers. Raises `BusUnavailable` when the server is not there."""
        client = Client()
        bus = cls(client)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await client.connect(
                    url,
                    name="plugbridge",
                    connect_timeout=2,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=_RECONNECT_WAIT_S,
                    error_cb=_on_error,
                    disconnected_cb=bus._on_disconnected,
                    reconnected_cb=_on_reconnected,
                )
        except (TimeoutError, OSError, NatsError) as error:
            with suppress(Exception):
                await client.close()
            raise BusUnavailable(f"cannot connect to NATS: {type(error).__name__}") from None
        await client.subscribe(f"{bus._inbox}.*", cb=bus._on_answer)
        await bus._confirm()
        return bus

    async def publish(self, subject: str, data: bytes) -> None:
        """Send to all who listen now."""
        forbid_in_tx("bus.publish")
        check_message(subject, data)
        await self._send(subject, data)

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Listen from now on, confirmed by the server; while it is away, from its return on."""
        check_message(subject)
        dispatcher = Dispatcher(subject, handler, self._running)

        async def on_message(message: Msg) -> None:
            dispatcher.deliver(self._delivery(message))

        try:
            subscription = await self._client.subscribe(subject, cb=on_message)
        except (OSError, NatsError) as error:
            raise BusUnavailable(f"NATS: {type(error).__name__}") from None
        self._dispatchers.add(dispatcher)
        await self._confirm()
        return _NatsSubscription(self, dispatcher, subscription)

    async def request(self, subject: str, data: bytes, *, timeout_s: float) -> bytes:
        """Ask and await the first answer."""
        forbid_in_tx("bus.request")
        check_message(subject, data)
        inbox = self._new_inbox()
        reply = await self._answer(inbox, lambda: self._send(subject, data, inbox), timeout_s)
        if reply is None:
            raise NoResponders
        if reply.failed:
            raise HandlerFailed
        return reply.data

    async def close(self) -> None:
        """Stop listening; running handlers get a moment to finish, and their answers still go out."""
        self._closing = True
        for dispatcher in self._dispatchers:
            dispatcher.stop()
        self._dispatchers.clear()
        await drain(self._running)
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(BusUnavailable("the bus was closed"))
        await self._client.close()

    async def remove(self, dispatcher: Dispatcher, subscription: ClientSubscription) -> None:
        """End one subscription."""
        dispatcher.stop()
        if dispatcher in self._dispatchers:
            self._dispatchers.remove(dispatcher)
            with suppress(OSError, NatsError):
                await subscription.unsubscribe()
            await self._confirm()

    def _new_inbox(self) -> str:
        self._asked += 1
        return f"{self._inbox}.{self._asked}"

    async def _answer(self, inbox: str, ask: Callable[[], Awaitable[None]], timeout_s: float) -> Reply | None:
        answered: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        self._waiting[inbox] = answered
        try:
            async with asyncio.timeout(timeout_s):
                await ask()
                return await answered
        except TimeoutError:
            raise BusTimeout from None
        finally:
            self._waiting.pop(inbox, None)

    async def _confirm(self) -> None:
        """Wait until the server has taken all that was sent before.

        A message to ourselves, because the client's own `flush` sends its ping ahead of what it has buffered.
        """
        if self._client.is_connected:
            inbox = self._new_inbox()
            with suppress(BusTimeout, BusUnavailable):  # a lost connection brings its subscriptions back with itself
                await self._answer(inbox, lambda: self._send(inbox, b""), _CONFIRM_TIMEOUT_S)

    async def _send(self, subject: str, data: bytes, reply: str = "", headers: dict[str, str] | None = None) -> None:
        correlation = correlation_id.get()
        if correlation is not None:
            headers = {_CORRELATION: correlation, **(headers or {})}
        try:
            await self._client.publish(subject, data, reply=reply, headers=headers)
        except (OSError, NatsError) as error:
            raise BusUnavailable(f"NATS: {type(error).__name__}") from None

    def _delivery(self, message: Msg) -> Delivery:
        async def respond(reply: Reply) -> None:
            await self._send(message.reply, reply.data, headers={_FAILED: "1"} if reply.failed else None)

        correlation = (message.headers or {}).get(_CORRELATION)
        return Delivery(message.data, correlation, respond if message.reply else None)

    async def _on_disconnected(self) -> None:
        if not self._closing:
            log.warning("bus disconnected")

    async def _on_answer(self, message: Msg) -> None:
        answered = self._waiting.get(message.subject)
        if answered is None or answered.done():
            return
        headers = message.headers or {}
        if headers.get("Status") == _NO_RESPONDERS:
            answered.set_result(None)
        else:
            answered.set_result(Reply(message.data, failed=_FAILED in headers))


@dataclass(frozen=True, slots=True)
class _NatsSubscription:
    bus: NatsBus
    dispatcher: Dispatcher
    subscription: ClientSubscription

    async def close(self) -> None:
        await self.bus.remove(self.dispatcher, self.subscription)


async def _on_error(error: Exception) -> None:
    log.warning("bus connection error", error=type(error).__name__)


async def _on_reconnected() -> None:
    log.warning("bus reconnected")
