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

import asyncpg
from sqlalchemy import Column
from sqlalchemy.ext.asyncio import AsyncEngine

LONGEST_WAIT_MS = 10_000
"""For a lock of somebody else's, in the thread."""
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY_CODE = 0xFF
"""The bits of an error code that say what it is; the others say why."""
ENGINE_ONLY = ("prepared_statement_cache_size", "prepared_statement_name_func")
"""Options of a URL that are SQLAlchemy's and not the driver's."""


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
    _, options = engine.dialect.create_connect_args(engine.url)
    return PostgresqlReader({name: options[name] for name in options if name not in ENGINE_ONLY}, pool_size)


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
            self._connection = _connected(self._path, wait_ms=LONGEST_WAIT_MS)
        return self._connection.execute(statement, parameters).fetchall()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connected(path: str, *, wait_ms: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=wait_ms / 1000)
    connection.text_factory = bytes
    # Mapped, because reading the file page by page costs more than all the rest of a quick statement.
    for pragma in ("query_only=ON", "mmap_size=1073741824"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class PostgresqlReader:
    """A few connections of its own, each for one statement at a time.

    asyncpg's pool makes a task and two timers for each statement, which cost as much as reading a page of a list does.
    """

    def __init__(self, options: dict[str, Any], pool_size: int) -> None:
        self._options = options
        self._free = asyncio.Semaphore(pool_size)
        self._idle: list[Any] = []

    async def all(self, statement: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """Every row."""
        async with self._free:
            connection = await self._taken()
            try:
                rows: Sequence[Sequence[Any]] = await connection.fetch(_numbered(statement), *parameters)
            finally:  # given up in the middle of it, the connection itself sees to the end before it does anything else
                self._idle.append(connection)
        return rows

    quick = all

    async def close(self) -> None:
        """Close the connections that are not at work."""
        while self._idle:
            await self._idle.pop().close()

    async def _taken(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():  # the server may have gone and come back
                return connection
        return await asyncpg.connect(**self._options)


@lru_cache(maxsize=1024)
def _numbered(statement: str) -> str:
    first, *parts = statement.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(parts, 1))
