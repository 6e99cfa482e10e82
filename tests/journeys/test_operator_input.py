"""The operator API: who may use it, and what it answers to input that is wrong or comes twice."""

import asyncio
import contextlib

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import col, select

from auth.keys import create_key, new_key
from auth.subjects import OperatorRole
from auth.tables import ApiKey
from hub.starts.tables import Start
from tests.journeys.network import LOCATION, TARIFF, Json, Network, eventually, http_client

pytestmark = pytest.mark.anyio


async def test_a_start_with_the_same_key_is_one_start(network: Network) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    station = await network.station(protocol="ocpp2.0.1")
    body = {"token_uid": "04AABBCCDD", "station_id": "CS-1"}
    key = {"Idempotency-Key": "start-0001"}

    first = await network.send("POST", "/starts", body, expect=202, headers=key)
    again = await asyncio.gather(*(network.api.post("/starts", json=body, headers=key) for _ in range(3)))
    other = await network.api.post("/starts", json={**body, "evse_id": 1}, headers=key)

    assert [answer.json() for answer in again] == [first] * 3
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert "04AABBCCDD" not in other.text
    async with network.up.hub.db.read() as tx:
        assert len(await tx.all(select(Start).where(col(Start.method) == "API"))) == 1
    assert station is not None


OPERATOR_WRITES: dict[str, tuple[str, Json]] = {
    "/partners/invitations": ("POST", {"name": "X"}),
    "/partners": ("POST", {"versions_url": "http://127.0.0.1:9/v", "token": "secret-token-of-theirs"}),
    "/tokens": ("POST", {"uid": "04DEADBEEF"}),
    "/stations": ("POST", {"id": "CS-9"}),
    "/starts": ("POST", {"token_uid": "04DEADBEEF", "station_id": "CS-9"}),
    "/starts/none/stop": ("POST", {}),
    "/sessions/none/release": ("POST", {}),
    "/locations/LOC1": ("PUT", LOCATION),
    "/tariffs/T1": ("PUT", TARIFF),
    "/deliveries/dead-letters/1/replay": ("POST", {}),
}
OPERATOR_READS = ["/partners", "/deliveries", "/sessions", "/cdrs", "/tariffs", "/locations", "/stations", "/starts/x"]


async def test_an_operator_needs_a_key_that_is_good_for_it(network: Network) -> None:
    hub = network.up.hub
    async with hub.db.tx() as tx:
        viewer = await create_key(tx, hub.keys, name="viewer", role=OperatorRole.VIEWER)
        revoked = await create_key(tx, hub.keys, name="revoked", role=OperatorRole.ADMIN)
        await tx.execute(update(ApiKey).where(col(ApiKey.name) == "revoked").values(revoked_at=tx.now))
    mistyped = viewer[:-1] + ("0" if viewer[-1] != "0" else "1")
    strangers = [None, "plb_", "nonsense", mistyped, new_key(), revoked, "é"]

    async def ask(method: str, path: str, key: str | None, body: Json | None = None) -> httpx.Response:
        headers = [] if key is None else [(b"Authorization", b"Bearer " + key.encode("latin-1"))]
        async with http_client() as http:
            url = f"{network.up.http_url}/api/operator/v1{path}"
            return await http.request(method, url, json=body, headers=headers)

    for path, (method, body) in OPERATOR_WRITES.items():
        for key in strangers:
            answer = await ask(method, path, key, body)
            assert answer.status_code == 401, (path, key)
            assert answer.headers["content-type"] == "application/problem+json"
            assert key is None or len(key) < 5 or key not in answer.text
            assert "DEADBEEF" not in answer.text
            assert "secret-token" not in answer.text
        answer = await ask(method, path, viewer, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
    for path in OPERATOR_READS:
        assert (await ask("GET", path, None)).status_code == 401
        assert (await ask("GET", path, viewer)).status_code in (200, 404), path


@pytest.mark.parametrize("path", [path for path, (_, body) in OPERATOR_WRITES.items() if body and path[-1] != "1"])
async def test_an_unknown_field_or_a_wrong_type_is_told_without_the_value(network: Network, path: str) -> None:
    method, body = OPERATOR_WRITES[path]
    first = next(iter(body))
    for wrong in ({**body, "unknown": "SECRETVALUE"}, {**body, first: {"SECRETVALUE": 1}}, ["SECRETVALUE"]):
        answer = await network.api.request(method, path, json=wrong)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "SECRETVALUE" not in answer.text.replace('"pointer":"/SECRETVALUE"', "")


@pytest.mark.parametrize("path", ["/locations/LOC1", "/tariffs/T1"])
async def test_an_object_of_the_operator_is_checked_like_a_partners(network: Network, path: str) -> None:
    whole = LOCATION if "locations" in path else TARIFF
    for field in whole:
        answer = await network.api.put(path, json={**whole, field: {"SECRETVALUE": [1]}})
        assert answer.status_code == 422, field
        assert "SECRETVALUE" not in answer.text
    for evses in (5, "text", [5], [None], [{"connectors": 5}], [{"connectors": [5]}], [{"connectors": {"a": 1}}]):
        answer = await network.api.put("/locations/LOC1", json={**LOCATION, "evses": evses})
        assert answer.status_code == 422, evses
    for content in (b"{", b"[" * 10_000, b"\xff"):
        answer = await network.api.put(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_session_that_nobody_allowed_is_billed_when_an_operator_says_so(
    network: Network, protocol: str
) -> None:
    await network.publish()
    station = await network.station(protocol=protocol)
    with contextlib.suppress(KeyError):
        await station.charge("04NOBODY", seconds=0.3)

    async def held() -> Json | None:
        items = (await network.get("/sessions"))["items"]
        return items[0] if items and items[0]["status"] == "COMPLETED" else None

    session = await eventually(held)
    assert session["review"] == "nobody has authorized this token"
    assert (await network.get("/cdrs"))["total"] == 0

    released = await network.send("POST", f"/sessions/{session['id']}/release", None)

    assert released["review"] is None
    [cdr] = (await network.get("/cdrs"))["items"]
    assert (cdr["session_id"], cdr["kwh"]) == (session["id"], session["kwh"])
    await network.send("POST", f"/sessions/{session['id']}/release", None, expect=409)
    await network.send("POST", "/sessions/none/release", None, expect=404)
