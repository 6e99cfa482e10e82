"""Many rows by one commit, straight on the driver: the shortest way into the database, for what never stops coming.

A batch is one statement for each kind of row. On SQLite a thread runs all of them and the commit in one go; PostgreSQL
gets each column as one array. Everything else goes through `kit.tx`; `Database.write` is the door to this.
"""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Dialect, Executable, Table
from sqlalchemy.ext.asyncio import AsyncEngine

from kit.bulk import Bulk, Bulks, Row, processed
from kit.db import SQLITE_PRAGMAS
from kit.drivers import PostgresqlConnections, connect_sqlite

_REFUSED_BY_SQLITE = (sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError, ValueError, OverflowError)
_REFUSED_BY_POSTGRESQL = (asyncpg.DataError, ValueError)
"""What is not of the type of its column, or text that cannot be encoded (a ValueError)."""
_LENGTH = re.compile(r"\(\d+\)")
_COMMITS_BETWEEN_CHECKPOINTS = 100


class Refused(Exception):
    """The database is well and does not take a row of the batch. Says nothing more, as drivers quote the row."""


class AlreadyThere(Refused):
    """A row of the batch breaks a constraint of its table: mostly there is one like it."""


@dataclass(frozen=True)
class Put:
    """An INSERT of rows with these columns.

    With `keys`, what is there already under them gets the new values of `merged`, or stays as it is without any;
    `where` is the condition of a partial index.
    """

    table: Table
    columns: tuple[str, ...]
    keys: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    where: str = ""

    @property
    def conflict(self) -> str:
        """What follows the rows."""
        if not self.keys:
            return ""
        where = f" WHERE {self.where}" if self.where else ""
        given = ", ".join(f"{name} = excluded.{name}" for name in self.merged)
        return f" ON CONFLICT ({', '.join(self.keys)}){where} DO {f'UPDATE SET {given}' if given else 'NOTHING'}"


@dataclass(frozen=True)
class Change:
    """An UPDATE of rows that are there: these columns of the one with each `id`."""

    table: Table
    columns: tuple[str, ...]


Statement = Put | Change | Executable
"""An executable is one of SQLAlchemy's that is built once, as for `kit.tx.Tx.rows`; it runs for each row by itself."""
Batch = Sequence[tuple[Statement, Sequence[Row]]]
"""Statements and their rows, each with all columns of its statement (and `id` for a change), or its parameters."""
Found = list[Sequence[Sequence[Any]]]
"""What each statement of a batch has found, for all of its rows."""


@dataclass(slots=True)
class _Ready:
    """SQL and the values for it: column by column for a put or a change, else row by row for a bulk."""

    sql: str
    values: list[Any]
    bulk: Bulk | None = None


class BulkWriter(Protocol):
    """Writes batches into one database. Nothing is connected before the first."""

    async def write(self, batch: Batch) -> Found:
        """Commit all of it or nothing. Raises `Refused`, or what the driver raises when the database is away."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


def open_bulk_writer(engine: AsyncEngine) -> BulkWriter:
    """A writer into the database that an engine writes to."""
    if engine.dialect.name == "sqlite":
        return SqliteBulkWriter(str(engine.url.database), engine.sync_engine.dialect)
    return PostgresqlBulkWriter(engine)


class _Compiled:
    """Statements as SQL, and rows as the columns that the driver wants; each statement is made once."""

    def __init__(self, dialect: Dialect, sql_of: Callable[[Put | Change, Dialect], str]) -> None:
        self._dialect = dialect
        self._sql_of = sql_of
        self._known: dict[int, tuple[Statement, str, list[tuple[str, Any]]]] = {}
        self._bulks = Bulks(dialect)

    def ready(self, batch: Batch) -> list[_Ready]:
        """What the driver is given."""
        made: list[_Ready] = []
        for statement, rows in batch:
            if not isinstance(statement, Put | Change):
                bulk = self._bulks.of(statement, rows[0])
                made.append(_Ready(bulk.sql, bulk.values(rows), bulk))
                continue
            _, sql, columns = self._known.get(id(statement)) or self._compile(statement)
            values = []
            for name, process in columns:
                column = [row[name] for row in rows]
                values.append(column if process is None else processed(process, column))
            made.append(_Ready(sql, values))
        return made

    def _compile(self, statement: Put | Change) -> tuple[Statement, str, list[tuple[str, Any]]]:
        dialect, table = self._dialect, statement.table
        names = statement.columns if isinstance(statement, Put) else (*statement.columns, "id")
        columns = [(name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names]
        known = self._known[id(statement)] = (statement, self._sql_of(statement, dialect), columns)
        return known


class SqliteBulkWriter:
    """A connection and a thread of its own. Its caller sees to it that nobody else in this process writes meanwhile.

    Left to itself, SQLite empties its write-ahead log in the middle of the commit that finds it full, which then takes
    several times as long as the others. So it is emptied between commits, before it is full.
    """

    def __init__(self, path: str, dialect: Dialect) -> None:
        self._path = path
        self._compiled = _Compiled(dialect, _sqlite)
        self._thread = ThreadPoolExecutor(1, "bulk-writer")
        self._connection: sqlite3.Connection | None = None
        self._commits = 0

    async def write(self, batch: Batch) -> Found:
        """Commit all of it or nothing."""
        ready = self._compiled.ready(batch)
        found = await asyncio.get_running_loop().run_in_executor(self._thread, self._write, ready)
        self._commits += 1
        if self._commits >= _COMMITS_BETWEEN_CHECKPOINTS:
            self._commits = 0
            self._thread.submit(self._checkpoint)
        return found

    async def close(self) -> None:
        """Close the connection."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _write(self, ready: list[_Ready]) -> Found:
        connection = self._connection = self._connection or connect_sqlite(self._path, SQLITE_PRAGMAS)
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = [_run(connection, each) for each in ready]
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.IntegrityError):
                raise AlreadyThere from None
            if isinstance(error, _REFUSED_BY_SQLITE):
                raise Refused(type(error).__name__) from None
            raise
        return found

    def _checkpoint(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):  # a commit that finds the log full tries again
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _run(connection: sqlite3.Connection, ready: _Ready) -> Sequence[Sequence[Any]]:
    if ready.bulk is None:
        connection.executemany(ready.sql, zip(*ready.values, strict=True))
        return ()
    return ready.bulk.read([row for values in ready.values for row in connection.execute(ready.sql, values)])


class PostgresqlBulkWriter:
    """A connection for each batch under way."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._connections = PostgresqlConnections(engine)
        self._compiled = _Compiled(engine.sync_engine.dialect, _postgresql)

    async def write(self, batch: Batch) -> Found:
        """Commit all of it or nothing."""
        ready = self._compiled.ready(batch)
        connection = await self._connections.taken()
        try:
            async with connection.transaction():
                return [await _fetched(connection, each) for each in ready]
        except asyncpg.IntegrityConstraintViolationError:
            raise AlreadyThere from None
        except _REFUSED_BY_POSTGRESQL as error:
            raise Refused(type(error).__name__) from None
        finally:
            self._connections.give_back(connection)

    async def close(self) -> None:
        """Close the connections that are not at work."""
        await self._connections.close()


async def _fetched(connection: Any, ready: _Ready) -> Sequence[Sequence[Any]]:
    if ready.bulk is None:
        await connection.fetch(ready.sql, *ready.values)
        return ()
    return ready.bulk.read([row for values in ready.values for row in await connection.fetch(ready.sql, *values)])


def _sqlite(statement: Put | Change, dialect: Dialect) -> str:
    table = statement.table.name
    if isinstance(statement, Change):
        return f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in statement.columns)} WHERE id = ?"  # noqa: S608
    marks = ", ".join("?" for _ in statement.columns)
    return f"INSERT INTO {table} ({', '.join(statement.columns)}) VALUES ({marks}){statement.conflict}"  # noqa: S608


def _postgresql(statement: Put | Change, dialect: Dialect) -> str:
    table = statement.table

    def arrays(names: Sequence[str]) -> str:
        # Without its length: a cast would cut a text that is too long, where storing it is refused.
        kinds = [_LENGTH.sub("", table.c[name].type.compile(dialect)) for name in names]
        return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 1))

    if isinstance(statement, Change):
        names = (*statement.columns, "id")
        given = ", ".join(f"{name} = given.{name}" for name in statement.columns)
        rows = f"unnest({arrays(names)}) AS given ({', '.join(names)})"
        return f"UPDATE {table.name} SET {given} FROM {rows} WHERE {table.name}.id = given.id"  # noqa: S608
    rows = f"SELECT * FROM unnest({arrays(statement.columns)})"  # noqa: S608
    return f"INSERT INTO {table.name} ({', '.join(statement.columns)}) {rows}{statement.conflict}"
