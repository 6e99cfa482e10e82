"""Rows of what the provider tells us: each event once, as it came."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field, SQLModel

import kit.db  # noqa: F401 - sets the naming convention before the first table

_WAITING = text("handled_at IS NULL")


class Webhook(SQLModel, table=True):
    """An event. `body` is what was signed, or what the list of events showed."""

    __tablename__ = "payment_webhook"
    __table_args__ = (
        Index("ix_payment_webhook_waiting", "received_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    )

    event_id: str = Field(primary_key=True, max_length=64)
    kind: str = Field(max_length=80)
    object_id: str = Field(max_length=64)
    payment_id: str | None = Field(default=None, max_length=64)
    body: bytes = Field(sa_type=LargeBinary)
    swept: bool = False
    """Whether we had to fetch it, because it never came."""
    happened_at: datetime
    received_at: datetime
    handled_at: datetime | None = Field(default=None, index=True)


class SweptUntil(SQLModel, table=True):
    """Up to when the provider's list of events has been read."""

    __tablename__ = "payment_swept_until"

    id: int = Field(primary_key=True)
    moment: datetime
