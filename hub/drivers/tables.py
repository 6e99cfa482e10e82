"""Rows of the drivers room."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.ids import short_token, uuid7
from kit.tx import Tx


class PaymentMethod(StrEnum):
    """How a session is paid."""

    CARD = "card"
    """By card: an amount is put aside before the start."""
    WALLET = "wallet"
    """From what the driver has paid in beforehand."""
    INVOICE = "invoice"
    """Later, by agreement with the operator."""
    FREE = "free"
    """Not at all: the operator's own vehicles."""


class Driver(SQLModel, table=True):
    """One of our drivers. Nothing here says who it is but the operator's own `reference`."""

    __tablename__ = "driver"

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    reference: str | None = Field(default=None, max_length=100, unique=True)
    """What the operator calls this driver: a number of a customer, no name."""
    language: str = Field(max_length=2)
    """ISO 639-1, of the words that this driver is told."""
    payment: str = Field(max_length=8)
    currency: str | None = Field(default=None, max_length=3)
    """In which this driver pays, where a rate is known; else in that of the tariff."""
    token_uid: str = Field(default_factory=short_token, max_length=36)
    """The uid of the token that stands for this driver's app towards chargers; one of OCPP 1.6 takes 20 characters."""
    contract_id: str = Field(max_length=36)
    created_at: datetime
    blocked_at: datetime | None = None


async def by_reference(tx: Tx, reference: str) -> Driver | None:
    """The driver that the operator calls so, or None."""
    return await tx.first(select(Driver).where(col(Driver.reference) == reference))


async def listed(tx: Tx, *, offset: int, limit: int) -> tuple[list[Driver], int]:
    """A page of drivers, oldest first, and how many there are."""
    rows = await tx.all(select(Driver).order_by(col(Driver.id)).offset(offset).limit(limit))
    total = (await tx.execute(select(func.count()).select_from(Driver))).scalar_one()
    return list(rows), total
