"""The payment provider as the house sees it: what can be asked of one, in our words and in `kit.money.Money`.

Who asks has written a row with the idempotency key first; the same key with the same order is safe to send again for
`KEY_LIFETIME`. After that, what became of an order is looked up by the id of its operation, which goes with it.
Every method raises the errors of `payments.errors`; none may be called inside a transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from kit.money import Money
from payments.books import (
    BalanceLine,
    Movement,
    Page,
    Reversal,
    ReversalOrder,
    Transfer,
    TransferOrder,
    Window,
)
from payments.errors import DeclineReason

KEY_LIFETIME = timedelta(hours=23)
"""How long the same key surely gets the same answer: providers forget them after a day."""


class PaymentState(StrEnum):
    """Where a payment stands at the provider."""

    NEEDS_CARD = "needs_card"
    NEEDS_ACTION = "needs_action"
    PROCESSING = "processing"
    HELD = "held"
    CAPTURED = "captured"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Card:
    """A saved card, by what a driver knows it by. Its number is never here."""

    id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: str
    """The same for the same card, whoever saved it."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as it is now. `operation_id` and `reference` are what we gave it."""

    id: str
    state: PaymentState
    amount: Money
    captured: Money
    operation_id: str | None = None
    reference: str | None = None
    card_id: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    capture_before: datetime | None = None
    """When the bank gives up what it holds."""
    expired: bool = False
    """Cancelled because the bank gave it up."""
    can_increase: bool = False
    decline: DeclineReason | None = None
    """Why the last attempt failed."""
    client_secret: str | None = field(default=None, repr=False)
    """What the driver's app needs to act on it. A secret; never stored."""


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """An amount to be put aside. Without a card the driver enters one, by the payment's client secret."""

    operation_id: str
    reference: str
    amount: Money
    customer_id: str | None = None
    card_id: str | None = None
    off_session: bool = False
    """The driver is not there to show who it is: RFID, Autocharge, Plug & Charge."""
    save_card: bool = False
    """Keep the card for later payments without the driver; needs a customer."""


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """An amount to be taken at once, without the driver."""

    operation_id: str
    reference: str
    amount: Money
    customer_id: str
    card_id: str


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """An amount to be given back of a payment."""

    operation_id: str
    payment_id: str
    amount: Money


class RefundState(StrEnum):
    """Where a refund stands at the provider."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it is now."""

    id: str
    state: RefundState
    amount: Money
    payment_id: str | None
    operation_id: str | None
    reason: str | None = None


class DisputeState(StrEnum):
    """Where a dispute stands."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"

    @property
    def is_closed(self) -> bool:
        """The bank has decided."""
        return self in (DisputeState.WON, DisputeState.LOST)


@dataclass(frozen=True, slots=True)
class Dispute:
    """A driver's bank wants money back. `withdrawn` is what it has taken by now, fees not counted."""

    id: str
    state: DisputeState
    amount: Money
    withdrawn: Money
    payment_id: str | None
    reason: str
    due_by: datetime | None


@dataclass(frozen=True, slots=True)
class CardSetup:
    """A card that is being saved: `card` is there when it was."""

    id: str
    customer_id: str | None
    done: bool
    card: Card | None
    decline: DeclineReason | None = None
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something happened to an object at the provider; `body` is the event as it was told. What it says may be old."""

    id: str
    kind: str
    object_id: str
    payment_id: str | None
    created: datetime
    body: bytes = field(repr=False)


class Psp(Protocol):
    """A payment provider."""

    async def hold(self, order: HoldOrder, *, key: str) -> Payment:
        """Have an amount put aside. Raises `Declined`, and `NeedsAction` when the driver is wanted but not there."""
        ...

    async def increase(self, payment_id: str, amount: Money, *, key: str) -> Payment:
        """Have the amount put aside raised to this one. Raises `Refused` where that is not possible."""
        ...

    async def capture(self, payment_id: str, amount: Money, *, key: str) -> Payment:
        """Take what was put aside or a part of it; the rest goes back.

        As `charge`, it takes the largest amount up to this one that the provider can count.
        """
        ...

    async def void(self, payment_id: str, *, key: str) -> Payment:
        """Give back what was put aside, or give up before that."""
        ...

    async def charge(self, order: ChargeOrder, *, key: str) -> Payment:
        """Take an amount from a saved card without the driver. Raises `Declined` and `NeedsAction`."""
        ...

    async def refund(self, order: RefundOrder, *, key: str) -> Refund:
        """Give back a part of what was taken, or all of it."""
        ...

    async def payment(self, payment_id: str) -> Payment:
        """A payment as it is now."""
        ...

    async def find_payment(self, operation_id: str) -> Payment | None:
        """The payment that an operation made. One that is younger than some minutes may not be found yet."""
        ...

    async def refund_by_id(self, refund_id: str) -> Refund:
        """A refund as it is now."""
        ...

    async def find_refund(self, payment_id: str, operation_id: str) -> Refund | None:
        """The refund that an operation made."""
        ...

    async def dispute(self, dispute_id: str) -> Dispute:
        """A dispute as it is now."""
        ...

    async def create_customer(self, reference: str, *, key: str) -> str:
        """Make a customer, to whom cards can belong; its id."""
        ...

    async def begin_card(self, customer_id: str, *, key: str) -> CardSetup:
        """Begin to save a card for payments without the driver."""
        ...

    async def card_setup(self, setup_id: str) -> CardSetup:
        """How far the saving of a card is."""
        ...

    async def cards(self, customer_id: str) -> Sequence[Card]:
        """The saved cards of a customer."""
        ...

    async def remove_card(self, card_id: str) -> None:
        """Forget a card. Fine when it is forgotten already."""
        ...

    async def transfer(self, order: TransferOrder, *, key: str) -> Transfer:
        """Move an amount to another's account with the provider. Raises `Refused` when there is not as much."""
        ...

    async def find_transfer(self, operation_id: str) -> Transfer | None:
        """The transfer that an operation made."""
        ...

    async def reverse(self, order: ReversalOrder, *, key: str) -> Reversal:
        """Take a part of a transfer back, or all of it. Raises `Refused` for more than that."""
        ...

    async def find_reversal(self, transfer_id: str, operation_id: str) -> Reversal | None:
        """The reversal that an operation made."""
        ...

    async def takes_transfers(self, account_id: str) -> bool:
        """Whether another's account may get transfers by now. Raises `Refused` for one that there is not."""
        ...

    async def lines_of(self, movement: Movement, object_id: str) -> Sequence[BalanceLine]:
        """The lines that a payment, refund, dispute or transfer has left on our balance by now, oldest first."""
        ...

    async def lines(self, window: Window, *, after: str | None = None) -> Page[BalanceLine]:
        """A page of all lines that were made in a window. As the lists below, in the provider's order."""
        ...

    async def payments(self, window: Window, *, after: str | None = None) -> Page[Payment]:
        """A page of the payments that were made in a window."""
        ...

    async def refunds(self, window: Window, *, after: str | None = None) -> Page[Refund]:
        """A page of the refunds that were made in a window."""
        ...

    async def disputes(self, window: Window, *, after: str | None = None) -> Page[Dispute]:
        """A page of the disputes that were opened in a window."""
        ...

    async def notices(self, since: datetime) -> Sequence[Notice]:
        """What has happened since a moment, oldest first."""
        ...

    def read_notice(self, body: bytes) -> Notice:
        """An event from its body, whose signature was checked before. Raises `UnreadableNotice`."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
