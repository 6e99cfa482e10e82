"""Answers of a bounded size and time: what wraps the bodies that `kit.http` receives."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable

import httpx

from kit.http.guard import ResponseTooLarge

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})


Ended = Callable[[bytes, str | None], None]
"""Told once of a body: as far as it was read, and the name of the error that ended it."""


def bounded(
    response: httpx.Response, *, max_bytes: int, deadline: float, on_end: Ended | None = None
) -> httpx.Response:
    """The response with its body decompressed, counted, and ended at the loop time `deadline`.

    The decompression is done here because a small body may unpack to gigabytes.
    Raises `httpx.DecodingError` for an encoding other than gzip and deflate.
    """
    headers = response.headers.copy()
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity" and encoding not in _PACKED:
        raise httpx.DecodingError("an encoding that was not asked for")
    packed = encoding != "identity"
    if packed:
        del headers["content-encoding"]
        headers.pop("content-length", None)
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  (narrows for the type checker)
    stream: httpx.AsyncByteStream = _BoundedStream(
        response.stream, packed=packed, max_bytes=max_bytes, deadline=deadline
    )
    if on_end is not None:
        stream = _WatchedStream(stream, on_end)
    return httpx.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)


class _WatchedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, on_end: Ended) -> None:
        self._stream = stream
        self._on_end = on_end
        self._error: str | None = None
        self._read = bytearray()
        self._told = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                self._read += chunk
                yield chunk
        except Exception as error:
            self._error = type(error).__name__
            raise

    async def aclose(self) -> None:
        if not self._told:
            self._told = True
            self._on_end(bytes(self._read), self._error)
        await self._stream.aclose()


class _BoundedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, *, packed: bool, max_bytes: int, deadline: float) -> None:
        self._stream = stream
        self._packed = packed
        self._max_bytes = max_bytes
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._max_bytes
        async for chunk in self._unpacked() if self._packed else self._chunks():
            left -= len(chunk)
            if left < 0:
                raise ResponseTooLarge(f"more than {self._max_bytes} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def _chunks(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._stream)
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise httpx.ReadTimeout("the answer took too long") from None
            if chunk is None:
                return
            yield chunk

    async def _unpacked(self) -> AsyncIterator[bytes]:
        unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
        started = False
        try:
            async for chunk in self._chunks():
                started = True
                while chunk and not unpacker.eof:
                    yield unpacker.decompress(chunk, 65_536)
                    chunk = unpacker.unconsumed_tail
        except zlib.error:
            raise httpx.DecodingError("the answer cannot be unpacked") from None
        if started and not unpacker.eof:
            raise httpx.DecodingError("the answer ends too early")


def unpacked(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """A body without its encoding. Raises `ResponseTooLarge`, or `httpx.DecodingError` for what cannot be unpacked."""
    encoding = encoding.strip().lower()
    if encoding == "identity" or not body:
        return body
    if encoding not in _PACKED:
        raise httpx.DecodingError("an encoding that was not asked for")
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        found = unpacker.decompress(body, max_bytes + 1)
    except zlib.error:
        raise httpx.DecodingError("the answer cannot be unpacked") from None
    if len(found) > max_bytes:
        raise ResponseTooLarge(f"more than {max_bytes} bytes")
    if not unpacker.eof:
        raise httpx.DecodingError("the answer ends too early")
    return found
