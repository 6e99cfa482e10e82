"""Journey 3b: the hub is killed again and again under many chargers, and the energy is right to the watt-hour."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from sqlmodel import func, select

from csms.tables import Transaction, TransactionMessage
from hub.sessions.tables import Cdr, Session
from kit.clock import SystemClock
from kit.tx import Database
from simulators.station import CONNECTION_FAILURES, SimulatedStation
from tests.journeys.network import Network
from tests.journeys.nursery import NursedHub, nursed_hub
from tests.journeys.process import network_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SEED = 20261
STATIONS, KILLS = 200, 50
LONGEST_LIFE_S = 2.0
LONGEST_WAIT_S = 10.0
BETWEEN_KILLS = 20
"""Messages that are recorded in the life of a hub, if it has the time."""
CHARGING_S = (4, 30)
CARD = "04AABBCCDD"
RECOVERY_S = 120.0
"""Leases of dead processes run out, and what piled up meanwhile is done."""

Counted = tuple[str, str, int]
"""A station, its transaction, and the watt-hours that flowed."""


@pytest.fixture
async def network(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[Network[NursedHub]]:
    async with (
        nursed_hub(tmp_path, migrated_database_url, log_level="warning") as hub,
        network_of(hub) as network,
    ):
        yield network


async def swarm(network: Network[NursedHub]) -> list[SimulatedStation]:
    """Registered stations; every other one speaks OCPP 2.0.1."""
    await network.publish()
    await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
    made = []
    for number in range(STATIONS):
        station_id = f"CS-{number:03}"
        registered = await network.send("POST", "/stations", {"id": station_id, "location_id": "LOC1"}, expect=201)
        station = SimulatedStation(
            station_id,
            network.up.ocpp_url,
            password=registered["password"],
            protocol="ocpp2.0.1" if number % 2 else "ocpp1.6",
            meter_interval_s=4,
        )
        network.stack.push_async_callback(station.close)
        made.append(station)
    return made


async def stay_connected(station: SimulatedStation, random: Random) -> None:
    """Come back soon, and never give up."""
    while True:
        with suppress(*CONNECTION_FAILURES):
            await station.connect()
            await station.wait_disconnected()
        await asyncio.sleep(random.uniform(0.05, 0.5))


async def charge_on(station: SimulatedStation, random: Random, over: asyncio.Event) -> None:
    """One driver after the other, whether the central system is there or not, until it is over."""
    await asyncio.sleep(random.uniform(0, 3))
    while not over.is_set():
        await station.charge(CARD, seconds=random.uniform(*CHARGING_S))
        await asyncio.sleep(random.uniform(1, 4))


async def kill_often(hub: NursedHub, db: Database, random: Random) -> None:
    """Some kills come while the stations come back, the others while the hub records, on a busy machine, too."""
    for number in range(KILLS):
        before = await stored(db)
        if number % 3:
            await some_is_stored(db, before + BETWEEN_KILLS)
        await asyncio.sleep(random.uniform(0, LONGEST_LIFE_S))
        await hub.kill()
        await hub.start()


async def some_is_stored(db: Database, enough: int) -> None:
    """Return when so much is recorded, or it takes too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_WAIT_S):
            while await stored(db) < enough:
                await asyncio.sleep(0.2)


async def stored(db: Database) -> int:
    """How many messages about transactions are recorded."""
    async with db.read() as tx:
        return int((await tx.execute(select(func.count()).select_from(TransactionMessage))).scalar_one())


async def patiently(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait without taking the processor from the hub."""
    async with asyncio.timeout(RECOVERY_S):
        while not await check():
            await asyncio.sleep(0.5)


def counted(stations: list[SimulatedStation]) -> Counter[Counted]:
    """What the stations have counted themselves."""
    return Counter(
        (
            station.station_id,
            charging.reference if station.protocol == "ocpp2.0.1" else str(charging.transaction_id),
            charging.energy_wh,
        )
        for station in stations
        for charging in station.finished
    )


async def test_fifty_kills_under_two_hundred_chargers_lose_no_watt_hour_and_double_none(
    network: Network[NursedHub],
) -> None:
    random = Random(SEED)
    stations = await swarm(network)
    over = asyncio.Event()
    connecting = [asyncio.create_task(stay_connected(each, Random(f"{SEED} {each.station_id}"))) for each in stations]
    charging = [asyncio.create_task(charge_on(each, Random(f"{SEED}/{each.station_id}"), over)) for each in stations]
    db = Database(network.up.database_url, clock=SystemClock())
    try:
        await kill_often(network.up, db, random)
        over.set()
        await asyncio.gather(*charging)

        async def told() -> bool:
            return not any(station.waiting for station in stations)

        await patiently(told)
        wanted = counted(stations)

        async def billed() -> bool:
            async with db.read() as tx:
                return (await tx.execute(select(func.count()).select_from(Cdr))).scalar_one() >= len(wanted)

        await patiently(billed)
        async with db.read() as tx:
            transactions = await tx.all(select(Transaction))
            sessions = await tx.all(select(Session))
            cdrs = await tx.all(select(Cdr))
    finally:
        for task in (*connecting, *charging):
            task.cancel()
        await asyncio.gather(*connecting, *charging, return_exceptions=True)
        await db.close()

    told_by = f"with seed {SEED}"
    assert sum(charge.energy_wh for each in stations for charge in each.finished) > 0
    recorded = Counter((row.station_id, row.reference, int(row.energy_wh)) for row in transactions)
    assert recorded == wanted, told_by
    assert all(row.energy_wh == int(row.energy_wh) and row.ended_at is not None for row in transactions), told_by
    assert [row.id for row in transactions if row.needs_review] == [], told_by
    energy = {row.id: row.energy_wh for row in transactions}
    assert {row.transaction_id: row.energy_wh for row in sessions} == energy, told_by
    assert len(sessions) == len(energy), told_by
    assert Counter(cdr.session_id for cdr in cdrs) == Counter(row.object_id for row in sessions), told_by
    assert sum(cdr.energy_wh for cdr in cdrs) == sum(energy.values()), told_by
