"""Rows of what is transferred to parties at the payment provider, and of what is taken back of it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, func, select
from sqlmodel import Field, SQLModel, col

from kit.db import BigInt
from kit.money import Money
from kit.tx import Tx
from payments.tables import Ordered


class PartyAccount(SQLModel, table=True):
    """The account of a party (`CC*PID`) at the provider, to which we transfer what we owe it."""

    __tablename__ = "payment_party_account"

    party: str = Field(primary_key=True, max_length=6)
    account_id: str = Field(max_length=64)
    created_at: datetime
    updated_at: datetime


class TransferState(StrEnum):
    """Where a transfer or a reversal stands; DONE and FAILED are the ends."""

    REQUESTED = "REQUESTED"
    UNKNOWN = "UNKNOWN"
    DONE = "DONE"
    FAILED = "FAILED"


class Transfer(Ordered, table=True):
    """A payout to a party. `reversed_minor` counts reversals that are under way, too."""

    __tablename__ = "payment_transfer"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("reversed_minor BETWEEN 0 AND amount_minor", name="reversed"),
    )

    party: str = Field(max_length=6, index=True)
    account_id: str = Field(max_length=64)
    state: str = Field(default=TransferState.REQUESTED, max_length=10)
    reversed_minor: int = Field(default=0, sa_type=BigInt)
    provider_id: str | None = Field(default=None, max_length=64, unique=True)


class Reversal(Ordered, table=True):
    """What is taken back of a transfer."""

    __tablename__ = "payment_reversal"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"),)

    transfer_id: str = Field(max_length=36, foreign_key="payment_transfer.id", index=True)
    party: str = Field(max_length=6)
    state: str = Field(default=TransferState.REQUESTED, max_length=10)
    provider_id: str | None = Field(default=None, max_length=64, unique=True)


async def locked_account(tx: Tx, party: str) -> PartyAccount | None:
    """A party's account, which nobody else pays out to until this transaction ends."""
    return await tx.first(
        select(PartyAccount)
        .where(col(PartyAccount.party) == party)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def locked_transfer(tx: Tx, transfer_id: str) -> Transfer | None:
    """A transfer that nobody else changes until this transaction ends."""
    return await tx.first(
        select(Transfer)
        .where(col(Transfer.id) == transfer_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def locked_reversal(tx: Tx, reversal_id: str) -> Reversal | None:
    """The same for a reversal."""
    return await tx.first(
        select(Reversal)
        .where(col(Reversal.id) == reversal_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def under_way(tx: Tx, party: str, currency: str) -> Money:
    """What is being transferred to a party and not posted yet."""
    where = (
        col(Transfer.party) == party,
        col(Transfer.currency) == currency,
        col(Transfer.state).in_([TransferState.REQUESTED, TransferState.UNKNOWN]),
    )
    total = select(func.coalesce(func.sum(col(Transfer.amount_minor)), 0)).where(*where)
    return Money(int((await tx.execute(total)).scalar_one()), currency)


async def listed(tx: Tx, *, offset: int, limit: int) -> tuple[Sequence[Transfer], int]:
    """A page of transfers, newest first, and how many there are."""
    rows = await tx.all(select(Transfer).order_by(col(Transfer.id).desc()).offset(offset).limit(limit))
    return rows, int((await tx.execute(select(func.count()).select_from(Transfer))).scalar_one())
