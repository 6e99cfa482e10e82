"""Answers of a bounded size and time: what wraps the bodies that `kit.http` receives."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import httpx

from kit.http.guard import ResponseTooLarge

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


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
    if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
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


class WatchedResponse(aiohttp.ClientResponse):
    """An answer that tells when it was read: its body as far as it came, and the name of the error that ended it."""

    when_read: Callable[[bytes, str | None], None] | None = None

    def tell(self, body: bytes, error: str | None) -> None:
        """Tell it, once."""
        told, self.when_read = self.when_read, None
        if told is not None:
            told(body, error)


def limited_response(max_bytes: int) -> type[aiohttp.ClientResponse]:
    """The response class of an aiohttp session whose `read`, `text` and `json` stop at so many bytes.

    Whoever reads `content` piece by piece counts for himself.
    """

    class LimitedResponse(WatchedResponse):
        async def read(self) -> bytes:
            """The whole body. Raises `ResponseTooLarge`."""
            if self._body is None:
                body = bytearray()
                try:
                    if self.method != "HEAD" and (self.content_length or 0) > max_bytes:
                        raise ResponseTooLarge(f"more than {max_bytes} bytes")
                    async for chunk in self.content.iter_any():
                        body += chunk
                        if len(body) > max_bytes:
                            raise ResponseTooLarge(f"more than {max_bytes} bytes")
                except BaseException as error:
                    self.close()
                    self.tell(bytes(body[:max_bytes]), type(error).__name__)
                    raise
                self._body = bytes(body)
                self.tell(self._body, None)
            return await super().read()

    return LimitedResponse
