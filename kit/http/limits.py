"""Answers of a bounded size and time: what wraps the bodies that `kit.http` receives."""

import asyncio
import zlib
from collections.abc import AsyncIterator

import aiohttp
import httpx

from kit.http.guard import ResponseTooLarge

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def bounded(response: httpx.Response, *, max_bytes: int, deadline: float) -> httpx.Response:
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
    stream = _BoundedStream(response.stream, packed=packed, max_bytes=max_bytes, deadline=deadline)
    return httpx.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)


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


def limited_response(max_bytes: int) -> type[aiohttp.ClientResponse]:
    """The response class of an aiohttp session whose `read`, `text` and `json` stop at so many bytes.

    Whoever reads `content` piece by piece counts for himself.
    """

    class LimitedResponse(aiohttp.ClientResponse):
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
                except BaseException:
                    self.close()
                    raise
                self._body = bytes(body)
            return await super().read()

    return LimitedResponse
