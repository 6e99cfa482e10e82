"""A clock that stands still, and OCPI applications on real sockets."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from ocpi.call import Authenticate, Handler
from ocpi.endpoint import HandlerKey
from ocpi.errors import Unauthenticated
from ocpi.headers import token_candidates
from ocpi.server import build_router

NOW = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)

Serve = Callable[[ASGIApp], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def serve_app(app: ASGIApp) -> AsyncIterator[str]:
    """Run an application on a free port; yields its URL."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])  # without uvicorn's main loop, whose ticks would slow each test
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await server.shutdown(sockets=[listener])
        listener.close()


@pytest.fixture
def serve() -> Callable[[Sequence[BaseRoute]], AbstractAsyncContextManager[str]]:
    """Serve routes on a real socket: `async with serve(routes) as url`."""
    return lambda routes: serve_app(Starlette(routes=list(routes)))


@pytest.fixture
def now() -> Callable[[], datetime]:
    return lambda: NOW


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client that loads no certificates and keeps no connection: each test starts and ends in no time."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=30, verify=False, limits=limits) as client:
        yield client


@pytest.fixture
def authenticate() -> Callable[[Mapping[str, str], str], Awaitable[object]]:
    """Knows the token `secret-token` everywhere and `token-a` for credentials and versions."""

    async def check(headers: Mapping[str, str], module: str) -> object:
        candidates = token_candidates(headers.get("authorization"))
        if "secret-token" in candidates:
            return "partner"
        if "token-a" in candidates and module in ("credentials", "versions"):
            return "newcomer"
        raise Unauthenticated

    return check


@pytest.fixture
def router(authenticate: Authenticate, now: Callable[[], datetime]) -> Callable[..., list[BaseRoute]]:
    """Builds the routes of 2.2.1 for some handlers."""

    def build(handlers: Mapping[HandlerKey, Handler], **options: object) -> list[BaseRoute]:
        return build_router("2.2.1", handlers, authenticate, now=now, **options)  # type: ignore[arg-type]

    return build
