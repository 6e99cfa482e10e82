"""Rows of customers and their saved cards: the brand, the last four digits and the end, and nothing else of a card."""

from datetime import datetime

from sqlmodel import Field, SQLModel

import kit.db  # noqa: F401 - sets the naming convention before the first table


class Customer(SQLModel, table=True):
    """Somebody to whom cards can belong. `reference` is ours: a driver, or one visit of somebody unknown."""

    __tablename__ = "payment_customer"

    reference: str = Field(primary_key=True, max_length=64)
    key: str = Field(max_length=64)
    """The idempotency key under which the provider was asked for it."""
    customer_id: str | None = Field(default=None, max_length=64, unique=True)
    """The provider's id, once it is known."""
    asked_at: datetime
    created_at: datetime


class SavedCard(SQLModel, table=True):
    """A card that may be charged without its holder."""

    __tablename__ = "payment_card"

    id: str = Field(primary_key=True, max_length=64)
    """The provider's id."""
    customer_id: str = Field(max_length=64, index=True)
    brand: str = Field(max_length=32)
    last4: str = Field(max_length=4)
    exp_month: int
    exp_year: int
    fingerprint: str = Field(max_length=64, index=True)
    is_default: bool = False
    removed_at: datetime | None = None
    created_at: datetime
