"""What partners must not be able to do with the objects that they send: no fault of ours, nothing stored, no leak."""

import pytest

from tests.journeys.network import Json
from tests.journeys.peers import STAMP, addressed, cdr_of, session_of
from tests.journeys.writes import OWNED, ROOTS, TARIFF_BODY, TOKEN, WRITES, Two, module_of

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO", "EMSP:DE*EMS"])]

LATER, EARLIER = "2026-01-02T00:00:00Z", "2025-12-31T00:00:00Z"


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
