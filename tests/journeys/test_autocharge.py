"""A vehicle that announces itself: refused, confirmed by its driver during a session, then charging by itself."""

from pathlib import Path

import pytest

from tests.journeys.apps import driver_app
from tests.journeys.network import Network, eventually
from tests.journeys.peers import hub_with

pytestmark = pytest.mark.anyio
VEHICLE = "VID:A0B1C2D3E4F5"


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_vehicle_is_confirmed_charges_and_is_revoked(
    tmp_path: Path, migrated_database_url: str, protocol: str
) -> None:
    settings = {"autocharge": True, "driver_requests_per_s": 0}
    async with hub_with(tmp_path, migrated_database_url, **settings) as network:
        await network.publish()
        station = await network.station(protocol=protocol)
        driver, other = await driver_app(network, payment="invoice"), await driver_app(network, payment="invoice")
        assert await station.authorize(VEHICLE) != "Accepted"
        start = await driver.start(await driver.quote())
        path = f"/starts/{start['id']}/vehicle"
        assert (await other.post(path, None, expect=404))["code"] == "not_found"
        await driver.until(start, "CHARGING")
        assert (await driver.get(path))["uid_end"] == "E4F5"
        enrolled = await driver.post(path, None, expect=201)
        assert (enrolled["kind"], enrolled["uid_end"]) == ("vehicle", "E4F5")
        await driver.stop(start)
        await driver.until(start, "ENDED")
        assert (await driver.post(path, None, expect=409))["code"] == "no_vehicle", "during a session alone"

        assert await station.tap(VEHICLE, seconds=0.4) is not None

        async def ended() -> bool:
            newest = (await driver.get("/starts"))["items"][0]
            return (newest["method"], newest["state"]) == ("VEHICLE", "ENDED")

        await eventually(ended)
        assert (await driver.http.delete(f"/tokens/{enrolled['id']}")).status_code == 204
        assert await station.authorize(VEHICLE) != "Accepted"

        start = await other.start(await other.quote())
        await other.until(start, "CHARGING")
        bought = await other.post(f"/starts/{start['id']}/vehicle", None, expect=201)
        assert bought["valid"], "a vehicle that was sold is the next owner's"


async def test_of_several_vehicles_none_is_taken(tmp_path: Path, migrated_database_url: str) -> None:
    settings = {"autocharge": True, "driver_requests_per_s": 0}
    async with hub_with(tmp_path, migrated_database_url, **settings) as network:
        await network.publish()
        station = await network.station()
        driver = await driver_app(network, payment="invoice")
        start = await driver.start(await driver.quote())
        await driver.until(start, "CHARGING")
        path = f"/starts/{start['id']}/vehicle"
        assert (await driver.post(path, None, expect=409))["code"] == "no_vehicle"
        for uid in (VEHICLE, "VID:FFFFFFFFFFFF"):
            await station.authorize(uid)
        assert (await driver.post(path, None, expect=409))["code"] == "several_vehicles"


async def test_where_it_is_off_no_vehicle_is_remembered_or_charges(network: Network) -> None:
    await network.publish()
    station = await network.station()
    driver = await driver_app(network, payment="invoice")
    await station.authorize(VEHICLE)
    start = await driver.start(await driver.quote())
    await driver.until(start, "CHARGING")
    refused = await driver.post(f"/starts/{start['id']}/vehicle", None, expect=403)
    assert refused["code"] == "autocharge_off"
