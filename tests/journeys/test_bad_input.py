"""What partners and operators must not be able to do with what they send: no fault of ours, nothing stored, no leak."""

import asyncio
import json
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from hub.starts.tables import Start
from tests.journeys.network import PARTNER_TOKEN, TARIFF, Json, Network, eventually
from tests.journeys.peers import (
    STAMP,
    Ocpi,
    addressed,
    cdr_of,
    credentials,
    session_of,
    stamped_location,
)

pytestmark = pytest.mark.anyio

OWNED: Json = {"country_code": "BE", "party_id": "CPO"}
TOKEN: Json = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
LATER, EARLIER = "2026-01-02T00:00:00Z", "2025-12-31T00:00:00Z"


@dataclass
class Two:
    """A hub with a partner CPO (BE*CPO) and a partner eMSP (DE*EMS)."""

    network: Network
    cpo: Ocpi
    emsp: Ocpi

    def caller_of(self, module: str) -> Ocpi:
        return self.emsp if module in ("tokens", "commands") else self.cpo


@pytest.fixture
async def two(network: Network) -> Two:
    cpo = await network.partner("CPO", "BE*CPO")
    emsp = await network.partner("EMSP", "DE*EMS")
    return Two(network, Ocpi.of(network, cpo), Ocpi.of(network, emsp))


LOCATION_BODY = stamped_location(id="L1", **OWNED)
TARIFF_BODY: Json = {**TARIFF, **OWNED, "id": "T1", "last_updated": STAMP}
WRITES: dict[str, tuple[str, str, Json]] = {
    "location": ("PUT", "receiver/locations/BE/CPO/L1", LOCATION_BODY),
    "evse": ("PUT", "receiver/locations/BE/CPO/L1/EVSE-1", LOCATION_BODY["evses"][0]),
    "connector": ("PUT", "receiver/locations/BE/CPO/L1/EVSE-1/1", LOCATION_BODY["evses"][0]["connectors"][0]),
    "tariff": ("PUT", "receiver/tariffs/BE/CPO/T1", TARIFF_BODY),
    "session": ("PUT", "receiver/sessions/BE/CPO/S1", session_of("BE*CPO", "S1", "DE*EMS")),
    "cdr": ("POST", "receiver/cdrs", cdr_of("BE*CPO", "C1", "DE*EMS")),
    "token": ("PUT", f"receiver/tokens/DE/EMS/{TOKEN['uid']}", TOKEN),
    "START_SESSION": (
        "POST",
        "receiver/commands/START_SESSION",
        {"response_url": "http://127.0.0.1:9/r", "token": TOKEN, "location_id": "LOC1"},
    ),
    "STOP_SESSION": (
        "POST",
        "receiver/commands/STOP_SESSION",
        {"response_url": "http://127.0.0.1:9/r", "session_id": "S1"},
    ),
    "UNLOCK_CONNECTOR": (
        "POST",
        "receiver/commands/UNLOCK_CONNECTOR",
        {"response_url": "http://127.0.0.1:9/r", "location_id": "LOC1", "evse_uid": "EVSE-1", "connector_id": "1"},
    ),
    "credentials": ("PUT", "credentials", credentials("http://127.0.0.1:9/v", "CPO:BE*CPO")),
}
ROOTS = {"evse": "location", "connector": "location"}


def module_of(path: str) -> str:
    return path.split("/")[1] if "/" in path else path


@pytest.mark.parametrize("name", WRITES)
async def test_what_is_not_the_object_that_is_expected_is_told_so(two: Two, name: str) -> None:
    method, path, body = WRITES[name]
    caller = two.caller_of(module_of(path))
    if name in ROOTS:
        await caller.send(*WRITES[ROOTS[name]])
    for raw, expected in {
        b"": (400, 2001),
        b"{": (400, 2001),
        b"\xff\xfe": (400, 2001),
        b'{"id": "\xed\xa0\x80"}': (400, 2001),
        b"NaN": (400, 2001),
        b"[" * 10_000 + b"]" * 10_000: (400, 2001),
        b'{"id":' * 10_000 + b"1" + b"}" * 10_000: (400, 2001),
        b"null": (200, 2001),
        b"[]": (200, 2001),
        b"{}": (200, 2001),
        b'"text"': (200, 2001),
    }.items():
        assert await caller.code(method, path, raw=raw) == expected, raw[:20]
    for field in body:
        assert await caller.code(method, path, {**body, field: {"wrong": ["type"]}}) == (200, 2001), field
    required = [field for field in body if (await caller.code(method, path, _without(body, field)))[1] == 2001]
    assert required, "some fields are required"


def _without(body: Json, field: str) -> Json:
    return {name: value for name, value in body.items() if name != field}


@pytest.mark.parametrize("name", [name for name in WRITES if name not in ("credentials",) and "_" not in name])
async def test_times_are_utc_with_or_without_a_z(two: Two, name: str) -> None:
    method, path, body = WRITES[name]
    caller = two.caller_of(module_of(path))
    if name in ROOTS:
        await caller.send(*WRITES[ROOTS[name]])
    for text in ("2026-01-01T00:00:00+02:00", "2026-01-01", "1767225600", "2026-13-01T00:00:00Z", "yesterday"):
        assert await caller.code(method, path, {**body, "last_updated": text}) == (200, 2001), text
    assert (await caller.code(method, path, {**body, "last_updated": "2026-01-01T00:00:00"}))[1] == 1000


@pytest.mark.parametrize("name", [name for name in WRITES if WRITES[name][0] == "PUT" and name != "credentials"])
async def test_the_party_and_the_id_in_the_url_count(two: Two, name: str) -> None:
    method, path, body = WRITES[name]
    caller = two.caller_of(module_of(path))
    owner = "/".join(path.split("/")[2:4])
    for other in ("NL/PLB", "FR/XXX", "BE/CPO" if owner == "DE/EMS" else "DE/EMS"):
        foreign = path.replace(owner, other)
        claimed = {**body, "country_code": other[:2], "party_id": other[3:]} if "party_id" in body else body
        assert await caller.code(method, foreign, claimed) == (404, 2000), "not on the caller's platform"
        if "party_id" in body:
            assert await caller.code(method, foreign, body) == (200, 2001), "not the party in the body"
    if name in ROOTS:
        await caller.send(*WRITES[ROOTS[name]])
    assert await caller.code(method, f"{path}-OTHER", body) == (200, 2001)


async def test_a_role_that_was_not_registered_for_may_not_be_played(two: Two) -> None:
    """The invitation is bound to roles: an eMSP brings no chargers and no bills, a CPO no tokens."""
    to_us = addressed(to="NL*PLB")
    for name in ("location", "tariff", "session"):
        method, path, body = WRITES[name]
        own_path, claimed = path.replace("BE/CPO", "DE/EMS"), {**body, "country_code": "DE", "party_id": "EMS"}
        assert await two.emsp.code(method, own_path, claimed, headers=to_us) == (404, 2000), name
        assert (await two.emsp.code(method, own_path, claimed))[1] in (2000, 2001), name
    assert await two.emsp.code("POST", "receiver/cdrs", cdr_of("DE*EMS", "C1", "NL*PLB")) == (200, 2001)
    token = {**TOKEN, **OWNED}
    assert await two.cpo.code("PUT", f"receiver/tokens/BE/CPO/{TOKEN['uid']}", token, headers=to_us) == (404, 2000)
    assert await two.cpo.code("PUT", f"receiver/tokens/BE/CPO/{TOKEN['uid']}", token) == (200, 2001)
    assert await two.emsp.code("POST", "sender/tokens/04AA/authorize") == (200, 2000)
    assert (await two.network.get("/cdrs"))["total"] == (await two.network.get("/sessions"))["total"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "receiver/locations/BE/CPO/NONE"),
        ("PATCH", "receiver/locations/BE/CPO/NONE/E1"),
        ("PATCH", "receiver/locations/BE/CPO/NONE/E1/1"),
        ("PATCH", "receiver/sessions/BE/CPO/NONE"),
        ("PATCH", "receiver/tokens/DE/EMS/NONE"),
    ],
)
async def test_a_patch_of_what_is_not_there_is_404(two: Two, method: str, path: str) -> None:
    caller = two.caller_of(module_of(path))
    assert await caller.code(method, path, {"last_updated": LATER}) == (404, 2000)
    assert await caller.code(method, path, {"status": "AVAILABLE"}) == (200, 2001), "last_updated is missing"
    assert await caller.code("GET", path) == (404, 2000)


@pytest.mark.parametrize("name", ["location", "evse", "connector", "session", "token"])
async def test_a_patch_needs_last_updated_and_keeps_the_identity(two: Two, name: str) -> None:
    _, path, body = WRITES[name]
    caller = two.caller_of(module_of(path))
    await caller.send(*WRITES[ROOTS.get(name, name)])
    assert await caller.code("PATCH", path, {"x": 1}) == (200, 2001)
    key = next(field for field in ("uid", "id") if field in body)
    assert await caller.code("PATCH", path, {"last_updated": LATER, key: "OTHER"}) == (200, 2001)
    assert await caller.code("PATCH", path, {"last_updated": LATER, "x_own": 7}) == (200, 1000)
    assert (await caller.send("GET", path)).json()["data"]["x_own"] == 7


@pytest.mark.parametrize("name", ["location", "evse", "connector", "tariff", "session", "token"])
async def test_an_older_state_is_passed_over(two: Two, name: str) -> None:
    method, path, body = WRITES[name]
    caller = two.caller_of(module_of(path))
    await caller.send(*WRITES[ROOTS.get(name, name)])
    assert await caller.code(method, path, {**body, "last_updated": LATER, "x_state": "new"}) == (200, 1000)
    assert await caller.code(method, path, {**body, "last_updated": EARLIER, "x_state": "old"}) == (200, 1000)
    if name != "tariff":
        assert await caller.code("PATCH", path, {"last_updated": EARLIER, "x_state": "old"}) == (200, 1000)
    stored = (await caller.send("GET", path)).json()["data"]
    assert (stored["x_state"], stored["last_updated"]) == ("new", LATER)


async def test_a_repeated_patch_adds_no_charging_period_twice(two: Two) -> None:
    path = WRITES["session"][1]
    await two.cpo.send(*WRITES["session"])
    period = {"start_date_time": LATER, "dimensions": [{"type": "ENERGY", "volume": 0.5}]}
    change = {"last_updated": LATER, "kwh": 2.0, "charging_periods": [period]}
    for _ in range(3):
        assert await two.cpo.code("PATCH", path, change) == (200, 1000)
    assert (await two.cpo.send("GET", path)).json()["data"]["charging_periods"] == [period]


async def test_a_cdr_is_taken_once_and_never_changed(two: Two) -> None:
    body = cdr_of("BE*CPO", "C1", "NL*PLB")
    first = await two.cpo.send("POST", "receiver/cdrs", body)
    again = await two.cpo.send("POST", "receiver/cdrs", body)
    other = await two.cpo.send("POST", "receiver/cdrs", {**body, "total_cost": {"excl_vat": 99.0}})
    cased = await two.cpo.send("POST", "receiver/cdrs", {**body, "id": "c1"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["status_code"] == again.json()["status_code"] == 1000
    assert first.headers["location"] == again.headers["location"]
    assert other.json()["status_code"] == cased.json()["status_code"] == 2001
    [stored] = (await two.network.get("/cdrs"))["items"]
    assert stored["cdr"] == body
    read = await two.cpo.http.get(first.headers["location"], headers={"Authorization": f"Token {two.cpo.token}"})
    assert read.json()["data"] == body
    theirs = first.headers["location"].removeprefix(f"{two.cpo.base}/")
    assert await two.emsp.code("GET", theirs) == (404, 2000)


@pytest.mark.parametrize("number", [1e10, 1e17, 1e25, 1e30, -1e25])
async def test_a_number_beyond_reason_is_refused(two: Two, number: float) -> None:
    session = session_of("BE*CPO", "S1", "DE*EMS", kwh=number)
    assert await two.cpo.code("PUT", "receiver/sessions/BE/CPO/S1", session) == (200, 2001)
    body = cdr_of("BE*CPO", "C1", "DE*EMS", total_energy=number)
    assert await two.cpo.code("POST", "receiver/cdrs", body) == (200, 2001)
    period = {"start_date_time": STAMP, "dimensions": [{"type": "ENERGY", "volume": number}]}
    body = cdr_of("BE*CPO", "C2", "DE*EMS", charging_periods=[period], tariffs=[TARIFF_BODY])
    assert await two.cpo.code("POST", "receiver/cdrs", body) == (200, 2001)


async def test_no_json_makes_the_hub_fail(two: Two) -> None:
    """Whatever JSON stands in a field: an answer of OCPI that is no server error, and never an HTTP 5xx."""
    loop = asyncio.get_running_loop()
    values = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=50),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
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
        answer = await asyncio.wait_for(reader.read(), 10)
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
    received = await asyncio.wait_for(answer, 10)
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


async def test_a_partner_that_was_shut_out_is_not_heard(two: Two) -> None:
    assert await two.emsp.code("DELETE", "credentials") == (200, 1000)
    for name in ("token", "START_SESSION"):
        assert await two.emsp.code(*WRITES[name]) == (401, 2000)
