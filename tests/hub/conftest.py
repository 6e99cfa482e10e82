"""A real database with the whole schema, a clock that the tests move, and keys."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.reactions import Reactions
from kit.tx import Database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing.generate()


@pytest.fixture
async def db(migrated_database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    database = Database(migrated_database_url, clock=clock, reactions=Reactions())
    yield database
    await database.close()
