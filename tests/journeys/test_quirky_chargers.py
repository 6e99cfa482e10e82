"""Journey 3c: many chargers with all the habits of the field at once, and what is stored is what flowed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from sqlmodel import select

from csms.tables import Transaction
from hub.sessions.tables import Session
from kit.clock import SystemClock
from kit.tx import Database
from tests.journeys.network import Network, eventually
from tests.journeys.process import HubProcess, hub_process, network_of
from tests.journeys.quirky import ONLY_16, Charged, Quirk, QuirkyCharger

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SEED = 20262
CHARGERS, SESSIONS = 60, 4
CARD = "04aaBBccDD"


@pytest.fixture
async def network(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[Network[HubProcess]]:
    async with (
        hub_process(tmp_path, migrated_database_url, log_level="error") as hub,
        network_of(hub) as network,
    ):
        await network.publish()
        await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
        yield network
        assert "Traceback" not in hub.log()


def habits(protocol: str, random: Random) -> Iterator[frozenset[Quirk]]:
    """What the sessions are to have: all at once, each alone, then any mixture."""
    known = [each for each in Quirk if protocol == "ocpp1.6" or each not in ONLY_16]
    for _ in range(5):
        yield frozenset(known)
    for each in known:
        yield frozenset([each])
    while True:
        yield frozenset(each for each in known if random.random() < 0.3)


def energy_is_right(told: Charged, energy_wh: Decimal, *, needs_review: bool, protocol: str) -> bool:
    """Whether a record says what flowed, or where that cannot be known, that a person has to look."""
    if Quirk.METERBACK in told.quirks:
        return needs_review and energy_wh >= 0
    # In 2.x the register is told in readings alone: without a unit, a kilowatt-hour is a watt-hour for everybody.
    misread = protocol != "ocpp1.6" and Quirk.UNIT in told.quirks
    return energy_wh == (Decimal(told.flowed_wh) / 1000 if misread else told.flowed_wh)


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_no_transaction_of_chargers_with_all_quirks_is_lost_doubled_or_negative(
    network: Network[HubProcess], protocol: str
) -> None:
    random = Random(f"{SEED} {protocol}")
    chargers = []
    for number in range(CHARGERS):
        body = {"id": f"ODD-{number:03}", "location_id": "LOC1"}
        made = await network.send("POST", "/stations", body, expect=201)
        charger = QuirkyCharger(
            network.up.ocpp_url, body["id"], made["password"], CARD, protocol, Random(f"{SEED} {protocol} {number}")
        )
        chargers.append(charger)
    wanted = habits(protocol, random)
    told: list[Charged] = []
    for _ in range(SESSIONS):
        told += await asyncio.gather(*(charger.session(next(wanted)) for charger in chargers))

    db = Database(network.up.database_url, clock=SystemClock())
    try:

        async def completed() -> bool:
            async with db.read() as tx:
                rows = await tx.all(select(Session))
            return len(rows) >= len(told) and all(row.ended_at is not None for row in rows)

        await eventually(completed, within_s=120)
        async with db.read() as tx:
            stored = await tx.all(select(Transaction))
            sessions = await tx.all(select(Session))
    finally:
        await db.close()

    by_seed = f"seed {SEED}"
    assert [complaint for charger in chargers for complaint in charger.complaints] == [], by_seed
    assert Counter((row.station_id, row.reference) for row in stored) == Counter(
        (each.station_id, each.reference) for each in told
    ), by_seed
    found = {(row.station_id, row.reference): row for row in stored}
    wrong = []
    for each in told:
        row = found[each.station_id, each.reference]
        right = energy_is_right(each, row.energy_wh, needs_review=row.needs_review, protocol=protocol)
        if row.ended_at is None or not right:
            wrong.append((each, row.energy_wh, row.ended_at, row.needs_review))
    assert wrong == [], by_seed
    assert {row.transaction_id: row.energy_wh for row in sessions} == {row.id: row.energy_wh for row in stored}, by_seed
    assert len(sessions) == len(stored), by_seed
