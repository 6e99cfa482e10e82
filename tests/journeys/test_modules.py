"""What the modules mean, as a partner sees it at OCPI's door."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.partner.partner import Partner
from tests.journeys.network import LOCATION, PARTNER_TOKEN, TARIFF, Json, Network, eventually
from tests.journeys.peers import STAMP, Ocpi, cdr_of, session_of, stamped_location

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO", "EMSP:DE*EMS"])]

OWNED: Json = {"country_code": "BE", "party_id": "CPO"}
LATER, LATEST = "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"


async def two(network: Network) -> tuple[Ocpi, Ocpi, Partner]:
    """A partner CPO, a partner eMSP, and the latter's server."""
    cpo = await network.partner("CPO", "BE*CPO")
    emsp = await network.partner("EMSP", "DE*EMS")
    return Ocpi.of(network, cpo), Ocpi.of(network, emsp), emsp


async def read(ocpi: Ocpi, path: str) -> Any:
    answer = await ocpi.send("GET", path)
    assert answer.json()["status_code"] == 1000, answer.text
    return answer.json()["data"]


async def test_a_removed_evse_stays_and_a_change_below_lifts_what_is_above(network: Network) -> None:
    cpo, _, _ = await two(network)
    path = "receiver/locations/BE/CPO/L1"
    await cpo.send("PUT", path, stamped_location(id="L1", **OWNED))
    plug = {**stamped_location()["evses"][0]["connectors"][0], "id": "2", "last_updated": LATER}
    assert await cpo.code("PUT", f"{path}/EVSE-1/2", plug) == (201, 1000)
    location = await read(cpo, path)
    assert location["last_updated"] == location["evses"][0]["last_updated"] == LATER
    assert [each["id"] for each in location["evses"][0]["connectors"]] == ["1", "2"]
    removal = {"status": "REMOVED", "last_updated": LATEST}
    assert await cpo.code("PATCH", f"{path}/EVSE-1", removal) == (200, 1000)
    assert (await read(cpo, f"{path}/EVSE-1"))["status"] == "REMOVED"
    assert (await read(cpo, path))["last_updated"] == LATEST
    late = {"status": "AVAILABLE", "last_updated": LATER}
    assert await cpo.code("PATCH", f"{path}/EVSE-1", late) == (200, 1000)
    assert (await read(cpo, f"{path}/EVSE-1"))["status"] == "REMOVED", "older news change nothing"


async def test_what_only_has_a_new_stamp_is_stored_and_told_to_nobody(network: Network) -> None:
    cpo, _, emsp = await two(network)

    def pushed() -> int:
        return sum(each.module == "locations" for each in emsp.state.pushed)

    async def put(name: str, at: str) -> None:
        body = stamped_location(id="L1", **OWNED, name=name, last_updated=at)
        body["evses"][0]["last_updated"] = at
        assert (await cpo.code("PUT", "receiver/locations/BE/CPO/L1", body))[1] == 1000

    await put("One", STAMP)
    await eventually(lambda: _true(pushed() == 1))
    await put("One", LATER)
    assert (await read(cpo, "receiver/locations/BE/CPO/L1"))["last_updated"] == LATER
    listed = await read(Ocpi.of(network, emsp), "sender/locations")
    assert [each["last_updated"] for each in listed] == [LATER], "nobody reads the old stamp"
    await put("Two", LATEST)
    await eventually(lambda: _true(emsp.state.locations["L1"]["name"] == "Two"))
    assert pushed() == 2


async def _true(value: bool) -> bool:
    return value


async def test_a_tariff_is_put_read_and_deleted(network: Network) -> None:
    cpo, emsp, partner = await two(network)
    path, tariff = "receiver/tariffs/BE/CPO/T1", {**TARIFF, **OWNED, "id": "T1", "last_updated": STAMP}
    assert await cpo.code("PUT", path, tariff) == (201, 1000)
    assert await read(cpo, path) == tariff
    await eventually(lambda: _true("T1" in partner.state.tariffs))
    assert await cpo.code("DELETE", path) == (200, 1000)
    assert await cpo.code("GET", path) == await cpo.code("DELETE", path) == (404, 2000)
    assert await read(emsp, "sender/tariffs") == []
    await eventually(lambda: _true("T1" not in partner.state.tariffs and "t1" not in partner.state.tariffs))


async def test_sessions_are_listed_since_a_date_and_grow_by_periods(network: Network) -> None:
    cpo, emsp, _ = await two(network)
    path = "receiver/sessions/BE/CPO/S1"
    first = {"start_date_time": STAMP, "dimensions": [{"type": "ENERGY", "volume": 1}]}
    second = {"start_date_time": LATER, "dimensions": [{"type": "ENERGY", "volume": 2}]}
    await cpo.send("PUT", path, session_of("BE*CPO", "S1", "DE*EMS", charging_periods=[first]))
    patch = {"charging_periods": [second], "kwh": 3, "last_updated": LATER}
    for _ in range(2):
        assert await cpo.code("PATCH", path, patch) == (200, 1000)
    assert (await read(cpo, path))["charging_periods"] == [first, second], "appended, and once"
    assert await cpo.code("PATCH", path, {"kwh": 4, "charging_periods": [], "last_updated": LATEST}) == (200, 1000)
    assert (await read(cpo, path))["charging_periods"] == [first, second]
    without = session_of("BE*CPO", "S1", "DE*EMS", last_updated="2026-01-04T00:00:00Z")
    assert await cpo.code("PUT", path, without) == (200, 1000)
    assert "charging_periods" not in await read(cpo, path), "a PUT is the whole"
    assert await emsp.code("GET", "sender/sessions") == (200, 2001), "date_from is required"
    assert len(await read(emsp, f"sender/sessions?date_from={STAMP}")) == 1


@pytest.mark.slow
async def test_preferences_are_answered_for_a_session_at_our_charger(network: Network) -> None:
    capable = {**LOCATION, "evses": [{**LOCATION["evses"][0], "capabilities": ["CHARGING_PREFERENCES_CAPABLE"]}]}
    await network.send("PUT", "/tariffs/STANDARD", TARIFF)
    await network.send("PUT", "/locations/LOC1", capable)
    _, emsp, partner = await two(network)
    partner.state.tokens[PARTNER_TOKEN["uid"]] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    station = await network.station()
    tap = asyncio.create_task(station.tap(PARTNER_TOKEN["uid"], seconds=6))

    async def running() -> Any:
        return (await network.get("/sessions"))["items"]

    [session] = await eventually(running)
    path = f"sender/sessions/{session['id']}/charging_preferences"

    async def answer(**wishes: Any) -> Any:
        return (await emsp.send("PUT", path, wishes)).json().get("data")

    assert await answer(profile_type="FAST") == await answer(profile_type="REGULAR") == "ACCEPTED"
    assert await answer(profile_type="GREEN", departure_time=LATER) == "PROFILE_TYPE_NOT_SUPPORTED"
    assert await answer(profile_type="FAST", discharge_allowed=True) == "NOT_POSSIBLE"
    assert await emsp.code("PUT", path, {}) == (200, 2001)
    other = Ocpi.of(network, await network.partner("EMSP", "AT*EMS"))
    assert await other.code("PUT", path, {"profile_type": "FAST"}) == (404, 2000)
    await tap
    await eventually(lambda: _ended(network))
    assert await answer(profile_type="FAST") == "NOT_POSSIBLE"
    await network.send("PUT", "/locations/LOC1", LOCATION)
    assert await emsp.code("PUT", path, {"profile_type": "FAST"}) == (404, 2001)


async def _ended(network: Network) -> bool:
    return all(each["ended_at"] for each in (await network.get("/sessions"))["items"])


async def test_a_cdr_never_changes_and_a_contradiction_is_kept_for_a_person(network: Network) -> None:
    cpo, _, _ = await two(network)
    cdr = cdr_of("BE*CPO", "C 1/a", "DE*EMS")
    first = await cpo.send("POST", "receiver/cdrs", cdr)
    again = await cpo.send("POST", "receiver/cdrs", {**cdr, "last_updated": LATER})
    assert (first.status_code, again.status_code, again.json()["status_code"]) == (201, 200, 1000)
    assert first.headers["location"] == again.headers["location"]
    where = first.headers["location"].removeprefix(f"{cpo.base}/")
    dearer = {**cdr, "total_cost": {"excl_vat": 99}}
    for _ in range(2):
        assert await cpo.code("POST", "receiver/cdrs", dearer) == (200, 2001)
    assert await read(cpo, where) == cdr
    listed = await network.get("/cdrs/disputes")
    assert listed["total"] == 1, "each contradiction once"
    [dispute] = listed["items"]
    assert (dispute["sent"], dispute["stored"]["cdr"]) == (dearer, cdr)
    assert (await network.api.delete(f"/cdrs/disputes/{dispute['id']}")).status_code == 204
    assert (await network.api.delete(f"/cdrs/disputes/{dispute['id']}")).status_code == 404
    assert (await network.get("/cdrs/disputes"))["total"] == 0


async def test_a_credit_cdr_has_an_id_of_its_own_of_up_to_39_characters(network: Network) -> None:
    cpo, _, emsp = await two(network)
    await cpo.send("POST", "receiver/cdrs", cdr_of("BE*CPO", "C" * 36, "DE*EMS", session_id="S1"))
    credit = cdr_of(
        "BE*CPO",
        "C" * 36 + "-CR",
        "DE*EMS",
        credit=True,
        credit_reference_id="C" * 36,
        total_cost={"excl_vat": -1},
        session_id="S1",
    )
    answer = await cpo.send("POST", "receiver/cdrs", credit)
    assert (answer.status_code, answer.json()["status_code"]) == (201, 1000)
    assert await read(cpo, answer.headers["location"].removeprefix(f"{cpo.base}/")) == credit
    await eventually(lambda: _true(len(emsp.state.cdrs) == 2))
    assert await cpo.code("POST", "receiver/cdrs", {**credit, "id": "C" * 40}) == (200, 2001)


async def test_two_tokens_with_one_uid_differ_by_their_type(network: Network) -> None:
    cpo, emsp, _ = await two(network)
    card: Json = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    app: Json = {**card, "type": "APP_USER", "contract_id": "DE-EMS-APP"}
    path = f"receiver/tokens/DE/EMS/{card['uid']}"
    assert await emsp.code("PUT", path, card) == (201, 1000)
    assert await emsp.code("PUT", f"{path}?type=APP_USER", app) == (201, 1000)
    assert await emsp.code("PUT", path, app) == (200, 1000), "who forgets the type in the URL says it in the token"
    assert await read(emsp, path) == await read(emsp, f"{path}?type=RFID") == card
    assert await read(emsp, f"{path}?type=APP_USER") == app
    assert await emsp.code("PATCH", f"{path}?type=APP_USER", {"valid": False, "last_updated": LATER}) == (200, 1000)
    assert ((await read(emsp, path))["valid"], (await read(emsp, f"{path}?type=APP_USER"))["valid"]) == (True, False)
    assert await emsp.code("GET", f"{path}?type=OTHER") == (404, 2000)
    assert [each["type"] for each in await read(cpo, "sender/tokens")] == ["RFID", "APP_USER"]


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20),
    "city": st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=20),
    "parking_type": st.sampled_from(["ON_STREET", "SOMETHING_NEW"]),
    "facilities": st.lists(st.sampled_from(["HOTEL", "CAFE", "X_NEW"]), max_size=3),
    "x_unknown": st.booleans()
    | st.integers(-(2**31), 2**31)
    | st.lists(st.none() | st.booleans() | st.lists(st.integers(-9, 9), max_size=3), max_size=3),
}


# The hub draws its jitter from `random` meanwhile, on the other thread.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.hypothesis
async def test_a_patch_after_a_put_is_the_put_of_both(network: Network) -> None:
    cpo, _, _ = await two(network)
    loop, number = asyncio.get_running_loop(), iter(range(10_000))

    async def compare(put: Json, patch: Json) -> None:
        name = f"P{next(number)}"
        body = {**stamped_location(id=name, **OWNED), **put}
        change = {**patch, "last_updated": LATER}
        path = f"receiver/locations/BE/CPO/{name}"
        assert (await cpo.code("PUT", path, body))[1] == 1000
        assert await cpo.code("PATCH", path, change) == (200, 1000)
        assert await cpo.code("PUT", f"{path}-M", {**body, **change, "id": f"{name}-M"}) == (201, 1000)
        patched, merged = await read(cpo, path), await read(cpo, f"{path}-M")
        assert {**patched, "id": ""} == {**merged, "id": ""}

    @settings(suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries({}, optional=FIELDS), st.fixed_dictionaries({}, optional=FIELDS))
    def check(put: Json, patch: Json) -> None:
        asyncio.run_coroutine_threadsafe(compare(put, patch), loop).result(30)

    await asyncio.to_thread(check)
