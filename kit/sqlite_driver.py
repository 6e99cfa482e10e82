"""The SQLite driver under SQLAlchemy, with one trip to the connection's thread for a statement.

SQLAlchemy's own adapter makes four (a cursor, the statement, its rows, closing it), and each costs as much as a small
statement does: a wake-up of the thread, and one of the loop. For the same reason a transaction begins with its first
statement, in the same trip, and none is made to roll back where nothing was done.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util.concurrency import await_

_nothing: dict[None, None] = {}
# Python 3.11 tries three ways to adapt a NULL before it takes it as it is, which costs as much as four other columns.
sqlite3.register_adapter(type(None), _nothing.get)


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
        self._run(executed, operation, parameters or ())

    def executemany(self, operation: Any, seq_of_parameters: Any) -> None:
        self._run(executed_many, operation, seq_of_parameters)

    def close(self) -> None:
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        """Nothing is open."""

    def _run(self, work: Any, operation: Any, parameters: Any) -> None:
        connection: Any = self._adapt_connection
        try:
            self._done, rows = await_(connection.run(work, operation, parameters))
        except Exception as error:
            self._adapt_connection._handle_exception(error)
        self._rows = deque(rows)


class Connection(AsyncAdapt_aiosqlite_connection):
    """A connection, which does not begin transactions by itself."""

    __slots__ = ("_begin", "_is_settled")
    _cursor_cls = _Cursor  # type: ignore[assignment]

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._begin: str | None = None
        self._is_settled = True
        """Whether the thread has done with the last statement; whoever gave up waiting for it cannot know."""

    def begin(self, statement: str) -> None:
        """Begin a transaction by this statement, together with the first that follows."""
        self._begin = statement

    async def run(self, work: "Work", operation: str, parameters: Any) -> "Done":
        """Have the thread run a statement in the transaction that was begun. Raises `sqlite3.Error`."""
        connection: Any = self._connection
        do, *first = (work,) if self._begin is None else (self._begun, work)
        self._is_settled = False
        try:
            done: Done = await connection._execute(do, connection._conn, *first, operation, parameters)
        except sqlite3.Error:
            self._is_settled = True
            raise
        self._is_settled = True
        return done

    def rollback(self) -> None:
        """Undo what was done, if anything was."""
        connection: Any = self._connection
        if not self._is_settled or (connection._connection and connection._conn.in_transaction):
            super().rollback()
        self._begin, self._is_settled = None, True

    def _begun(self, connection: sqlite3.Connection, work: "Work", operation: str, parameters: Any) -> "Done":
        """In the thread: begin, and run the first statement. What could not begin is begun with the next one."""
        if self._begin is not None:
            connection.execute(self._begin)
            self._begin = None
        return work(connection, operation, parameters)


class Driver(AsyncAdapt_aiosqlite_dbapi):
    """The `module` of an engine."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arguments: Any, **options: Any) -> AsyncAdapt_aiosqlite_connection:
        """A connection with a thread of its own."""
        made = super().connect(*arguments, **options)
        return Connection(self, made._connection)


Done = tuple[sqlite3.Cursor, Sequence[Any]]
Work = Callable[[sqlite3.Connection, str, Any], Done]
"""Runs a statement with its parameters in the thread of a connection; the cursor, and the rows."""


def executed(connection: sqlite3.Connection, operation: str, parameters: Any) -> Done:
    """Work: one statement, and all that it finds."""
    cursor = connection.execute(operation, parameters)
    return cursor, cursor.fetchall() if cursor.description else ()


def executed_many(connection: sqlite3.Connection, operation: str, parameters: Any) -> Done:
    """Work: one statement for many rows."""
    return connection.executemany(operation, parameters), ()
