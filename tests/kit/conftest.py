"""A database with kit's own tables, on whichever database the run is about."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlmodel import SQLModel

from kit.clock import ManualClock
from kit.reactions import JobRow, Reactions
from kit.tx import Database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))


@pytest.fixture
def reactions() -> Reactions:
    return Reactions()


@pytest.fixture
async def db(database_url: str, clock: ManualClock, reactions: Reactions) -> AsyncIterator[Database]:
    database = Database(database_url, clock=clock, reactions=reactions)
    async with database.tx() as tx:
        connection = await tx.session.connection()
        await connection.run_sync(SQLModel.metadata.create_all, tables=[JobRow.__table__])  # type: ignore[attr-defined]
    yield database
    await database.close()
