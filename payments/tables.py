"""Rows of the payments floor. Money is minor units beside its currency; nothing here is a card's number or a secret."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, LargeBinary, select, text
from sqlmodel import Field, SQLModel, col

from kit.db import BigInt
from kit.ids import uuid7
from kit.money import Money
from kit.tx import Tx
from payments.hold_lifecycle import HoldState, Wish

_OPEN = "state IN ('READY', 'SENT', 'UNKNOWN')"


class Ordered(SQLModel):
    """What all that is wanted of the provider has in common: an amount, and what for, once (`reference`)."""

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    reference: str = Field(max_length=64, unique=True)
    reason: str | None = Field(default=None, max_length=200)
    """Why it failed."""
    amount_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    created_at: datetime
    updated_at: datetime

    @property
    def amount(self) -> Money:
        """How much."""
        return Money(self.amount_minor, self.currency)


class Hold(Ordered, table=True):
    """An amount that is put aside for a session. `reference` is who asked for it, `reason` a `DeclineReason`."""

    __tablename__ = "payment_hold"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("captured_minor BETWEEN 0 AND amount_minor", name="captured"),
        Index("ix_payment_hold_open", "state", "updated_at"),
    )

    state: str = Field(default=HoldState.REQUESTED, max_length=12)
    captured_minor: int = Field(default=0, sa_type=BigInt)
    customer_id: str | None = Field(default=None, max_length=64)
    card_id: str | None = Field(default=None, max_length=64)
    card_brand: str | None = Field(default=None, max_length=32)
    card_last4: str | None = Field(default=None, max_length=4)
    """What a driver knows the card by."""
    card_given: bool = True
    """Whether the card was known at the start; else the driver enters one."""
    payment_id: str | None = Field(default=None, max_length=64, unique=True)
    """The provider's id."""
    can_increase: bool = False
    capture_before: datetime | None = None

    wish: str = Field(default=Wish.KEEP, max_length=8)
    owed_minor: int = Field(default=0, sa_type=BigInt)

    @property
    def is_settled(self) -> bool:
        """Whether it was said what is owed: also of what was too little to capture, whose hold is released."""
        return self.wish in (Wish.SETTLE, Wish.TAKE) or self.owed_minor > 0


class OperationKind(StrEnum):
    """What the provider is asked to do."""

    HOLD = "HOLD"
    INCREASE = "INCREASE"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    CHARGE = "CHARGE"
    REFUND = "REFUND"
    TRANSFER = "TRANSFER"
    REVERSE = "REVERSE"


class OperationState(StrEnum):
    """Where an operation stands. SENT and UNKNOWN are asked back; DONE, DECLINED and REFUSED are the ends."""

    READY = "READY"
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    DONE = "DONE"
    DECLINED = "DECLINED"
    REFUSED = "REFUSED"

    @property
    def is_open(self) -> bool:
        """Not at an end."""
        return self in (OperationState.READY, OperationState.SENT, OperationState.UNKNOWN)


class Operation(SQLModel, table=True):
    """One order to the provider, written before it is sent. Of a hold, a debt, a refund, … at most one is open."""

    __tablename__ = "payment_operation"
    __table_args__ = (
        *(
            Index(f"uq_payment_operation_open_{name}", name, unique=True, sqlite_where=where, postgresql_where=where)
            for name in ("hold_id", "debt_id", "refund_id", "transfer_id", "reversal_id")
            for where in [text(f"{name} IS NOT NULL AND {_OPEN}")]
        ),
        Index("ix_payment_operation_ask", "ask_at", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
    )

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    """Goes to the provider with the order, to find it by."""
    key: str = Field(max_length=64, unique=True)
    """The idempotency key."""
    kind: str = Field(max_length=8)
    state: str = Field(default=OperationState.READY, max_length=8)
    outcome: str | None = Field(default=None, max_length=200)
    request: bytes = Field(sa_type=LargeBinary)
    """The order as JSON, for the same key has to come with the same order."""
    hold_id: str | None = Field(default=None, max_length=36, foreign_key="payment_hold.id", index=True)
    debt_id: str | None = Field(default=None, max_length=36, foreign_key="payment_debt.id", index=True)
    refund_id: str | None = Field(default=None, max_length=36, foreign_key="payment_refund.id", index=True)
    transfer_id: str | None = Field(default=None, max_length=36, foreign_key="payment_transfer.id", index=True)
    reversal_id: str | None = Field(default=None, max_length=36, foreign_key="payment_reversal.id", index=True)
    attempts: int = 0
    maybe_heard: bool = False
    """Whether the provider may have heard it before it was last sent."""
    first_sent_at: datetime | None = None
    ask_at: datetime
    """When the janitor takes it up."""
    created_at: datetime
    updated_at: datetime


class DebtState(StrEnum):
    """Where a debt stands. A debt that was given up can still be paid; one that was cancelled is owed no more."""

    OWED = "OWED"
    PAID = "PAID"
    GIVEN_UP = "GIVEN_UP"
    CANCELED = "CANCELED"


class Debt(Ordered, table=True):
    """What a driver owes beyond what was held."""

    __tablename__ = "payment_debt"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"),)

    hold_id: str | None = Field(default=None, max_length=36, foreign_key="payment_hold.id", unique=True)
    state: str = Field(default=DebtState.OWED, max_length=8, index=True)
    customer_id: str | None = Field(default=None, max_length=64)
    card_id: str | None = Field(default=None, max_length=64)
    """The card to try first."""
    payment_id: str | None = Field(default=None, max_length=64)
    """The payment of the last attempt, which the driver may still confirm."""
    attempts: int = 0
    next_attempt_at: datetime | None = None


class Received(SQLModel, table=True):
    """Money that was taken: one row for each payment. `refunded_minor` counts refunds that are under way as well."""

    __tablename__ = "payment_received"
    __table_args__ = (CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunded"),)

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    payment_id: str = Field(max_length=64, unique=True)
    reference: str = Field(max_length=64, index=True)
    hold_id: str | None = Field(default=None, max_length=36, foreign_key="payment_hold.id", index=True)
    debt_id: str | None = Field(default=None, max_length=36, foreign_key="payment_debt.id", index=True)
    amount_minor: int = Field(sa_type=BigInt)
    refunded_minor: int = Field(default=0, sa_type=BigInt)
    currency: str = Field(max_length=3)
    created_at: datetime


class RefundState(StrEnum):
    """Where a refund stands. One that succeeded can still come back from the bank as failed."""

    REQUESTED = "REQUESTED"
    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Refund(Ordered, table=True):
    """Money that goes back."""

    __tablename__ = "payment_refund"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"),)

    received_id: str = Field(max_length=36, foreign_key="payment_received.id", index=True)
    state: str = Field(default=RefundState.REQUESTED, max_length=10)
    provider_id: str | None = Field(default=None, max_length=64, unique=True)


class Dispute(SQLModel, table=True):
    """A driver's bank wants money back."""

    __tablename__ = "payment_dispute"

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    provider_id: str = Field(max_length=64, unique=True)
    received_id: str | None = Field(default=None, max_length=36, foreign_key="payment_received.id", index=True)
    state: str = Field(max_length=16)
    reason: str = Field(max_length=64)
    amount_minor: int = Field(sa_type=BigInt)
    withdrawn_minor: int = Field(default=0, sa_type=BigInt)
    currency: str = Field(max_length=3)
    due_by: datetime | None = None
    created_at: datetime
    updated_at: datetime


async def locked_hold(tx: Tx, hold_id: str) -> Hold | None:
    """A hold that nobody else changes until this transaction ends."""
    return await tx.first(
        select(Hold).where(col(Hold.id) == hold_id).with_for_update().execution_options(populate_existing=True)
    )


async def locked_debt(tx: Tx, debt_id: str) -> Debt | None:
    """The same for a debt."""
    return await tx.first(
        select(Debt).where(col(Debt.id) == debt_id).with_for_update().execution_options(populate_existing=True)
    )


async def locked_refund(tx: Tx, refund_id: str) -> Refund | None:
    """The same for a refund."""
    return await tx.first(
        select(Refund).where(col(Refund.id) == refund_id).with_for_update().execution_options(populate_existing=True)
    )


async def locked_received(tx: Tx, received_id: str) -> Received | None:
    """The same for money that was taken."""
    return await tx.first(
        select(Received)
        .where(col(Received.id) == received_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def locked_operation(tx: Tx, operation_id: str) -> Operation | None:
    """The same for an operation."""
    return await tx.first(
        select(Operation)
        .where(col(Operation.id) == operation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def hold_by_reference(tx: Tx, reference: str) -> Hold | None:
    """The hold that was asked for under a reference."""
    return await tx.first(select(Hold).where(col(Hold.reference) == reference))


async def received_for(tx: Tx, payment_id: str) -> Received | None:
    """The money of a payment."""
    return await tx.first(select(Received).where(col(Received.payment_id) == payment_id))


async def open_operation(
    tx: Tx, *, hold_id: str | None = None, debt_id: str | None = None, refund_id: str | None = None
) -> Operation | None:
    """The operation that is under way for a hold, a debt or a refund."""
    wanted = {Operation.hold_id: hold_id, Operation.debt_id: debt_id, Operation.refund_id: refund_id}
    where = [col(column) == value for column, value in wanted.items() if value is not None]
    states = [state.value for state in OperationState if state.is_open]
    return await tx.first(select(Operation).where(*where, col(Operation.state).in_(states)))


async def to_ask(tx: Tx, *, limit: int = 100) -> Sequence[Operation]:
    """Operations that are open past their time, longest waiting first."""
    states = [state.value for state in OperationState if state.is_open]
    due = (col(Operation.state).in_(states), col(Operation.ask_at) <= tx.now)
    return await tx.all(select(Operation).where(*due).order_by(col(Operation.ask_at)).limit(limit))
