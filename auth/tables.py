"""Rows of the auth floor: keys of operators and drivers."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.ids import uuid7
from kit.reader import text_of
from kit.tx import Database, Tx


class ApiKey(SQLModel, table=True):
    """A key that an operator's program presents. Only its keyed digest is stored."""

    __tablename__ = "api_key"

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    name: str = Field(max_length=100)
    role: str = Field(max_length=16)
    digest: str = Field(max_length=64, unique=True)
    created_at: datetime
    revoked_at: datetime | None = None


class DriverKey(SQLModel, table=True):
    """A key that a driver's app presents. Only its keyed digest is stored."""

    __tablename__ = "driver_key"

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    driver_id: str = Field(max_length=36, index=True)
    name: str = Field(max_length=100)
    digest: str = Field(max_length=64, unique=True)
    created_at: datetime
    revoked_at: datetime | None = None


async def driver_key_by_digest(tx: Tx, digests: list[str]) -> DriverKey | None:
    """The driver's key with one of these digests, unless it was revoked."""
    where = (col(DriverKey.digest).in_(digests), col(DriverKey.revoked_at).is_(None))
    return await tx.first(select(DriverKey).where(*where))


async def keys_of_driver(tx: Tx, driver_id: str) -> Sequence[DriverKey]:
    """Every key of a driver, revoked ones too, oldest first."""
    return await tx.all(select(DriverKey).where(col(DriverKey.driver_id) == driver_id).order_by(col(DriverKey.id)))


class KnownKey(NamedTuple):
    """What is known of a key: its id, name and role."""

    id: str
    name: str
    role: str


async def key_by_digest(db: Database, digests: Sequence[str]) -> KnownKey | None:
    """The key with one of these digests, unless it was revoked."""
    rows = await db.reader.quick(_by_digest(len(digests)), *digests)
    return KnownKey(*map(text_of, rows[0])) if rows else None


@lru_cache
def _by_digest(digests: int) -> str:
    """Every request of the operator API asks it: the statement is in the words of `kit.reader`."""
    marks = ", ".join("?" * digests)
    return f"SELECT id, name, role FROM api_key WHERE digest IN ({marks}) AND revoked_at IS NULL"  # noqa: S608
