"""Lists: every object once and the true total, whatever happens meanwhile; counts that never drift."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from sqlmodel import col

from hub.parties.counts import BLOCK, BlockCount, ShelfCount, block_of
from hub.parties.listing import Asked, Listing
from hub.parties.objects import ObjectKey, forget, keep
from hub.parties.visibility import Visibility
from hub.tariffs.tables import Tariff
from kit.clock import ManualClock
from kit.tx import Database, Tx

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNERS = ["NL*PLB", "DE*CPO", "FR*CPO"]
AUDIENCES = [None, "DE*EMS", "FR*EMS"]
EVERYBODY = Visibility(audience=frozenset({"DE*EMS", "FR*EMS"}))
VIEWS = [
    EVERYBODY,
    Visibility(),
    Visibility(not_owners=frozenset({"NL*PLB"}), audience=frozenset({"DE*EMS"})),
    Visibility(owners=frozenset({"DE*CPO"})),
    Visibility(
        owners=frozenset({"DE*CPO", "FR*CPO"}), not_owners=frozenset({"FR*CPO"}), audience=frozenset({"XX*YYY"})
    ),
    Visibility(owners=frozenset()),
    Visibility(not_owners=frozenset(OWNERS)),
    Visibility(
        owners=frozenset({"DE*CPO"}), shown=frozenset({("NL", "PLB", "1")}), hidden=frozenset({("DE", "CPO", "2")})
    ),
]


async def store(tx: Tx, owner: str, number: int, *, audience: str | None = None, version: int = 0) -> None:
    moment = NOON + timedelta(seconds=version)
    body = {"id": str(number), "owner": owner, "version": version, "last_updated": moment.isoformat()}
    key = ObjectKey.of(owner[:2], owner[3:], str(number))
    await keep(tx, Tariff, key, body, platform_id=None, audience=audience, currency="EUR")


async def remove(tx: Tx, owner: str, number: int) -> None:
    await forget(tx, Tariff, ObjectKey.of(owner[:2], owner[3:], str(number)), platform_id=None)


async def shown_by_the_table(db: Database, visibility: Visibility) -> list[tuple[str, str]]:
    """What should be listed, by a look at each row."""
    async with db.read() as tx:
        rows = await tx.all(select(Tariff).order_by(col(Tariff.id)))
    seen = []
    for row in rows:
        owner, reference = f"{row.country_code}*{row.party_id}", (row.country_code, row.party_id, row.object_id)
        by_rule = (
            (visibility.owners is None or owner in visibility.owners)
            and owner not in visibility.not_owners
            and (row.audience is None or row.audience in visibility.audience)
        )
        if reference not in visibility.hidden and (by_rule or reference in visibility.shown):
            seen.append((owner, row.object_id))
    return seen


def named(docs: bytes | memoryview) -> list[tuple[str, str]]:
    return [(each["owner"], each["id"]) for each in orjson.loads(b"[%b]" % docs)]


async def crawled(listing: Listing, visibility: Visibility, limit: int, **filters: Any) -> list[tuple[str, str]]:
    """The whole list by following links; each page is compared with the one at its offset."""
    found: list[tuple[str, str]] = []
    first: int | None = None
    while True:
        _, page = await listing.read(visibility, Asked(len(found), limit, first=first, **filters))
        _, by_offset = await listing.read(visibility, Asked(len(found), limit, **filters))
        assert (by_offset.docs, by_offset.total, by_offset.following) == (page.docs, page.total, page.following)
        found += named(page.docs)
        assert page.count == len(named(page.docs)) <= limit
        if page.following is None:
            assert page.total == len(found)
            return found
        first = page.following


async def counts_are_true(db: Database) -> None:
    """Compare the counts with what is there."""
    async with db.read() as tx:
        rows = await tx.all(select(Tariff))
        shelves = await tx.all(select(ShelfCount).where(col(ShelfCount.module) == "tariffs"))
        blocks = await tx.all(select(BlockCount).where(col(BlockCount.module) == "tariffs"))
    held = Counter((row.country_code, row.party_id, row.audience or "") for row in rows)
    parts = Counter((row.country_code, row.party_id, row.audience or "", block_of(row.id or 0)) for row in rows)
    assert {(s.country_code, s.party_id, s.audience): s.total for s in shelves if s.total} == dict(held)
    found = {(b.country_code, b.party_id, b.audience, b.block): b.total for b in blocks if b.total}
    assert found == dict(parts)


@asynccontextmanager
async def emptied(db: Database) -> AsyncIterator[Listing]:
    """The database without tariffs: one for all examples of a property."""
    async with db.tx() as tx:
        for table in (Tariff, ShelfCount, BlockCount):
            await tx.execute(delete(table))
    yield Listing(db, Tariff)


NUMBERS = st.integers(1, 40)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(OWNERS), NUMBERS, st.sampled_from(AUDIENCES)),
        st.tuples(st.just("remove"), st.sampled_from(OWNERS), NUMBERS, st.none()),
    ),
    max_size=60,
)
PROPERTY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


async def run(db: Database, steps: list[tuple[str, str, int, str | None]], at_once: int, since: int = 0) -> None:
    """Do the steps, so many in one transaction."""
    for start in range(0, len(steps), at_once):
        async with db.tx() as tx:
            for place, (what, owner, number, audience) in enumerate(steps[start : start + at_once], start):
                if what == "put":
                    await store(tx, owner, number, audience=audience, version=since + place)
                else:
                    await remove(tx, owner, number)


@PROPERTY
@given(steps=STEPS, at_once=st.integers(1, 20), limit=st.integers(1, 30))
def test_each_view_lists_what_it_may_see_and_its_number(
    migrated_database_url: str, steps: list[Any], at_once: int, limit: int
) -> None:
    async def check() -> None:
        db = Database(migrated_database_url, clock=ManualClock(NOON))
        try:
            async with emptied(db) as listing:
                await run(db, steps, at_once)
                await counts_are_true(db)
                for visibility in VIEWS:
                    expected = await shown_by_the_table(db, visibility)
                    assert await crawled(listing, visibility, limit) == expected
                    assert await crawled(listing, visibility, limit, date_from=NOON) == expected
        finally:
            await db.close()

    asyncio.run(check())


@PROPERTY
@given(before=STEPS, between=st.lists(STEPS, max_size=6), limit=st.integers(1, 12), view=st.sampled_from(VIEWS))
def test_a_crawl_gets_each_object_once_while_others_come_and_go(
    migrated_database_url: str, before: list[Any], between: list[list[Any]], limit: int, view: Visibility
) -> None:
    async def check() -> None:
        db = Database(migrated_database_url, clock=ManualClock(NOON))
        try:
            async with emptied(db) as listing:
                await run(db, before, 60)
                stayed = set(await shown_by_the_table(db, view))
                ever = set(stayed)
                found: list[tuple[str, str]] = []
                first: int | None = None
                changes, since = iter(between), len(before)
                while True:
                    _, page = await listing.read(view, Asked(len(found), limit, first=first))
                    assert page.total == len(await shown_by_the_table(db, view))
                    found += named(page.docs)
                    first = page.following
                    if first is None:
                        break
                    steps = next(changes, [])
                    for step in steps:  # what goes for a moment may come back elsewhere in the list
                        await run(db, [step], 1, since)
                        since += 1
                        now = set(await shown_by_the_table(db, view))
                        stayed &= now
                        ever |= now
                assert stayed <= set(found) <= ever
                assert [each for each, times in Counter(found).items() if times > 1 and each in stayed] == []
        finally:
            await db.close()

    asyncio.run(check())


async def test_pages_begin_anywhere_across_blocks(db: Database) -> None:
    async with db.tx() as tx:
        for number in range(3 * BLOCK):
            await store(tx, OWNERS[number % 3], number)
    async with db.tx() as tx:
        for number in range(BLOCK, 2 * BLOCK, 2):
            await remove(tx, OWNERS[number % 3], number)
    listing = Listing(db, Tariff)
    for visibility in VIEWS:
        expected = await shown_by_the_table(db, visibility)
        for offset in range(len(expected) + 2):
            view, page = await listing.read(visibility, Asked(offset, 5))
            assert named(page.docs) == expected[offset : offset + 5]
            assert page.total == len(expected)
            assert (page.following is None) == (offset + 5 >= len(expected))
            assert (view is None) == visibility.has_exceptions


async def test_who_sees_little_is_served_by_the_shelf(db: Database) -> None:
    async with db.tx() as tx:
        for number in range(200):
            await store(tx, "NL*PLB", number, audience="FR*EMS" if number % 20 else "DE*EMS")
    listing = Listing(db, Tariff)
    view, page = await listing.read(Visibility(audience=frozenset({"DE*EMS"})), Asked(3, 4))
    assert view is not None
    assert len(view.shelves) == 1
    assert named(page.docs) == [("NL*PLB", str(number)) for number in (60, 80, 100, 120)]
    assert page.total == 10


async def test_who_sees_the_same_has_the_same_view(db: Database) -> None:
    async with db.tx() as tx:
        await store(tx, "NL*PLB", 1)
    listing = Listing(db, Tariff)
    one, _ = await listing.read(
        Visibility(not_owners=frozenset({"DE*EMS"}), audience=frozenset({"DE*EMS"})), Asked(0, 5)
    )
    other, _ = await listing.read(Visibility(not_owners=frozenset({"FR*EMS"})), Asked(0, 5))
    assert one is other is not None


async def test_lists_by_date_hold_what_changed_in_the_interval(db: Database) -> None:
    async with db.tx() as tx:
        for number in range(30):
            await store(tx, "NL*PLB", number, version=number)
    listing = Listing(db, Tariff)
    asked = Asked(2, 3, date_from=NOON + timedelta(seconds=10), date_to=NOON + timedelta(seconds=20))
    _, page = await listing.read(EVERYBODY, asked)
    assert named(page.docs) == [("NL*PLB", str(number)) for number in (12, 13, 14)]
    assert page.total == 10


async def test_a_transaction_that_fails_counts_nothing(db: Database) -> None:
    async with db.tx() as tx:
        await store(tx, "NL*PLB", 1)
    with pytest.raises(RuntimeError):
        async with db.tx() as tx:
            await store(tx, "NL*PLB", 2)
            await remove(tx, "NL*PLB", 1)
            raise RuntimeError
    await counts_are_true(db)


async def test_writers_at_the_same_time_lose_no_count_and_never_wait_in_a_circle(db: Database) -> None:
    async def write(writer: int) -> None:
        for turn in range(8):
            async with db.tx() as tx:  # each in an order of its own
                for place in range(3):
                    await store(tx, OWNERS[(writer + place) % 3], 100 * writer + turn, audience=AUDIENCES[turn % 3])
            if turn % 2:
                async with db.tx() as tx:
                    for place in range(3):
                        await remove(tx, OWNERS[(writer - place) % 3], 100 * writer + turn)

    await asyncio.wait_for(asyncio.gather(*(write(writer) for writer in range(6))), 60)
    await counts_are_true(db)
    async with db.read() as tx:
        assert (await tx.execute(select(func.count()).select_from(Tariff))).scalar_one() == 6 * 3 * 4


async def test_a_list_read_beside_writers_is_of_one_moment(db: Database) -> None:
    """Each transaction swaps one object for another: there are always as many."""
    async with db.tx() as tx:
        for number in range(100):
            await store(tx, "NL*PLB", number)
    done = asyncio.Event()

    async def swap() -> None:
        for number in range(60):
            async with db.tx() as tx:
                await remove(tx, "NL*PLB", number)
                await store(tx, "NL*PLB", 1000 + number)
        done.set()

    async def look() -> None:
        listing = Listing(db, Tariff)
        while not done.is_set():
            _, page = await listing.read(EVERYBODY, Asked(90, 50))
            assert (page.total, page.count) == (100, 10)
            await asyncio.sleep(0)  # a quick statement gives nobody else a turn

    await asyncio.gather(swap(), look(), look())


async def test_a_list_follows_the_counts_of_another_process(migrated_database_url: str, tmp_path: Path) -> None:
    """No doorbell reaches it: the statement itself says that the counts have changed."""
    here = Database(migrated_database_url, clock=ManualClock(NOON))
    there = Database(migrated_database_url, clock=ManualClock(NOON))
    try:
        listing = Listing(here, Tariff)
        for number in range(3):
            async with there.tx() as tx:
                await store(tx, "NL*PLB", number)
            _, page = await listing.read(EVERYBODY, Asked(0, 10))
            assert (page.total, page.count) == (number + 1, number + 1)
    finally:
        await here.close()
        await there.close()
