"""The change log: one ordered list of which OCPI object changed, and a cursor in it for each partner and module.

Not a queue of copies: a row says only that an object changed, an object has one row however often it changed, and a
partner's sender reads the object's present state when it gets there. A hundred partners cost one row.

On PostgreSQL a transaction that took its sequence number early can commit late; a reader that went by the sequence
alone would skip it for ever. So the log is read in the order of (transaction id, sequence) and only below the oldest
transaction that still runs.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Delete,
    Index,
    Insert,
    Select,
    String,
    bindparam,
    delete,
    insert,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlmodel import Field, SQLModel

from kit.db import BigInt, DialectName, among, each_of, texts
from kit.log import correlation_id
from kit.reader import text_of
from kit.tx import Database, Tx


class Change(SQLModel, table=True):
    """That an object changed. Its newest change only: marking again moves it to the end."""

    __table_args__ = (
        Index("ix_change_order", "module", "xid", "seq"),
        Index("ix_change_object", "module", "country_code", "party_id", "object_id"),
        # AUTOINCREMENT: a plain rowid would be given again after its row moved, and a cursor would skip the change.
        {"sqlite_autoincrement": True},
    )

    seq: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    xid: int = Field(default=0, sa_type=BigInt)
    module: str = Field(max_length=24)
    country_code: str = Field(max_length=2)
    party_id: str = Field(max_length=3)
    object_id: str = Field(max_length=80)
    origin: str | None = Field(default=None, max_length=36)
    """The platform that the object came from, which must not get it back."""
    audience: str | None = Field(default=None, max_length=6)
    """`CC*PID` when one party alone may see it (sessions, CDRs); null for all who may."""
    removed: bool = False
    correlation_id: str | None = Field(default=None, max_length=255)
    """What led to the change, so that its delivery can be told to belong to it."""
    at: datetime


class Cursor(SQLModel, table=True):
    """How far one partner has been told of one module, and how it goes there."""

    __tablename__ = "delivery_cursor"

    platform_id: str = Field(primary_key=True, max_length=36, foreign_key="platform.id")
    module: str = Field(primary_key=True, max_length=24)
    xid: int = Field(default=0, sa_type=BigInt)
    seq: int = Field(default=0, sa_type=BigInt)
    leased_by: str | None = Field(default=None, max_length=64)
    leased_until: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None
    last_error: str | None = Field(default=None, max_length=500)
    last_success_at: datetime | None = None
    delivered: int = Field(default=0, sa_type=BigInt)


_TABLE: Any = Change.__table__  # type: ignore[attr-defined]
_XID: ColumnElement[int] = literal_column("pg_current_xact_id()::text::bigint")
_SETTLED = "change.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


class Changed(NamedTuple):
    """A row of the log as senders read it."""

    seq: int
    xid: int
    module: str
    country_code: str
    party_id: str
    object_id: str
    origin: str | None
    audience: str | None
    removed: bool
    correlation_id: str | None


class Marked(NamedTuple):
    """What is written to the log: one row for each of these objects, which differ in their ids alone."""

    module: str
    country_code: str
    party_id: str
    object_ids: Sequence[str]
    origin: str | None
    audience: str | None = None
    removed: bool = False


class Position(NamedTuple):
    """A place in the log."""

    xid: int
    seq: int


async def mark(tx: Tx, change: Marked, *, are_new: bool = False) -> None:
    """Write the change with the open transaction, in place of the objects' earlier ones; wakes the senders after it.

    `are_new` when none of the objects can have an earlier one. The database makes the rows: their ids are all it needs.
    """
    dialect = tx.db.dialect
    marked = {
        "of_module": change.module,
        "of_country": change.country_code,
        "of_party": change.party_id,
        "ids": texts(change.object_ids, dialect),
    }
    if not are_new:
        await tx.rows(_unmarking(dialect), marked)
    facts = {
        "from_origin": change.origin,
        "for_audience": change.audience,
        "is_removed": change.removed,
        "because_of": correlation_id.get(),
        "changed_at": tx.now,
    }
    await tx.rows(_marking(dialect), marked | facts)
    tx.ring("changes")


# Built once: SQLAlchemy takes longer to build a statement than the database to run it.
@lru_cache
def _unmarking(dialect: DialectName) -> Delete:
    return delete(_TABLE).where(
        _TABLE.c.module == bindparam("of_module"),
        _TABLE.c.country_code == bindparam("of_country"),
        _TABLE.c.party_id == bindparam("of_party"),
        among(_TABLE.c.object_id, "ids", dialect),
    )


@lru_cache
def _marking(dialect: DialectName) -> Insert:
    values: dict[str, Any] = {
        "xid": _XID if dialect == "postgresql" else literal(0),
        "module": bindparam("of_module", type_=String),
        "country_code": bindparam("of_country", type_=String),
        "party_id": bindparam("of_party", type_=String),
        "origin": bindparam("from_origin", type_=String),
        "audience": bindparam("for_audience", type_=String),
        "removed": bindparam("is_removed", type_=Boolean),
        "correlation_id": bindparam("because_of", type_=String),
        "at": bindparam("changed_at", type_=_TABLE.c.at.type),
    }
    rows = select(*values.values(), each_of("ids", dialect).c.value)
    return insert(_TABLE).from_select([*values, "object_id"], rows)


def by_owner(keys: Iterable[tuple[str, str, str]]) -> Iterable[tuple[tuple[str, str], list[str]]]:
    """Ids by their owner's country code and party id: one list for each owner is found faster than pairs of three."""
    found: dict[tuple[str, str], list[str]] = {}
    for country_code, party_id, object_id in keys:
        found.setdefault((country_code, party_id), []).append(object_id)
    return found.items()


async def heads(db: Database, modules: Sequence[str]) -> dict[str, Position]:
    """The last position of each module that no running transaction can still slip in before."""
    rows = await db.reader.quick(heads_statement(len(modules), db.dialect), *modules) if modules else ()
    return {text_of(module): Position(xid, seq) for module, xid, seq in rows}


@lru_cache
def heads_statement(modules: int, dialect: DialectName) -> str:
    """The statement that reads the heads of so many modules, in the words of `kit.reader`."""
    settled = f" AND {_SETTLED}" if dialect == "postgresql" else ""
    last = f"SELECT module, xid, seq FROM change WHERE module = ?{settled} ORDER BY xid DESC, seq DESC LIMIT 1"  # noqa: S608
    return " UNION ALL ".join([f"SELECT * FROM ({last}) last"] * modules)  # noqa: S608


async def read_between(
    tx: Tx,
    module: str,
    after: Position,
    until: Position,
    *,
    not_from: str | None = None,
    audience: Sequence[str],
    limit: int,
) -> list[Changed]:
    """Changes of a module in `(after, until]`, oldest first, at most `limit`.

    Only those that are for everybody or for one of these parties (`CC*PID`), and none from the platform `not_from`.
    """
    dialect = tx.db.dialect
    asked = {"module": module, "audience": texts(audience, dialect), "not_from": not_from or "", "most": limit}
    places = {"after_xid": after.xid, "after_seq": after.seq, "until_xid": until.xid, "until_seq": until.seq}
    return [Changed(*row) for row in await tx.rows(_between(dialect), asked | places)]


def _place(name: str) -> ColumnElement[Any]:
    return tuple_(*(bindparam(f"{name}_{part}", type_=BigInt) for part in ("xid", "seq")))


@lru_cache
def _between(dialect: DialectName) -> Select[Any]:
    columns = _TABLE.c
    place = tuple_(columns.xid, columns.seq)
    return (
        select(*(columns[name] for name in Changed._fields))
        .where(
            columns.module == bindparam("module"),
            place > _place("after"),
            place <= _place("until"),
            columns.audience.is_(None) | among(columns.audience, "audience", dialect),
            columns.origin.is_(None) | (columns.origin != bindparam("not_from")),
        )
        .order_by(columns.xid, columns.seq)
        .limit(bindparam("most"))
    )
