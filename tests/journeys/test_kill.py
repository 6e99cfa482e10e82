"""Journey 3: the hub is killed; nothing is lost, nothing is said twice, and nobody gets a flood."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlmodel import select

from hub.starts.tables import Start
from kit.clock import SystemClock
from kit.tx import Database
from simulators.partner.partner import Partner
from simulators.station import SimulatedStation
from tests.journeys.network import LOCATION, PARTNER_TOKEN, Json, Network, eventually
from tests.journeys.process import HubProcess, hub_process, network_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

UID = PARTNER_TOKEN["uid"]
RECOVERY_S = 40.0
"""Leases of the dead process run out, and its partners and stations come back."""


@pytest.fixture
async def hub(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[HubProcess]:
    async with hub_process(tmp_path, migrated_database_url) as hub:
        yield hub


@pytest.fixture
async def network(hub: HubProcess) -> AsyncIterator[Network[HubProcess]]:
    async with network_of(hub) as network:
        await network.publish()
        yield network


async def states(hub: HubProcess) -> list[str]:
    """Where the attempts to charge stand."""
    db = Database(hub.database_url, clock=SystemClock())
    try:
        async with db.read() as tx:
            return [start.state for start in await tx.all(select(Start))]
    finally:
        await db.close()


@asynccontextmanager
async def staying_connected(station: SimulatedStation) -> AsyncIterator[None]:
    """The station comes back by itself whenever it loses its connection."""
    running = asyncio.create_task(station.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def emsp_of(network: Network[HubProcess]) -> Partner:
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[UID] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    return emsp


def told(emsp: Partner, module: str) -> list[Json]:
    return [push.body for push in emsp.state.pushed if push.module == module and push.body is not None]


async def soon(check: Callable[[], Awaitable[object]]) -> None:
    """Wait with as little delay as possible."""
    async with asyncio.timeout(30):
        while not await check():
            await asyncio.sleep(0.002)


async def settled(network: Network[HubProcess]) -> bool:
    """Whether every partner was told everything."""
    return not any(lane["waiting"] for lane in (await network.get("/deliveries"))["partners"])


async def test_a_cdr_that_was_committed_before_the_kill_arrives_exactly_once(
    hub: HubProcess, network: Network[HubProcess]
) -> None:
    emsp = await emsp_of(network)
    station = await network.station()

    async def is_charging() -> bool:
        return any(session["kwh"] > 0 for session in emsp.state.sessions.values())

    async def has_cdr() -> bool:
        return bool((await network.get("/cdrs"))["total"])

    async def has_everything() -> bool:
        return bool(emsp.state.cdrs) and all(each["status"] == "COMPLETED" for each in emsp.state.sessions.values())

    async with staying_connected(station):
        tap = asyncio.create_task(station.tap(UID, seconds=1.5))
        await eventually(is_charging)
        emsp.state.online = False
        before = len(emsp.state.pushed)
        await soon(has_cdr)
        await hub.kill()
        assert len(emsp.state.pushed) == before
        emsp.state.online = True
        await hub.start()
        await eventually(has_everything, within_s=RECOVERY_S)
        charged = await tap
        await eventually(lambda: settled(network), within_s=RECOVERY_S)

    assert charged is not None
    [cdr] = told(emsp, "cdrs")
    assert cdr["total_energy"] == charged.energy_wh / 1000
    since = [push.body for push in emsp.state.pushed[before:] if push.module == "sessions" and push.body is not None]
    assert [body["status"] for body in since] == ["COMPLETED"], "the present, not what happened meanwhile"
    assert (await network.get("/cdrs"))["total"] == 1


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_session_outlives_the_hub(hub: HubProcess, network: Network[HubProcess], protocol: str) -> None:
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    station = await network.station(protocol=protocol)

    async def kwh() -> bool:
        return any(float(session["kwh"]) > 0 for session in (await network.get("/sessions"))["items"])

    async with staying_connected(station):
        tap = asyncio.create_task(station.tap("04AABBCCDD", seconds=1.5))
        await eventually(kwh)
        await hub.kill()
        charged = await tap
        assert charged is not None
        assert station.waiting, "the station keeps what it could not tell"
        await hub.start()

        async def cdrs() -> list[Json]:
            return (await network.get("/cdrs"))["items"]

        [cdr] = await eventually(cdrs, within_s=RECOVERY_S)

    assert float(cdr["kwh"]) == charged.energy_wh / 1000
    [session] = (await network.get("/sessions"))["items"]
    assert (session["status"], session["review"]) == ("COMPLETED", None)


async def test_a_hub_that_is_asked_to_end_leaves_no_lease_behind(hub: HubProcess, network: Network[HubProcess]) -> None:
    emsp = await emsp_of(network)
    await network.send("PUT", "/locations/LOC1", {**LOCATION, "name": "Harbour"})
    assert await hub.stop() == 0
    await hub.start()
    await network.send("PUT", "/locations/LOC1", {**LOCATION, "name": "Market"})

    async def arrived() -> bool:
        return any(location["name"] == "Market" for location in emsp.state.locations.values())

    await eventually(arrived, within_s=5)


@pytest.mark.parametrize(
    ("command", "action"), [("START_SESSION", "RemoteStartTransaction"), ("UNLOCK_CONNECTOR", "UnlockConnector")]
)
async def test_a_command_that_was_cut_off_is_not_repeated_and_its_partner_gets_one_result(
    hub: HubProcess, network: Network[HubProcess], command: str, action: str
) -> None:
    emsp = await emsp_of(network)
    station = await network.station()
    station.delays_s[action] = 3600

    async def is_asked() -> bool:
        return action in [each for each, _ in station.received]

    async def result() -> Json | None:
        return emsp.state.results.get(asked)

    async with staying_connected(station):
        if command == "START_SESSION":
            asked = await emsp.start_session(UID, "LOC1", "EVSE-1")
        else:
            asked = await emsp.unlock("LOC1", "EVSE-1", "1")
        await soon(is_asked)
        await hub.kill()
        assert await result() is None
        await hub.start()
        assert await eventually(result, within_s=RECOVERY_S) == {"command": command, "result": "FAILED"}

        await eventually(lambda: settled(network), within_s=RECOVERY_S)
        assert [each for each, _ in station.received].count(action) == 1

    assert len([push for push in emsp.state.pushed if push.module == "commands"]) == 1
    assert (await network.get("/sessions"))["total"] == 0
    assert await states(hub) == (["FAILED"] if command == "START_SESSION" else [])
