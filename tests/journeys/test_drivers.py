"""Our driver with an app: a promised price, a start with it, and what it costs while it runs."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.journeys.apps import AT_OURS, driver_app, driver_client
from tests.journeys.network import LOCATION, Json, Network, eventually
from tests.journeys.test_roaming import prepare_partner_charger

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO"], driver_requests_per_s=0)]

DEARER: Json = {"currency": "EUR", "elements": [{"price_components": [{"type": "ENERGY", "price": 9, "step_size": 1}]}]}


async def silent_station(network: Network) -> None:
    """A charger that is not there: what is started at it fails, and leaves nothing that goes on after a test."""
    await network.send("POST", "/stations", {"id": "CS-1", "location_id": "LOC1"}, expect=201)


async def the_cdr(network: Network) -> Json:
    async def stored() -> list[Json]:
        return (await network.get("/cdrs"))["items"]

    [cdr] = await eventually(stored)
    return cdr


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_driver_sees_a_price_starts_watches_and_pays_no_more(network: Network, protocol: str) -> None:
    await network.publish()
    await network.station(protocol=protocol)
    driver = await driver_app(network, language="de")

    quote = await driver.quote(energy_kwh=10, parking_minutes=0)
    assert quote["estimate"]["total"] == "5.45"  # (0.50 + 10 × 0.40) × 1.21
    await network.send("PUT", "/tariffs/STANDARD", DEARER)

    start = await driver.start(quote)
    assert start["state"] in ("AUTHORIZED", "COMMANDED", "CHARGING")
    seen: list[Json] = []
    async with asyncio.timeout(60):
        async for each in driver.listen(start):
            seen.append(each)
            if each["energy_kwh"] and float(each["energy_kwh"]) > 0.001 and each["state"] == "CHARGING":
                assert (await driver.post(f"/starts/{start['id']}/stop", None, expect=200))["accepted"]
    assert [each["message"] for each in seen][-1] == "Der Ladevorgang ist beendet."
    costs = [float(each["cost"]) for each in seen if each["cost"] is not None]
    assert costs == sorted(costs)
    assert any(each["power_kw"] for each in seen)

    cdr = await the_cdr(network)
    ended = await driver.until(start, "ENDED")
    assert ended["energy_kwh"] == cdr["kwh"]
    expected = (0.5 + 0.4 * float(cdr["kwh"])) * 1.21
    assert float(ended["cost"]) == pytest.approx(expected, abs=0.006), "by the price that was promised"
    assert cdr["cdr"]["cdr_token"]["type"] == "APP_USER"


async def test_a_driver_is_told_the_rate_and_pays_in_his_own_currency(network: Network) -> None:
    await network.publish()
    await network.station()
    driver = await driver_app(network, currency="SEK")
    plain = await driver.quote(energy_kwh=10)
    assert (plain["pay_currency"], plain["exchange"]) == ("EUR", None), "nobody knows a rate yet"
    day = datetime.now(UTC).date().isoformat()
    rate = {"base": "EUR", "quote": "SEK", "value": "11.5", "day": day, "source": "ECB"}
    await network.send("POST", "/exchange-rates", [rate], expect=201)
    quote = await driver.quote(energy_kwh=10)
    assert (quote["currency"], quote["estimate"]["total"]) == ("EUR", "5.45")
    assert (quote["pay_currency"], quote["estimate"]["to_pay"]) == ("SEK", "62.68")
    assert (quote["exchange"]["rate"], quote["exchange"]["rate_date"]) == ("11.5", day)
    await network.send("POST", "/exchange-rates", [{**rate, "value": "99"}], expect=201)
    start = await driver.start(quote)
    await driver.until(start, "CHARGING")
    await driver.stop(start)
    ended = await driver.until(start, "ENDED")
    cdr = await the_cdr(network)
    expected = float(round((0.5 + 0.4 * float(cdr["kwh"])) * 1.21, 2)) * 11.5
    assert ended["currency"] == "SEK"
    assert float(ended["cost"]) == pytest.approx(expected, abs=0.12), "by the rate that was told"
    assert [each["value"] for each in (await network.get("/exchange-rates"))["items"]] == ["99"]


async def test_a_driver_starts_at_a_partners_charger(network: Network) -> None:
    await prepare_partner_charger(network)
    driver = await driver_app(network)
    start = await driver.start(await driver.quote(location_id="BE-1", cpo="BE*CPO"))
    ended = await driver.until(start, "ENDED")
    assert float(ended["energy_kwh"]) > 0
    assert ended["cost"] is not None


async def test_a_charger_that_refuses_is_told_in_words_with_a_next_step(network: Network) -> None:
    await network.publish()
    station = await network.station()
    await station.close()
    driver = await driver_app(network, language="fr")
    start = await driver.start(await driver.quote())
    failed = await driver.until(start, "FAILED")
    assert (failed["code"], failed["next_step"]) == ("charger_out_of_order", "try_another_charger")
    assert failed["message"].startswith("Cette borne est hors service")
    assert failed["cost"] is None


async def test_one_quote_is_one_start_however_often_and_at_once_it_is_sent(network: Network) -> None:
    await network.publish()
    await silent_station(network)
    driver = await driver_app(network)
    quote = await driver.quote()
    body = {"quote_id": quote["id"], "signature": quote["signature"]}
    answers = await asyncio.gather(
        *(driver.http.post("/starts", json=body, headers={"Idempotency-Key": str(uuid4())}) for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 9]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"quote_used"}


async def test_the_same_request_again_is_the_same_start(network: Network) -> None:
    await network.publish()
    await silent_station(network)
    driver = await driver_app(network)
    quote, key = await driver.quote(), str(uuid4())
    first, again = await driver.start(quote, key=key), await driver.start(quote, key=key)
    assert first["id"] == again["id"]
    another = await driver.quote()
    refused = await driver.start(another, key=key, expect=422)
    assert refused["code"] == "idempotency_key_reused"
    answer = await driver.http.post("/starts", json={"quote_id": "q", "signature": "s"})
    assert answer.status_code == 422, "a start without a key could be doubled by a lost answer"


async def test_nobody_starts_with_what_we_did_not_promise_him(network: Network) -> None:
    await network.publish()
    await silent_station(network)
    driver, other = await driver_app(network), await driver_app(network)
    quote = await driver.quote()
    for body in (
        {"id": quote["id"], "signature": "0" * 64},
        {"id": quote["id"][::-1], "signature": quote["signature"]},
        {"id": "nothing", "signature": quote["signature"]},
    ):
        assert (await driver.start(body, expect=422))["code"] == "quote_signature_invalid"
    assert (await other.start(quote, expect=422))["code"] == "quote_signature_invalid"
    await driver.start(quote)


async def test_a_blocked_driver_starts_nothing(network: Network) -> None:
    await network.publish()
    await silent_station(network)
    driver = await driver_app(network)
    quote = await driver.quote()
    await network.send("PATCH", f"/drivers/{driver.driver_id}", {"blocked": True})
    assert (await driver.start(quote, expect=403))["code"] == "account_blocked"
    await network.send("PATCH", f"/drivers/{driver.driver_id}", {"blocked": False})
    await driver.start(quote)


async def test_a_driver_sees_and_stops_only_his_own(network: Network) -> None:
    await network.publish()
    await silent_station(network)
    driver, other = await driver_app(network), await driver_app(network)
    start = await driver.start(await driver.quote())
    for method, path in (("GET", ""), ("POST", "/stop"), ("GET", "/live")):
        answer = await other.http.request(method, f"/starts/{start['id']}{path}")
        assert answer.status_code == 404, "whose start it is, and that there is one, is nobody's business"


async def test_nobody_gets_in_without_a_driver_s_key(network: Network) -> None:
    await network.publish()
    await silent_station(network)
    driver = await driver_app(network)
    start = await driver.start(await driver.quote())
    [key] = await network.get(f"/drivers/{driver.driver_id}/keys")
    operator = network.api.headers["Authorization"].removeprefix("Bearer ")
    own = f"/starts/{start['id']}"
    for bad in (None, "", "pld_", "pld_" + "x" * 49, "pls_" + "x" * 49, operator):
        async with driver_client(network, bad) as stranger:
            for method, path in (("GET", own), ("GET", f"{own}/live"), ("POST", f"{own}/stop")):
                assert (await stranger.request(method, path)).status_code in (401, 404), bad
            if bad and not bad.startswith("pls_"):
                assert (await stranger.post("/quotes", json=AT_OURS)).status_code == 401, bad
    assert (await driver.http.get(f"{network.up.http_url}/api/operator/v1/drivers")).status_code == 401
    deleted = await network.api.delete(f"/drivers/{driver.driver_id}/keys/{key['id']}")
    assert deleted.status_code == 204
    assert (await driver.http.get(f"/starts/{start['id']}")).status_code == 401


async def test_what_has_no_price_is_not_promised(network: Network) -> None:
    await network.publish()
    await silent_station(network)
    driver = await driver_app(network)
    assert (await driver.quote(expect=404, location_id="nowhere"))["code"] == "not_found"
    assert (await driver.quote(expect=422, evse_uid="another"))["code"] == "invalid_input"
    assert (await driver.quote(expect=404, connector_id="9"))["code"] == "not_found"
    for wrong in ({"energy_kwh": 0}, {"energy_kwh": "NaN"}, {"parking_minutes": -1}, {"more": 1}):
        await driver.quote(expect=422, **wrong)
    [evse] = LOCATION["evses"]
    plug = {**evse["connectors"][0], "tariff_ids": ["UNKNOWN"]}
    await network.send("PUT", "/locations/LOC1", {**LOCATION, "evses": [{**evse, "connectors": [plug]}]})
    assert (await driver.quote(expect=409))["code"] == "price_unknown"


async def test_a_reference_is_one_driver_s(network: Network) -> None:
    driver = await network.send("POST", "/drivers", {"reference": "K-1", "payment": "free"}, expect=201)
    refused = await network.send("POST", "/drivers", {"reference": "K-1"}, expect=409)
    assert refused["code"] == "driver_exists"
    assert await network.get(f"/drivers/{driver['id']}") == driver
    assert (await network.get("/drivers"))["items"] == [driver]
    changed = await network.send("PATCH", f"/drivers/{driver['id']}", {"language": "nl"})
    assert changed == {**driver, "language": "nl"}
    for path in ("/drivers/none", "/drivers/none/keys"):
        assert (await network.api.get(path)).status_code == 404


async def test_an_app_that_asks_too_often_has_to_wait(own_network: Network) -> None:
    driver = await driver_app(own_network)
    answers = [await driver.http.post("/quotes", json=AT_OURS) for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) >= 1
