"""One HTTP request to a peer and what its answer means: a reply, or one of the three peer errors.

Tolerant of what peers are known to do: a slash missing at the end of a URL and the redirect that follows, an answer
without a body, an envelope without data.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import httpx

from ocpi.envelope import SUCCESS, Reply, parse_envelope
from ocpi.errors import PeerRefused, PeerUnintelligible, PeerUnreachable
from ocpi.paging import absolute_url, same_origin

DEFAULT_TIMEOUT_S = 30.0
DEFAULT_MAX_ANSWER_BYTES = 64 * 1024 * 1024

_TOO_MANY_REQUESTS = 429
_SAME_METHOD_REDIRECTS = frozenset({307, 308})


class RawAnswer(NamedTuple):
    """An answer before anybody looked into it. Names of headers are sought in lower case, the body is unpacked."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


Fields = tuple[tuple[str, str], ...]
"""Headers that many requests have in common, which a transport can make ready once."""

Transport = Callable[[str, str, Mapping[str, str], bytes | None, float, Fields], Awaitable[RawAnswer]]
"""Sends one request (method, URL, headers, body, seconds until its answer is there, further headers), follows no
redirect, bounds what it reads. Raises PeerUnreachable."""


class PeerReply(NamedTuple):
    """A successful answer of a peer: the envelope, the HTTP status and the headers.

    `mended_slash` is set when a redirect was followed: True when it added the slash at the end, False when it took one.
    `size` counts the bytes of the body; `omits_data` tells that the envelope held no data.
    """

    envelope: Reply
    http_status: int
    headers: Mapping[str, str]
    mended_slash: bool | None = None
    size: int = 0
    omits_data: bool = False


def child_url(url: str, *segments: str, slash: bool = False) -> str:
    """A URL below an endpoint: joined with exactly one slash, each segment escaped; `slash` adds one at the end."""
    if not segments:
        return url
    return f"{url.rstrip('/')}/{_escaped(segments)}{'/' if slash else ''}"


@lru_cache(maxsize=1024)  # one object goes to many peers
def _escaped(segments: tuple[str, ...]) -> str:
    return "/".join(quote(segment, safe="") for segment in segments)


def with_slash(url: str) -> str:
    """The URL with a slash at the end of its path."""
    path, mark, query = url.partition("?")
    return f"{path.rstrip('/')}/{mark}{query}"


async def exchange(
    http: httpx.AsyncClient | Transport,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    now: datetime,
    content: bytes | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    max_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
    standing: Fields = (),
) -> PeerReply:
    """Send a request and read the answer, within `timeout_s`; where a redirect is followed, each of the two requests.

    `standing` are headers besides. Raises PeerUnreachable, PeerRefused or PeerUnintelligible.
    """
    send = partial(_send_over_httpx, http, max_bytes) if isinstance(http, httpx.AsyncClient) else http
    sent = headers if content is None else {**headers, "Content-Type": "application/json"}
    try:
        answer = await send(method, url, sent, content, timeout_s, standing)
        target = slash_redirect(url, answer.status_code, answer.headers.get("location"))
        if target is not None:
            answer = await send(method, target, sent, content, timeout_s, standing)
    except (TimeoutError, httpx.TimeoutException):
        raise PeerUnreachable("the peer did not answer in time", timed_out=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:  # Unicode: a host's name
        raise PeerUnreachable(f"the peer could not be reached ({type(error).__name__})") from None
    mended = None if target is None else urlsplit(target).path.endswith("/")
    return _judge(answer, answer.body, now, mended)


async def _send_over_httpx(
    http: httpx.AsyncClient,
    max_bytes: int,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    timeout_s: float,
    standing: Fields,
) -> RawAnswer:
    async with asyncio.timeout(timeout_s):
        request = http.build_request(method, url, headers={**dict(standing), **headers}, content=content)
        response = await http.send(request, stream=True, follow_redirects=False)
        try:
            chunks: list[bytes] = []
            received = 0
            async for chunk in response.aiter_bytes():
                received += len(chunk)
                if received > max_bytes:
                    raise PeerUnintelligible("the answer of the peer is too large", http_status=response.status_code)
                chunks.append(chunk)
            return RawAnswer(response.status_code, response.headers, b"".join(chunks))
        finally:
            await response.aclose()


def slash_redirect(url: str, http_status: int, location: str | None) -> str | None:
    """Where a redirect leads that keeps the method and does nothing but mend the slash at the end of a path."""
    if http_status not in _SAME_METHOD_REDIRECTS or location is None:
        return None
    target = absolute_url(url, location)
    if target is None or not same_origin(target, url):
        return None
    return target if urlsplit(target).path.rstrip("/") == urlsplit(url).path.rstrip("/") else None


def _judge(response: RawAnswer, raw: bytes, now: datetime, mended_slash: bool | None) -> PeerReply:
    http_status = response.status_code
    reply = parse_envelope(raw) if raw.strip() else None
    status_code = reply.status_code if reply is not None else None
    if http_status >= 500 or http_status == _TOO_MANY_REQUESTS:
        raise PeerUnreachable(
            f"the peer answered HTTP {http_status}",
            http_status=http_status,
            status_code=status_code,
            retry_after_s=_retry_after_s(response.headers.get("retry-after"), now),
        )
    if http_status >= 400 or (reply is not None and not reply.ok):
        raise PeerRefused(
            f"the peer answered HTTP {http_status}" + (f", OCPI {status_code}" if status_code is not None else ""),
            http_status=http_status,
            status_code=status_code,
            status_message=reply.status_message if reply is not None else None,
        )
    if reply is None and not raw.strip() and 200 <= http_status < 300:
        reply = Reply(data=None, status_code=SUCCESS)
    if reply is None or not 200 <= http_status < 300:
        raise PeerUnintelligible(f"the peer answered HTTP {http_status} without an envelope", http_status=http_status)
    return PeerReply(reply, http_status, response.headers, mended_slash, len(raw), omits_data=reply.data is None)


def _retry_after_s(header: str | None, now: datetime) -> float | None:
    """Seconds until a peer wants to hear from us again."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        moment = parsedate_to_datetime(header)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError):
        return None
