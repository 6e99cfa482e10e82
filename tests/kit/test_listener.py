"""Requests that never end and heads that are too large, against a real server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from kit.listener import guarded_protocol

pytestmark = pytest.mark.anyio


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    if scope["path"] == "/early":
        return await PlainTextResponse("no", 401)(scope, receive, send)
    body = await request.body()
    await PlainTextResponse(f"{scope['path']} {len(body)}")(scope, receive, send)


@asynccontextmanager
async def listening(head_s: float, body_s: float) -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    protocol = guarded_protocol(head_s=head_s, body_s=body_s, head_bytes=2000)
    server = uvicorn.Server(uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None))
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await serving


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with listening(head_s=0.3, body_s=0.6) as port:
        yield port


async def spoken(port: int, *pieces: bytes, pause_s: float = 0.0, within_s: float = 30) -> bytes:
    """What the server says until it closes, or until `within_s` is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    try:
        for piece in pieces:
            if writer.is_closing():
                break
            writer.write(piece)
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(within_s):
            while chunk := await reader.read(65_536):
                heard += chunk
    except (ConnectionError, TimeoutError):
        heard += b"" if reader.at_eof() or reader.exception() else b"<still open>"
    finally:
        writer.close()
    return heard


async def test_ordinary_requests_share_a_connection() -> None:
    get = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"
    post = b"POST /b HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n"
    async with listening(head_s=2, body_s=2) as port:
        heard = await spoken(port, get, post, b"abc" + get, get + get, pause_s=0.1, within_s=3)
    assert heard.count(b"/a 0") == 4
    assert heard.count(b"/b 3") == 1
    assert heard.endswith(b"<still open>"), "a pause between requests is the keep-alive's business"


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"GET /a HTTP/1.1\r\n", b"a: 1\r\n", b"b: 1\r\n", b"c: 1\r\n", b"d: 1\r\n"),
        (b"\r\n", b"\r\n", b"\r\n", b"\r\n"),
        (b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n", b"\r\n", b"G"),
    ],
    ids=["silent", "slow", "empty lines", "slow second"],
)
async def test_a_head_that_never_ends_is_cut_off(port: int, pieces: tuple[bytes, ...]) -> None:
    heard = await spoken(port, *pieces, pause_s=0.1)
    assert not heard.endswith(b"<still open>")


@pytest.mark.parametrize("path", [b"/a", b"/early"])
async def test_a_body_that_never_ends_is_cut_off(port: int, path: bytes) -> None:
    head = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n" % path
    heard = await spoken(port, head, *([b"x"] * 8), pause_s=0.1)
    assert not heard.endswith(b"<still open>")


@pytest.mark.parametrize("whole", [True, False])
async def test_a_head_that_is_too_large_is_refused(whole: bool) -> None:
    head = b"GET /a HTTP/1.1\r\nhost: x\r\na: " + b"x" * 3000
    async with listening(head_s=30, body_s=30) as port:
        heard = await spoken(port, head + b"\r\n\r\n" if whole else head)
    assert heard.startswith(b"HTTP/1.1 431 ")
    assert b"/a 0" not in heard


async def test_a_large_body_in_the_same_piece_is_no_large_head() -> None:
    head = b"POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9000\r\n\r\n"
    async with listening(head_s=30, body_s=30) as port:
        assert b"/a 9000" in await spoken(port, head + b"x" * 9000)
