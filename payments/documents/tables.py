"""Rows of documents and of what they are made with. A document is only ever added: triggers refuse the rest (0003)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CheckConstraint, LargeBinary, UniqueConstraint, exists, func, select
from sqlmodel import Field, SQLModel, col

from kit.db import BigInt
from kit.ids import uuid7
from kit.tx import Tx
from payments.documents.model import DocumentKind


class SeriesRow(SQLModel, table=True):
    """A series of numbers. Its row is locked by whoever takes the next one, until that is committed or rolled back."""

    __tablename__ = "document_series"

    name: str = Field(primary_key=True, max_length=40)
    last: int = Field(sa_type=BigInt)


class DocumentRow(SQLModel, table=True):
    """A document as it was issued. `reference` is what for, once; `subject` is what it is about."""

    __tablename__ = "document"
    __table_args__ = (
        UniqueConstraint("series", "sequence"),
        CheckConstraint("sequence > 0", name="sequence"),
    )

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    reference: str = Field(max_length=64, unique=True)
    kind: str = Field(max_length=12)
    number: str = Field(max_length=48, unique=True)
    series: str = Field(max_length=40)
    sequence: int = Field(sa_type=BigInt)
    subject: str | None = Field(default=None, max_length=48, index=True)
    payer: str = Field(max_length=48, index=True)
    corrects: str | None = Field(default=None, max_length=36, foreign_key="document.id", index=True)
    currency: str = Field(max_length=3)
    net_minor: int = Field(sa_type=BigInt)
    vat_minor: int = Field(sa_type=BigInt)
    issued_at: datetime = Field(index=True)
    body: bytes = Field(sa_type=LargeBinary)
    """All of it, as JSON."""


class GatheredRow(SQLModel, table=True):
    """That a statement is part of an invoice."""

    __tablename__ = "document_gathered"

    statement_id: str = Field(primary_key=True, max_length=36, foreign_key="document.id")
    invoice_id: str = Field(max_length=36, foreign_key="document.id", index=True)


class SellerRow(SQLModel, table=True):
    """Who sells, as the operator has entered it: JSON. There is one."""

    __tablename__ = "document_seller"

    id: str = Field(primary_key=True, max_length=8)
    body: bytes = Field(sa_type=LargeBinary)
    changed_at: datetime


class BuyerRow(SQLModel, table=True):
    """Whom invoices of a payer are addressed to: JSON."""

    __tablename__ = "document_buyer"

    payer: str = Field(primary_key=True, max_length=48)
    body: bytes = Field(sa_type=LargeBinary)
    changed_at: datetime


async def by_reference(tx: Tx, reference: str) -> DocumentRow | None:
    """The document that was issued for something."""
    return await tx.first(select(DocumentRow).where(col(DocumentRow.reference) == reference))


async def locked_document(tx: Tx, document_id: str) -> DocumentRow | None:
    """A document that nobody else credits until this transaction ends."""
    return await tx.first(select(DocumentRow).where(col(DocumentRow.id) == document_id).with_for_update())


async def about(tx: Tx, subject: str) -> Sequence[DocumentRow]:
    """The documents about something, oldest first."""
    return await tx.all(select(DocumentRow).where(col(DocumentRow.subject) == subject).order_by(col(DocumentRow.id)))


async def credits_of(tx: Tx, document_id: str) -> Sequence[DocumentRow]:
    """The credit notes of a document, oldest first."""
    where = col(DocumentRow.corrects) == document_id
    return await tx.all(select(DocumentRow).where(where).order_by(col(DocumentRow.id)))


async def listed(
    tx: Tx, *, payer: str | None = None, kind: str | None = None, offset: int, limit: int
) -> tuple[Sequence[DocumentRow], int]:
    """A page of documents, newest first, and how many there are."""
    wanted = {DocumentRow.payer: payer, DocumentRow.kind: kind}
    where = [col(column) == value for column, value in wanted.items() if value is not None]
    page = select(DocumentRow).where(*where).order_by(col(DocumentRow.id).desc()).offset(offset).limit(limit)
    total = await tx.execute(select(func.count()).select_from(DocumentRow).where(*where))
    return await tx.all(page), total.scalar_one()


async def not_gathered(tx: Tx, before: datetime, *, limit: int) -> Sequence[DocumentRow]:
    """Statements from before a moment that are part of no invoice, oldest first of each payer."""
    where = (
        col(DocumentRow.kind) == DocumentKind.STATEMENT.value,
        col(DocumentRow.issued_at) < before,
        ~exists().where(col(GatheredRow.statement_id) == col(DocumentRow.id)),
    )
    order = (col(DocumentRow.payer), col(DocumentRow.id))
    return await tx.all(select(DocumentRow).where(*where).order_by(*order).limit(limit))
