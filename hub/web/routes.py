"""The live page at `/` and its stream of server-sent events at `/live`."""

import asyncio
import re
from base64 import b64encode
from contextlib import suppress
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from auth.keys import operator_of
from hub.web.live import LiveBoard
from kit.crypto import KeyRing
from kit.errors import Unauthenticated
from kit.tx import Database

STREAM_S = 15 * 60.0
"""Longest life of a stream: the page comes back by itself, with a key that is looked at again."""

_PAGE = files("hub.web").joinpath("page.html").read_bytes()


def routes(board: LiveBoard, db: Database, keys: KeyRing, *, public: bool) -> list[BaseRoute]:
    """The page, and the stream: for everybody when `public`, else for whoever bears an operator key."""
    etag = f'"{sha256(_PAGE).hexdigest()[:32]}"'
    headers = {
        "Content-Security-Policy": content_security_policy(_PAGE),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        "ETag": etag,
    }

    async def page(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(_PAGE, media_type="text/html", headers=headers)

    async def live(request: Request) -> Response:
        if not public:
            await _require_operator(db, keys, request)
        return EventStream(board)

    return [Route("/", page), Route("/live", live)]


def content_security_policy(page: bytes) -> str:
    """A policy under which nothing runs but the page's own style and script, and nothing is fetched but from here."""

    def hashes(element: bytes) -> str:
        found = re.findall(rb"<%s>(.*?)</%s>" % (element, element), page, re.DOTALL)
        return " ".join(f"'sha256-{b64encode(sha256(text).digest()).decode()}'" for text in found)

    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {hashes(b'script')}",
            f"style-src {hashes(b'style')}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ]
    )


async def _require_operator(db: Database, keys: KeyRing, request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "bearer":
        raise Unauthenticated("send an API key as a bearer token", headers={"WWW-Authenticate": "Bearer"})
    async with db.read() as tx:
        await operator_of(tx, keys, key.strip())


class EventStream(Response):
    """The board as server-sent events, until the viewer goes, the server ends or `STREAM_S` have passed."""

    media_type = "text/event-stream"

    def __init__(self, board: LiveBoard) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._board = board
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream. Raises `Unavailable` before the first byte when there are too many viewers."""
        async with self._board.watching():
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            streaming = asyncio.create_task(self._stream(send))
            leaving = asyncio.create_task(_until_gone(receive))
            try:
                await asyncio.wait([streaming, leaving], timeout=STREAM_S, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (streaming, leaving):
                    task.cancel()
                await asyncio.gather(streaming, leaving, return_exceptions=True)
            with suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, send: Send) -> None:
        number = 0
        while not self._board.closed:
            frame = await self._board.next(number)
            body = b": alive\n\n"
            if frame is not None:
                number, body = frame.number, b"data: " + frame.data + b"\n\n"
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
