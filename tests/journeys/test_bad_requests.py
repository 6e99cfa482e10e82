"""What partners must not be able to do with odd URLs, addresses, headers and bodies, or with the same wish twice."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from hub.starts.tables import Start
from tests.journeys.network import Network, eventually
from tests.journeys.peers import Ocpi
from tests.journeys.writes import OWNED, TOKEN, WRITES, Two, module_of

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO", "EMSP:DE*EMS"])]


# The hub draws its jitter from `random` meanwhile, on the other thread.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.hypothesis
async def test_no_json_makes_the_hub_fail(two: Two) -> None:
    """Whatever JSON stands in a field: an answer of OCPI that is no server error, and never an HTTP 5xx."""
    loop = asyncio.get_running_loop()
    values = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=50),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )

    @settings(suppress_health_check=list(HealthCheck))
    @given(st.data())
    def storm(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name in WRITES if name != "credentials"]))
        method, path, body = WRITES[name]
        fields = data.draw(st.dictionaries(st.sampled_from([*body, "x_own"]), values, min_size=1, max_size=3))
        raw = json.dumps({**body, **fields}).encode()
        sent = two.caller_of(module_of(path)).send(method, path, raw=raw)
        answer = asyncio.run_coroutine_threadsafe(sent, loop).result(20)
        assert answer.status_code < 500
        assert answer.json()["status_code"] < 3000, answer.text

    await asyncio.to_thread(storm)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "sender/nonsense", 404),
        ("GET", "nonsense", 404),
        ("GET", "sender/locations/a/b/c/d", 404),
        ("GET", "receiver/locations/BE/CPO/%00", 404),
        ("GET", "receiver/locations/BE/CPO/%0d%0aX-Evil:1", 404),
        ("GET", f"receiver/locations/BE/CPO/{'x' * 2000}", 404),
        ("GET", "receiver/locations/BE/CPO/..%2f..%2fcredentials", 404),
        ("GET", "receiver/locations/BE/CPO/%C3%9F%C3%9F", 404),
        ("DELETE", "receiver/locations/BE/CPO/L1", 405),
        ("OPTIONS", "sender/locations", 405),
        ("GET", "receiver/commands/START_SESSION", 405),
        ("POST", "receiver/commands/DANCE", 404),
    ],
)
async def test_a_url_that_nobody_knows_is_answered_by_an_envelope(
    two: Two, method: str, path: str, expected: int
) -> None:
    answer = await two.cpo.send(method, path)
    assert answer.status_code == expected
    assert answer.json()["status_code"] == 2000
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize("query", ["limit=x", "offset=-1", "limit=1e3", "date_from=yesterday", "date_to=%00"])
async def test_a_query_that_cannot_be_read_is_told(two: Two, query: str) -> None:
    assert await two.emsp.code("GET", f"sender/locations?{query}") == (200, 2001)


@pytest.mark.parametrize(
    "headers",
    [
        {"OCPI-to-party-id": "CPO"},
        {"OCPI-to-country-code": "BE"},
        {"OCPI-to-country-code": "BEL", "OCPI-to-party-id": "CPO"},
        {"OCPI-to-country-code": "BE", "OCPI-to-party-id": "C O"},
        {"OCPI-to-country-code": "BE", "OCPI-to-party-id": "CPOX"},
        {"OCPI-from-country-code": "NL", "OCPI-from-party-id": "PLB"},
        {"OCPI-from-country-code": "BE", "OCPI-from-party-id": "CPO"},
    ],
)
async def test_addresses_that_are_wrong_are_refused(two: Two, headers: dict[str, str]) -> None:
    assert await two.emsp.code("GET", "sender/locations", headers=headers) == (200, 2001)


async def test_no_header_is_smuggled_through_an_address_or_an_id(two: Two) -> None:
    """What the HTTP client refuses to send is sent by hand; the answer has no header that we did not mean."""
    host, _, port = two.emsp.base.removeprefix("http://").partition("/")[0].partition(":")
    for name, value in {
        b"OCPI-to-party-id": b"C\x0bO",
        b"OCPI-from-party-id": b"\xc3\xa9",
        b"X-Request-ID": b"a\x0bX-Evil: 1",
        b"X-Correlation-ID": b"\xff" * 300,
    }.items():
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /ocpi/2.2.1/sender/locations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Authorization: Token " + two.emsp.token.encode() + b"\r\nOCPI-to-country-code: BE\r\n"
            b"OCPI-from-country-code: DE\r\n" + name + b": " + value + b"\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert b" 500 " not in answer.split(b"\r\n")[0]
        assert b"evil" not in answer.lower()
        assert b"\xff" not in answer


async def test_a_body_without_end_is_cut_off(two: Two) -> None:
    """100 MB in chunks: the answer comes while the rest is not even sent."""
    sent = 0
    host, _, port = two.cpo.base.removeprefix("http://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"PUT /ocpi/2.2.1/receiver/locations/BE/CPO/L1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Authorization: Token " + two.cpo.token.encode() + b"\r\n\r\n"
    )
    chunk = b"%x\r\n%s\r\n" % (65536, b" " * 65536)
    answer = asyncio.create_task(reader.read(65536))
    try:
        while not answer.done() and sent < 100_000_000:
            writer.write(chunk)
            sent += 65536
            await writer.drain()
    except ConnectionError:
        pass
    received = await asyncio.wait_for(answer, 30)
    writer.close()
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in received.lower()
    assert sent < 20_000_000
    too_long = await two.cpo.send("PUT", "receiver/locations/BE/CPO/L1", raw=b" " * 3_000_000)
    assert too_long.status_code == 413
    assert await two.cpo.code("GET", "sender/locations") == (200, 1000), "the hub is well"


async def test_a_start_that_a_partner_sends_twice_is_one_start(network: Network) -> None:
    await network.publish()
    partner = await network.partner("EMSP", "DE*EMS")
    emsp = Ocpi.of(network, partner)
    station = await network.station(protocol="ocpp2.0.1")
    url = f"{partner.public_url}/ocpi/2.2.1/sender/commands/START_SESSION/X1"
    body = {"response_url": url, "token": TOKEN, "location_id": "LOC1", "authorization_reference": "REF-1"}

    answers = [await emsp.send("POST", "receiver/commands/START_SESSION", body) for _ in range(2)]

    assert [answer.json()["data"]["result"] for answer in answers] == ["ACCEPTED"] * 2

    async def charging() -> bool:
        return bool((await network.get("/sessions"))["items"])

    await eventually(charging)
    late = await emsp.send("POST", "receiver/commands/START_SESSION", body)
    assert late.json()["data"]["result"] == "ACCEPTED"
    async with network.up.hub.db.read() as tx:
        assert len(await tx.all(select(Start))) == 1
    assert (await network.get("/sessions"))["total"] == 1
    another = {**body, "authorization_reference": "REF-2"}
    await emsp.send("POST", "receiver/commands/START_SESSION", another)
    async with network.up.hub.db.read() as tx:
        assert len(await tx.all(select(Start))) == 2, "another reference is another wish"
    assert station is not None


async def test_a_start_with_somebody_elses_token_or_an_unknown_place_is_refused(two: Two) -> None:
    await two.network.publish()
    _, path, body = WRITES["START_SESSION"]
    own = {**TOKEN, "country_code": "NL", "party_id": "PLB"}
    assert await two.emsp.code("POST", path, {**body, "token": own}) == (200, 2001)
    assert await two.cpo.code("POST", path, {**body, "token": {**TOKEN, **OWNED}}) == (200, 2001)
    assert await two.emsp.code("POST", path, {**body, "location_id": "NOWHERE"}) == (200, 2003)
    assert await two.emsp.code("POST", path, {**body, "evse_uid": "NONE"}) == (200, 2003)
    stopped = await two.emsp.send("POST", *WRITES["STOP_SESSION"][1:])
    assert stopped.json()["data"]["result"] == "UNKNOWN_SESSION"
    assert await two.emsp.code("POST", "sender/commands/START_SESSION/nothing", {"result": "ACCEPTED"}) == (404, 2000)


async def test_a_partner_that_was_shut_out_is_not_heard(network: Network) -> None:
    emsp = Ocpi.of(network, await network.partner("EMSP", "DE*EMS"))
    assert await emsp.code("DELETE", "credentials") == (200, 1000)
    for name in ("token", "START_SESSION"):
        assert await emsp.code(*WRITES[name]) == (401, 2000)
