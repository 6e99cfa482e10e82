"""Durable jobs: order, retries, leases, timers, dead letters."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from kit.clock import ManualClock
from kit.events import Event
from kit.job_rows import JobRow
from kit.jobs import (
    LONGEST_RETRY_S,
    GiveUp,
    Retry,
    Worker,
    backlog,
    backoff_s,
    current_job,
    dead_letters,
    first_time,
    replay,
)
from kit.reactions import Reactions
from kit.tx import Database, Tx

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Tapped(Event):
    station: str
    number: int

    def lane(self) -> str | None:
        return self.station


async def enqueue(db: Database, kind: str, **payload: Any) -> None:
    async with db.tx() as tx:
        tx.enqueue(kind, payload)


async def test_jobs_are_done_while_everybody_else_waits_for_a_connection(db: Database, reactions: Reactions) -> None:
    if db.dialect == "sqlite":
        assert db.apart() is db
        return
    seen: list[Mapping[str, Any]] = []

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        async with db.tx() as tx:
            await tx.execute(select(1))
        seen.append(payload)

    reactions.job("greet", flow)
    await enqueue(db, "greet", name="Ada")
    async with AsyncExitStack() as stack:

        async def occupy() -> None:
            async with db.tx() as tx:
                await tx.execute(select(1))
                occupied.release()
                await over.wait()

        occupied, over = asyncio.Semaphore(0), asyncio.Event()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for _ in range(30):
            group.create_task(occupy())
        for _ in range(20):
            await occupied.acquire()
        assert await Worker(db.apart()).drain() == 1
        over.set()
    assert seen == [{"name": "Ada"}]


async def test_a_flow_gets_its_payload_and_its_job_is_gone_after(db: Database, reactions: Reactions) -> None:
    seen: list[Mapping[str, Any]] = []

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        seen.append(payload)

    reactions.job("greet", flow)
    await enqueue(db, "greet", name="Ada")
    assert await Worker(db).drain() == 1
    assert seen == [{"name": "Ada"}]
    async with db.read() as tx:
        assert await backlog(tx) == {}


async def test_a_reaction_inside_the_tx_is_rolled_back_with_its_failure(
    db: Database, reactions: Reactions, clock: ManualClock
) -> None:
    attempts = 0

    async def react(tx: Tx, event: Tapped) -> None:
        nonlocal attempts
        attempts += 1
        tx.enqueue("effect", {})
        if attempts == 1:
            raise RuntimeError("not yet")

    async def effect(db: Database, payload: Mapping[str, Any]) -> None:
        pass

    reactions.on(Tapped, react)
    reactions.job("effect", effect)
    async with db.tx() as tx:
        tx.emit(Tapped("S1", 1))
    worker = Worker(db)
    assert await worker.drain() == 1
    clock.advance(10)
    assert await worker.drain() == 2, "the reaction again, and its one effect"


async def test_jobs_of_one_lane_keep_their_order_through_a_retry(
    db: Database, reactions: Reactions, clock: ManualClock
) -> None:
    done: list[tuple[str, int]] = []
    failed = False

    async def react(db: Database, event: Tapped) -> None:
        nonlocal failed
        if event == Tapped("S1", 1) and not failed:
            failed = True
            raise Retry("busy", after_s=30)
        done.append((event.station, event.number))

    reactions.call(Tapped, react)
    async with db.tx() as tx:
        for number in (1, 2):
            for station in ("S1", "S2"):
                tx.emit(Tapped(station, number))
    worker = Worker(db)
    await worker.drain()
    assert done == [("S2", 1), ("S2", 2)]
    clock.advance(31)
    await worker.drain()
    assert done[2:] == [("S1", 1), ("S1", 2)]


async def test_what_keeps_failing_becomes_a_dead_letter_that_can_be_replayed(
    db: Database, reactions: Reactions, clock: ManualClock
) -> None:
    healthy = False

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        if not healthy:
            raise ValueError("the partner says no")

    reactions.job("deliver", flow)
    async with db.tx() as tx:
        tx.enqueue("deliver", {"cdr": "7"}, max_attempts=3)
    worker = Worker(db)
    for _ in range(5):
        await worker.drain()
        clock.advance(LONGEST_RETRY_S)
    async with db.tx() as tx:
        [dead] = await dead_letters(tx)
        assert (dead.attempts, dead.last_error) == (3, "ValueError: the partner says no")
        assert dead.id is not None
        healthy = True
        assert await replay(tx, dead.id)
    assert await worker.drain() == 1
    async with db.read() as tx:
        assert await backlog(tx) == {}


async def test_a_handler_that_gives_up_is_not_tried_again(db: Database, reactions: Reactions) -> None:
    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        raise GiveUp("useless")

    reactions.job("deliver", flow)
    await enqueue(db, "deliver")
    await Worker(db).drain()
    async with db.read() as tx:
        assert await backlog(tx) == {"dead": 1}


async def test_a_job_of_an_unknown_kind_is_kept_as_a_dead_letter(db: Database) -> None:
    await enqueue(db, "from.a.newer.version")
    await Worker(db).drain()
    async with db.read() as tx:
        assert await backlog(tx) == {"dead": 1}


async def test_a_timer_waits_for_its_time(db: Database, reactions: Reactions, clock: ManualClock) -> None:
    rang = 0

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        nonlocal rang
        rang += 1

    reactions.job("ring", flow)
    async with db.tx() as tx:
        tx.enqueue("ring", {}, run_at=tx.now + timedelta(minutes=5))
    worker = Worker(db)
    assert await worker.drain() == 0
    clock.advance(300)
    assert await worker.drain() == 1
    assert rang == 1


async def test_a_worker_that_died_loses_its_job_to_another(
    db: Database, reactions: Reactions, clock: ManualClock
) -> None:
    runs: list[int] = []

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        runs.append(current_job().id)

    reactions.job("work", flow)
    await enqueue(db, "work")
    dead, alive = Worker(db, lease_s=60), Worker(db, lease_s=60)
    assert len(await dead._lease_due(1)) == 1
    assert await alive.drain() == 0, "leased, and the lease still runs"
    clock.advance(61)
    assert await alive.drain() == 1
    assert len(runs) == 1


async def test_work_that_must_not_be_done_twice_is_begun_once_whoever_dies_or_is_stopped(
    db: Database, reactions: Reactions, clock: ManualClock
) -> None:
    begun: list[bool] = []
    hangs = asyncio.Event()

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        async with db.tx() as tx:
            begun.append(await first_time(tx))
        hangs.set()
        if begun[-1]:
            await asyncio.Event().wait()

    reactions.job("unlock", flow)
    async with db.tx() as tx:
        tx.enqueue("unlock", {}, max_attempts=1)
    stopped = asyncio.create_task(Worker(db).drain())
    await hangs.wait()
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    clock.advance(3600)
    assert await Worker(db).drain() == 1
    assert begun == [True, False]
    async with db.read() as tx:
        assert await backlog(tx) == {}


async def test_a_late_worker_cannot_complete_what_another_took_over(
    db: Database, reactions: Reactions, clock: ManualClock
) -> None:
    effects: list[str] = []

    async def react(tx: Tx, event: Tapped) -> None:
        tx.enqueue("effect", {})

    async def effect(db: Database, payload: Mapping[str, Any]) -> None:
        effects.append("x")

    reactions.on(Tapped, react)
    reactions.job("effect", effect)
    async with db.tx() as tx:
        tx.emit(Tapped("S1", 1))
    late, quick = Worker(db), Worker(db)
    [job] = await late._lease_due(1)
    clock.advance(61)
    await quick.drain()
    await late._perform(job)
    await quick.drain()
    assert effects == ["x"]


async def test_a_newer_job_with_the_same_key_supersedes_one_that_failed(
    db: Database, reactions: Reactions, clock: ManualClock
) -> None:
    seen: list[int] = []

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        if payload["n"] == 1:
            async with db.tx() as tx:
                tx.enqueue("status", {"n": 2}, replace_key="evse")
            raise RuntimeError("offline")
        seen.append(payload["n"])

    reactions.job("status", flow)
    async with db.tx() as tx:
        tx.enqueue("status", {"n": 1}, replace_key="evse")
    worker = Worker(db)
    await worker.drain()
    clock.advance(LONGEST_RETRY_S)
    await worker.drain()
    assert seen == [2]


async def test_a_schedule_comes_back_and_survives_its_own_failures(
    db: Database, reactions: Reactions, clock: ManualClock
) -> None:
    runs = 0

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            raise RuntimeError("once")

    reactions.every("sweep", timedelta(minutes=1), flow)
    worker = Worker(db)
    await worker._ensure_schedules()
    await worker._ensure_schedules()
    for expected in (1, 2, 3):
        assert await worker.drain() == 1
        assert runs == expected
        clock.advance(61)


async def test_a_running_worker_takes_a_job_as_soon_as_it_is_committed(db: Database, reactions: Reactions) -> None:
    done = asyncio.Event()

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        done.set()

    reactions.job("work", flow)
    worker = asyncio.create_task(Worker(db, poll_s=60).run())
    await asyncio.sleep(0.05)
    await enqueue(db, "work")
    async with asyncio.timeout(30):
        await done.wait()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def test_a_worker_that_is_stopped_gives_its_jobs_back(db: Database, reactions: Reactions) -> None:
    started = asyncio.Event()

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        started.set()
        await asyncio.sleep(60)

    reactions.job("work", flow)
    await enqueue(db, "work")
    worker = asyncio.create_task(Worker(db).run())
    await started.wait()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    async with db.read() as tx:
        row = await tx.first(select(JobRow))
    assert row is not None
    assert (row.leased_by, row.attempts) == (None, 0)


async def test_many_workers_run_each_job_once(db: Database, reactions: Reactions) -> None:
    runs: list[int] = []

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        runs.append(payload["n"])
        await asyncio.sleep(0)

    reactions.job("work", flow)
    async with db.tx() as tx:
        for n in range(60):
            tx.enqueue("work", {"n": n})
    workers = [asyncio.create_task(Worker(db, concurrency=5).run()) for _ in range(3)]
    async with asyncio.timeout(30):
        while len(runs) < 60:
            await asyncio.sleep(0.02)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert sorted(runs) == list(range(60))


@given(st.integers(min_value=1, max_value=10_000))
def test_back_off_grows_and_stays_in_its_bounds(attempt: int) -> None:
    assert 0.5 <= backoff_s(attempt) <= LONGEST_RETRY_S
