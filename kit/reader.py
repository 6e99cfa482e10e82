"""Single statements read straight from the driver, for what is asked thousands of times a second.

One statement sees one state of the database, so nothing is begun and nothing ends. Statements are written with `?`,
and rows come as the driver makes them: on SQLite text is bytes. Everything else goes through `kit.tx`.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Column
from sqlalchemy.ext.asyncio import AsyncEngine

from kit.drivers import LONGEST_WAIT_MS, PostgresqlConnections, connect_sqlite
from kit.room import Room

_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY_CODE = 0xFF
"""The bits of an error code that say what it is; the others say why."""


class Reader(Protocol):
    """Reads from one database. Nothing is connected before the first statement."""

    async def all(self, statement: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """Every row."""
        ...

    async def quick(self, statement: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """Every row of a statement that looks at a few rows only, whatever the tables hold."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


def open_reader(engine: AsyncEngine, *, pool_size: int) -> Reader:
    """A reader of the database that an engine reads from."""
    if engine.dialect.name == "sqlite":
        return SqliteReader(str(engine.url.database))
    return PostgresqlReader(engine, pool_size)


def bound(engine: AsyncEngine, column: "Column[Any]", value: Any) -> Any:
    """A value as the driver takes it for a column."""
    process = column.type.dialect_impl(engine.dialect).bind_processor(engine.dialect)
    return process(value) if process else value


def text_of(value: bytes | str) -> str:
    """A text that was read."""
    return value.decode() if isinstance(value, bytes) else value


class SqliteReader:
    """Quick statements are run in place, because a thread costs several times what they do; all others in a thread.

    In place nothing is waited for: a statement that meets a lock goes to the thread, where it may wait.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "reader")
        self._connection: sqlite3.Connection | None = None
        self._connection_here: sqlite3.Connection | None = None

    async def all(self, statement: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """Every row."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._all, statement, parameters)

    async def quick(self, statement: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """Every row."""
        try:
            if self._connection_here is None:
                self._connection_here = _connected(self._path, wait_ms=0)
            return self._connection_here.execute(statement, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY_CODE not in _LOCKED:
                raise
        return await self.all(statement, *parameters)

    async def close(self) -> None:
        """Close the connections."""
        if self._connection_here is not None:
            self._connection_here.close()
            self._connection_here = None
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _all(self, statement: str, parameters: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
        if self._connection is None:
            self._connection = _connected(self._path)
        return self._connection.execute(statement, parameters).fetchall()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connected(path: str, *, wait_ms: int = LONGEST_WAIT_MS) -> sqlite3.Connection:
    # Mapped, because reading the file page by page costs more than all the rest of a quick statement.
    connection = connect_sqlite(path, ("query_only=ON", "mmap_size=1073741824"), wait_ms=wait_ms)
    connection.text_factory = bytes
    return connection


class PostgresqlReader:
    """A few connections of its own, each for one statement at a time."""

    def __init__(self, engine: AsyncEngine, pool_size: int) -> None:
        self._room = Room(pool_size)
        self._connections = PostgresqlConnections(engine)

    async def all(self, statement: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """Every row."""
        if not self._room.taken():
            await self._room.wait()
        try:
            connection = await self._connections.taken()
            try:
                rows: Sequence[Sequence[Any]] = await connection.fetch(_numbered(statement), *parameters)
            finally:
                self._connections.give_back(connection)
        finally:
            self._room.leave()
        return rows

    quick = all

    async def close(self) -> None:
        """Close the connections that are not at work."""
        await self._connections.close()


@lru_cache(maxsize=1024)
def _numbered(statement: str) -> str:
    first, *parts = statement.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(parts, 1))
