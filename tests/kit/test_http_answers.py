"""What the guarded clients make of answers: too large, compressed, broken."""

import gzip

import aiohttp
import httpx
import pytest

from kit.http import Egress, ResponseTooLarge
from tests.kit.http_server import HOST, Fetch, Server

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/big", "/bomb", "/announced"])
async def test_too_large_an_answer_is_cut_off(server: Server, fetch: Fetch, path: str) -> None:
    with pytest.raises(ResponseTooLarge):
        await fetch(Egress([f"{HOST}/32"], max_bytes=1_000_000), server.url(path))


@pytest.mark.parametrize("path", ["/gzip", "/deflate"])
async def test_compressed_answers_are_unpacked(server: Server, fetch: Fetch, path: str) -> None:
    assert await fetch(Egress([f"{HOST}/32"], max_bytes=6_000), server.url(path)) == b"hello " * 1000
    with pytest.raises(ResponseTooLarge):
        await fetch(Egress([f"{HOST}/32"], max_bytes=5_999), server.url(path))


@pytest.mark.parametrize("path", ["/broken", "/brotli"])
async def test_answers_that_cannot_be_unpacked_are_errors(server: Server, fetch: Fetch, path: str) -> None:
    with pytest.raises((httpx.DecodingError, aiohttp.ClientError)):
        await fetch(Egress([f"{HOST}/32"]), server.url(path))


async def test_a_compressed_answer_that_ends_too_early_is_an_error(server: Server) -> None:
    async with Egress([f"{HOST}/32"]).client() as client:
        with pytest.raises(httpx.DecodingError):
            await client.get(server.url("/cut"))


async def test_a_head_request_may_announce_what_a_get_may_not_bring(server: Server) -> None:
    egress = Egress([f"{HOST}/32"], max_bytes=10)
    async with egress.client() as client:
        assert (await client.head(server.url("/announced"))).headers["Content-Length"] == "99999999"
    async with egress.session() as session, session.head(server.url("/announced")) as response:
        assert await response.read() == b""


async def test_a_raw_session_passes_compressed_bytes_as_they_are(server: Server) -> None:
    async with Egress([f"{HOST}/32"]).session(raw=True) as session, session.get(server.url("/gzip")) as response:
        assert gzip.decompress(await response.read()) == b"hello " * 1000
        assert response.headers["Content-Encoding"] == "gzip"
        assert await response.read() == await response.read()
    assert "accept-encoding" not in server.requests[0].lower()
