"""Rows of prepaid wallets. What is in a wallet stands in the ledger alone; whoever spends of it locks its row first."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col

from kit.db import BigInt
from kit.ids import uuid7
from kit.money import Money
from kit.tx import Tx
from payments.wallet_rules import EarmarkState, ReloadRule


class Wallet(SQLModel, table=True):
    """A wallet: its row is the lock for all that is spent from it."""

    __tablename__ = "wallet"

    owner: str = Field(primary_key=True, max_length=48)
    """Whose it is: the owner of its account in the ledger, and the reference of the provider's customer."""
    currency: str = Field(max_length=3)
    reload_below_minor: int | None = Field(default=None, sa_type=BigInt)
    reload_minor: int | None = Field(default=None, sa_type=BigInt)
    reload_id: str | None = Field(default=None, max_length=36)
    """The top-up by rule that is under way: one at a time."""
    reload_paused: str | None = Field(default=None, max_length=40)
    """Why the rule rests: a word of `payments.errors.DeclineReason`. The driver has it go on."""
    created_at: datetime
    updated_at: datetime

    @property
    def rule(self) -> ReloadRule | None:
        """When it is filled by itself."""
        if self.reload_below_minor is None or self.reload_minor is None:
            return None
        return ReloadRule(Money(self.reload_below_minor, self.currency), Money(self.reload_minor, self.currency))


class TopUpState(StrEnum):
    """Where a top-up stands. LOADED and FAILED are the ends."""

    ASKED = "ASKED"
    LOADED = "LOADED"
    FAILED = "FAILED"


class TopUp(SQLModel, table=True):
    """Money that is being paid into a wallet. It counts once the provider has taken it."""

    __tablename__ = "wallet_top_up"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"),)

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    owner: str = Field(max_length=48, index=True)
    by_rule: bool = False
    """Whether nobody asked but the rule."""
    state: str = Field(default=TopUpState.ASKED, max_length=8)
    reason: str | None = Field(default=None, max_length=200)
    amount_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    hold_id: str | None = Field(default=None, max_length=36)
    received_id: str | None = Field(default=None, max_length=36, unique=True)
    """The payment, once it was taken."""
    created_at: datetime
    updated_at: datetime

    @property
    def amount(self) -> Money:
        """What is to be paid in."""
        return Money(self.amount_minor, self.currency)

    @property
    def reference(self) -> str:
        """What the payment is asked for under."""
        return f"{TOP_UP}{self.id}"


TOP_UP = "wallet:"
"""Begins the reference of a payment into a wallet."""


class Earmark(SQLModel, table=True):
    """An amount that is put aside in a wallet. `reference` is what for, once: a start, a payment that goes back."""

    __tablename__ = "wallet_earmark"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("spent_minor >= 0", name="spent"),
        CheckConstraint("refunded_minor BETWEEN 0 AND spent_minor", name="refunded"),
        Index(
            "ix_wallet_earmark_kept",
            "owner",
            sqlite_where=text("state = 'KEPT'"),
            postgresql_where=text("state = 'KEPT'"),
        ),
    )

    reference: str = Field(primary_key=True, max_length=64)
    owner: str = Field(max_length=48, foreign_key="wallet.owner")
    state: str = Field(default=EarmarkState.KEPT, max_length=8)
    amount_minor: int = Field(sa_type=BigInt)
    owed_minor: int = Field(default=0, sa_type=BigInt)
    """What it was settled with."""
    spent_minor: int = Field(default=0, sa_type=BigInt)
    """What the wallet paid of that."""
    refunded_minor: int = Field(default=0, sa_type=BigInt)
    """What of that went back into it."""
    currency: str = Field(max_length=3)
    created_at: datetime
    updated_at: datetime

    @property
    def amount(self) -> Money:
        """What was put aside."""
        return Money(self.amount_minor, self.currency)

    @property
    def spent(self) -> Money:
        """What the wallet paid."""
        return Money(self.spent_minor, self.currency)

    @property
    def refundable(self) -> Money:
        """What of that can still go back."""
        return Money(self.spent_minor - self.refunded_minor, self.currency)


class WalletRefund(SQLModel, table=True):
    """What a wallet has paid goes back into it, as a part or as a whole: at once, so it has no state.

    `reference` is what for, once; `earmark` is what the wallet had paid for.
    """

    __tablename__ = "wallet_refund"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"),)

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    reference: str = Field(max_length=64, unique=True)
    earmark: str = Field(max_length=64, foreign_key="wallet_earmark.reference", index=True)
    amount_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    created_at: datetime

    @property
    def amount(self) -> Money:
        """What went back."""
        return Money(self.amount_minor, self.currency)


async def make_wallet(tx: Tx, owner: str, currency: str) -> None:
    """A wallet, unless there is one."""
    insert = postgresql.insert if tx.db.dialect == "postgresql" else sqlite.insert
    row = {"owner": owner, "currency": currency, "created_at": tx.now, "updated_at": tx.now}
    await tx.execute(insert(Wallet).values(**row).on_conflict_do_nothing())


async def locked_wallet(tx: Tx, owner: str) -> Wallet | None:
    """A wallet from which nobody else spends until this transaction ends."""
    return await tx.first(
        select(Wallet).where(col(Wallet.owner) == owner).with_for_update().execution_options(populate_existing=True)
    )


async def earmarked_minor(tx: Tx, owner: str) -> int:
    """What is put aside in a wallet."""
    kept = select(func.coalesce(func.sum(col(Earmark.amount_minor)), 0)).where(
        col(Earmark.owner) == owner, col(Earmark.state) == EarmarkState.KEPT
    )
    return int((await tx.execute(kept)).scalar_one())


async def loaded_top_ups(tx: Tx, owner: str) -> Sequence[TopUp]:
    """The top-ups that were taken, newest first."""
    of_owner = (col(TopUp.owner) == owner, col(TopUp.state) == TopUpState.LOADED)
    return await tx.all(select(TopUp).where(*of_owner).order_by(col(TopUp.id).desc()))


async def top_up_for(tx: Tx, reference: str) -> TopUp | None:
    """The top-up that a payment was asked for under, or None."""
    return await tx.get(TopUp, reference.removeprefix(TOP_UP)) if reference.startswith(TOP_UP) else None
