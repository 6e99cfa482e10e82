"""Server-sent events: a response that goes on until its viewer leaves, its events end, or its time is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

ALIVE = b": alive\n\n"
"""Says nothing but that the stream stands."""


def event(data: bytes, *, name: str | None = None) -> bytes:
    """One event; `data` is a single line, JSON for instance."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + data + b"\n\n"


class EventStream(Response):
    """Sends `events` as they come. `within` is entered before the first byte and left at the end, whatever ends it."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncIterator[bytes],
        *,
        longest_s: float,
        within: AbstractAsyncContextManager[None] | None = None,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._events = events
        self._longest_s = longest_s
        self._within: AbstractAsyncContextManager[None] = within or nullcontext()
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream. What `within` raises comes before the first byte."""
        async with self._within:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            streaming = asyncio.create_task(self._stream(send))
            leaving = asyncio.create_task(_until_gone(receive))
            try:
                await asyncio.wait([streaming, leaving], timeout=self._longest_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (streaming, leaving):
                    task.cancel()
                await asyncio.gather(streaming, leaving, return_exceptions=True)
            with suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, send: Send) -> None:
        async for each in self._events:
            await send({"type": "http.response.body", "body": each, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
