"""How stations get in: quarantine, blocking, and what is known about the way a station connects."""

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simulators.station import SimulatedStation
from tests.journeys.network import Network, eventually
from tests.journeys.peers import hub_with

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[Network]:
    changes = {"unknown_stations": "quarantine", "quarantine_limit": 2}
    async with hub_with(tmp_path, migrated_database_url, **changes) as network:
        yield network


async def stranger(hub, station_id: str = "NEW-1", password: str = "a-password-of-its-own") -> SimulatedStation:
    station = SimulatedStation(station_id, hub.up.ocpp_url, password=password)
    hub.stack.push_async_callback(station.close)
    await station.connect()
    return station


async def test_a_stranger_waits_in_quarantine_until_it_is_accepted(hub) -> None:
    station = await stranger(hub)
    assert station.boot_status == "Pending"
    [shown] = await hub.get("/station-applicants")
    assert (shown["id"], shown["connected"], shown["has_password"]) == ("NEW-1", True, True)
    assert shown["vendor"]
    made = await hub.send("POST", "/station-applicants/new-1/acceptance", {}, expect=201)
    assert made["password"] is None

    async def sent_away() -> bool:
        return not station.online

    await eventually(sent_away)
    await station.connect()
    assert station.boot_status == "Accepted"
    assert await hub.get("/station-applicants") == []
    assert (await hub.get("/stations"))["items"][0]["id"] == "NEW-1"


async def test_nobody_takes_the_place_of_a_stranger_without_its_password(hub) -> None:
    await stranger(hub)
    with pytest.raises(InvalidStatus) as caught:
        await stranger(hub, "new-1", "another-password")
    assert caught.value.response.status_code == 401


async def test_a_blocked_stranger_stays_out_until_it_is_forgotten(hub) -> None:
    await stranger(hub)
    assert (await hub.api.post("/station-applicants/NEW-1/block")).status_code == 204
    with pytest.raises(InvalidStatus) as caught:
        await stranger(hub)
    assert caught.value.response.status_code == 403
    assert (await hub.api.delete("/station-applicants/NEW-1")).status_code == 204
    assert (await stranger(hub)).boot_status == "Pending"


async def test_the_quarantine_has_an_end(hub) -> None:
    for name in ("NEW-1", "NEW-2"):
        await stranger(hub, name)
    with pytest.raises(InvalidStatus) as caught:
        await stranger(hub, "NEW-3")
    assert caught.value.response.status_code == 404


async def test_a_station_may_be_blocked_and_let_in_again(hub) -> None:
    await hub.publish()
    station = await hub.station()
    await hub.send("PATCH", "/stations/CS-1/door", {"is_blocked": True})
    with pytest.raises(InvalidStatus) as caught:
        await station.connect()
    assert caught.value.response.status_code == 403
    await hub.send("PATCH", "/stations/CS-1/door", {"is_blocked": False, "ping_interval_s": 0})
    await station.connect()
    door = await hub.get("/stations/CS-1/door")
    assert (door["seen_profile"], door["minimum_profile"], door["ping_interval_s"]) == (1, 1, 0)


async def test_a_minimum_profile_that_would_lock_a_station_out_is_refused(hub) -> None:
    await hub.publish()
    await hub.station()
    answer = await hub.send("PATCH", "/stations/CS-1/door", {"minimum_profile": 2}, expect=409)
    assert "locked out" in answer["detail"]


async def test_a_model_that_offers_no_subprotocol_is_let_in_once_it_is_known(hub) -> None:
    made = await hub.send("POST", "/stations", {"id": "GRIZZLY-1"}, expect=201)
    station = SimulatedStation("GRIZZLY-1", hub.up.ocpp_url, password=made["password"])
    hub.stack.push_async_callback(station.close)
    headers = {"Authorization": "Basic " + b64encode(f"GRIZZLY-1:{made['password']}".encode()).decode()}
    silent = connect(f"{hub.up.ocpp_url}/GRIZZLY-1", additional_headers=headers, proxy=None)
    with pytest.raises(InvalidStatus) as caught:
        await silent
    assert caught.value.response.status_code == 400
    await station.connect(boot=False)
    await station.call("BootNotification", {"chargePointVendor": "United Chargers", "chargePointModel": "Grizzl-E"})
    await station.disconnect()
    async with connect(f"{hub.up.ocpp_url}/GRIZZLY-1", additional_headers=headers, proxy=None) as socket:
        await socket.send('[2,"1","Heartbeat",{}]')
        assert (await socket.recv())[:6] == '[3,"1"'
