"""Rows of the auth floor: API keys."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.ids import uuid7
from kit.tx import Tx


class ApiKey(SQLModel, table=True):
    """A key that an operator's program presents. Only its keyed digest is stored."""

    __tablename__ = "api_key"

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    name: str = Field(max_length=100)
    role: str = Field(max_length=16)
    digest: str = Field(max_length=64, unique=True)
    created_at: datetime
    revoked_at: datetime | None = None


async def key_by_digest(tx: Tx, digests: list[str]) -> ApiKey | None:
    """The key with one of these digests, unless it was revoked."""
    return await tx.first(select(ApiKey).where(col(ApiKey.digest).in_(digests), col(ApiKey.revoked_at).is_(None)))
