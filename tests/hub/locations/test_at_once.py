"""One location that changes twice at the same moment: nothing of it is lost, whichever is written last."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from hub.locations import service
from kit.clock import SystemClock
from kit.tx import Database, Tx

pytestmark = pytest.mark.anyio

STAMP = "2026-01-01T00:00:00Z"


def location(**changes: Any) -> dict[str, Any]:
    evses = [{"uid": uid, "status": "AVAILABLE", "connectors": [], "last_updated": STAMP} for uid in ("E1", "E2")]
    owner = {"country_code": "NL", "party_id": "PLB", "id": "LOC1"}
    return {**owner, "publish": True, "evses": evses, "last_updated": STAMP, **changes}


@pytest.fixture
async def db(migrated_database_url: str) -> AsyncIterator[Database]:
    opened = Database(migrated_database_url, clock=SystemClock())
    async with opened.tx() as tx:
        await service.put(tx, location(), platform_id=None)
    yield opened
    await opened.close()


async def stored(db: Database) -> dict[str, Any]:
    async with db.read() as tx:
        found = await service.get(tx, "NL", "PLB", "LOC1")
    assert found is not None
    return found


Change = Callable[[Tx], Awaitable[object]]


async def at_once(db: Database, first: Change, second: Change) -> None:
    """Two transactions: the second begins when the first has done its work, and before that is committed."""
    done = asyncio.Event()

    async def leading() -> None:
        async with db.tx() as tx:
            await first(tx)
            done.set()
            await asyncio.sleep(0.2)

    async def following() -> None:
        await done.wait()
        async with db.tx() as tx:
            await second(tx)

    await asyncio.gather(leading(), following())


def status(uid: str) -> Change:
    return lambda tx: service.set_evse_status(tx, "NL", "PLB", uid, "CHARGING")


def put(**changes: Any) -> Change:
    return lambda tx: service.put(tx, location(**changes), platform_id=None)


async def test_of_two_evses_that_change_at_once_both_are_kept(db: Database) -> None:
    await at_once(db, status("E1"), status("E2"))
    assert [evse["status"] for evse in (await stored(db))["evses"]] == ["CHARGING"] * 2


async def test_the_newer_of_two_states_stays_though_the_older_is_written_last(db: Database) -> None:
    newer = put(name="newer", last_updated="2026-01-03T00:00:00Z")
    await at_once(db, newer, put(name="older", last_updated="2026-01-02T00:00:00Z"))
    assert (await stored(db))["name"] == "newer"
