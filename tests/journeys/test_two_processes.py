"""Journey 5: the hub is several processes, and nobody outside can tell."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic

import httpx
import pytest

from simulators.station import SimulatedStation
from tests.journeys.network import PARTNER_TOKEN, Json, Network, eventually
from tests.journeys.split import Split, one_door, split_hub

pytestmark = pytest.mark.anyio

StartNats = Callable[..., tuple[subprocess.Popen[bytes], str]]

CARD, UID = "04AABBCCDD", PARTNER_TOKEN["uid"]
QUICKLY_S = 15.0
"""On a busy machine, and still half of the time-out of a call."""
STATIONS = 8
RECONNECT_S = 30.0
"""A simulated station waits a second at most before it tries again; the rest is for a slow machine."""
SETTLED_S = 30.0
"""A station that has just booted is left alone for two seconds."""
RECOVERY_S = 40.0
"""Leases of a dead process run out, and its stations come back."""


@pytest.fixture
async def split(tmp_path: Path, postgresql_url: str, nats_url: str) -> AsyncIterator[Network[Split]]:
    async with split_hub(tmp_path, postgresql_url, nats_url) as network:
        yield network


async def cdrs_of(network: Network[Split]) -> list[Json]:
    return (await network.get("/cdrs"))["items"]


async def sessions_of(network: Network[Split]) -> list[Json]:
    return (await network.get("/sessions"))["items"]


async def call(network: Network[Split], station_id: str = "CS-1") -> httpx.Response:
    body = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}}
    return await network.api.post(f"/stations/{station_id}/calls", json=body)


async def expect_failure(network: Network[Split], station_id: str = "CS-1") -> None:
    """Nobody has the station: that is told at once, not after a time-out."""
    asked = monotonic()
    answer = await call(network, station_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert monotonic() - asked < QUICKLY_S


async def reached(network: Network[Split]) -> bool:
    answer = await call(network)
    return answer.status_code == 200 and answer.json()["payload"] == {"status": "Accepted"}


async def start_charging(network: Network[Split]) -> Json:
    start: Json = await network.send("POST", "/starts", {"token_uid": CARD, "station_id": "CS-1"}, expect=202)

    async def charging() -> Json | None:
        items = await sessions_of(network)
        return items[0] if items and float(items[0]["kwh"]) > 0 else None

    session: Json = await eventually(charging)
    assert session["start_id"] == start["id"]
    return start


@pytest.mark.slow
async def test_a_station_of_one_process_charges_by_orders_given_to_the_other(
    tmp_path: Path, migrated_database_url: str, nats_url: str
) -> None:
    async with split_hub(tmp_path, migrated_database_url, nats_url) as network:
        await network.publish()
        await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
        await network.send("POST", "/stations", {"id": "CS-2", "location_id": "LOC1"}, expect=201)
        station = await network.station()

        assert await reached(network)
        await expect_failure(network, "CS-2")
        start = await start_charging(network)
        stopped = await network.send("POST", f"/starts/{start['id']}/stop", None)

        assert stopped["accepted"]
        [cdr] = await eventually(lambda: cdrs_of(network))
        [session] = await sessions_of(network)
        [charged] = station.finished
        assert float(cdr["kwh"]) == charged.energy_wh / 1000
        assert (session["id"], session["status"]) == (cdr["session_id"], "COMPLETED")


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_partners_driver_roams_with_chargers_and_partners_at_different_processes(
    split: Network[Split], protocol: str
) -> None:
    await split.publish()
    emsp = await split.partner("EMSP", "DE*EMS")
    emsp.state.tokens[UID] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    station = await split.station(protocol=protocol)

    charged = await station.tap(UID, seconds=0.8)

    assert charged is not None
    assert emsp.state.authorizations == 1

    async def arrived() -> bool:
        return bool(emsp.state.cdrs)

    await eventually(arrived)
    [cdr] = emsp.state.cdrs.values()
    assert cdr["total_energy"] == charged.energy_wh / 1000
    assert cdr["authorization_reference"] == "AUTH-1"

    # The partner's own commands come to the process that has no stations.
    started = await emsp.start_session(UID, "LOC1")

    async def told() -> bool:
        return emsp.state.results.get(started, {}).get("result") == "ACCEPTED"

    await eventually(told)

    async def running() -> str | None:
        return next((each["id"] for each in emsp.state.sessions.values() if each["status"] == "ACTIVE"), None)

    session_id = await eventually(running)
    await emsp.stop_session(session_id)

    async def ended() -> bool:
        return len(emsp.state.cdrs) == 2

    await eventually(ended)


@pytest.mark.slow
async def test_another_process_takes_over_the_stations_of_one_that_died(split: Network[Split]) -> None:
    await split.publish()
    await split.send("POST", "/tokens", {"uid": CARD}, expect=201)
    station = await split.station()
    staying = asyncio.create_task(station.run())
    try:
        start = await start_charging(split)

        await split.up.back.kill()
        await expect_failure(split)
        await split.up.another("heir", "csms,worker", ocpp_url=split.up.ocpp_url)

        await eventually(lambda: reached(split), within_s=RECOVERY_S)
        stopped = await split.send("POST", f"/starts/{start['id']}/stop", None)
        assert stopped["accepted"]
        [cdr] = await eventually(lambda: cdrs_of(split), within_s=RECOVERY_S)
    finally:
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)
    [charged] = station.finished
    assert float(cdr["kwh"]) == charged.energy_wh / 1000
    assert len(await sessions_of(split)) == 1


@pytest.mark.slow
async def test_the_stations_of_a_process_that_died_are_with_the_others_as_soon_as_they_reconnect(
    split: Network[Split],
) -> None:
    await split.publish()
    await split.send("POST", "/tokens", {"uid": CARD}, expect=201)
    other = await split.up.another("other", "csms,worker")
    async with one_door(split.up.back, other) as door:
        stations = []
        for number in range(STATIONS):
            body = {"id": f"CS-{number}", "location_id": "LOC1"}
            made = await split.send("POST", "/stations", body, expect=201)
            protocol = "ocpp2.0.1" if number % 2 else "ocpp1.6"
            stations.append(SimulatedStation(body["id"], door, made["password"], protocol, meter_interval_s=0.2))
        running = [asyncio.create_task(station.run()) for station in stations]

        async def all_there() -> bool:
            return all(station.boot_status == "Accepted" and station.online for station in stations)

        async def all_reached() -> bool:
            answers = await asyncio.gather(*(call(split, station.station_id) for station in stations))
            return all(answer.status_code == 200 for answer in answers)

        async def all_billed() -> list[Json] | None:
            cdrs = await cdrs_of(split)
            return cdrs if len(cdrs) == len(stations) else None

        try:
            await eventually(all_there)
            await eventually(all_reached)
            charging = [asyncio.create_task(station.charge(CARD, seconds=8)) for station in stations]
            await asyncio.sleep(1)

            await split.up.back.kill()
            await eventually(all_there, within_s=RECONNECT_S)
            await eventually(all_reached, within_s=SETTLED_S)
            counted = await asyncio.gather(*charging)
            cdrs = await eventually(all_billed, within_s=RECOVERY_S)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await asyncio.gather(*(station.close() for station in stations))
    assert sorted(float(cdr["kwh"]) for cdr in cdrs) == sorted(each.energy_wh / 1000 for each in counted)
    assert {session["review"] for session in await sessions_of(split)} == {None}


@pytest.mark.slow
async def test_a_station_that_moves_to_another_process_is_reached_there_and_leaves_the_first(
    split: Network[Split],
) -> None:
    await split.publish()
    here = await split.station()
    other = await split.up.another("other", "csms")
    there = split.up.at(other, here)

    await there.connect()

    async with asyncio.timeout(30):
        await here.wait_disconnected()
    before = len(here.received)
    assert await reached(split)
    assert [action for action, _ in there.received] == ["TriggerMessage"]
    assert len(here.received) == before
    await there.close()

    async def gone() -> bool:
        return (await call(split)).status_code == 503

    await eventually(gone)
    await expect_failure(split)


@pytest.mark.slow
async def test_a_bus_that_goes_away_is_told_and_its_return_is_enough(
    tmp_path: Path, postgresql_url: str, start_nats: StartNats
) -> None:
    nats, url = start_nats()
    async with split_hub(tmp_path, postgresql_url, url) as network:
        await network.publish()
        await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
        station: SimulatedStation = await network.station()
        assert await reached(network)

        nats.kill()
        nats.wait(10)
        asked = monotonic()
        answer = await network.api.post("/stations/CS-1/calls", json={"action": "ClearCache", "timeout_s": 2})
        assert answer.status_code in (503, 504)
        assert monotonic() - asked < 2 + QUICKLY_S
        charged = await station.tap(CARD, seconds=0.5)
        assert charged is not None, "what the charger tells is stored without the bus"
        [cdr] = await eventually(lambda: cdrs_of(network), within_s=RECOVERY_S)
        assert float(cdr["kwh"]) == charged.energy_wh / 1000

        start_nats(int(url.rsplit(":", 1)[1]))
        await eventually(lambda: reached(network), within_s=RECOVERY_S)
