"""Rows of the message log: what may be searched, the exact bytes under encryption, and who looked at those."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.ids import moment_of, uuid7

IN, OUT = "IN", "OUT"


class Message(SQLModel, table=True):
    """One exchange with a partner, masked. Its id begins with the microsecond at which it began."""

    __tablename__ = "ocpi_message"
    __table_args__ = (
        Index("ix_ocpi_message_correlation_id", "correlation_id", "id"),
        Index("ix_ocpi_message_platform_id", "platform_id", "id"),
        # The ids come in order, so a table by itself and an index for them would be two writings of the same.
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True, max_length=24)
    direction: str = Field(max_length=3)
    platform_id: str | None = Field(default=None, max_length=36)
    from_party: str | None = Field(default=None, max_length=8)
    to_party: str | None = Field(default=None, max_length=8)
    module: str | None = Field(default=None, max_length=24)
    interface: str | None = Field(default=None, max_length=8)
    verb: str = Field(max_length=16)
    path: str = Field(sa_type=Text)
    http_status: int | None = None
    status_code: int | None = None
    error: str | None = Field(default=None, max_length=80)
    duration_ms: int
    request_id: str | None = Field(default=None, max_length=255)
    correlation_id: str | None = Field(default=None, max_length=255)
    request_bytes: int
    response_bytes: int
    request_body: str | None = Field(default=None, sa_type=Text)
    response_body: str | None = Field(default=None, sa_type=Text)

    @property
    def at(self) -> datetime:
        """When it began."""
        return moment_of(self.id)


class MessageContent(SQLModel, table=True):
    """The exact bytes of a message, encrypted."""

    __tablename__ = "ocpi_message_content"
    __table_args__ = {"sqlite_with_rowid": False}

    id: str = Field(primary_key=True, max_length=24)
    sealed: bytes = Field(sa_type=LargeBinary)


class MessageAccess(SQLModel, table=True):
    """That somebody read the exact bytes of a message, or sent it again. Never deleted."""

    __tablename__ = "ocpi_message_access"

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    message_id: str = Field(max_length=24, index=True)
    action: str = Field(max_length=16)
    key_id: str = Field(max_length=36)
    key_name: str = Field(max_length=100)
    reason: str = Field(max_length=500)
    at: datetime
