"""What a payment provider keeps books of, in our words: the lines of our balance with it, and pages of its lists. Pure.

Every movement of money is a line, in the currency that we are paid out in, with the fee that the provider keeps for it.
A line may appear a while after its cause.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from kit.money import Money

T = TypeVar("T")


class Movement(StrEnum):
    """What lines can be asked after: each has an id at the provider."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    TRANSFER = "transfer"


class LineKind(StrEnum):
    """Why our balance changed."""

    PAYMENT = "payment"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    """A refund came back."""
    DISPUTE = "dispute"
    """A bank took something back (below zero), or returned it."""
    TRANSFER = "transfer"
    TRANSFER_REVERSED = "transfer_reversed"
    FEE = "fee"
    """A fee that belongs to no movement, as one for a month."""
    PAYOUT = "payout"
    """Paid out to our bank (below zero), or returned by it."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """One line: `amount` is before the fee, below zero when it went from us; without the fee it changed our balance.

    `source_id` is the charge, refund, dispute or transfer; `payment_id` the payment behind it. `source_amount` is the
    same amount in the currency of that payment where the provider has exchanged it, by `exchange_rate`.
    """

    id: str
    kind: LineKind
    amount: Money
    fee: Money
    created: datetime
    available_on: datetime
    source_id: str | None = None
    payment_id: str | None = None
    source_amount: Money | None = None
    exchange_rate: Decimal | None = None

    @property
    def net(self) -> Money:
        """What our balance changed."""
        return self.amount - self.fee


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """An amount that goes from our balance to the account of another at the provider."""

    operation_id: str
    account_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer as it is now; `taken_back` is what was reversed of it."""

    id: str
    account_id: str | None
    amount: Money
    taken_back: Money
    operation_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReversalOrder:
    """An amount that is taken back of a transfer."""

    operation_id: str
    transfer_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Reversal:
    """What was taken back of a transfer."""

    id: str
    transfer_id: str
    amount: Money
    operation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The moments that a list is read for: from `since` on, before `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `next` leads to the part after it, None from the last one."""

    items: Sequence[T]
    next: str | None = None
