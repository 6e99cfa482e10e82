"""The fake on a socket of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from kit.clock import Clock, SystemClock
from payments.fake_stripe.app import Fake, application
from payments.fake_stripe.control import Control

_GRACE_S = 1


@dataclass(frozen=True)
class Serving:
    """A fake that listens. `url` is what Stripe's client takes as its base address."""

    url: str
    fake: Fake


@asynccontextmanager
async def serving(*, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None) -> AsyncIterator[Serving]:
    """A fake that answers when the block is entered; port 0 takes a free one."""
    fake = Fake(clock or SystemClock())
    app = application(fake, Control(fake).routes())
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Answers that break off are wanted here, and uvicorn would complain of each.
        config = uvicorn.Config(
            app, log_config=None, log_level="critical", access_log=False, timeout_graceful_shutdown=_GRACE_S
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve(sockets=[listener]))
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        shown = f"[{host}]" if ":" in host else host
        try:
            yield Serving(f"http://{shown}:{listener.getsockname()[1]}", fake)
        finally:
            server.should_exit = True
            await task
            await fake.courier.close()
    finally:
        listener.close()
