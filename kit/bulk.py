"""Statements for many rows, compiled once and given to the SQLite driver in one trip to its thread.

SQLAlchemy makes three trips for a statement (a cursor, the rows, closing it), and each costs more than a dozen rows.
Types and SQL remain SQLAlchemy's: only the way to the driver is shorter.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Insert, Table, insert, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import DialectName
from kit.sqlite_driver import executed_many

Row = Mapping[str, Any]


def inserting(table: Table, columns: Sequence[str], dialect: DialectName, *, replace: bool) -> Insert:
    """An INSERT; `replace` gives a row that there is already, by its primary key, the new values that differ."""
    if not replace:
        return insert(table)
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    given = {name: statement.excluded[name] for name in columns if not table.c[name].primary_key}
    differs = or_(*(table.c[name].is_distinct_from(value) for name, value in given.items()))
    replacing: Insert = statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_=given, where=differs
    )
    return replacing


class Bulk:
    """One statement, ready for the driver."""

    def __init__(self, statement: Any, columns: Sequence[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(columns))
        self.sql = str(compiled)
        self._names: list[str] = list(compiled.positiontup)
        self._processors: list[Callable[[Any], Any] | None] = [
            compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in self._names
        ]

    def values(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """The values of the rows in the order and the form that the driver wants."""
        columns = [
            [row[name] for row in rows] if processor is None else _processed(processor, [row[name] for row in rows])
            for name, processor in zip(self._names, self._processors, strict=True)
        ]
        return list(zip(*columns, strict=True))


def _processed(processor: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """Each value as the driver wants it; rows written together mostly share their times."""
    made: list[Any] = []
    before = after = None
    for value in values:
        if value is not before:
            before, after = value, processor(value)
        made.append(after)
    return made


async def execute_bulk(connection: AsyncConnection, bulk: Bulk, rows: Sequence[Row]) -> None:
    """Run a statement for all rows inside the transaction of this SQLite connection. Raises `sqlite3.Error`."""
    driver: Any = (await connection.get_raw_connection()).dbapi_connection
    await driver.run(executed_many, bulk.sql, bulk.values(rows))
