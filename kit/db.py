"""Databases by URL: SQLite for one machine, PostgreSQL beyond it; the same tables, types and habits on both.

`sqlite:///path/to/file.db` is embedded. Writers queue for one connection and begin IMMEDIATE, because two deferred
transactions that both want to write end in an error instead of a wait; readers have connections of their own beside
the writer (write-ahead log). `postgresql://user@host/name` uses a pool.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Dialect,
    Integer,
    String,
    TableValuedAlias,
    any_,
    bindparam,
    event,
    func,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

from kit.sqlite_driver import Driver

DialectName = Literal["sqlite", "postgresql"]

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

BigInt = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer that SQLite still accepts as an autoincrementing primary key."""


class EnergyWh(TypeDecorator[Decimal]):
    """Energy as `Decimal` watt-hours, stored as whole milliwatt-hours so that no database makes it a float."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Watt-hours to whole milliwatt-hours; finer digits than a meter has are rejected, not rounded."""
        if value is None:
            return None
        scaled = value.scaleb(3)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"energy finer than a milliwatt-hour: {value} Wh")
        return int(scaled)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        """Whole milliwatt-hours back to watt-hours."""
        return None if value is None else Decimal(int(value)).scaleb(-3)


class DecimalText(TypeDecorator[Decimal]):
    """An exact `Decimal` kept as text: SQLite would turn a NUMERIC column into a float."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Plain notation, never an exponent."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        """The same digits that went in."""
        return None if value is None else Decimal(value)


def each_of(name: str, dialect: DialectName) -> TableValuedAlias:
    """Texts as a table with one column, `value`, in their order: one parameter of this name, made by `texts`, and one
    statement for all numbers of them."""
    if dialect == "postgresql":
        return func.unnest(bindparam(name, type_=ARRAY(String))).table_valued("value").render_derived()
    return func.json_each(bindparam(name, type_=String)).table_valued("value")


def among(column: Any, name: str, dialect: DialectName) -> ColumnElement[bool]:
    """Whether a text column has one of the values, however many, of the parameter of this name, made by `texts`."""
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=ARRAY(String)))  # type: ignore[no-any-return]
    return column.in_(select(each_of(name, dialect).c.value))  # type: ignore[no-any-return]


def texts(values: Sequence[str], dialect: DialectName) -> list[str] | str:
    """The value of a parameter of `each_of` or `among`."""
    return list(values) if dialect == "postgresql" else orjson.dumps(list(values)).decode()


@dataclass(frozen=True)
class Engines:
    """Where writes go and where reads go. On PostgreSQL they are the same pool."""

    writer: AsyncEngine
    reader: AsyncEngine
    dialect: DialectName

    async def dispose(self) -> None:
        """Close every connection."""
        await self.writer.dispose()
        if self.reader is not self.writer:
            await self.reader.dispose()


def async_url(url: str) -> str:
    """The URL with the asynchronous driver that we use for it. Raises `ValueError` for any other database."""
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+aiosqlite").render_as_string(hide_password=False)
        case "postgresql":
            return parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        case other:
            raise ValueError(f"unsupported database {other!r}: use sqlite:///… or postgresql://…")


def open_engines(url: str, *, pool_size: int = 10) -> Engines:
    """Engines for a database URL; nothing is connected yet."""
    driver_url = async_url(url)
    # Parameters hold RFID UIDs and secrets; an error that is logged must not quote them.
    hidden: dict[str, Any] = {"hide_parameters": True}
    if driver_url.startswith("postgresql"):
        engine = create_async_engine(
            driver_url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, **hidden
        )
        return Engines(writer=engine, reader=engine, dialect="postgresql")
    writer = create_async_engine(driver_url, module=Driver(), pool_size=1, max_overflow=0, **hidden)
    reader = create_async_engine(driver_url, module=Driver(), pool_size=4, max_overflow=4, **hidden)
    _prepare_sqlite(writer, begin="BEGIN IMMEDIATE", pragmas=SQLITE_PRAGMAS)
    _prepare_sqlite(reader, begin="BEGIN", pragmas=(*SQLITE_PRAGMAS, "query_only=ON"))
    return Engines(writer=writer, reader=reader, dialect="sqlite")


def open_migration_engine(url: str) -> AsyncEngine:
    """An engine whose transactions hold changes of the schema too, also on SQLite; nothing is connected yet.

    SQLite changes a table by making another one in its place, which references to it must not hinder: they are not
    enforced here.
    """
    driver_url = async_url(url)
    if not driver_url.startswith("sqlite"):
        return create_async_engine(driver_url, hide_parameters=True)
    engine = create_async_engine(driver_url, module=Driver(), hide_parameters=True)
    _prepare_sqlite(engine, begin="BEGIN IMMEDIATE", pragmas=(*SQLITE_PRAGMAS, "foreign_keys=OFF"))
    return engine


# FULL: a commit that was acknowledged to a charger has to outlive a power cut, not only a crash of the process.
# A new file gets pages of 8 KiB, which hold several OCPI objects each; of one that exists this changes nothing.
SQLITE_PRAGMAS = ("page_size=8192", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")


def _prepare_sqlite(engine: AsyncEngine, *, begin: str, pragmas: tuple[str, ...]) -> None:
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def on_begin(connection: Any) -> None:
        connection.connection.dbapi_connection.begin(begin)

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)
