"""Rows of the billing room: what drivers owe for sessions, and by which rates CDRs count in another currency."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint, select, text
from sqlmodel import Field, SQLModel, col

from hub.starts.covers import start_of
from kit.db import BigInt
from kit.ids import uuid7
from kit.money import Money
from kit.tx import Tx
from payments.tables import Refund
from payments.wallet_tables import WalletRefund

GivenBack = Refund | WalletRefund
"""Money that goes back: to a card, or into a wallet."""
_STANDS = text("credited_at IS NULL")
_WAITS = text("exchange IS NULL")


class Bill(SQLModel, table=True):
    """What a driver owes for one session, by the price that was promised. It never changes; a credit undoes it.

    Of a start at most one stands: another comes only when the CDR of the one before was credited.
    """

    __tablename__ = "bill"
    __table_args__ = (
        UniqueConstraint("country_code", "party_id", "cdr_id"),
        Index("uq_bill_stands", "start_id", unique=True, sqlite_where=_STANDS, postgresql_where=_STANDS),
    )

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    start_id: str = Field(max_length=36, index=True, foreign_key="start.id")
    reference: str = Field(max_length=64, unique=True)
    """What it is paid under: the start that money was put aside for, or the bill itself."""
    payer: str = Field(max_length=48, index=True)
    payment: str = Field(max_length=8)
    country_code: str = Field(max_length=2)
    party_id: str = Field(max_length=3)
    cdr_id: str = Field(max_length=39)
    """The CPO's CDR, by its party and id."""
    place: str = Field(max_length=3)
    """The country of charging, ISO 3166-1 alpha-2: whose VAT it is."""
    currency: str = Field(max_length=3)
    net_minor: int = Field(sa_type=BigInt)
    vat_minor: int = Field(sa_type=BigInt)
    priced_currency: str | None = Field(default=None, max_length=3)
    """The tariff's, where the driver pays in another one; the next three say what it came to there, and the rate."""
    priced_net_minor: int | None = Field(default=None, sa_type=BigInt)
    priced_vat_minor: int | None = Field(default=None, sa_type=BigInt)
    exchange: bytes | None = Field(default=None, sa_type=LargeBinary)
    """The rate of the quote, its date, source and spread, as JSON."""
    lines: bytes = Field(sa_type=LargeBinary)
    """How it was reckoned, as JSON: the lines of the price, numbers as strings."""
    made_at: datetime
    credited_at: datetime | None = None
    credit_cdr_id: str | None = Field(default=None, max_length=39)
    """The credit CDR that took it back."""

    @property
    def gross(self) -> Money:
        """What is owed."""
        return Money(self.net_minor + self.vat_minor, self.currency)

    @property
    def priced(self) -> tuple[Money, Money]:
        """Net and VAT in the tariff's currency: documents are in it."""
        if self.priced_currency is None:
            return Money(self.net_minor, self.currency), Money(self.vat_minor, self.currency)
        currency = self.priced_currency
        return Money(self.priced_net_minor or 0, currency), Money(self.priced_vat_minor or 0, currency)


async def bill_of_start(tx: Tx, start_id: str) -> Bill | None:
    """The bill that stands for a start's session."""
    return await tx.first(select(Bill).where(col(Bill.start_id) == start_id, col(Bill.credited_at).is_(None)))


async def bills_of_start(tx: Tx, start_id: str) -> Sequence[Bill]:
    """Every bill for a start's session, those that were credited too, oldest first."""
    return await tx.all(select(Bill).where(col(Bill.start_id) == start_id).order_by(col(Bill.id)))


async def bill_of_reference(tx: Tx, reference: str) -> Bill | None:
    """The bill that is paid under a reference, that of a start's second hold too."""
    return await tx.first(select(Bill).where(col(Bill.reference) == start_of(reference)))


class CdrExchange(SQLModel, table=True):
    """By which rate a CDR counts in the currency of its driver's price, where that is another one. It never changes.

    Without a rate it waits for one.
    """

    __tablename__ = "cdr_exchange"
    __table_args__ = (Index("ix_cdr_exchange_waits", "cdr_id", sqlite_where=_WAITS, postgresql_where=_WAITS),)

    cdr_id: int = Field(sa_type=BigInt, primary_key=True, foreign_key="cdr.id")
    currency: str = Field(max_length=3)
    """That of the quoted tariff."""
    day: date
    """On which the session ended, in UTC: the rate of that day holds, where the quote has none."""
    exchange: bytes | None = Field(default=None, sa_type=LargeBinary)
    """The rate, its date and source, as JSON."""


class RefundReason(SQLModel, table=True):
    """Why money of a session goes back, for its credit note. One `key` may be several refunds of several payments.

    `refund_id` is that of a refund to a card, or to a wallet.
    """

    __tablename__ = "bill_refund"

    refund_id: str = Field(primary_key=True, max_length=36)
    start_id: str = Field(max_length=36, index=True, foreign_key="start.id")
    key: str = Field(max_length=60)
    reason: str = Field(max_length=200)


async def refunds_of(tx: Tx, start_id: str) -> Sequence[RefundReason]:
    """What was asked to be given back of a session, oldest first."""
    where = col(RefundReason.start_id) == start_id
    return await tx.all(select(RefundReason).where(where).order_by(col(RefundReason.refund_id)))


async def refund_of(tx: Tx, reason: RefundReason) -> GivenBack:
    """What goes back for a reason."""
    to_card = await tx.get(Refund, reason.refund_id)
    return to_card if to_card is not None else await tx.session.get_one(WalletRefund, reason.refund_id)
