"""The guarded clients against real sockets."""

import asyncio
import io
import json
import ssl
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import respx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kit import log
from kit.clock import SystemClock
from kit.errors import Problem
from kit.guard import NetworkInsideTx, tx_active
from kit.http import Egress, EgressRefused, ResponseTooLarge
from tests.kit.http_server import HOST, Fetch, Server, serving

pytestmark = pytest.mark.anyio


async def test_a_listed_private_server_answers(server: Server, fetch: Fetch) -> None:
    assert await fetch(Egress([f"{HOST}/32"]), server.url()) == b"ok"


async def test_an_unlisted_private_server_is_never_reached(server: Server, fetch: Fetch) -> None:
    for egress in (Egress(), Egress(allow_http=True), Egress(["10.0.0.0/8"])):
        for host in (HOST, "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1", "127.0.0.1."):
            with pytest.raises(EgressRefused):
                await fetch(egress, server.url(host=host))
    assert server.requests == []


@pytest.mark.parametrize("host", ["１２７.０.０.１", "①②⑦.0.0.1", "127。0。0。1", "[::ffff:127.0.0.1]", "[::1%25lo]"])
async def test_foreign_spellings_of_the_loopback_do_not_reach_it(server: Server, fetch: Fetch, host: str) -> None:
    with pytest.raises((Problem, httpx.HTTPError, httpx.InvalidURL, ValueError)):
        await fetch(Egress(allow_http=True), server.url(host=host))
    assert server.requests == []


async def test_a_refusal_is_an_error_of_httpx_and_a_problem() -> None:
    assert issubclass(ResponseTooLarge, Problem)
    async with Egress().client() as client:
        with pytest.raises(httpx.TransportError) as refusal:
            await client.get("https://10.0.0.1/secret?token=abc")
    assert isinstance(refusal.value, EgressRefused)
    assert refusal.value.status == 502
    assert "abc" not in str(refusal.value)


async def test_credentials_in_a_url_are_refused(server: Server, fetch: Fetch) -> None:
    with pytest.raises(EgressRefused, match="credentials"):
        await fetch(Egress(["127.0.0.0/8"]), server.url(host=f"user:pass@{HOST}"))
    assert server.requests == []


async def test_the_connection_goes_to_the_judged_address_whatever_the_resolver_says_next(
    server: Server, fetch: Fetch
) -> None:
    asked: list[str] = []

    async def rebind(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else [HOST]

    egress = Egress(["127.0.0.2/32"], resolve=rebind)
    with pytest.raises(httpx.ConnectError):
        await fetch(egress, server.url(host="partner.test"))
    assert asked == ["partner.test"]
    with pytest.raises(EgressRefused):
        await fetch(egress, server.url(host="partner.test"))
    assert server.requests == []


async def test_the_host_header_keeps_the_name(server: Server, fetch: Fetch) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.9", HOST]

    assert await fetch(Egress(["127.0.0.0/8"], resolve=resolve), server.url(host="partner.test")) == b"ok"
    assert f"host: partner.test:{server.port}" in server.requests[0].lower()
    assert "user-agent: plugbridge" in server.requests[0].lower()


async def test_one_private_answer_among_public_ones_refuses_the_name(fetch: Fetch) -> None:
    async def mixed(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", HOST]

    with pytest.raises(EgressRefused):
        await fetch(Egress(resolve=mixed), "https://partner.test/")


async def test_a_name_without_answer_is_a_connection_error(fetch: Fetch) -> None:
    async def nothing(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(httpx.ConnectError):
        await fetch(Egress(resolve=nothing), "https://partner.test/")


async def test_a_slow_resolver_is_a_time_out(fetch: Fetch) -> None:
    async def slow(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(httpx.ConnectTimeout):
        await fetch(Egress(resolve=slow, connect_timeout_s=0.1), "https://partner.test/")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_https_to_a_listed_server_is_verified_under_its_name(
    fetch: Fetch, scheme: str, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return [HOST]

    server_side, client_side = certificate
    egress = Egress(["127.0.0.0/8"], ssl_context=client_side, resolve=resolve)
    async with serving(tls=server_side) as server:
        if scheme == "https":
            assert await fetch(egress, server.url(host="partner.test", scheme="https")) == b"ok"
        with pytest.raises(httpx.ConnectError):
            await fetch(egress, server.url(host="other.test", scheme="https"))
        with pytest.raises(httpx.ConnectError):
            await fetch(Egress(["127.0.0.0/8"], resolve=resolve), server.url(host="partner.test", scheme="https"))


async def test_redirects_are_not_followed(server: Server) -> None:
    egress = Egress([f"{HOST}/32"])
    url = server.url("/redirect?to=/ok")
    async with egress.client() as client:
        assert (await client.get(url)).status_code == 302
    async with aclosing(egress.direct()) as direct:
        assert (await direct.request("GET", url, {})).status == 302
    assert all(request.startswith("GET /redirect") for request in server.requests)


async def test_a_redirect_that_is_followed_is_judged_again(server: Server) -> None:
    async with serving("127.0.0.2") as forbidden, Egress([f"{HOST}/32"]).client() as client:
        with pytest.raises(EgressRefused):
            await client.get(server.url(f"/redirect?to={forbidden.url(host='127.0.0.2')}"), follow_redirects=True)
        assert forbidden.requests == []
        followed = await client.get(server.url("/redirect?to=/ok"), follow_redirects=True)
        assert followed.content == b"ok"


async def test_cookies_are_not_kept(server: Server) -> None:
    egress = Egress([f"{HOST}/32"])
    async with egress.client() as client, aclosing(egress.direct()) as direct:
        for _ in range(2):
            await client.get(server.url())
            await direct.request("GET", server.url(), {})
    assert not any("cookie:" in request.lower() for request in server.requests)


async def test_connections_are_used_again(server: Server) -> None:
    egress = Egress([f"{HOST}/32"])
    async with aclosing(egress.direct()) as direct, egress.client() as client:
        for path in ("/ok", "/gzip", "/ok"):
            await direct.request("GET", server.url(path), {})
            await client.get(server.url(path))
    assert server.connections == 2


async def test_a_connection_that_was_idle_too_long_is_not_used_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.http.httpx_transport.KEPT_IDLE_S", 0.1)
    async with Egress([f"{HOST}/32"]).client() as client:
        await client.get(server.url())
        await asyncio.sleep(0.3)
        await client.get(server.url())
    assert server.connections == 2


@pytest.mark.parametrize("path", ["/silent", "/drip"])
async def test_the_time_limit_bounds_the_whole_exchange(server: Server, fetch: Fetch, path: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        async with asyncio.timeout(30):  # the server goes on for a minute
            await fetch(Egress([f"{HOST}/32"], timeout_s=1), server.url(path))


async def test_a_request_may_ask_for_more_time(server: Server) -> None:
    egress = Egress([f"{HOST}/32"], timeout_s=0.7)
    async with egress.client() as client, egress.client(timeout_s=30) as patient:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url("/pause"))
        assert (await client.get(server.url("/pause"), timeout=30)).content == b"at last"
        assert (await patient.get(server.url("/pause"))).content == b"at last"


async def test_the_network_is_refused_inside_a_transaction(server: Server, fetch: Fetch) -> None:
    token = tx_active.set(True)
    try:
        with pytest.raises(NetworkInsideTx):
            await fetch(Egress([f"{HOST}/32"]), server.url())
    finally:
        tx_active.reset(token)
    assert server.requests == []


@respx.mock
async def test_respx_answers_in_place_of_the_network_but_not_of_the_guard() -> None:
    respx.get("https://partner.example/versions").respond(json={"data": []})
    async with Egress().client() as client:
        assert (await client.get("https://partner.example/versions")).json() == {"data": []}
        with pytest.raises(EgressRefused):
            await client.get("https://10.0.0.1/")


async def test_the_log_line_tells_neither_query_nor_identifiers_nor_bodies(server: Server, fetch: Fetch) -> None:
    written = io.StringIO()
    log.configure("DEBUG", True, stream=written)
    try:
        with log.bind_correlation("c-1"):
            await fetch(Egress([f"{HOST}/32"]), server.url("/ocpi/2.2.1/tokens/NL/TNM/DEADBEEF?secret=1"))
            await fetch(Egress([f"{HOST}/32"]), server.url("/fail"))
            with pytest.raises(httpx.ReadTimeout):
                await fetch(Egress([f"{HOST}/32"], timeout_s=1), server.url("/silent"))
    finally:
        log.configure("WARNING", True)
    lines = [json.loads(line) for line in written.getvalue().splitlines() if "http request" in line]
    assert [line["path"] for line in lines] == ["/ocpi/2.2.1/tokens/*/*/*", "/fail", "/silent"]
    assert [line["level"] for line in lines] == ["debug", "info", "warning"]
    assert [line.get("status") for line in lines] == [200, 500, None]
    assert {(line["method"], line["host"], line["correlation_id"]) for line in lines} == {("GET", HOST, "c-1")}
    assert all(line["duration_ms"] >= 0 for line in lines)
    assert "DEADBEEF" not in written.getvalue()
    assert "secret" not in written.getvalue()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server context for `partner.test`, and a client context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "partner.test")])
    now = SystemClock().now()
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("partner.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "partner.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(serialization.Encoding.PEM)
    )
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(path)
    return server_side, ssl.create_default_context(cafile=str(path))
