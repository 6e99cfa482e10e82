"""Rows of the billing room: what drivers owe for sessions."""

from datetime import datetime

from sqlalchemy import LargeBinary, UniqueConstraint, select
from sqlmodel import Field, SQLModel, col

from kit.db import BigInt
from kit.ids import uuid7
from kit.money import Money
from kit.tx import Tx


class Bill(SQLModel, table=True):
    """What a driver owes for one session, by the price that was promised. It never changes; a credit undoes it."""

    __tablename__ = "bill"
    __table_args__ = (UniqueConstraint("country_code", "party_id", "cdr_id"),)

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    start_id: str = Field(max_length=36, unique=True, foreign_key="start.id")
    payer: str = Field(max_length=48, index=True)
    payment: str = Field(max_length=8)
    country_code: str = Field(max_length=2)
    party_id: str = Field(max_length=3)
    cdr_id: str = Field(max_length=39)
    """The CPO's CDR, by its party and id."""
    place: str = Field(max_length=3)
    """The country of charging, ISO 3166-1 alpha-3: whose VAT it is."""
    currency: str = Field(max_length=3)
    net_minor: int = Field(sa_type=BigInt)
    vat_minor: int = Field(sa_type=BigInt)
    lines: bytes = Field(sa_type=LargeBinary)
    """How it was reckoned, as JSON."""
    made_at: datetime

    @property
    def gross(self) -> Money:
        """What is owed."""
        return Money(self.net_minor + self.vat_minor, self.currency)


async def bill_of_start(tx: Tx, start_id: str) -> Bill | None:
    """The bill for a start's session."""
    return await tx.first(select(Bill).where(col(Bill.start_id) == start_id))
