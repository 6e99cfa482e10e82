"""Statements for many rows, compiled once and given to the SQLite driver in one trip to its thread.

SQLAlchemy makes three trips for a statement (a cursor, the rows, closing it), and each costs more than a dozen rows.
Types and SQL remain SQLAlchemy's: only the way to the driver is shorter.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[str, Any]


class Bulk:
    """One statement, ready for the driver."""

    def __init__(self, statement: Any, columns: Sequence[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(columns))
        self.sql = str(compiled)
        self._names: list[str] = list(compiled.positiontup)
        self._processors: list[Callable[[Any], Any] | None] = [
            compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in self._names
        ]

    def values(self, row: Row) -> list[Any]:
        """The values of a row in the order and the form that the driver wants."""
        return [
            row[name] if processor is None else processor(row[name])
            for name, processor in zip(self._names, self._processors, strict=True)
        ]


async def execute_bulk(connection: AsyncConnection, bulk: Bulk, rows: Sequence[Row]) -> None:
    """Run a statement for all rows inside the transaction of this SQLite connection. Raises `sqlite3.Error`."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.executemany(bulk.sql, [bulk.values(row) for row in rows])
