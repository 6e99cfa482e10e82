"""Pages held in memory: a change is seen at once, here and in another process, and only its pages are read again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import orjson
import pytest

from hub.parties.agreements import Agreements
from hub.parties.callers import Caller
from hub.parties.counts import BLOCK
from hub.parties.directory import PartyEntry, Peer
from hub.parties.objects import ObjectKey, forget, keep
from hub.parties.pages import KEEP_S, ListPages
from hub.parties.tables import CONNECTED
from hub.tariffs.tables import Tariff
from kit import bus
from kit.clock import ManualClock
from kit.tx import Database
from ocpi.call import Call, ListAnswer
from ocpi.endpoint import Interface, Verb
from ocpi.errors import InvalidParameters
from ocpi.headers import MessageHeaders
from ocpi.paging import PageQuery

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARTNER = Peer(
    id="partner",
    name="Partner",
    status=CONNECTED,
    version="2.2.1",
    versions_url=None,
    endpoints={},
    parties=(PartyEntry("DE", "EMS", "EMSP", "partner", "Partner", NOON),),
    credentials_token=None,
)


def asking(page: PageQuery) -> Call:
    return Call(
        version="2.2.1",
        module="tariffs",
        interface=Interface.SENDER,
        verb=Verb.GET,
        level="list",
        path={},
        query={},
        headers=MessageHeaders("1", "1"),
        caller=Caller(PARTNER, "token", registers=False, agreements=Agreements()),
        raw=b"",
        url="https://hub.example/ocpi/2.2.1/sender/tariffs",
        http_headers={},
        page=page,
    )


async def store(db: Database, *numbers: int, name: str = "") -> None:
    async with db.tx() as tx:
        for number in numbers:
            body = {"id": str(number), "name": name, "last_updated": NOON.isoformat()}
            key = ObjectKey.of("NL", "PLB", str(number))
            await keep(tx, Tariff, key, body, platform_id=None, currency="EUR")


def names(answer: ListAnswer) -> list[str]:
    return [each["name"] for each in orjson.loads(b"[%b]" % (answer.joined or b""))]


async def held(pages: ListPages, query: PageQuery) -> ListAnswer:
    """A page that is in memory from now on: it was asked for twice."""
    await pages(asking(query))
    return await pages(asking(query))


@pytest.fixture
async def other(migrated_database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    database = Database(migrated_database_url, clock=clock)
    yield database
    await database.close()


async def test_a_page_asked_again_is_the_same_bytes(db: Database) -> None:
    await store(db, 1, 2)
    pages = ListPages(db, Tariff, limit=50)
    once = await pages(asking(PageQuery()))
    twice = await pages(asking(PageQuery()))
    assert once == twice
    assert await pages(asking(PageQuery())) is twice


async def test_who_reads_a_list_once_displaces_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.parties.pages.MOST_BYTES", 200)
    monkeypatch.setattr("hub.parties.pages.MOST_ASKED", 3)
    await store(db, *range(9))
    pages = ListPages(db, Tariff, limit=1)
    popular = await held(pages, PageQuery())
    for offset in range(1, 9):
        await pages(asking(PageQuery(offset=offset)))
    assert await pages(asking(PageQuery())) is popular


async def test_a_change_drops_the_pages_of_its_block_only(db: Database) -> None:
    await store(db, *range(2 * BLOCK))
    pages = ListPages(db, Tariff, limit=BLOCK // 2)
    beginning, end = PageQuery(), PageQuery(offset=2 * BLOCK - 10)
    before = [await held(pages, query) for query in (beginning, end)]
    await store(db, 0, name="new")
    assert names(await pages(asking(beginning)))[0] == "new"
    assert await pages(asking(end)) is before[1]


async def test_a_change_of_what_lies_before_a_page_and_is_not_seen_leaves_it_alone(db: Database) -> None:
    async def store_unseen(*numbers: int, name: str = "") -> None:
        async with db.tx() as tx:
            for number in numbers:
                body = {"id": str(number), "name": name, "last_updated": NOON.isoformat()}
                key = ObjectKey.of("DE", "EMS", str(number))  # the caller's own
                await keep(tx, Tariff, key, body, platform_id=None, currency="EUR")

    await store_unseen(*range(2 * BLOCK))
    await store(db, *range(BLOCK))
    pages = ListPages(db, Tariff, limit=8)
    before = await held(pages, PageQuery())
    await store_unseen(1, name="new")
    assert await pages(asking(PageQuery())) is before


async def test_an_object_that_came_or_went_is_seen_at_once(db: Database) -> None:
    await store(db, 1, 2, 3)
    pages = ListPages(db, Tariff, limit=50)
    assert (await held(pages, PageQuery())).total == 3
    await store(db, 4)
    assert (await held(pages, PageQuery())).total == 4
    async with db.tx() as tx:
        await forget(tx, Tariff, ObjectKey.of("NL", "PLB", "2"), platform_id=None)
    answer = await pages(asking(PageQuery()))
    assert (answer.total, answer.count) == (3, 3)


async def test_a_change_by_another_process_is_seen_over_the_bus(db: Database, other: Database, nats_url: str) -> None:
    buses = [await bus.connect(nats_url) for _ in range(2)]
    try:
        for database, its_bus in zip((db, other), buses, strict=True):
            await database.doorbells.join(its_bus)
        await store(db, 1)
        pages = ListPages(other, Tariff, limit=50)
        for number in range(2, 5):
            await held(pages, PageQuery())
            await store(db, number)
            await store(db, 1, name=f"after {number}")
            async with asyncio.timeout(30):
                while names(await pages(asking(PageQuery())))[0] != f"after {number}":
                    await asyncio.sleep(0.005)
            assert (await pages(asking(PageQuery()))).total == number
    finally:
        for database, its_bus in zip((db, other), buses, strict=True):
            await database.doorbells.leave()
            await its_bus.close()


async def test_a_lost_ring_is_made_good_after_a_while(db: Database, other: Database, clock: ManualClock) -> None:
    await store(db, 1)
    pages = ListPages(other, Tariff, limit=50)
    await held(pages, PageQuery())
    await store(db, 1, name="new")
    clock.advance(KEEP_S)
    assert names(await pages(asking(PageQuery()))) == ["new"]


async def test_a_link_leads_to_the_object_after_the_page_whatever_went_before_it(db: Database) -> None:
    await store(db, *range(10))
    pages = ListPages(db, Tariff, limit=4)
    first = await pages(asking(PageQuery()))
    async with db.tx() as tx:
        for number in (0, 1):
            await forget(tx, Tariff, ObjectKey.of("NL", "PLB", str(number)), platform_id=None)
    following = await pages(asking(PageQuery(offset=4, cursor=first.cursor)))
    assert [each["id"] for each in orjson.loads(b"[%b]" % (following.joined or b""))] == ["4", "5", "6", "7"]


async def test_a_cursor_means_nothing_at_another_offset(db: Database) -> None:
    await store(db, *range(10))
    pages = ListPages(db, Tariff, limit=4)
    first = await pages(asking(PageQuery()))
    jumped = await pages(asking(PageQuery(offset=8, cursor=first.cursor)))
    assert [each["id"] for each in orjson.loads(b"[%b]" % (jumped.joined or b""))] == ["8", "9"]


async def test_a_cursor_that_is_none_of_ours_is_refused(db: Database) -> None:
    with pytest.raises(InvalidParameters):
        await ListPages(db, Tariff, limit=4)(asking(PageQuery(cursor="x")))
