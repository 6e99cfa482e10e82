"""The guard under uvicorn: HTTP requests that never end, and heads that are too large.

uvicorn bounds neither. A head has to be complete within a time, counted from the connection or from its first byte, and
its body within another. A request that comes in one piece, as nearly all do, costs no timer. Behind a reverse proxy
this is the second line.
"""

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class _Awaited(Enum):
    NOTHING = 0
    HEAD = 1
    BODY = 2


class _HeadTooLarge(Exception):
    """Ends the parsing; the answer is ours."""


def guarded_protocol(
    *, head_s: float, body_s: float, head_bytes: int, slow: Mapping[bytes, float] | None = None
) -> type[HttpToolsProtocol]:
    """The protocol class for `uvicorn.Config(http=…)` with these bounds, in seconds and bytes.

    `slow` gives bodies of paths that begin so another time, in seconds.
    """
    times = {_Awaited.HEAD: head_s, _Awaited.BODY: body_s}

    class GuardedProtocol(HttpToolsProtocol):
        _awaited = _Awaited.NOTHING
        _timer: asyncio.TimerHandle | None = None
        _in_head = True
        _begun = False
        _complete = 0
        _head_size = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._await(_Awaited.HEAD)

        def connection_lost(self, exc: Exception | None) -> None:
            self._await(_Awaited.NOTHING)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            complete = self._complete
            if self._in_head:
                self._head_size += len(data)
            super().data_received(data)
            if self.transport.is_closing():
                return
            if self._in_head and self._begun and self._head_size > head_bytes:
                return self.send_400_response("")
            if not self._in_head:
                awaited = _Awaited.BODY
            elif self._begun or self._complete == complete:
                awaited = _Awaited.HEAD
            else:
                awaited = _Awaited.NOTHING
            if awaited is not self._awaited or (self._timer is not None and self._complete != complete):
                self._await(awaited)

        def on_message_begin(self) -> None:
            self._begun = True
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            if self._head_size > head_bytes and self._size_of_head() > head_bytes:
                raise _HeadTooLarge
            self._in_head = self._begun = False
            self._head_size = 0
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_head = True
            self._complete += 1
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            """Refuse what cannot be read, or a head that is too large, and close."""
            if self._head_size <= head_bytes:
                return super().send_400_response(msg)
            line = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
            self.transport.write(line + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

        def _size_of_head(self) -> int:
            return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

        def _await(self, awaited: _Awaited) -> None:
            self._awaited = awaited
            if self._timer is not None:
                self._timer.cancel()
            seconds = times.get(awaited)
            if awaited is _Awaited.BODY and slow:
                seconds = next((each for path, each in slow.items() if self.url.startswith(path)), seconds)
            self._timer = None if seconds is None else self.loop.call_later(seconds, self._too_slow)

        def _too_slow(self) -> None:
            self._timer = None
            if not self.transport.is_closing():
                self.transport.abort()  # not close: who does not take our answer must not hold the connection either

    return GuardedProtocol
