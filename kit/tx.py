"""One short unit of work on the database, and the facts it leaves behind.

    async with db.tx() as tx:
        tx.add(row)
        tx.emit(SessionChanged(session_id=row.id))

The transaction commits when the block is left and rolls back when it raises. What `emit` and `enqueue` recorded is
written as job rows by the same commit; only then do the doorbells ring. No network call may happen inside: `kit.http`,
`kit.bus` and `csms.link` refuse while a transaction is open in the current task (`kit.guard`).
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast

import asyncpg
from sqlalchemy import Column, Executable, Select, Table, func, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from kit.bulk import Change, Put, Statements, changing, inserting
from kit.bulk_writer import Batch, BulkWriter, Found, open_bulk_writer
from kit.clock import Clock
from kit.db import DialectName, open_engines
from kit.doorbells import Doorbells
from kit.events import Event, Subscriptions
from kit.guard import NetworkInsideTx, forbid_in_tx, tx_active
from kit.job_rows import JobRequest, jobs_batch
from kit.reader import Reader, bound, open_reader
from kit.sqlite_driver import Connection, executed, executed_many

__all__ = ["Database", "Event", "NestedTx", "NetworkInsideTx", "Tx", "forbid_in_tx"]

Row = TypeVar("Row")
_BREAKS_A_CONSTRAINT = (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)


class Companion(Protocol):
    """What gathers something over a whole transaction and writes it once, at its end."""

    async def before_commit(self, tx: "Tx") -> None:
        """Write it; nothing else is written by the transaction afterwards."""
        ...


CompanionT = TypeVar("CompanionT", bound=Companion)


class NestedTx(RuntimeError):
    """A transaction was opened inside another one of the same task: pass the outer `tx` on instead."""


class Tx:
    """An open unit of work. `now` is the moment it began (aware UTC): one time for all that it writes."""

    def __init__(self, connection: AsyncConnection, *, now: datetime, db: "Database") -> None:
        self.connection = connection
        self.now = now
        self.db = db
        self._jobs: list[JobRequest] = []
        self._rings: set[str] = set()
        self._companions: dict[type[Any], Companion] = {}
        self._session: AsyncSession | None = None
        self._driver: Any = None

    @property
    def session(self) -> AsyncSession:
        """The session of SQLAlchemy's, made when it is first needed: what goes by without objects costs half."""
        if self._session is None:
            self._session = AsyncSession(self.connection, expire_on_commit=False, join_transaction_mode="control_fully")
        return self._session

    def add(self, row: object) -> None:
        """Insert a row with the commit, or with the next query that needs it."""
        self.session.add(row)

    async def delete(self, row: object) -> None:
        """Delete a row with the commit."""
        await self.session.delete(row)

    async def flush(self) -> None:
        """Send what was added now, to learn generated keys or to meet a constraint here."""
        session = self._session
        if session is not None and (session.new or session.dirty or session.deleted):
            await session.flush()

    async def get(self, model: type[Row], key: Any) -> Row | None:
        """The row with this primary key, or None."""
        return await self.session.get(model, key)

    async def first(self, statement: Select[Row]) -> Row | None:
        """The first row of a one-entity query, or None."""
        return (await self.session.execute(statement)).scalars().first()

    async def all(self, statement: Select[Row]) -> Sequence[Row]:
        """Every row of a one-entity query."""
        return (await self.session.execute(statement)).scalars().all()

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Any statement; a list of parameters makes it a multi-row one."""
        result: Any = await self.session.execute(statement, parameters)
        return result  # type: ignore[no-any-return]

    async def rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows of a statement that is built once and executed very often, each a sequence of its columns.

        It is compiled when it is used for the first time. It finds columns and no entities, and where it looks for any
        number of values it does so by one parameter (`kit.db.among`).
        """
        query = self.db._statements.query(statement, parameters)
        [values] = query.values([parameters])
        return query.read(await self._run(query.sql, values))

    async def insert(self, table: Table, rows: Sequence[Mapping[str, Any]], *, replace: bool = False) -> None:
        """Insert rows, all with the same columns, in as few trips as the driver allows. Raises `IntegrityError`.

        `replace` gives a row that there is already, by its primary key, the new values.
        """
        if not rows:
            return
        await self._put(inserting(table, tuple(rows[0]), replace=replace), rows)

    async def change(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Give rows that are there, by their `id`, new values, all in the same columns. Raises `IntegrityError`."""
        if rows:
            await self._put(changing(table, tuple(name for name in rows[0] if name != "id")), rows)

    async def _put(self, statement: Put | Change, rows: Sequence[Mapping[str, Any]]) -> None:
        put = self.db._statements.rows(statement)
        columns = put.columns(rows)
        values = columns if self.db.dialect == "postgresql" else list(zip(*columns, strict=True))
        await self._run(put.sql, values, many=True)

    async def _run(self, sql: str, values: Sequence[Any], *, many: bool = False) -> Sequence[Sequence[Any]]:
        """What the driver finds; `many` are values for many rows. Raises `IntegrityError`, or what the driver does."""
        await self.flush()
        try:
            if self.db.dialect == "sqlite":
                _, rows = await (await self._sqlite()).run(executed_many if many else executed, sql, values)
                return rows
            if self._driver is None:  # SQLAlchemy begins its transaction with a first statement of its own
                result = await self.connection.exec_driver_sql(sql, tuple(values))
                self._driver = (await self.connection.get_raw_connection()).driver_connection
                return result.all() if result.returns_rows else ()
            found: Sequence[Sequence[Any]] = await self._driver.fetch(sql, *values)
            return found
        except _BREAKS_A_CONSTRAINT as error:
            raise IntegrityError(sql, None, error) from error

    async def _sqlite(self) -> Connection:
        """The driver's own connection behind one to SQLite."""
        if self._driver is None:
            if not self.connection.in_transaction():
                await self.connection.begin()
            self._driver = (await self.connection.get_raw_connection()).dbapi_connection
        return cast(Connection, self._driver)

    async def reserve_ids(self, table: Table, count: int) -> Sequence[int]:
        """Ids for rows that this transaction inserts into a table whose `id` the database gives otherwise."""
        if self.db.dialect == "postgresql":
            sequence = func.pg_get_serial_sequence(table.name, "id")
            found = await self.connection.execute(
                select(func.nextval(sequence)).select_from(func.generate_series(1, count))
            )
            return list(found.scalars())
        # Nobody else writes before we commit, so the ids that SQLite would give are ours to give.
        await self.flush()
        last = (await self.connection.execute(select(func.max(table.c.id)))).scalar_one() or 0
        return range(last + 1, last + 1 + count)

    def emit(self, event: Event) -> None:
        """Record a fact: each subscriber in the reactions gets one job row, written by this commit."""
        self._jobs.extend(self.db.reactions.jobs_for(event))

    def enqueue(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        lane: str | None = None,
        replace_key: str | None = None,
        run_at: datetime | None = None,
        max_attempts: int = 12,
    ) -> None:
        """Write one job by this commit; `kind` is a name registered with `Reactions.job`.

        Jobs of one `lane` run one at a time in order. A waiting job with the same kind and `replace_key` is replaced.
        """
        self._jobs.append(JobRequest(kind, payload, lane, replace_key, run_at, max_attempts))

    def ring(self, doorbell: str) -> None:
        """Ring this doorbell once the commit has succeeded, in this process and in the others (`kit.doorbells`)."""
        self._rings.add(doorbell)

    def companion(self, kind: type[CompanionT]) -> CompanionT:
        """The one companion of a kind that goes with this transaction."""
        known = self._companions.get(kind)
        if not isinstance(known, kind):
            known = self._companions[kind] = kind()
        return known

    async def _finish(self) -> None:
        if self._jobs:
            for put, rows in jobs_batch(self._jobs, now=self.now):
                await self._put(put, rows)
            self._rings.add("jobs")
        for companion in self._companions.values():
            await companion.before_commit(self)
        if self._session is not None:
            await self._session.commit()
        if self.connection.in_transaction():  # the session had no part in it
            await self.connection.commit()

    async def _end(self) -> None:
        """Whatever was not committed goes with the connection."""
        if self._session is not None:
            await self._session.close()


class Database:
    """A database by URL: `tx()` to change it, `read()` to look."""

    def __init__(self, url: str, *, clock: Clock, reactions: Subscriptions | None = None, pool_size: int = 10) -> None:
        self.url = url
        self.clock = clock
        self.reactions = reactions or Subscriptions()
        self._pool_size = pool_size
        self._apart: list[Database] = []
        self._engines = open_engines(url, pool_size=pool_size)
        self._writing = asyncio.Lock() if self._engines.dialect == "sqlite" else nullcontext()
        self._statements = Statements(self._engines.writer.dialect)
        self.doorbells = Doorbells()
        self.reader: Reader = open_reader(self._engines.reader, pool_size=pool_size)
        """For single statements that are asked very often; `read()` for everything else."""
        self._bulk_writer: BulkWriter = open_bulk_writer(self._engines.writer)

    @property
    def dialect(self) -> DialectName:
        """Which database this is, for the few statements that differ."""
        return self._engines.dialect

    def apart(self) -> "Database":
        """The same for work that all others must not keep waiting: on PostgreSQL it has connections of its own.

        On SQLite everybody writes in turn, and it is this one. It is closed together with this one.
        """
        if self.dialect == "sqlite":
            return self
        other = Database(self.url, clock=self.clock, reactions=self.reactions, pool_size=self._pool_size)
        other.doorbells = self.doorbells
        self._apart.append(other)
        return other

    async def close(self) -> None:
        """Close every connection."""
        for other in self._apart:
            await other.close()
        await self.reader.close()
        await self._bulk_writer.close()
        await self._engines.dispose()

    def bound(self, column: "Column[Any]", value: Any) -> Any:
        """A value as `reader` takes it for a column."""
        return bound(self._engines.reader, column, value)

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Tx]:
        """A unit of work that commits when the block is left. Raises `NestedTx` inside another one."""
        if tx_active.get():
            raise NestedTx("a transaction is already open in this task")
        token = tx_active.set(True)
        try:
            async with self._writing, self._begun(self._engines.writer) as tx:
                yield tx
                await tx._finish()
        finally:
            tx_active.reset(token)
        self.doorbells.ring(tx._rings)

    async def write(self, batch: Batch, events: Iterable[Event] = ()) -> Found:
        """Write what never stops coming, and record facts, by one commit without a unit of work around it.

        Returns what each statement of the batch has found. Raises `kit.bulk_writer.Refused`, `NestedTx`, or what the
        driver raises.
        """
        if tx_active.get():
            raise NestedTx("a transaction is already open in this task")
        requests = [request for event in events for request in self.reactions.jobs_for(event)]
        if requests:
            batch = [*batch, *jobs_batch(requests, now=self.clock.now())]
        async with self._writing:
            found = await self._bulk_writer.write(batch)
        if requests:
            self.doorbells.ring(("jobs",))
        return found

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A look at the database beside the writer; what it would change is lost, and what it emits is refused."""
        if tx_active.get():
            raise NestedTx("a transaction is already open in this task")
        token = tx_active.set(True)
        try:
            async with self._begun(self._engines.reader) as tx:
                yield tx
        finally:
            tx_active.reset(token)

    @asynccontextmanager
    async def _begun(self, engine: AsyncEngine) -> AsyncIterator[Tx]:
        async with engine.connect() as connection:
            tx = Tx(connection, now=self.clock.now(), db=self)
            try:
                yield tx
            finally:
                await tx._end()
