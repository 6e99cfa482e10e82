"""Stations get the configuration that they are to have, and what they do not take is shown."""

import pytest

from simulators.station import SimulatedStation
from tests.journeys.network import eventually

pytestmark = pytest.mark.anyio

KEYS = {
    "ocpp1.6": ("1.6", "HeartbeatInterval", "MeterValueSampleInterval"),
    "ocpp2.0.1": ("2", "OCPPCommCtrlr.HeartbeatInterval", "SampledDataCtrlr.TxUpdatedInterval"),
    "ocpp2.1": ("2", "OCPPCommCtrlr.HeartbeatInterval", "SampledDataCtrlr.TxUpdatedInterval"),
}


async def wish(network, version: str, key: str, value: str, **more) -> int:
    made = await network.send(
        "POST", "/station-configuration", {"version": version, "key": key, "value": value, **more}, expect=201
    )
    return made["id"]


async def outcomes(network) -> dict[str, str]:
    return {row["key"]: row["outcome"] for row in (await network.get("/stations/CS-1/configuration"))["values"]}


@pytest.mark.parametrize("protocol", KEYS)
async def test_after_its_boot_a_station_gets_what_it_is_to_have(network, protocol) -> None:
    version, _, sampling = KEYS[protocol]
    await network.publish()
    await wish(network, version, sampling, "77", vendor="Plug*")
    await wish(network, version, sampling, "88", vendor="Other*")
    await wish(network, "2" if version == "1.6" else "1.6", "Nobody.Asks", "1")
    station = await network.station(protocol=protocol)
    assert station.boot_status == "Accepted"
    assert await eventually(lambda: outcomes(network)) == {sampling: "as_wanted"}
    assert station.configuration["MeterValueSampleInterval"] == "77"
    assert (await network.get("/stations/CS-1/configuration"))["has_drift"] is False


@pytest.mark.parametrize("protocol", KEYS)
async def test_a_station_that_needs_values_waits_until_it_was_told_them(network, protocol) -> None:
    version, _, sampling = KEYS[protocol]
    await network.publish()
    await wish(network, version, sampling, "55", is_required=True)
    station = await network.station(protocol=protocol)
    assert station.boot_status == "Pending"

    async def accepted() -> bool:
        return station.boot_status == "Accepted"

    await eventually(accepted)
    assert station.configuration["MeterValueSampleInterval"] == "55"
    await station.connect()
    assert station.boot_status == "Accepted", "it was told already"


async def test_a_station_that_refuses_what_it_needs_works_all_the_same_and_is_shown(network) -> None:
    await network.publish()
    for key in ("HeartbeatInterval", "NumberOfConnectors", "NoSuchKey"):
        await wish(network, "1.6", key, "9", is_required=True)
    station = await network.station()

    async def accepted() -> bool:
        return station.boot_status == "Accepted"

    await eventually(accepted)

    async def as_shown() -> bool:
        expected = {"HeartbeatInterval": "as_wanted", "NumberOfConnectors": "rejected", "NoSuchKey": "unknown_key"}
        return await outcomes(network) == expected

    station.configuration["HeartbeatInterval"] = "9"
    await network.api.post("/stations/CS-1/configuration/check")
    await eventually(as_shown)
    assert (await network.get("/stations/CS-1/configuration"))["has_drift"] is True


async def test_a_station_that_says_yes_and_does_nothing_has_drift(network) -> None:
    await network.publish()
    await wish(network, "1.6", "MeterValueSampleInterval", "77")
    made = await network.send("POST", "/stations", {"id": "CS-1", "location_id": "LOC1"}, expect=201)
    station = SimulatedStation("CS-1", network.up.ocpp_url, password=made["password"])
    network.stack.push_async_callback(station.close)
    station.answers["ChangeConfiguration"] = {"status": "Accepted"}
    await station.connect()
    assert await eventually(lambda: outcomes(network)) == {"MeterValueSampleInterval": "drift"}
    del station.answers["ChangeConfiguration"]
    assert (await network.api.post("/stations/CS-1/configuration/check")).status_code == 202

    async def healed() -> bool:
        return (await outcomes(network))["MeterValueSampleInterval"] == "as_wanted"

    await eventually(healed)


async def test_wishes_can_be_taken_back_and_passwords_are_none(network) -> None:
    number = await wish(network, "1.6", "HeartbeatInterval", "9")
    assert [row["id"] for row in await network.get("/station-configuration")] == [number]
    assert (await network.api.delete(f"/station-configuration/{number}")).status_code == 204
    assert (await network.api.delete(f"/station-configuration/{number}")).status_code == 404
    body = {"version": "1.6", "key": "AuthorizationKey", "value": "secret"}
    assert (await network.api.post("/station-configuration", json=body)).status_code in (400, 422)
    assert (await network.api.get("/stations/NO/configuration")).status_code == 404
    assert (await network.api.post("/stations/NO/configuration/check")).status_code == 404


async def test_a_model_that_settings_are_never_read_of_is_told_each_once_and_again_when_asked(network) -> None:
    await network.publish()
    await wish(network, "1.6", "HeartbeatInterval", "77")
    made = await network.send("POST", "/stations", {"id": "CS-1", "location_id": "LOC1"}, expect=201)
    station = SimulatedStation("CS-1", network.up.ocpp_url, password=made["password"])
    network.stack.push_async_callback(station.close)
    boot = {"chargePointVendor": "ABB", "chargePointModel": "Terra AC", "firmwareVersion": "1.8.21"}

    async def checked_after(earlier: str) -> str | None:
        found = (await network.get("/stations/CS-1/configuration"))["values"]
        return found[0]["checked_at"] if found and found[0]["checked_at"] > earlier else None

    def actions() -> list[str]:
        return [action for action, _ in station.received]

    checked = ""
    for _ in range(2):
        await station.connect(boot=False)
        await station.call("BootNotification", boot)
        checked = await eventually(lambda: checked_after(checked))  # noqa: B023 - awaited within the turn
        assert actions() == ["ChangeConfiguration"]
    assert await outcomes(network) == {"HeartbeatInterval": "told"}
    assert (await network.get("/stations/CS-1/configuration"))["has_drift"] is False
    await network.api.post("/stations/CS-1/configuration/check")
    await eventually(lambda: checked_after(checked))
    assert actions() == ["ChangeConfiguration", "ChangeConfiguration"]
