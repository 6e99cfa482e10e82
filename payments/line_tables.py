"""Rows of the provider's books as we have read them: the lines of our balance with it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Field, SQLModel, col

from kit.db import BigInt
from kit.money import Money
from kit.tx import Tx


class Line(SQLModel, table=True):
    """A line of our balance with the provider (`payments.books.BalanceLine`). It never changes."""

    __tablename__ = "payment_line"

    id: str = Field(primary_key=True, max_length=64)
    """The provider's id."""
    kind: str = Field(max_length=20)
    source_id: str | None = Field(default=None, max_length=64, index=True)
    payment_id: str | None = Field(default=None, max_length=64, index=True)
    amount_minor: int = Field(sa_type=BigInt)
    fee_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    source_minor: int | None = Field(default=None, sa_type=BigInt)
    """The amount in the currency of the payment, where the provider has exchanged it."""
    source_currency: str | None = Field(default=None, max_length=3)
    exchange_rate: str | None = Field(default=None, max_length=40)
    made_at: datetime = Field(index=True)
    available_on: datetime
    listed_at: datetime | None = None
    """When the provider's own list last showed it."""

    @property
    def amount(self) -> Money:
        """Before the fee, in the currency that we are paid out in."""
        return Money(self.amount_minor, self.currency)

    @property
    def fee(self) -> Money:
        """What the provider keeps; below zero when it gives a fee back."""
        return Money(self.fee_minor, self.currency)

    @property
    def moved(self) -> Money:
        """The amount in the currency of what caused it."""
        if self.source_minor is None or self.source_currency is None:
            return self.amount
        return Money(self.source_minor, self.source_currency)


async def lines_of_source(tx: Tx, source_id: str) -> Sequence[Line]:
    """The lines of a charge, refund, dispute or transfer that we have read, oldest first."""
    return await tx.all(select(Line).where(col(Line.source_id) == source_id).order_by(col(Line.made_at), col(Line.id)))
