"""Deleting what is past its time, in batches of their own transactions, so that others can write in between."""

from typing import Any

from sqlalchemy import ColumnElement, delete, select

from kit.tx import Database

BATCH = 2_000


async def forget(db: Database, key: Any, old: ColumnElement[bool], *, batch: int = BATCH) -> None:
    """Delete the rows for which `old` holds, by their key column, the smallest first."""
    deleted = batch
    while deleted == batch:
        async with db.tx() as tx:
            oldest = select(key).where(old).order_by(key).limit(batch)
            deleted = (await tx.execute(delete(key.class_).where(key.in_(oldest)))).rowcount
