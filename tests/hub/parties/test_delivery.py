"""Delivery by change log: present states, own pace for each partner, CDRs once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlmodel import SQLModel, select

from hub.locations.tables import Location
from hub.parties import delivery
from hub.parties.changes import Cursor
from hub.parties.directory import Directory, Peer
from hub.parties.lanes import LEASE, Lane, open_cursors, read_again
from hub.parties.moves import REDELIVER
from hub.parties.objects import ObjectKey, find, keep
from hub.parties.outbox import Outgoing, Receipt, Refused, Unreachable
from hub.parties.redelivery import redeliver
from hub.parties.tables import CONNECTED, OFFLINE, PartyRow, Platform
from hub.sessions.tables import Cdr
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.jobs import Worker
from kit.reactions import Reactions
from kit.tx import Database, Tx

pytestmark = pytest.mark.anyio


class Partners:
    """What the partners were sent, and how they answer."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []
        self.away: set[str] = set()
        self.refuse: set[str] = set()

    async def __call__(self, peer: Peer, module: str, outgoing: Outgoing, *, to: str | None) -> str | None:
        if peer.name in self.away:
            raise Unreachable("connection refused")
        if outgoing.path[-1] in self.refuse:
            raise Refused("2001 no such thing")
        self.sent.append((peer.name, module, orjson.loads(outgoing.body or b"null")))
        return f"https://{peer.name}.example/{outgoing.path[-1]}"

    def got(self, name: str) -> list[Any]:
        return [body for who, _, body in self.sent if who == name]


async def location_source(tx: Tx, key: ObjectKey, *, removed: bool) -> Outgoing | None:
    row = await find(tx, Location, key)
    path = (key.country_code, key.party_id, key.object_id)
    return Outgoing("PUT", path, row.doc, "NL*PLB") if row else None


async def cdr_source(tx: Tx, key: ObjectKey, *, removed: bool) -> Outgoing | None:
    row = await find(tx, Cdr, key)
    return Outgoing("POST", (key.object_id,), row.doc, "NL*PLB", once=True) if row else None


SOURCES = {"locations": location_source, "cdrs": cdr_source}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))


@pytest.fixture
async def db(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    database = Database(database_url, clock=clock, reactions=Reactions())
    async with database.tx() as tx:
        await tx.connection.run_sync(SQLModel.metadata.create_all)
    yield database
    await database.close()


@pytest.fixture
def partners() -> Partners:
    return Partners()


@pytest.fixture
async def deliverer(db: Database, partners: Partners) -> delivery.Deliverer:
    directory = Directory(db, KeyRing.generate())
    db.reactions.job(REDELIVER, redeliver(directory, SOURCES, partners))
    return delivery.Deliverer(db, directory, SOURCES, partners)


async def add_partner(db: Database, name: str, party_id: str, role: str = "EMSP") -> None:
    async with db.tx() as tx:
        endpoints = {f"RECEIVER/{module}": f"https://{name}.example/{module}" for module in SOURCES}
        platform = Platform(name=name, status=CONNECTED, endpoints=orjson.dumps(endpoints), created_at=tx.now)
        tx.add(platform)
        await tx.flush()
        tx.add(
            PartyRow(
                country_code="DE",
                party_id=party_id,
                role=role,
                platform_id=platform.id,
                business_name=name,
                last_updated=tx.now,
            )
        )
        await open_cursors(tx, platform.id, list(SOURCES))
        tx.ring("parties")


async def put(db: Database, name: str, *, at: str = "2026-03-01T12:00:00Z", origin: str | None = None) -> None:
    body = {"country_code": "NL", "party_id": "PLB", "id": "LOC1", "name": name, "last_updated": at}
    async with db.tx() as tx:
        await keep(tx, Location, ObjectKey.of("NL", "PLB", "LOC1"), body, platform_id=origin)


async def issue_cdr(db: Database, cdr_id: str, audience: str) -> None:
    body = {"id": cdr_id, "last_updated": "2026-03-01T12:00:00Z"}
    async with db.tx() as tx:
        await keep(
            tx,
            Cdr,
            ObjectKey.of("NL", "PLB", cdr_id),
            body,
            platform_id=None,
            is_credit=False,
            audience=audience,
            energy_wh=Decimal(1),
            currency="EUR",
            total_cost=Decimal(1),
        )


async def test_every_partner_gets_the_present_state(
    db: Database, deliverer: delivery.Deliverer, partners: Partners
) -> None:
    for number in range(3):
        await add_partner(db, f"emsp{number}", f"E0{number}")
    await put(db, "Old")
    await put(db, "New", at="2026-03-01T12:00:01Z")
    await deliverer.settle()
    assert [[body["name"] for body in partners.got(f"emsp{n}")] for n in range(3)] == [["New"]] * 3


async def test_a_partner_that_was_away_gets_the_present_and_not_a_flood(
    db: Database, deliverer: delivery.Deliverer, partners: Partners, clock: ManualClock
) -> None:
    await add_partner(db, "emsp", "E01")
    partners.away.add("emsp")
    for second in range(10):
        await put(db, f"state {second}", at=f"2026-03-01T12:00:{second:02}Z")
        await deliverer.settle()
        clock.advance(120)
    async with db.read() as tx:
        platform = await tx.first(select(Platform))
        assert platform is not None
        assert platform.status == OFFLINE
    partners.away.clear()
    clock.advance(120)
    await deliverer.settle()
    assert [body["name"] for body in partners.got("emsp")] == ["state 9"]
    async with db.read() as tx:
        platform = await tx.first(select(Platform))
        assert platform is not None
        assert platform.status == CONNECTED


async def test_a_partner_never_gets_its_own_objects_back(
    db: Database, deliverer: delivery.Deliverer, partners: Partners
) -> None:
    await add_partner(db, "emsp", "E01")
    await add_partner(db, "other", "E02")
    async with db.read() as tx:
        platform = await tx.first(select(Platform).where(Platform.name == "emsp"))
    assert platform is not None
    await put(db, "Mine", origin=platform.id)
    await deliverer.settle()
    assert partners.got("emsp") == []
    assert len(partners.got("other")) == 1


async def test_a_partner_without_the_role_is_not_told(
    db: Database, deliverer: delivery.Deliverer, partners: Partners
) -> None:
    await add_partner(db, "cpo", "C01", role="CPO")
    await put(db, "Here")
    await deliverer.settle()
    assert partners.sent == []


async def test_a_cdr_goes_to_its_audience_alone_and_once(
    db: Database, deliverer: delivery.Deliverer, partners: Partners
) -> None:
    await add_partner(db, "emsp1", "E01")
    await add_partner(db, "emsp2", "E02")
    await issue_cdr(db, "CDR1", "DE*E01")
    await deliverer.settle()
    async with db.tx() as tx:  # a crash after the answer and before the cursor moved reads the same change again
        await tx.execute(Cursor.__table__.update().values(xid=0, seq=0))  # type: ignore[attr-defined]
    await deliverer.settle()
    assert [body["id"] for body in partners.got("emsp1")] == ["CDR1"]
    assert partners.got("emsp2") == []
    async with db.read() as tx:
        receipt = await tx.first(select(Receipt))
    assert receipt is not None
    assert receipt.location == "https://emsp1.example/cdr1"


async def test_a_cdr_that_one_platform_has_taken_is_still_owed_to_another_with_the_same_party(
    db: Database, deliverer: delivery.Deliverer, partners: Partners, clock: ManualClock
) -> None:
    await add_partner(db, "emsp1", "E01")
    await add_partner(db, "emsp2", "E02")
    async with db.tx() as tx:
        platform = await tx.first(select(Platform).where(Platform.name == "emsp2"))
        assert platform is not None
        home = {"country_code": "DE", "party_id": "E01", "platform_id": platform.id, "business_name": "emsp2"}
        tx.add(PartyRow(role="CPO", last_updated=tx.now, **home))
        tx.ring("parties")
    partners.away.add("emsp2")
    await issue_cdr(db, "CDR1", "DE*E01")
    await deliverer.settle()
    async with db.tx() as tx:  # both read the same again, at the same moment
        await tx.execute(Cursor.__table__.update().values(xid=0, seq=0))  # type: ignore[attr-defined]
    partners.away.clear()
    clock.advance(120)
    await deliverer.settle()
    assert [[body["id"] for body in partners.got(name)] for name in ("emsp1", "emsp2")] == [["CDR1"], ["CDR1"]]


async def test_a_refused_object_blocks_nothing_and_is_tried_again(
    db: Database, deliverer: delivery.Deliverer, partners: Partners, clock: ManualClock
) -> None:
    await add_partner(db, "emsp1", "E01")
    partners.refuse.add("cdr1")
    await issue_cdr(db, "CDR1", "DE*E01")
    await issue_cdr(db, "CDR2", "DE*E01")
    await deliverer.settle()
    assert [body["id"] for body in partners.got("emsp1")] == ["CDR2"]
    partners.refuse.clear()
    worker = Worker(db)
    await worker.drain()
    clock.advance(2000)
    await worker.drain()
    assert [body["id"] for body in partners.got("emsp1")] == ["CDR2", "CDR1"]


async def test_two_processes_do_not_send_the_same_change(
    db: Database, deliverer: delivery.Deliverer, partners: Partners
) -> None:
    await add_partner(db, "emsp", "E01")
    other = delivery.Deliverer(db, Directory(db, KeyRing.generate()), SOURCES, partners)
    await put(db, "Here")
    await deliverer.look()
    await other.look()
    await deliverer.settle()
    await other.settle()
    assert len(partners.got("emsp")) == 1


async def test_a_lane_stays_leased_for_the_next_change_and_is_anybodys_when_that_time_is_over(
    db: Database, partners: Partners, clock: ManualClock
) -> None:
    await add_partner(db, "emsp", "E01")
    here, there = (delivery.Deliverer(db, Directory(db, KeyRing.generate()), SOURCES, partners) for _ in range(2))
    await put(db, "One")
    await here.settle()
    await put(db, "Two", at="2026-03-01T12:00:01Z")
    await there.settle()
    assert [body["name"] for body in partners.got("emsp")] == ["One"]
    await here.settle()
    assert [body["name"] for body in partners.got("emsp")] == ["One", "Two"]
    await put(db, "Three", at="2026-03-01T12:00:02Z")
    clock.advance(LEASE.total_seconds())
    await there.settle()
    await here.settle()
    assert [body["name"] for body in partners.got("emsp")] == ["One", "Two", "Three"]


async def test_a_lane_that_begins_anew_is_not_gone_on_with_where_it_stood(
    db: Database, deliverer: delivery.Deliverer, partners: Partners
) -> None:
    await add_partner(db, "emsp", "E01")
    await put(db, "One")
    await deliverer.settle()
    async with db.tx() as tx:
        lanes = [Lane(row.platform_id, row.module) for row in await tx.all(select(Cursor))]
        await read_again(tx, lanes)
    await deliverer.settle()
    assert [body["name"] for body in partners.got("emsp")] == ["One", "One"]


async def test_a_new_partner_starts_at_the_end_of_the_log(
    db: Database, deliverer: delivery.Deliverer, partners: Partners
) -> None:
    await put(db, "Before")
    await add_partner(db, "emsp", "E01")
    await deliverer.settle()
    assert partners.sent == []


async def test_many_partners_share_the_reading_of_one_change(db: Database, partners: Partners) -> None:
    read: list[str] = []

    async def counted(tx: Tx, key: ObjectKey, *, removed: bool) -> Outgoing | None:
        read.append(key.object_id)
        return await location_source(tx, key, removed=removed)

    for number in range(5):
        await add_partner(db, f"emsp{number}", f"E0{number}")
    await put(db, "Here")
    deliverer = delivery.Deliverer(db, Directory(db, KeyRing.generate()), {"locations": counted}, partners)
    await deliverer.settle()
    assert [len(partners.got(f"emsp{number}")) for number in range(5)] == [1] * 5
    assert read == ["loc1"]


async def test_each_partner_of_many_gets_its_own_objects_and_no_more_than_a_portion_at_once(
    db: Database, deliverer: delivery.Deliverer, partners: Partners
) -> None:
    for number in (1, 2):
        await add_partner(db, f"emsp{number}", f"E0{number}")
    for number in range(130):
        await issue_cdr(db, f"CDR{number}", f"DE*E0{1 if number < 120 else 2}")
    await deliverer.settle()
    assert [body["id"] for body in partners.got("emsp1")] == [f"CDR{number}" for number in range(120)]
    assert [body["id"] for body in partners.got("emsp2")] == [f"CDR{number}" for number in range(120, 130)]


async def test_a_partner_that_gives_up_half_way_goes_on_where_it_was(
    db: Database, deliverer: delivery.Deliverer, partners: Partners, clock: ManualClock
) -> None:
    class Tired(Partners):
        async def __call__(self, peer: Peer, module: str, outgoing: Outgoing, *, to: str | None) -> str | None:
            if len(self.sent) % 3 == 2 and not self.rested:
                self.rested = True
                raise Unreachable("HTTP 429", retry_after_s=1)
            self.rested = False
            return await super().__call__(peer, module, outgoing, to=to)

        rested = False

    tired = Tired()
    deliverer = delivery.Deliverer(db, Directory(db, KeyRing.generate()), {"locations": location_source}, tired)
    await add_partner(db, "emsp", "E01")
    for number in range(8):
        body = {"country_code": "NL", "party_id": "PLB", "id": f"L{number}", "last_updated": "2026-03-01T12:00:00Z"}
        async with db.tx() as tx:
            await keep(tx, Location, ObjectKey.of("NL", "PLB", f"L{number}"), body, platform_id=None)
    for _ in range(5):
        await deliverer.settle()
        clock.advance(2)
    assert [body["id"] for body in tired.got("emsp")] == [f"L{number}" for number in range(8)]
    async with db.read() as tx:
        platform = await tx.first(select(Platform))
    assert platform is not None
    assert platform.status == CONNECTED


async def test_a_slow_partner_holds_up_nobody(db: Database) -> None:
    class Slow(Partners):
        def __init__(self) -> None:
            super().__init__()
            self.open = asyncio.Event()

        async def __call__(self, peer: Peer, module: str, outgoing: Outgoing, *, to: str | None) -> str | None:
            if peer.name == "slow":
                await self.open.wait()
            return await super().__call__(peer, module, outgoing, to=to)

    partners = Slow()
    deliverer = delivery.Deliverer(db, Directory(db, KeyRing.generate()), {"locations": location_source}, partners)
    await add_partner(db, "slow", "E01")
    await add_partner(db, "quick", "E02")
    for name, count in (("One", 1), ("Two", 2)):
        await put(db, name, at=f"2026-03-01T12:00:0{count}Z")
        await deliverer.look()
        async with asyncio.timeout(30):
            while len(partners.got("quick")) < count:
                await asyncio.sleep(0.01)
                await deliverer.look()
    assert partners.got("slow") == []
    partners.open.set()
    await deliverer.settle()
    assert [body["name"] for body in partners.got("slow")] == ["One", "Two"]
