"""A session at our charger follows the record: repeated and late news change nothing, and doubt never becomes money."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from hub.parties.changes import Change
from hub.sessions import service
from hub.sessions.documents import Facts
from hub.sessions.tables import Cdr, Session, by_transaction
from kit.clock import ManualClock
from kit.errors import Conflict
from kit.ids import uuid7
from kit.tx import Database

pytestmark = pytest.mark.anyio

CourseOf = Any


async def follow(
    db: Database, facts: Facts, course: Any, *, review: str | None = None, transaction_id: int = 7
) -> Session:
    async with db.tx() as tx:
        known = await by_transaction(tx, transaction_id)
        return await service.follow(tx, known, facts, course, transaction_id=transaction_id, review=review)


async def stored(db: Database) -> tuple[list[Session], list[Cdr], list[Change]]:
    async with db.read() as tx:
        changes = await tx.all(select(Change))
        return list(await tx.all(select(Session))), list(await tx.all(select(Cdr))), list(changes)


async def test_a_session_becomes_a_cdr_when_it_ends(
    db: Database, facts: Facts, course: CourseOf, clock: ManualClock
) -> None:
    await follow(db, facts, course(10, "1000"))
    [session], cdrs, _ = await stored(db)
    assert (session.status, session.audience, cdrs) == ("ACTIVE", "DE*EMS", [])
    clock.advance(1)

    await follow(db, facts, course(60, "9000", ended=True))

    [session], [cdr], changes = await stored(db)
    assert (session.status, session.energy_wh, session.review) == ("COMPLETED", 9000, None)
    assert (cdr.session_id, cdr.energy_wh, cdr.total_cost, cdr.audience) == ("s-1", 9000, session.total_cost, "DE*EMS")
    assert {(change.module, change.audience) for change in changes} == {("sessions", "DE*EMS"), ("cdrs", "DE*EMS")}


@pytest.mark.parametrize("review", [None, "register_fell"])
async def test_the_same_news_again_changes_nothing(
    db: Database, facts: Facts, course: CourseOf, clock: ManualClock, review: str | None
) -> None:
    await follow(db, facts, course(60, "9000", ended=True), review=review)
    [before], cdrs, changes = await stored(db)
    for _ in range(3):
        clock.advance(60)
        await follow(db, facts, course(60, "9000", ended=True), review=review)
    [after], cdrs_after, changes_after = await stored(db)
    assert after == before
    assert cdrs_after == cdrs
    assert changes_after == changes, "no partner is told again"


async def test_a_clock_that_goes_back_does_not_lose_the_end(
    db: Database, facts: Facts, course: CourseOf, clock: ManualClock
) -> None:
    clock.advance(3600)
    await follow(db, facts, course(10, "1000"))
    behind = ManualClock(clock.now().replace(hour=1))
    db.clock, ahead = behind, db.clock
    await follow(db, facts, course(60, "9000", ended=True))
    db.clock = ahead
    [session], [cdr], _ = await stored(db)
    assert (session.status, session.energy_wh, cdr.energy_wh) == ("COMPLETED", 9000, 9000)


async def test_what_is_doubtful_is_held_back_until_the_doubt_is_gone(
    db: Database, facts: Facts, course: CourseOf
) -> None:
    ended = course(60, "9000", ended=True)
    await follow(db, facts, ended, review="missing_start")
    [session], cdrs, _ = await stored(db)
    assert (session.status, session.review, cdrs) == ("COMPLETED", "missing_start", [])

    await follow(db, facts, ended, review=None)

    [session], [cdr], _ = await stored(db)
    assert (session.review, cdr.energy_wh) == (None, 9000)


async def test_a_session_that_nobody_was_allowed_to_start_has_no_cdr(
    db: Database, facts: Facts, course: CourseOf
) -> None:
    await follow(db, replace(facts, doubt="nobody has authorized this token"), course(60, "9000", ended=True))
    [session], cdrs, _ = await stored(db)
    assert (session.review, cdrs) == ("nobody has authorized this token", [])


async def test_a_session_with_a_tariff_that_cannot_be_priced_is_not_given_away(
    db: Database, facts: Facts, course: CourseOf
) -> None:
    assert facts.tariff is not None
    odd = {**facts.tariff, "elements": [{"price_components": [{"type": "SMILES", "price": 1, "step_size": 1}]}]}
    await follow(db, replace(facts, tariff=odd), course(60, "9000", ended=True))
    [session], cdrs, _ = await stored(db)
    assert (session.review, cdrs) == (service.UNPRICED, [])


async def test_a_record_that_changes_after_the_cdr_is_shown_to_a_person_and_changes_no_bill(
    db: Database, facts: Facts, course: CourseOf
) -> None:
    await follow(db, facts, course(60, "9000", ended=True))
    await follow(db, facts, course(61, "9500", ended=True))
    [session], [cdr], _ = await stored(db)
    assert (session.energy_wh, cdr.energy_wh) == (9000, 9000)
    assert session.review == "the charger's record changed after the CDR was issued"
    async with db.tx() as tx:
        row = await by_transaction(tx, 7)
        assert row is not None
        await service.release(tx, row)
    [session], cdrs, _ = await stored(db)
    assert (session.review, len(cdrs)) == (None, 1)


async def test_only_what_is_held_can_be_released(db: Database, facts: Facts, course: CourseOf) -> None:
    async def release() -> None:
        async with db.tx() as tx:
            row = await by_transaction(tx, 7)
            assert row is not None
            await service.release(tx, row)

    await follow(db, facts, course(10, "1000"), review="missing_start")
    with pytest.raises(Conflict):
        await release()
    await follow(db, facts, course(60, "9000", ended=True))
    with pytest.raises(Conflict):
        await release()


@pytest.mark.hypothesis
async def test_in_whatever_order_news_come_there_is_one_cdr_at_most_and_it_is_right(
    db: Database, facts: Facts, course: CourseOf, clock: ManualClock
) -> None:
    loop = asyncio.get_running_loop()
    news = [
        *((course(minutes, str(minutes * 100)), None) for minutes in (1, 5, 20)),
        (course(30, "3000", ended=True), "missing_start"),
        (course(30, "3000", ended=True), None),
        (course(30, "3000", ended=True), None),
    ]
    numbers = iter(range(100, 10_000))

    async def play(order: list[tuple[Any, str | None]]) -> tuple[Session, list[Cdr]]:
        one, number = replace(facts, session_id=uuid7()), next(numbers)
        for told, review in order:
            clock.advance(1)
            await follow(db, one, told, review=review, transaction_id=number)
        sessions, cdrs, _ = await stored(db)
        session = next(row for row in sessions if row.transaction_id == number)
        return session, [cdr for cdr in cdrs if cdr.session_id == one.session_id]

    @settings(suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(news), min_size=1, max_size=8))
    def orders(order: list[tuple[Any, str | None]]) -> None:
        session, cdrs = asyncio.run_coroutine_threadsafe(play(order), loop).result(30)
        certain = any(told.ended_at is not None and review is None for told, review in order)
        assert len(cdrs) == certain
        assert all((cdr.energy_wh, cdr.total_cost) == (3000, cdrs[0].total_cost) for cdr in cdrs)
        if certain:
            assert (session.status, session.energy_wh) == ("COMPLETED", 3000)

    await asyncio.to_thread(orders)
