"""Journeys 2, 4 and 6: partners' drivers at our chargers, partners' objects through us, our drivers at theirs."""

from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.network import LOCATION, PARTNER_TOKEN, TARIFF, Network, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO", "EMSP:DE*EMS"])]

Json = dict[str, Any]


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_partners_driver_is_authorized_in_real_time_and_its_cdr_arrives(
    network: Network, protocol: str
) -> None:
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[PARTNER_TOKEN["uid"]] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    station = await network.station(protocol=protocol)

    charged = await station.tap(PARTNER_TOKEN["uid"], seconds=0.8)

    assert charged is not None
    assert emsp.state.authorizations == 1

    async def arrived() -> bool:
        sessions = list(emsp.state.sessions.values())
        return bool(emsp.state.cdrs) and sessions[0]["status"] == "COMPLETED"

    await eventually(arrived)
    [cdr], [session] = emsp.state.cdrs.values(), emsp.state.sessions.values()
    assert cdr["total_energy"] == session["kwh"] == charged.energy_wh / 1000
    assert cdr["session_id"] == session["id"]
    assert cdr["authorization_reference"] == "AUTH-1"
    assert cdr["cdr_token"]["contract_id"] == PARTNER_TOKEN["contract_id"]
    states = [push.body["status"] for push in emsp.state.pushed if push.module == "sessions" and push.body]
    assert states[0] == "ACTIVE"
    assert states[-1] == "COMPLETED"

    async def receipt() -> Json | None:
        return next(iter((await network.get("/deliveries"))["receipts"]), None)

    assert (await eventually(receipt))["location"] == (f"{emsp.public_url}/ocpi/2.2.1/receiver/cdrs/NL/PLB/{cdr['id']}")


async def test_a_cdr_of_ours_is_credited_and_made_anew_and_its_emsp_gets_all_three(network: Network) -> None:
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[PARTNER_TOKEN["uid"]] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    station = await network.station()
    await station.tap(PARTNER_TOKEN["uid"], seconds=0.8)

    async def arrived(count: int) -> bool:
        return len(emsp.state.cdrs) == count

    await eventually(lambda: arrived(1))
    [cdr] = emsp.state.cdrs.values()
    path = f"/cdrs/NL*PLB/{cdr['id']}/credit"
    credit = await network.send("POST", path, {"again": True}, expect=201)
    assert (credit["cdr"]["credit"], credit["cdr"]["credit_reference_id"]) == (True, cdr["id"])
    await eventually(lambda: arrived(3))
    anew = emsp.state.cdrs[next(id for id in emsp.state.cdrs if id.endswith("-2"))]
    same = ("total_energy", "total_cost", "charging_periods", "session_id", "authorization_reference")
    assert [anew[name] for name in same] == [cdr[name] for name in same]
    await network.send("POST", path, {}, expect=409)


async def test_a_token_that_its_emsp_refuses_or_nobody_knows_does_not_charge(network: Network) -> None:
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens["BLOCKED1"] = {
        **PARTNER_TOKEN,
        "uid": "BLOCKED1",
        "valid": False,
        "country_code": "DE",
        "party_id": "EMS",
    }
    station = await network.station()
    assert await station.authorize("BLOCKED1") == "Blocked"
    assert await station.authorize("NOBODY") == "Invalid"


async def test_an_emsp_slower_than_the_deadline_is_not_waited_for(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network.up.hub.starter.authorizer._asker, "_deadline_s", 1.0)
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[PARTNER_TOKEN["uid"]] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    emsp.state.authorize_delay_s = 60
    station = await network.station()
    assert await station.authorize(PARTNER_TOKEN["uid"]) == "Invalid"


async def test_a_partners_locations_and_tariffs_are_read_by_another_partner_page_by_page(network: Network) -> None:
    cpo = await network.partner("CPO", "BE*CPO")
    emsp = await network.partner("EMSP", "DE*EMS")
    stamped = {"last_updated": "2026-01-01T00:00:00Z"}
    evses = [
        {**evse, **stamped, "connectors": [{**plug, **stamped} for plug in evse["connectors"]]}
        for evse in LOCATION["evses"]
    ]
    for number in range(7):
        await cpo.push("locations", {**LOCATION, "id": f"BE-{number}", "evses": evses, "x_vendor": {"n": number}})
    await cpo.push("tariffs", {**TARIFF, "id": "BE-T"})

    locations = await emsp.pull("locations", limit=3)

    assert [location["id"] for location in locations] == [f"BE-{number}" for number in range(7)]
    assert [location["x_vendor"] for location in locations] == [{"n": number} for number in range(7)]
    assert [tariff["id"] for tariff in await emsp.pull("tariffs")] == ["BE-T"]
    assert await cpo.pull("locations") == [], "its own objects are not sent back"

    async def pushed() -> bool:
        return len(emsp.state.locations) == 7 and "BE-T" in emsp.state.tariffs

    await eventually(pushed)


async def prepare_partner_charger(network: Network) -> Any:
    cpo = await network.partner("CPO", "BE*CPO", charging_s=0.4)
    stamped = {"last_updated": "2026-01-01T00:00:00Z"}
    evses = [
        {**evse, **stamped, "connectors": [{**plug, **stamped} for plug in evse["connectors"]]}
        for evse in LOCATION["evses"]
    ]
    await cpo.push("locations", {**LOCATION, "id": "BE-1", "evses": evses})
    await cpo.push("tariffs", {**TARIFF, "id": "STANDARD"})
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    return cpo


async def test_our_driver_taps_at_a_partners_charger(network: Network) -> None:
    cpo = await prepare_partner_charger(network)
    cpo.billing_error = Decimal("-0.5")

    tapped = await cpo.tap("04AABBCCDD", kwh="12.5")

    assert tapped["allowed"] == "ALLOWED"
    [session] = (await network.get("/sessions"))["items"]
    assert (session["status"], session["cpo"], session["emsp"]) == ("COMPLETED", "BE*CPO", "NL*PLB")
    [cdr] = (await network.get("/cdrs"))["items"]
    assert float(cdr["kwh"]) == 12.5
    assert float(cdr["total_cost"]) == pytest.approx(5.0)
    assert float(cdr["priced_cost"]) == pytest.approx(5.5), "by its tariff with the start fee, which the partner forgot"


async def test_our_driver_starts_and_stops_a_partners_charger_from_afar(network: Network) -> None:
    cpo = await prepare_partner_charger(network)
    cpo.charging_s = 30.0

    start = await network.send(
        "POST", "/starts", {"token_uid": "04AABBCCDD", "cpo": "BE*CPO", "location_id": "BE-1"}, expect=202
    )

    async def charging() -> Json | None:
        found = await network.get(f"/starts/{start['id']}")
        return found if found["state"] == "CHARGING" else None

    assert (await eventually(charging))["session_id"]
    stopped = await network.send("POST", f"/starts/{start['id']}/stop", None)
    assert stopped["accepted"]

    async def cdrs() -> list[Json]:
        return (await network.get("/cdrs"))["items"]

    [cdr] = await eventually(cdrs)
    assert cdr["cdr"]["auth_method"] == "COMMAND"
    assert (await network.get(f"/starts/{start['id']}"))["state"] == "ENDED"


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_partner_starts_and_stops_our_charger_and_learns_what_came_of_it(
    network: Network, protocol: str
) -> None:
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[PARTNER_TOKEN["uid"]] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    station = await network.station(protocol=protocol)

    command = await emsp.start_session(PARTNER_TOKEN["uid"], "LOC1", "EVSE-1")

    async def result() -> Json | None:
        return emsp.state.results.get(command)

    assert await eventually(result) == {"command": "START_SESSION", "result": "ACCEPTED"}

    async def active() -> Json | None:
        return next((each for each in emsp.state.sessions.values() if each["kwh"] > 0), None)

    session = await eventually(active)
    assert session["auth_method"] == "COMMAND"
    stop = await emsp.stop_session(session["id"])

    async def stopped() -> Json | None:
        return emsp.state.results.get(stop)

    assert (await eventually(stopped))["result"] == "ACCEPTED"

    async def billed() -> list[Json]:
        return list(emsp.state.cdrs.values())

    [cdr] = await eventually(billed)
    [charged] = station.finished
    assert cdr["total_energy"] == charged.energy_wh / 1000
    assert emsp.state.authorizations == 0, "a command authorizes its token itself"


async def test_an_operator_starts_and_stops_our_charger(network: Network) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    station = await network.station(protocol="ocpp2.0.1")

    start = await network.send("POST", "/starts", {"token_uid": "04AABBCCDD", "station_id": "CS-1"}, expect=202)

    async def charging() -> bool:
        return bool((await network.get(f"/starts/{start['id']}"))["state"] == "CHARGING")

    await eventually(charging)
    assert (await network.send("POST", f"/starts/{start['id']}/stop", None))["accepted"]

    async def ended() -> bool:
        return bool(station.finished) and (await network.get("/cdrs"))["total"] == 1

    await eventually(ended)
    [session] = (await network.get("/sessions"))["items"]
    assert session["start_id"] == start["id"]
