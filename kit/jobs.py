"""The worker: takes due job rows, runs their handlers, retries with back-off, and keeps what gave up as dead letters.

A job is leased for a short while, which the worker prolongs as long as it lives: a worker that dies loses its jobs to
another within one lease. Jobs of one lane run one at a time in the order in which they were written, also while the
first of them waits for its retry. On PostgreSQL many workers share the table (`FOR UPDATE SKIP LOCKED`); SQLite has
one writer anyway. A lost doorbell costs at most one poll interval.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Executable, bindparam, delete, exists, func, or_, select, update
from sqlmodel import col

from kit.events import Subscription, Subscriptions
from kit.ids import uuid7
from kit.job_rows import DEAD, READY, JobRow
from kit.log import correlation_id, get
from kit.tx import Database, Tx

__all__ = ["GiveUp", "Job", "Retry", "Worker", "current_job", "dead_letters", "replay"]

log = get(__name__)

_ANY_DUE = "SELECT 1 FROM job WHERE state = ? AND run_at <= ? AND (leased_until IS NULL OR leased_until <= ?) LIMIT 1"
_job: Any = JobRow.__table__  # type: ignore[attr-defined]


def _lease_due() -> Executable:
    """Leases what is due and found unleased, and of each lane its first job only."""
    earlier = _job.alias("earlier")
    blocked = exists().where(earlier.c.lane == _job.c.lane, earlier.c.state == READY, earlier.c.id < _job.c.id)
    now = bindparam("now", type_=_job.c.run_at.type)
    due = (
        select(_job.c.id)
        .where(
            _job.c.state == READY,
            _job.c.run_at <= now,
            or_(_job.c.leased_until.is_(None), _job.c.leased_until <= now),
            or_(_job.c.lane.is_(None), ~blocked),
        )
        .order_by(_job.c.run_at, _job.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    lease = {
        "leased_by": bindparam("worker"),
        "leased_until": bindparam("until"),
        "attempts": _job.c.attempts + 1,
    }
    seen = ("run_at", "id", "kind", "payload", "attempts", "max_attempts", "correlation_id")
    leasing = update(_job).where(_job.c.id.in_(select(due.c.id))).values(lease)
    return leasing.returning(*(_job.c[name] for name in seen))


# Built once: SQLAlchemy takes longer to build a statement than the database to run it.
_LEASE_DUE = _lease_due()
_FINISH = (
    delete(_job).where(_job.c.id == bindparam("job_id"), _job.c.leased_by == bindparam("worker")).returning(_job.c.id)
)
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 900.0


class Retry(Exception):
    """Raised by a handler: not now, again in `after_s` seconds (None: the usual back-off)."""

    def __init__(self, reason: str, *, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class GiveUp(Exception):
    """Raised by a handler: trying again is useless, an operator has to look."""


class LeaseLost(Exception):
    """Another worker took the job over while this one was still at it; what was done inside the tx is rolled back."""


@dataclass(frozen=True, slots=True)
class Job:
    """A leased job as its handler sees it through `current_job()`. `id` is what a reaction is idempotent on."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    attempt: int
    max_attempts: int
    correlation_id: str | None


_current: ContextVar[Job | None] = ContextVar("current_job", default=None)


def current_job() -> Job:
    """The job whose handler is running in this task."""
    job = _current.get()
    if job is None:
        raise LookupError("no job is running in this task")
    return job


async def first_time(tx: Tx) -> bool:
    """Mark the running job as begun, for work that must not be done twice; False when it was begun before.

    Whoever finds it begun knows that a process died, or was stopped, somewhere between here and the end of the job.
    """
    job = current_job()
    unmarked = update(JobRow).where(col(JobRow.id) == job.id, col(JobRow.max_attempts) > 0)
    return (await tx.execute(unmarked.values(max_attempts=0))).rowcount == 1


class Worker:
    """Runs the jobs of one process until cancelled."""

    def __init__(
        self, db: Database, *, concurrency: int = 8, poll_s: float = 1.0, lease_s: float = 15.0, name: str | None = None
    ) -> None:
        self._db = db
        self._reactions: Subscriptions = db.reactions
        self._concurrency = concurrency
        self._poll_s = poll_s
        self._lease = timedelta(seconds=lease_s)
        self._name = name or uuid7()
        self._rung = asyncio.Event()
        self._running: dict[asyncio.Task[None], int] = {}

    def wake(self) -> None:
        """Look for due jobs now. Safe to call from any callback of the same loop."""
        self._rung.set()

    async def run(self) -> None:
        """Work until cancelled; jobs under way are then cancelled and given back.

        A database that is away for a while is waited for.
        """
        self._db.doorbells.listen("jobs", self.wake)
        keeper = asyncio.create_task(self._keep_leases())
        scheduled = False
        try:
            while True:
                try:
                    if not scheduled:
                        await self._ensure_schedules()
                        scheduled = True
                    await self._take_due()
                except Exception as error:
                    log.error("worker_cannot_look", error=type(error).__name__)
                    await self._wait()
        finally:
            tasks = [keeper, *self._running]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self) -> int:
        """Run everything that is due now, and what that leads to, one at a time; the number of jobs run. For tests."""
        count = 0
        while jobs := await self._lease_due(1):
            await self._perform(jobs[0])
            count += 1
        return count

    async def _take_due(self) -> None:
        """Start what is due as far as there is room, and wait when there is no more of either."""
        self._rung.clear()
        free = self._concurrency - len(self._running)
        jobs = await self._lease_due(free) if free else []
        for job in jobs:
            task = asyncio.create_task(self._perform(job))
            self._running[task] = job.id
            task.add_done_callback(self._done)
        if len(jobs) < free or not free:
            await self._wait()

    def _done(self, task: asyncio.Task[None]) -> None:
        job_id = self._running.pop(task)
        self._rung.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The database was away when the outcome was to be written: the job is due again after its lease.
            log.error("job_outcome_lost", job_id=job_id, error=type(error).__name__)

    async def _keep_leases(self) -> None:
        """Prolong the leases of the jobs under way before a third of the time is over, until cancelled."""
        while True:
            await self._db.clock.sleep(self._lease.total_seconds() / 3)
            if not self._running:
                continue
            try:
                async with self._db.tx() as tx:
                    await tx.execute(
                        update(JobRow)
                        .where(col(JobRow.id).in_(self._running.values()), col(JobRow.leased_by) == self._name)
                        .values(leased_until=tx.now + self._lease)
                    )
            except Exception as error:
                log.error("leases_not_kept", error=type(error).__name__)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._rung.wait()
        except TimeoutError:
            return

    async def _lease_due(self, limit: int) -> list[Job]:
        run_at: Any = JobRow.__table__.c.run_at  # type: ignore[attr-defined]
        now = self._db.bound(run_at, self._db.clock.now())
        if not await self._db.reader.quick(_ANY_DUE, READY, now, now):
            return []  # as nearly every look does, which need not keep the writer from others
        async with self._db.tx() as tx:
            leased = await tx.rows(
                _LEASE_DUE, {"now": tx.now, "until": tx.now + self._lease, "worker": self._name, "most": limit}
            )
        return [_as_job(row) for row in sorted(leased, key=lambda row: (row[0], row[1]))]

    async def _perform(self, job: Job) -> None:
        subscription = self._reactions.subscriptions.get(job.kind)
        _current.set(job)
        correlation_id.set(job.correlation_id)
        try:
            if subscription is None:
                raise GiveUp(f"no handler is registered for {job.kind}")
            await self._handle(subscription, job)
        except asyncio.CancelledError:
            await self._put_back(job)
            raise
        except LeaseLost:
            log.warning("job_lease_lost", kind=job.kind, job_id=job.id)
        except Exception as error:
            await self._fail(job, error)

    async def _handle(self, subscription: Subscription, job: Job) -> None:
        argument = subscription.decode(job.payload)
        if subscription.inside_tx:
            async with self._db.tx() as tx:
                await subscription.handler(tx, argument)
                await self._finish(tx, job)
        else:
            await subscription.handler(self._db, argument)
            async with self._db.tx() as tx:
                await self._finish(tx, job)
                self._schedule_again(tx, job.kind)

    async def _finish(self, tx: Tx, job: Job) -> None:
        if not await tx.rows(_FINISH, {"job_id": job.id, "worker": self._name}):
            raise LeaseLost

    async def _put_back(self, job: Job) -> None:
        async with self._db.tx() as tx:
            await self._release(tx, job, run_at=tx.now, error=None, attempts=job.attempt - 1)

    async def _fail(self, job: Job, error: Exception) -> None:
        scheduled = any(schedule.kind == job.kind for schedule in self._reactions.schedules)
        dead = not scheduled and (isinstance(error, GiveUp) or job.attempt >= job.max_attempts)
        log.warning(
            "job_failed", kind=job.kind, job_id=job.id, attempt=job.attempt, dead=dead, error=type(error).__name__
        )
        reason = f"{type(error).__name__}: {error}"[:2000]
        async with self._db.tx() as tx:
            if scheduled:
                await self._finish(tx, job)
                self._schedule_again(tx, job.kind)
            elif dead:
                await tx.execute(
                    update(JobRow)
                    .where(col(JobRow.id) == job.id)
                    .values(state=DEAD, leased_by=None, leased_until=None, last_error=reason)
                )
            else:
                after_s = error.after_s if isinstance(error, Retry) else None
                run_at = tx.now + timedelta(seconds=backoff_s(job.attempt) if after_s is None else after_s)
                await self._release(tx, job, run_at=run_at, error=reason, attempts=job.attempt)

    async def _release(self, tx: Tx, job: Job, *, run_at: datetime, error: str | None, attempts: int) -> None:
        row = await tx.get(JobRow, job.id)
        if row is None or row.leased_by != self._name:
            return
        if row.replace_key is not None and await self._is_superseded(tx, row):
            await tx.delete(row)
            return
        row.leased_by, row.leased_until = None, None
        row.run_at, row.last_error, row.attempts = run_at, error, attempts

    async def _is_superseded(self, tx: Tx, row: JobRow) -> bool:
        newer = select(JobRow).where(
            col(JobRow.kind) == row.kind,
            col(JobRow.replace_key) == row.replace_key,
            col(JobRow.state) == READY,
            col(JobRow.leased_by).is_(None),
        )
        return await tx.first(newer) is not None

    async def _ensure_schedules(self) -> None:
        if not self._reactions.schedules:
            return
        async with self._db.tx() as tx:
            present = set((await tx.execute(select(col(JobRow.kind)).where(col(JobRow.state) == READY))).scalars())
            for schedule in self._reactions.schedules:
                if schedule.kind not in present:
                    tx.enqueue(schedule.kind, {}, replace_key=schedule.kind, run_at=tx.now)

    def _schedule_again(self, tx: Tx, kind: str) -> None:
        for schedule in self._reactions.schedules:
            if schedule.kind == kind:
                tx.enqueue(kind, {}, replace_key=kind, run_at=tx.now + schedule.every)


def backoff_s(attempt: int) -> float:
    """Seconds to wait after the n-th failed attempt: doubling from one second to a quarter hour, with full jitter
    in the upper half so that many jobs that failed together do not come back together."""
    ceiling: float = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(attempt - 1, 20))
    return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311 - spread, not secrecy


async def dead_letters(tx: Tx, *, limit: int = 100) -> Sequence[JobRow]:
    """Jobs that gave up, newest first."""
    return await tx.all(select(JobRow).where(col(JobRow.state) == DEAD).order_by(col(JobRow.id).desc()).limit(limit))


async def replay(tx: Tx, job_id: int) -> bool:
    """Make a dead letter due again with fresh attempts; False when there is no such dead letter."""
    row = await tx.get(JobRow, job_id)
    if row is None or row.state != DEAD:
        return False
    tx.enqueue(row.kind, orjson.loads(row.payload), lane=row.lane, replace_key=row.replace_key)
    await tx.delete(row)
    return True


async def backlog(tx: Tx) -> dict[str, int]:
    """How many jobs wait, by state, for metrics and the operator."""
    counts = await tx.execute(select(col(JobRow.state), func.count()).group_by(col(JobRow.state)))
    rows: Sequence[Any] = counts.all()
    return {state: int(number) for state, number in rows}


def _as_job(row: Sequence[Any]) -> Job:
    _, job_id, kind, payload, attempts, max_attempts, correlation = row
    return Job(job_id, kind, orjson.loads(payload), attempts, max_attempts, correlation)
