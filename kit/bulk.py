"""Statements that are compiled once and given to the SQLite driver as they are, in one trip to its thread.

What SQLAlchemy does for each execution costs several times what SQLite does. Types and SQL remain SQLAlchemy's: only
the way to the driver is shorter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Executable, Insert, Select, Table, insert, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import DialectName
from kit.sqlite_driver import Connection, executed, executed_many

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
    """One statement, ready for the driver. `columns` are the names of what is given for each row."""

    def __init__(self, statement: Any, columns: Sequence[str], dialect: Dialect) -> None:
        keys = None if isinstance(statement, Select) else list(columns)
        compiled = statement.compile(dialect=dialect, column_keys=keys)
        self.sql = str(compiled)
        self._names: list[str] = list(compiled.positiontup or ())
        self._fixed = {name: compiled.binds[name].value for name in self._names if name not in columns}
        self._processors: list[Callable[[Any], Any] | None] = [
            compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in self._names
        ]
        self._readers: list[Callable[[Any], Any] | None] = [
            column.type.dialect_impl(dialect).result_processor(dialect, None) for column in compiled._result_columns
        ]

    def values(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """The values of the rows in the order and the form that the driver wants."""
        if self._fixed:
            rows = [{**self._fixed, **row} for row in rows]
        columns = [
            [row[name] for row in rows] if processor is None else processed(processor, [row[name] for row in rows])
            for name, processor in zip(self._names, self._processors, strict=True)
        ]
        return list(zip(*columns, strict=True))

    def read(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """What the driver has found, in the types of the columns."""
        if not any(self._readers):
            return rows
        return [
            [value if reader is None else reader(value) for reader, value in zip(self._readers, row, strict=True)]
            for row in rows
        ]


class Bulks:
    """Statements of SQLAlchemy's that are built once, each made ready when it is used for the first time."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[Executable, Bulk] = {}

    def of(self, statement: Executable, columns: Iterable[str]) -> Bulk:
        """A statement, with the names of what is given for each row."""
        known = self._known.get(statement)
        if known is None:
            known = self._known[statement] = Bulk(statement, list(columns), self._dialect)
        return known


def processed(processor: Callable[[Any], Any], values: list[Any]) -> list[Any]:
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
    await (await driver_of(connection)).run(executed_many, bulk.sql, bulk.values(rows))


async def execute_once(driver: Connection, bulk: Bulk, parameters: Row) -> Sequence[Sequence[Any]]:
    """The rows that a statement finds. Raises `sqlite3.Error`."""
    [values] = bulk.values([parameters]) if parameters else [()]
    _, rows = await driver.run(executed, bulk.sql, values)
    return bulk.read(rows)


async def driver_of(connection: AsyncConnection) -> Connection:
    """The driver's connection behind one to SQLite."""
    driver: Any = (await connection.get_raw_connection()).dbapi_connection
    return driver  # type: ignore[no-any-return]
