"""How often chargers are told what their sessions cost: no more often than the operator says."""

from collections.abc import AsyncIterator, Sequence

import orjson
import pytest
from sqlalchemy import delete
from sqlmodel import col, select

from hub.sessions.events import CostDue
from hub.sessions.live import LiveSessions
from kit.clock import ManualClock
from kit.job_rows import JobRow
from kit.reactions import Reactions
from kit.tx import Database, Tx

pytestmark = pytest.mark.anyio


async def heard(tx: Tx, event: CostDue) -> None: ...


@pytest.fixture
async def db(migrated_database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    reactions = Reactions()
    reactions.on(CostDue, heard)
    database = Database(migrated_database_url, clock=clock, reactions=reactions)
    yield database
    await database.close()


async def due(db: Database) -> Sequence[int]:
    """The transactions whose cost is due by now; they are taken away."""
    async with db.tx() as tx:
        jobs = await tx.all(select(JobRow).order_by(col(JobRow.id)))
        await tx.execute(delete(JobRow))
        return [orjson.loads(job.payload)["transaction_id"] for job in jobs]


async def metered(live: LiveSessions, *transactions: int) -> None:
    for transaction_id in transactions:
        live.note(transaction_id)
    await live.flush()


async def test_a_charger_is_told_no_more_often_than_the_operator_says(db: Database, clock: ManualClock) -> None:
    live = LiveSessions(db, clock, interval_s=10, cost_interval_s=60)
    await metered(live, 1)
    assert await due(db) == [1]
    clock.advance(30)
    await metered(live, 1, 2)
    assert await due(db) == [2]
    clock.advance(30)
    await metered(live, 1, 2)
    assert await due(db) == [1]
    clock.advance(3600)
    await metered(live)
    assert await due(db) == []
    await metered(live, 2)
    assert await due(db) == [2]


async def test_nobody_is_told_where_the_operator_does_not_want_it(db: Database, clock: ManualClock) -> None:
    live = LiveSessions(db, clock, interval_s=10)
    await metered(live, 1, 2)
    assert await due(db) == []
