"""What the guarded clients make of answers: too large, compressed, broken."""

import gzip
from contextlib import aclosing

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
    with pytest.raises(httpx.DecodingError):
        await fetch(Egress([f"{HOST}/32"]), server.url(path))


async def test_a_compressed_answer_that_ends_too_early_is_an_error(server: Server, fetch: Fetch) -> None:
    with pytest.raises(httpx.DecodingError):
        await fetch(Egress([f"{HOST}/32"]), server.url("/cut"))


async def test_a_head_request_may_announce_what_a_get_may_not_bring(server: Server) -> None:
    egress = Egress([f"{HOST}/32"], max_bytes=10)
    async with egress.client() as client:
        assert (await client.head(server.url("/announced"))).headers["Content-Length"] == "99999999"


async def test_a_raw_client_passes_compressed_bytes_as_they_are(server: Server) -> None:
    async with aclosing(Egress([f"{HOST}/32"]).direct(raw=True)) as direct:
        answer = await direct.request("GET", server.url("/gzip"), {})
    assert gzip.decompress(answer.body) == b"hello " * 1000
    assert answer.headers["content-encoding"] == "gzip"
    assert "accept-encoding" not in server.requests[0].lower()
