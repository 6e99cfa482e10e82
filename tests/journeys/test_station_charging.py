"""Who may charge and how much, at our chargers: reservations by operators and partners, local lists, limits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulators.station import SimulatedStation
from tests.journeys.network import PARTNER_TOKEN, Network, eventually

pytestmark = pytest.mark.anyio

VERSIONS = pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
UID = str(PARTNER_TOKEN["uid"])
IN_AN_HOUR = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


async def ask(network: Network, operation: str, **fields: Any) -> Any:
    body = {"operation": operation, **fields}
    told = await network.send("POST", "/stations/CS-1/operations", body, expect=201)
    assert told["state"] == "done", told
    return told


async def place(network: Network, protocol: str) -> SimulatedStation:
    await network.publish()
    return await network.station(protocol=protocol)


@VERSIONS
async def test_an_operator_reserves_and_gives_back(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    told = await ask(network, "reserve", token_uid="04AABBCCDD", evse_id=1, expires_at=IN_AN_HOUR)
    number = told["result"]["reservation_id"]
    assert told["status"] == "accepted"
    assert "04AABBCCDD" not in str(told)
    assert list(station.upkeep.reservations) == [number]
    [kept] = await network.get("/stations/CS-1/reservations")
    assert (kept["reservation_id"], kept["state"], kept["emsp"]) == (number, "held", None)
    assert (await ask(network, "cancel_reservation", reservation_id=number))["status"] == "accepted"
    assert (await ask(network, "cancel_reservation", reservation_id=number))["status"] == "rejected"
    assert (await network.get("/stations/CS-1/reservations"))[0]["state"] == "cancelled"
    await station.plug_in()
    told = await ask(network, "reserve", token_uid="04AABBCCDD", evse_id=1, expires_at=IN_AN_HOUR)
    assert (told["status"], told["reason"]) == ("rejected", "Occupied")


@VERSIONS
async def test_a_partner_reserves_our_charger(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[UID] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}

    async def result(asked: str) -> str:
        async def posted() -> Any:
            return emsp.state.results.get(asked, {}).get("result")

        return str(await eventually(posted))

    assert await result(await emsp.reserve(UID, "LOC1", "RES-1")) == "ACCEPTED"
    [(number, told)] = station.upkeep.reservations.items()
    assert UID in str(told)

    async def reserved() -> bool:
        [shown] = (await network.get("/stations"))["items"]
        return bool(shown["connectors"][0]["status"] == "reserved")

    assert await eventually(reserved)
    assert await result(await emsp.reserve(UID, "LOC1", "RES-1", for_s=1800)) == "ACCEPTED"
    assert list(station.upkeep.reservations) == [number], "the same id replaces it"
    [kept] = await network.get("/stations/CS-1/reservations")
    assert (kept["state"], kept["emsp"]) == ("held", "DE*EMS")
    assert await result(await emsp.cancel_reservation("res-1")) == "ACCEPTED"
    assert station.upkeep.reservations == {}
    assert await result(await emsp.cancel_reservation("res-1")) == "REJECTED", "it is no longer held"
    assert await result(await emsp.cancel_reservation("RES-9")) == "REJECTED"
    await station.plug_in()
    assert await result(await emsp.reserve(UID, "LOC1", "RES-2")) == "EVSE_OCCUPIED"


async def test_a_partner_cannot_give_back_the_reservation_of_another(network: Network) -> None:
    station = await place(network, "ocpp1.6")
    one, two = await network.partner("EMSP", "DE*ONE"), await network.partner("EMSP", "DE*TWO")
    one.state.tokens[UID] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "ONE"}
    await one.reserve(UID, "LOC1", "RES-1")
    assert await eventually(lambda: _there(station))
    asked = await two.cancel_reservation("RES-1")
    assert two.state.results[asked]["result"] == "REJECTED"
    assert len(station.upkeep.reservations) == 1


async def _there(station: SimulatedStation) -> bool:
    return bool(station.upkeep.reservations)


async def test_a_session_uses_its_reservation(network: Network) -> None:
    station = await place(network, "ocpp1.6")
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    told = await ask(network, "reserve", token_uid="04AABBCCDD", evse_id=1, expires_at=IN_AN_HOUR)
    start = {
        "connectorId": 1,
        "idTag": "04AABBCCDD",
        "meterStart": 0,
        "timestamp": datetime.now(UTC).isoformat(),
        "reservationId": told["result"]["reservation_id"],
    }
    await station.call("StartTransaction", start)

    async def used() -> bool:
        return bool((await network.get("/stations/CS-1/reservations"))[0]["state"] == "used")

    assert await eventually(used)


@VERSIONS
async def test_a_local_list_is_brought_up_to_date_by_what_differs(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    for uid in ("04AA", "04BB"):
        await network.send("POST", "/tokens", {"uid": uid}, expect=201)
    first = await ask(network, "send_list")
    assert (first["status"], first["result"]) == ("accepted", {"version": 1, "entries": 2, "messages": 1})
    assert set(station.upkeep.local_list) == {"04AA", "04BB"}
    again = await ask(network, "send_list")
    assert (again["status"], again["result"]["messages"]) == ("accepted", 0)
    changed = [{"token_uid": "04BB"}, {"token_uid": "04CC", "status": "blocked"}]
    assert (await ask(network, "send_list", entries=changed))["result"]["version"] == 2
    assert set(station.upkeep.local_list) == {"04BB", "04CC"}
    sent = [payload for action, payload in station.received if action == "SendLocalList"]
    assert [payload["updateType"] for payload in sent] == ["Full", "Differential"]
    assert len(sent[1]["localAuthorizationList"]) == 2, "04CC comes, 04AA goes"
    assert (await ask(network, "read_list_version"))["result"] == {"version": 2}


@VERSIONS
async def test_a_long_list_goes_in_as_many_messages_as_the_charger_wants(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    key = "SendLocalListMaxLength"
    station.configuration[key] = "30"
    entries = [{"token_uid": f"04{number:08X}"} for number in range(100)]
    told = await ask(network, "send_list", entries=entries)
    assert told["status"] == "accepted", told
    assert told["result"] == {"version": 4, "entries": 100, "messages": 4}
    assert len(station.upkeep.local_list) == 100


@VERSIONS
async def test_a_charger_that_lost_its_list_gets_all_of_it(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    entries = [{"token_uid": "04AA"}, {"token_uid": "04BB"}]
    await ask(network, "send_list", entries=entries)
    station.upkeep.local_list.clear()
    station.upkeep.list_version = 0
    assert (await ask(network, "send_list", entries=entries))["status"] == "accepted"
    assert set(station.upkeep.local_list) == {"04AA", "04BB"}
    station.answers["SendLocalList"] = {"status": "Accepted"}
    told = await ask(network, "send_list", entries=[])
    assert (told["status"], "was accepted" in told["reason"]) == ("failed", True)


@VERSIONS
async def test_a_limit_is_set_read_and_taken_back(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    told = await ask(network, "set_limit", unit="A", limit="10.05")
    assert (told["status"], told["result"]["limits"]) == ("accepted", ["10.0"])
    assert station.evses[1].limit_w == 6900
    schedule = await ask(network, "read_schedule", evse_id=1, unit="W", duration_s=600)
    assert schedule["result"]["periods"] == [{"start_s": 0, "limit": "6900"}]
    periods = [{"start_s": 0, "limit": "3450"}, {"start_s": 3600, "limit": "6900"}]
    told = await ask(network, "set_limit", purpose="station", unit="W", periods=periods, start_at=IN_AN_HOUR)
    assert told["status"] == "accepted"
    assert station.evses[1].limit_w == 3450
    assert (await ask(network, "clear_limits", purpose="station"))["status"] == "accepted"
    assert station.evses[1].limit_w == 6900
    assert (await ask(network, "clear_limits"))["status"] == "accepted"
    assert station.evses[1].limit_w is None
    assert (await ask(network, "clear_limits"))["reason"] == "Unknown"


@pytest.mark.parametrize(
    "fields",
    [
        {"unit": "A"},
        {"unit": "A", "limit": "6", "periods": [{"start_s": 0, "limit": "6"}]},
        {"unit": "A", "limit": "6", "purpose": "transaction"},
        {"unit": "A", "limit": "6", "transaction_id": 4},
        {"unit": "A", "limit": "6", "purpose": "station", "evse_id": 1},
        {"unit": "A", "limit": "-6"},
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused(network: Network, fields: dict[str, Any]) -> None:
    body = {"operation": "set_limit", **fields}
    await network.send("POST", "/stations/CS-1/operations", body, expect=422)


@VERSIONS
async def test_a_session_is_limited_from_its_start_on(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    order = {"token_uid": "04AABBCCDD", "station_id": "CS-1", "limit": {"unit": "A", "limit": "10.05"}}
    start = await network.send("POST", "/starts", order, expect=202)

    async def state() -> Any:
        told = await network.get(f"/starts/{start['id']}")
        return told if told["session_id"] else None

    await eventually(state)
    assert station.evses[1].limit_w == 6900
    [profile] = [payload["chargingProfile"] for _, payload in station.received if "chargingProfile" in payload]
    assert (profile["chargingProfilePurpose"], "transactionId" in profile) == ("TxProfile", False)
    assert (await network.send("POST", f"/starts/{start['id']}/stop", None))["accepted"]

    async def free_again() -> bool:
        return bool(station.finished) and station.evses[1].limit_w is None

    await eventually(free_again)


async def limited_at_go_e(network: Network) -> tuple[SimulatedStation, Any]:
    """A charger that refuses to start when a limit comes with the order, and a start with one."""
    station = await place(network, "ocpp1.6")
    await station.call("BootNotification", {"chargePointVendor": "go-e", "chargePointModel": "V4"})
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    return station, {"token_uid": "04AABBCCDD", "station_id": "CS-1", "limit": {"unit": "A", "limit": "6"}}


async def test_a_session_is_limited_once_it_has_begun_where_the_charger_takes_no_limit_with_its_start(
    network: Network,
) -> None:
    station, order = await limited_at_go_e(network)
    await network.send("POST", "/starts", order, expect=202)

    async def limited() -> bool:
        return station.evses[1].limit_w == 4140

    await eventually(limited)
    told = dict(station.received)
    assert "chargingProfile" not in told["RemoteStartTransaction"]
    profile = told["SetChargingProfile"]["csChargingProfiles"]
    assert (profile["chargingProfilePurpose"], profile["transactionId"]) == (
        "TxProfile",
        station.charging[1].transaction_id,
    )


async def test_a_session_that_the_charger_does_not_limit_is_ended(network: Network) -> None:
    station, order = await limited_at_go_e(network)
    station.answers["SetChargingProfile"] = {"status": "Rejected"}
    await network.send("POST", "/starts", order, expect=202)

    async def ended() -> bool:
        return bool(station.finished)

    await eventually(ended)
    assert [action for action, _ in station.received][-2:] == ["SetChargingProfile", "RemoteStopTransaction"]


async def test_a_limit_that_no_profile_of_the_model_says_fails_the_start_and_nothing_is_sent(network: Network) -> None:
    station, order = await limited_at_go_e(network)
    late = {"unit": "A", "periods": [{"start_s": 60, "limit": "6"}]}
    start = await network.send("POST", "/starts", {**order, "limit": late}, expect=202)

    async def failed() -> Any:
        told = await network.get(f"/starts/{start['id']}")
        return told["reason"] if told["state"] == "FAILED" else None

    assert await eventually(failed) == "NOT_SUPPORTED"
    assert "RemoteStartTransaction" not in [action for action, _ in station.received]
    await network.send("POST", "/starts", {**order, "limit": {"unit": "A"}}, expect=422)
