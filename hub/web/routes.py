"""The live page at `/` and its stream of server-sent events at `/live`."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from auth.keys import operator_of
from hub.web.live import LiveBoard
from kit.crypto import KeyRing
from kit.errors import Unauthenticated
from kit.sse import ALIVE, EventStream, event
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
        return EventStream(_frames(board), longest_s=STREAM_S, within=board.watching())

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
    await operator_of(db, keys, key.strip())


async def _frames(board: LiveBoard) -> AsyncIterator[bytes]:
    """The board's snapshots, until there will be none."""
    number = 0
    while not board.closed:
        frame = await board.next(number)
        if frame is None:
            yield ALIVE
        else:
            number = frame.number
            yield event(frame.data)
