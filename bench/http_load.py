"""Many HTTP/1.1 clients from one process: requests, one after the other, over kept-alive connections."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import cast
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"


class _Client(asyncio.Protocol):
    """One connection. It keeps no bodies: it counts their bytes."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        self._requests = requests
        self._sent = 0
        self._head = b""
        self._missing = 0
        self._transport: asyncio.Transport | None = None
        self._asked_at = 0.0
        self.took: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports have the methods, not the base class
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._missing == 0:
            self._head += data
            if (end := self._head.find(_END_OF_HEAD)) < 0:
                return
            head, data = self._head[:end], self._head[end + len(_END_OF_HEAD) :]
            self._head = b""
            length = _LENGTH.search(head)
            if not head.startswith(b"HTTP/1.1 200 ") or length is None:
                return self._fail(RuntimeError(f"not the answer that was expected: {head!r}"))
            self._missing = int(length[1])
        self._missing -= len(data)
        if self._missing == 0:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server has closed the connection"))

    def _answered(self) -> None:
        assert self._transport is not None
        self.took.append(time.perf_counter() - self._asked_at)
        if self._sent < len(self._requests):
            self._ask()
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def _ask(self) -> None:
        assert self._transport is not None
        self._sent += 1
        self._asked_at = time.perf_counter()
        self._transport.write(self._requests[self._sent - 1])

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


async def get_often(url: str, headers: dict[str, str], *, connections: int, requests: int) -> int:
    """Each connection asks so often, one request after the other. Returns how many answers came, all of them 200."""
    return len(await ask_often("GET", url, headers, connections=connections, requests=requests))


async def get_once_each(urls: Iterator[str], headers: dict[str, str], *, connections: int, requests: int) -> int:
    """The same, for another URL of the same server each time."""
    lists = [[_request("GET", url, headers) for url in islice(urls, requests)] for _ in range(connections)]
    return len(await _ask_all(next(urls), lists))


async def ask_often(
    method: str, url: str, headers: dict[str, str], body: bytes = b"", *, connections: int, requests: int
) -> list[float]:
    """The same with any method and body; returns how many seconds each answer took."""
    return await _ask_all(url, [[_request(method, url, headers, body)] * requests] * connections)


def _request(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    fields = {"Host": parts.netloc, **headers}
    if body:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


async def _ask_all(url: str, lists: Sequence[Sequence[bytes]]) -> list[float]:
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    clients = [_Client(requests) for requests in lists]
    for client in clients:
        await loop.create_connection(partial(_itself, client), str(parts.hostname), parts.port or 80)
    await asyncio.gather(*(client.done for client in clients))
    return [took for client in clients for took in client.took]


def _itself(client: _Client) -> _Client:
    return client
