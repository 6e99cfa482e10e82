"""Statements that are made ready for the driver once, and many rows at once: the short way into the database.

What SQLAlchemy does for each execution costs several times what a small statement does. Types and the SQL of what is
selected remain SQLAlchemy's: only the way to the driver is shorter. `kit.tx.Tx` goes it inside a unit of work, and
`kit.bulk_writer` with a whole batch and its commit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from re import compile as pattern
from typing import Any

from sqlalchemy import Dialect, Executable, LargeBinary, Select, Table
from sqlalchemy.types import TypeEngine

Row = Mapping[str, Any]

_LENGTH = pattern(r"\(\d+\)")


@dataclass(frozen=True)
class Put:
    """An INSERT of rows with these columns.

    With `keys`, what is there already under them gets the new values of `merged`, or stays as it is without any;
    `where` is the condition of a partial index. `if_differs` writes nothing where all of `merged` is there already.
    """

    table: Table
    columns: tuple[str, ...]
    keys: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    where: str = ""
    if_differs: bool = False


@dataclass(frozen=True)
class Change:
    """An UPDATE of rows that are there: these columns of the one with each `id`."""

    table: Table
    columns: tuple[str, ...]


Statement = Put | Change | Executable
"""An executable is one of SQLAlchemy's that is built once. It runs for each row by itself, and finds columns."""


@cache
def inserting(table: Table, columns: tuple[str, ...], *, replace: bool) -> Put:
    """The one `Put` of these columns; `replace` gives what is there, by its primary key, the new values that differ."""
    keys = tuple(column.name for column in table.primary_key) if replace else ()
    return Put(table, columns, keys, tuple(name for name in columns if name not in keys), if_differs=True)


@cache
def changing(table: Table, columns: tuple[str, ...]) -> Change:
    """The one `Change` of these columns."""
    return Change(table, columns)


class Prepared:
    """SQL for the driver, and what makes of rows the values that it takes."""

    def __init__(self, sql: str, names: Sequence[str], types: Sequence[TypeEngine[Any]], dialect: Dialect) -> None:
        self.sql = sql
        self._names = names
        self._processors: list[Callable[[Any], Any] | None] = [
            None if _is_bytes(each) else each.dialect_impl(dialect).bind_processor(dialect) for each in types
        ]

    def columns(self, rows: Sequence[Row]) -> list[list[Any]]:
        """The values of all rows, column by column."""
        return [
            [row[name] for row in rows] if processor is None else _processed(processor, [row[name] for row in rows])
            for name, processor in zip(self._names, self._processors, strict=True)
        ]


class PreparedQuery(Prepared):
    """The same of a statement of SQLAlchemy's, and what makes values of the columns of what it finds."""

    def __init__(self, statement: Any, given: Iterable[str], dialect: Dialect) -> None:
        columns = list(given)
        compiled = statement.compile(dialect=dialect, column_keys=None if isinstance(statement, Select) else columns)
        names = list(compiled.positiontup or ())
        super().__init__(str(compiled), names, [compiled.binds[name].type for name in names], dialect)
        self._fixed = {name: compiled.binds[name].value for name in names if name not in columns}
        self._readers: list[Callable[[Any], Any] | None] = [
            None if _is_bytes(column.type) else column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in compiled._result_columns
        ]

    def values(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """The values row by row, with those that stand in the statement itself."""
        if self._fixed:
            rows = [{**self._fixed, **row} for row in rows]
        return list(zip(*self.columns(rows), strict=True)) if self._names else [()] * len(rows)

    def read(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """What the driver has found, in the types of the columns."""
        if not any(self._readers):
            return rows
        return [
            [value if reader is None else reader(value) for reader, value in zip(self._readers, row, strict=True)]
            for row in rows
        ]


class Statements:
    """Statements for one database, each made ready when it is used for the first time."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # By identity, because to hash a statement takes longer; each is kept, so that no other gets its.
        self._rows: dict[int, tuple[Statement, Prepared]] = {}
        self._queries: dict[int, tuple[Statement, PreparedQuery]] = {}

    def rows(self, statement: Put | Change) -> Prepared:
        """One for many rows at once."""
        known = self._rows.get(id(statement))
        if known is None:
            put = isinstance(statement, Put)
            names = statement.columns if put else (*statement.columns, "id")
            types = [statement.table.c[name].type for name in names]
            sql = _sql_of(statement, self._dialect)
            known = self._rows[id(statement)] = (statement, Prepared(sql, names, types, self._dialect))
        return known[1]

    def query(self, statement: Executable, given: Iterable[str]) -> PreparedQuery:
        """One of SQLAlchemy's, with the names of what is given for each row."""
        known = self._queries.get(id(statement))
        if known is None:
            known = self._queries[id(statement)] = (statement, PreparedQuery(statement, given, self._dialect))
        return known[1]


def _is_bytes(kind: TypeEngine[Any]) -> bool:
    """Both drivers take and give bytes as they are; SQLAlchemy would make a view of each, and a copy of that."""
    return isinstance(kind, LargeBinary)


def _processed(processor: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """Each value as the driver wants it; rows written together mostly share their times."""
    made: list[Any] = []
    before = after = None
    for value in values:
        if value is not before:
            before, after = value, processor(value)
        made.append(after)
    return made


def _sql_of(statement: Put | Change, dialect: Dialect) -> str:
    return _sqlite(statement) if dialect.name == "sqlite" else _postgresql(statement, dialect)


def _sqlite(statement: Put | Change) -> str:
    """One `?` for each value: the driver runs it for row after row."""
    table = statement.table.name
    if isinstance(statement, Change):
        return f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in statement.columns)} WHERE id = ?"  # noqa: S608
    marks = f"VALUES ({', '.join('?' for _ in statement.columns)})"
    return f"INSERT INTO {table} ({', '.join(statement.columns)}) {marks}{_conflict(statement, 'IS NOT')}"


def _postgresql(statement: Put | Change, dialect: Dialect) -> str:
    """One array for each column: it runs once for all rows."""
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
    differs = _conflict(statement, "IS DISTINCT FROM")
    return f"INSERT INTO {table.name} ({', '.join(statement.columns)}) {rows}{differs}"


def _conflict(put: Put, differs: str) -> str:
    """What follows the rows."""
    if not put.keys:
        return ""
    where = f" WHERE {put.where}" if put.where else ""
    given = ", ".join(f"{name} = excluded.{name}" for name in put.merged)
    does = f"UPDATE SET {given}" if given else "NOTHING"
    if given and put.if_differs:
        does += " WHERE " + " OR ".join(f"{put.table.name}.{name} {differs} excluded.{name}" for name in put.merged)
    return f" ON CONFLICT ({', '.join(put.keys)}){where} DO {does}"
