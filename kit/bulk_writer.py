"""Many rows by one commit, straight on the driver: the shortest way into the database, for what never stops coming.

A batch is one statement for each kind of row. On SQLite a thread runs all of them and the commit in one go; PostgreSQL
gets each column as one array. Everything else goes through `kit.tx`; `Database.write` is the door to this.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine

from kit.bulk import Change, Prepared, PreparedQuery, Put, Row, Statement, Statements
from kit.db import SQLITE_PRAGMAS
from kit.drivers import PostgresqlConnections, connect_sqlite

_REFUSED_BY_SQLITE = (sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError, ValueError, OverflowError)
_REFUSED_BY_POSTGRESQL = (asyncpg.DataError, ValueError)
"""What is not of the type of its column, or text that cannot be encoded (a ValueError)."""
_COMMITS_BETWEEN_CHECKPOINTS = 100


class Refused(Exception):
    """The database is well and does not take a row of the batch. Says nothing more, as drivers quote the row."""


class AlreadyThere(Refused):
    """A row of the batch breaks a constraint of its table: mostly there is one like it."""


Batch = Sequence[tuple[Statement, Sequence[Row]]]
"""Statements and their rows, each with all columns of its statement (and `id` for a change), or its parameters."""
Found = list[Sequence[Sequence[Any]]]
"""What each statement of a batch has found, for all of its rows."""
Ready = tuple[Prepared, list[Any]]
"""A statement for the driver with the values of its rows: row by row of a query, else column by column."""


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


def _ready(statements: Statements, batch: Batch) -> list[Ready]:
    made: list[Ready] = []
    for statement, rows in batch:
        if isinstance(statement, Put | Change):
            put = statements.rows(statement)
            made.append((put, put.columns(rows)))
        else:
            query = statements.query(statement, rows[0])
            made.append((query, query.values(rows)))
    return made


class SqliteBulkWriter:
    """A connection and a thread of its own. Its caller sees to it that nobody else in this process writes meanwhile.

    Left to itself, SQLite empties its write-ahead log in the middle of the commit that finds it full, which then takes
    several times as long as the others. So it is emptied between commits, before it is full.
    """

    def __init__(self, path: str, dialect: Dialect) -> None:
        self._path = path
        self._statements = Statements(dialect)
        self._thread = ThreadPoolExecutor(1, "bulk-writer")
        self._connection: sqlite3.Connection | None = None
        self._commits = 0

    async def write(self, batch: Batch) -> Found:
        """Commit all of it or nothing."""
        ready = _ready(self._statements, batch)
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

    def _write(self, ready: list[Ready]) -> Found:
        connection = self._connection = self._connection or connect_sqlite(self._path, SQLITE_PRAGMAS)
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = [_run(connection, *each) for each in ready]
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


def _run(connection: sqlite3.Connection, statement: Prepared, values: list[Any]) -> Sequence[Sequence[Any]]:
    if isinstance(statement, PreparedQuery):
        return statement.read([found for row in values for found in connection.execute(statement.sql, row)])
    connection.executemany(statement.sql, zip(*values, strict=True))
    return ()


class PostgresqlBulkWriter:
    """A connection for each batch under way."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._connections = PostgresqlConnections(engine)
        self._statements = Statements(engine.sync_engine.dialect)

    async def write(self, batch: Batch) -> Found:
        """Commit all of it or nothing."""
        ready = _ready(self._statements, batch)
        connection = await self._connections.taken()
        try:
            async with connection.transaction():
                return [await _fetched(connection, *each) for each in ready]
        except asyncpg.IntegrityConstraintViolationError:
            raise AlreadyThere from None
        except _REFUSED_BY_POSTGRESQL as error:
            raise Refused(type(error).__name__) from None
        finally:
            self._connections.give_back(connection)

    async def close(self) -> None:
        """Close the connections that are not at work."""
        await self._connections.close()


async def _fetched(connection: Any, statement: Prepared, values: list[Any]) -> Sequence[Sequence[Any]]:
    if isinstance(statement, PreparedQuery):
        return statement.read([found for row in values for found in await connection.fetch(statement.sql, *row)])
    await connection.fetch(statement.sql, *values)
    return ()
