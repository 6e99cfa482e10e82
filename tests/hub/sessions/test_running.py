"""Running sessions in memory: brought forward by what is new, made again from what is stored when need be."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import delete

from csms.rows import message_row
from csms.station import FactKind, TransactionFact
from csms.tables import TransactionMessage
from csms.timeline import TransactionEvent
from hub.sessions import running
from hub.sessions.costs import Terms
from hub.sessions.running import RunningSessions, Seen
from kit.clock import ManualClock
from kit.errors import NotFound
from kit.tx import Database
from tests.hub.sessions.test_metered import BEGAN, TARIFFS, ZONE, metered, started

pytestmark = pytest.mark.anyio

TERMS = Terms(TARIFFS[2], "EUR", ZONE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGAN)


async def tell(db: Database, *facts: TransactionFact, number: int | None = None) -> None:
    async with db.tx() as tx:
        for fact in facts:
            said = TransactionEvent("CS-1", 7, fact.at or tx.now, fact)
            tx.add(TransactionMessage(**message_row(said, 7), id=number))


async def see(db: Database, sessions: RunningSessions, terms: Terms | None = TERMS) -> Seen:
    async with db.read() as tx:
        return await sessions.see(tx, 7, terms)


async def charge(db: Database, clock: ManualClock, minutes: int, *, since: int = 0) -> None:
    for minute in range(since + 1, since + minutes + 1):
        await tell(db, metered(BEGAN + timedelta(minutes=minute), 100 * minute, f"m{minute}"))
    clock.advance(60 * minutes)


async def test_only_what_is_new_is_read(db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    read_events = running.read_numbered_events

    async def counting(*args: Any, **options: Any) -> Any:
        found = await read_events(*args, **options)
        read.append(len(found))
        return found

    monkeypatch.setattr(running, "read_numbered_events", counting)
    sessions = RunningSessions()
    await tell(db, started(BEGAN))
    await charge(db, clock, 60)
    await see(db, sessions)
    for minute in range(60, 65):
        await charge(db, clock, 1, since=minute)
        seen = await see(db, sessions)
    assert read == [61, *[running.OVERLAP + 1] * 5]
    assert seen.course.energy_wh == 6500


async def test_another_process_comes_to_the_same(db: Database, clock: ManualClock) -> None:
    here = RunningSessions()
    await tell(db, started(BEGAN))
    for minute in range(0, 100, 5):
        await charge(db, clock, 5, since=minute)
        seen = await see(db, here)
        assert seen == await see(db, RunningSessions())
    assert seen.costs is not None
    assert seen.costs.total_excl_vat > 0


async def test_two_tariffs_of_one_session_are_both_brought_forward(db: Database, clock: ManualClock) -> None:
    here, quoted = RunningSessions(), Terms(TARIFFS[0], "EUR", ZONE)
    await tell(db, started(BEGAN))
    await charge(db, clock, 20)
    await see(db, here)
    await charge(db, clock, 20, since=20)
    for terms in (TERMS, quoted, TERMS, quoted):
        assert await see(db, here, terms) == await see(db, RunningSessions(), terms)
    assert (await see(db, here, None)).costs is None


async def test_a_late_reading_has_it_made_again(db: Database, clock: ManualClock) -> None:
    here = RunningSessions()
    await tell(db, started(BEGAN))
    await charge(db, clock, 30)
    before = await see(db, here)
    await charge(db, clock, 30, since=40)
    await see(db, here)
    await tell(db, metered(BEGAN + timedelta(minutes=35), 6900, "late"))
    seen = await see(db, here)
    assert seen == await see(db, RunningSessions())
    assert seen.costs != before.costs


async def test_a_reading_that_another_process_commits_late_is_found(db: Database, clock: ManualClock) -> None:
    here = RunningSessions()
    await tell(db, started(BEGAN), number=1)
    for minute in (1, 2, 4):
        await tell(db, metered(BEGAN + timedelta(minutes=minute), 100 * minute, f"m{minute}"), number=1 + minute)
    clock.advance(300)
    await see(db, here)
    await tell(db, metered(BEGAN + timedelta(minutes=4.5), 450, "other"), number=4)
    assert (await see(db, here)).course.energy_wh == 450


async def test_one_that_has_ended_is_reckoned_from_all_that_is_stored(db: Database, clock: ManualClock) -> None:
    here = RunningSessions()
    await tell(db, started(BEGAN))
    await charge(db, clock, 40)
    await see(db, here)
    end = BEGAN + timedelta(minutes=40)
    await tell(db, TransactionFact(FactKind.ENDED, "end", end, meter_wh=Decimal(4200)))
    seen = await see(db, here)
    assert (seen.course.ended_at, seen.course.energy_wh) == (end, 4100)
    assert seen.course.curve
    assert seen == await see(db, RunningSessions())


async def test_what_was_mended_is_seen_within_the_hour(db: Database, clock: ManualClock) -> None:
    here = RunningSessions()
    await tell(db, started(BEGAN))
    await charge(db, clock, 10)
    await see(db, here)
    async with db.tx() as tx:
        await tx.execute(delete(TransactionMessage).where(TransactionMessage.key == "m10"))  # type: ignore[arg-type]
    assert (await see(db, here)).course.energy_wh == 1000
    clock.advance(3600)
    assert (await see(db, here)).course.energy_wh == 900


async def test_of_too_many_the_oldest_are_forgotten(
    db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST", 0)
    here = RunningSessions()
    await tell(db, started(BEGAN))
    await charge(db, clock, 10)
    assert (await see(db, here)).course.energy_wh == 1000
    await charge(db, clock, 10, since=10)
    assert (await see(db, here)).course.energy_wh == 2000
    with pytest.raises(NotFound):
        async with db.read() as tx:
            await here.see(tx, 8)
