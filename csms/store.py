"""Reading transactions back from the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import col

from csms.documents import read_fact
from csms.record import Reached, TransactionEvent, TransactionRecord, reduce_with_curve
from csms.rows import HELD_COLUMNS, held_of_columns
from csms.state import Held
from csms.tables import Counter, Transaction, TransactionMessage
from kit.errors import NotFound
from kit.reader import Reader
from kit.tx import Tx

MOST_OPEN = 64
"""A station has a few EVSEs; whatever it leaves open beyond this many is found by its name only."""
_RECENT = 8
_EVENTS = (
    select(
        col(TransactionMessage.id),
        col(TransactionMessage.station_id),
        col(TransactionMessage.received_at),
        col(TransactionMessage.kind),
        col(TransactionMessage.key),
        col(TransactionMessage.doc),
    )
    .where(
        col(TransactionMessage.transaction_id) == bindparam("transaction_id"),
        col(TransactionMessage.id) > bindparam("after"),
    )
    .order_by(col(TransactionMessage.id))
)
_THEIRS = f"SELECT {', '.join(HELD_COLUMNS)} FROM csms_transaction WHERE station_id = ?"  # noqa: S608 - our own words
_PRESENT = (
    f"SELECT * FROM ({_THEIRS} ORDER BY id DESC LIMIT {_RECENT}) AS recent UNION "  # noqa: S608
    f"SELECT * FROM ({_THEIRS} AND ended_at IS NULL ORDER BY id DESC LIMIT {MOST_OPEN}) AS running ORDER BY 1"
)


async def read_record(tx: Tx, transaction_id: int) -> TransactionRecord:
    """The record of a transaction from all that was said about it so far. Raises `NotFound`."""
    return (await read_record_with_curve(tx, transaction_id))[0]


async def read_record_with_curve(tx: Tx, transaction_id: int) -> tuple[TransactionRecord, tuple[Reached, ...]]:
    """The same, and where its energy stood at each reading. Raises `NotFound`."""
    events = await read_events(tx, transaction_id)
    if not events:
        raise NotFound(f"no transaction {transaction_id}")
    return reduce_with_curve(events)


async def read_events(tx: Tx, transaction_id: int) -> list[TransactionEvent]:
    """All that was said about a transaction, in order of arrival."""
    return [event for _, event in await read_numbered_events(tx, transaction_id)]


async def read_numbered_events(tx: Tx, transaction_id: int, *, after: int = 0) -> list[tuple[int, TransactionEvent]]:
    """What was stored about a transaction under numbers above `after`, in their order.

    A number is no proof that all lower ones are there: another process may commit one of them a moment later.
    """
    return [
        (number, TransactionEvent(station_id, transaction_id, received_at, read_fact(kind, key, doc)))
        for number, station_id, received_at, kind, key, doc in await tx.rows(
            _EVENTS, {"transaction_id": transaction_id, "after": after}
        )
    ]


async def open_transactions(tx: Tx, station_id: str) -> Sequence[Transaction]:
    """The transactions of a station that have not ended, newest first."""
    query = select(Transaction).where(col(Transaction.station_id) == station_id, col(Transaction.ended_at).is_(None))
    return await tx.all(query.order_by(col(Transaction.id).desc()).limit(MOST_OPEN))


async def present_transactions(reader: Reader, station_id: str) -> list[Held]:
    """The newest transactions of a station and all that have not ended, oldest first, without their records.

    Each station is asked for once after it has come, all of them at the same time after a restart.
    """
    rows = await reader.quick(_PRESENT, station_id, station_id)
    return [held_of_columns(*row) for row in rows]


async def transaction_by_number(tx: Tx, station_id: str, transaction_id: int) -> Transaction | None:
    """A transaction of this station by our number; None for those of other stations too."""
    row = await tx.get(Transaction, transaction_id)
    return row if row is not None and row.station_id == station_id else None


async def transaction_by_origin(tx: Tx, station_id: str, origin: str) -> Transaction | None:
    """A transaction of this station by what tells its start apart."""
    query = select(Transaction).where(col(Transaction.station_id) == station_id, col(Transaction.origin) == origin)
    return await tx.first(query)


async def reserve_numbers(tx: Tx, count: int) -> int:
    """The first of so many transaction numbers that are ours from now on."""
    table: Any = Counter.__table__  # type: ignore[attr-defined]
    insert = upsert(tx.db.dialect)(table)
    statement = insert.values(name="transaction", next_value=1 + count).on_conflict_do_update(
        index_elements=["name"], set_={"next_value": table.c.next_value + count}
    )
    after = (await tx.execute(statement.returning(table.c.next_value))).scalar_one()
    return int(after) - count


def upsert(dialect: str) -> Any:
    """The `insert` that knows ON CONFLICT, for this database."""
    from sqlalchemy.dialects import postgresql, sqlite

    return postgresql.insert if dialect == "postgresql" else sqlite.insert
