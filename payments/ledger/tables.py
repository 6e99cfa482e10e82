"""Rows of the ledger. They are only ever added: triggers refuse everything else (migration 0002).

The transfers of an entry are written before the entry itself, whose row seals them: a transfer that names an entry
which is there already is refused, and one without an entry cannot be committed.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

import kit.db  # noqa: F401 - sets the naming convention before the first table


class LedgerEntry(SQLModel, table=True):
    """One fact. `digest` is of all that it says, its transfers included."""

    __tablename__ = "ledger_entry"
    __table_args__ = (UniqueConstraint("document_kind", "document_id"),)

    id: str = Field(primary_key=True, max_length=36)
    document_kind: str = Field(max_length=40)
    document_id: str = Field(max_length=100)
    transfer_count: int
    digest: str = Field(max_length=64)
    facts: str = Field(sa_type=Text)
    made_at: datetime = Field(index=True)


class LedgerTransfer(SQLModel, table=True):
    """One amount from `source` to `target`, accounts as `kind:owner`."""

    __tablename__ = "ledger_transfer"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("source <> target", name="moves"),
        Index("ix_ledger_transfer_source", "source", "currency"),
        Index("ix_ledger_transfer_target", "target", "currency"),
    )

    entry_id: str = Field(
        sa_column=Column(
            "entry_id",
            ForeignKey("ledger_entry.id", deferrable=True, initially="DEFERRED"),
            primary_key=True,
        )
    )
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    source: str = Field(max_length=100)
    target: str = Field(max_length=100)
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str = Field(max_length=3)
