"""The SQLite driver under SQLAlchemy, with one trip to the connection's thread for a statement.

SQLAlchemy's own adapter makes four (a cursor, the statement, its rows, closing it), and each costs as much as a small
statement does: a wake-up of the thread, and one of the loop.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util.concurrency import await_


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """What a statement led to, all of it read: there is nothing behind it that would have to be closed."""

    __slots__ = ("_done", "arraysize")

    def __init__(self, adapter: AsyncAdapt_aiosqlite_connection) -> None:
        self._adapt_connection = adapter
        self._connection = adapter._connection
        self._done: Any = None
        self._rows = deque()
        self.arraysize = 1

    @property
    def description(self) -> Any:
        return self._done.description if self._done is not None else None

    @property
    def rowcount(self) -> int:
        return self._done.rowcount if self._done is not None else -1

    @property
    def lastrowid(self) -> Any:
        return self._done.lastrowid if self._done is not None else None

    def execute(self, operation: Any, parameters: Any = None) -> None:
        self._run(_executed, operation, parameters or ())

    def executemany(self, operation: Any, seq_of_parameters: Any) -> None:
        self._run(_executed_many, operation, seq_of_parameters)

    def close(self) -> None:
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        """Nothing is open."""

    def _run(self, work: Any, operation: Any, parameters: Any) -> None:
        connection: Any = self._connection
        try:
            self._done, rows = await_(connection._execute(work, connection._conn, operation, parameters))
        except Exception as error:
            self._adapt_connection._handle_exception(error)
        self._rows = deque(rows)


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor  # type: ignore[assignment]


class Driver(AsyncAdapt_aiosqlite_dbapi):
    """The `module` of an engine."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arguments: Any, **options: Any) -> AsyncAdapt_aiosqlite_connection:
        """A connection with a thread of its own."""
        made = super().connect(*arguments, **options)
        return _Connection(self, made._connection)


Done = tuple[sqlite3.Cursor, Sequence[Any]]


def _executed(connection: sqlite3.Connection, operation: str, parameters: Any) -> Done:
    cursor = connection.execute(operation, parameters)
    return cursor, cursor.fetchall() if cursor.description else ()


def _executed_many(connection: sqlite3.Connection, operation: str, parameters: Any) -> Done:
    return connection.executemany(operation, parameters), ()
