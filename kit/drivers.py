"""Connections straight to the drivers, beside SQLAlchemy's: for the short ways (`kit.reader`, `kit.bulk_writer`)."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

LONGEST_WAIT_MS = 10_000
"""For a lock of somebody else's."""
_ENGINE_ONLY = ("prepared_statement_cache_size", "prepared_statement_name_func")
"""Options of a URL that are SQLAlchemy's and not the driver's."""


def connect_sqlite(path: str, pragmas: Iterable[str], *, wait_ms: int = LONGEST_WAIT_MS) -> sqlite3.Connection:
    """A connection to a file, which begins no transactions by itself; for the thread that makes it."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=wait_ms / 1000)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


class PostgresqlConnections:
    """Connections to the database of an engine, each for one at a time. Nothing is connected before the first is taken.

    asyncpg's pool makes a task and two timers for each statement, which cost as much as reading a page of a list does.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        _, options = engine.dialect.create_connect_args(engine.url)
        self._options = {name: options[name] for name in options if name not in _ENGINE_ONLY}
        self._idle: list[Any] = []

    async def taken(self) -> Any:
        """A connection to be used and given back."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():  # the server may have gone and come back
                return connection
        return await asyncpg.connect(**self._options)

    def give_back(self, connection: Any) -> None:
        """What was given up in the middle of it, the connection itself brings to an end before anything else."""
        self._idle.append(connection)

    async def close(self) -> None:
        """Close the connections that are not at work."""
        while self._idle:
            await self._idle.pop().close()
