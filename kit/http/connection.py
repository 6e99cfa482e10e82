"""One HTTP/1.1 connection to another server: a request in bytes out, its answer back, one after the other.

The parser is httptools', as at our own listener; what stands here is when an answer is whole, and what ends it early.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple, cast

import httptools
import httpx

from kit.http.guard import ResponseTooLarge

HEAD_BYTES = 65_536
"""What an answer may take besides its body: its head, all that a server says in advance (1xx), trailers."""
BYTES_A_CHUNK = 8
"""And so much for each byte of the body, which may come in chunks of one byte each."""


class Answered(NamedTuple):
    """An answer. Names of headers are in lower case; several headers of one name are one, with commas between."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """A connection for one exchange at a time, which an answer of more than `max_bytes` ends."""

    def __init__(self, max_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_bytes = max_bytes
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        # What other clients bear with, too: a line feed alone at the end of a line, a space after the size of a chunk.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        self._answer: asyncio.Future[Answered] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        """Goes off at the deadline or before it, and stays for the next exchange: one for each costs a tenth of it."""
        self._goes_off_at = 0.0
        self._start()
        self.usable = False
        """Whether another request may follow."""
        self.idle_since = 0.0

    def _start(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.silent = True
        """Whether nothing has come yet."""
        self.body = bytearray()
        """The body of the answer as far as it came."""
        self._received = 0
        self._in_body = False

    async def ask(self, request: bytes, deadline: float) -> Answered:
        """The answer to a request. `deadline` is a time of the loop.

        Raises `httpx.ReadTimeout`, `httpx.RemoteProtocolError`, `httpx.ReadError` or `ResponseTooLarge`. Whatever ends
        it early, cancellation included, ends the connection.
        """
        if self._transport is None:
            raise httpx.ReadError("the connection is closed")
        self._start()
        self.usable = False
        answer: asyncio.Future[Answered] = self._loop.create_future()
        self._answer = answer
        self._deadline = deadline
        if self._timer is None or self._goes_off_at > deadline:
            self._wind_up()
        try:
            self._transport.write(request)
            return await answer
        except BaseException:
            self.abort()
            raise
        finally:
            self._answer = None

    def abort(self) -> None:
        """End the connection at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's have the methods, not the base class
        self.usable = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        if self._in_body and exc is None and self.headers.keys().isdisjoint(("content-length", "transfer-encoding")):
            self.on_message_complete()  # a body that ends with the connection
        elif exc is None:
            self._fail(httpx.RemoteProtocolError("the server has closed the connection"))
        else:
            self._fail(httpx.ReadError("the connection broke"))

    def data_received(self, data: bytes) -> None:
        self.silent = False
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(httpx.RemoteProtocolError("no HTTP answer"))
        if self._received - (1 + BYTES_A_CHUNK) * len(self.body) > HEAD_BYTES:
            self._fail(httpx.RemoteProtocolError("the head of the answer is too large"))

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self.abort()  # nobody has asked: it must not be taken for the next answer

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            return  # a trailer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self.headers.get(key)
        self.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        self.status = status
        self._in_body = True
        announced = self.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > self._max_bytes:
            self._too_large()

    def on_body(self, body: bytes) -> None:
        self.body += body
        if len(self.body) > self._max_bytes:
            self._too_large()

    def on_message_complete(self) -> None:
        if self.status is None:  # 1xx: the answer itself is still to come
            self.headers = {}
            return
        self._in_body = False
        if self._answer is not None and not self._answer.done():
            self.usable = self._transport is not None and self._parser.should_keep_alive()
            self._answer.set_result(Answered(self.status, self.headers, bytes(self.body)))

    def _wind_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._goes_off_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._gone_off)

    def _gone_off(self) -> None:
        self._timer = None
        if self._answer is None or self._answer.done():
            return
        if self._loop.time() < self._deadline:
            self._wind_up()  # it was wound up for an exchange before this one
        else:
            self._fail(httpx.ReadTimeout("no answer in time"))

    def _too_large(self) -> None:
        self._fail(ResponseTooLarge(f"more than {self._max_bytes} bytes"))

    def _fail(self, error: Exception) -> None:
        self.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
