"""How a message reaches a handler: the part that every bus shares."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass

from kit.bus.contract import Handler, check_message
from kit.log import correlation_id, get

_MAX_RUNNING = 256
_MAX_WAITING = 10_000
_CLOSE_GRACE_S = 2.0

log = get("kit.bus")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler made of a message; `failed` says that it raised."""

    data: bytes
    failed: bool


Respond = Callable[[Reply], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one handler; `respond` is None when nobody asked for an answer."""

    data: bytes
    correlation: str | None
    respond: Respond | None


Running = set[asyncio.Task[None]]
"""The handlers of one bus that run now."""


async def drain(running: Running) -> None:
    """Give running handlers a moment, then cancel them. One that closes its own bus is left alone."""
    if tasks := running - {asyncio.current_task()}:
        _, late = await asyncio.wait(tasks, timeout=_CLOSE_GRACE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


class Dispatcher:
    """Runs the handler of one subscription, a bounded number of times at once; the messages beyond that wait."""

    def __init__(self, subject: str, handler: Handler, running: Running) -> None:
        self.subject = subject
        self._handler = handler
        self._running = running
        self._busy = 0
        self._waiting: deque[Delivery] = deque()
        self._open = True

    def deliver(self, delivery: Delivery) -> None:
        """Start the handler, or let the message wait; beyond the limit it is dropped, with a warning."""
        if not self._open:
            return
        if self._busy < _MAX_RUNNING:
            self._start(delivery)
        elif len(self._waiting) < _MAX_WAITING:
            self._waiting.append(delivery)
        else:
            log.warning("bus message dropped", subject=self.subject, waiting=len(self._waiting))

    def stop(self) -> None:
        """Take nothing more and forget what waits."""
        self._open = False
        self._waiting.clear()

    def _start(self, delivery: Delivery) -> None:
        # An empty context: the handler sees neither the sender's transaction flag nor the subscriber's.
        context = Context()
        context.run(correlation_id.set, delivery.correlation)
        task = asyncio.get_running_loop().create_task(self._run(delivery), context=context)
        self._busy += 1
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._busy -= 1
        self._running.discard(task)
        if self._waiting:
            self._start(self._waiting.popleft())

    async def _run(self, delivery: Delivery) -> None:
        reply = await self._handle(delivery.data)
        if delivery.respond is None or reply is None:
            return
        try:
            await delivery.respond(reply)
        except Exception as error:
            log.warning("bus answer not sent", subject=self.subject, error=type(error).__name__)

    async def _handle(self, data: bytes) -> Reply | None:
        try:
            answer = await self._handler(data)
            if answer is None:
                return None
            check_message(self.subject, answer)
            return Reply(answer, failed=False)
        except Exception:
            log.exception("bus handler failed", subject=self.subject)
            return Reply(b"", failed=True)
