"""What a prepaid wallet may do: what is free in it, what a bill takes, when it is filled, what is paid out. Pure.

A wallet is never overdrawn. What is put aside for a start (an earmark) is nobody else's until it is spent or released,
so what is free is the balance less all earmarks, and that is never below zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kit.errors import InvalidInput, PaymentRequired
from kit.money import Money


class WalletTooLow(PaymentRequired):
    """There is not as much free in the wallet as is to be put aside."""

    code, title = "wallet_too_low", "There is not enough in your wallet"

    def __init__(self, needed: Money, available: Money) -> None:
        told = {"needed": str(needed.to_decimal()), "available": str(available.to_decimal())}
        super().__init__(
            f"{needed} are needed and {available} are there",
            extensions={**told, "currency": needed.currency, "next_step": "top_up"},
        )
        self.needed = needed


class OtherCurrency(PaymentRequired):
    """A wallet pays in its own currency alone."""

    code, title = "wallet_other_currency", "Your wallet is in another currency"


class TopUpOutOfBounds(InvalidInput):
    """Less or more than may be paid in at once, or more than a wallet may hold."""

    code, title = "top_up_out_of_bounds", "Not an amount to top up with"


class BadReloadRule(InvalidInput):
    """A rule for filling a wallet by itself that makes no sense."""

    code, title = "bad_reload_rule", "Not a rule for topping up"


class EarmarkState(StrEnum):
    """What became of an amount that was put aside for something."""

    KEPT = "KEPT"
    RELEASED = "RELEASED"
    SPENT = "SPENT"

    @property
    def counts(self) -> bool:
        """Whether it is still put aside."""
        return self is EarmarkState.KEPT


_CAN_BECOME = {
    EarmarkState.KEPT: frozenset({EarmarkState.RELEASED, EarmarkState.SPENT}),
    EarmarkState.RELEASED: frozenset({EarmarkState.KEPT, EarmarkState.SPENT}),
    EarmarkState.SPENT: frozenset[EarmarkState](),
}


def can_become(state: EarmarkState, after: EarmarkState) -> bool:
    """Whether an earmark may move on: what was released can be put aside anew, or owed; what was spent is over."""
    return after in _CAN_BECOME[state]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in a wallet, and how much of it is put aside."""

    balance: Money
    earmarked: Money

    @property
    def available(self) -> Money:
        """What can be put aside or spent; nothing below zero."""
        return max(self.balance - self.earmarked, Money.zero(self.balance.currency))

    def covers(self, amount: Money) -> bool:
        """Whether as much as this is free. Raises `OtherCurrency`."""
        if amount.currency != self.balance.currency:
            raise OtherCurrency(f"the wallet is in {self.balance.currency}")
        return self.available >= amount


@dataclass(frozen=True, slots=True)
class Split:
    """What a wallet pays of what is owed, and what it does not cover."""

    spent: Money
    rest: Money


def split(owed: Money, standing: Standing, earmark: Money) -> Split:
    """How what is owed is paid: from what was put aside for it, then from what is free; the rest is a debt.

    `earmark` is what is put aside for this now: it is part of `standing.earmarked`. Raises `OtherCurrency`.
    """
    if owed.currency != standing.balance.currency:
        raise OtherCurrency(f"the wallet is in {standing.balance.currency}")
    spent = min(owed, standing.available + earmark)
    return Split(spent, owed - spent)


@dataclass(frozen=True, slots=True)
class WalletPolicy:
    """Bounds in major units of the wallet's currency: of what is paid in at once, and of what a wallet holds."""

    least: Decimal = Decimal(5)
    most: Decimal = Decimal(500)
    cap: Decimal = Decimal(1000)

    def check(self, amount: Money, balance: Money) -> None:
        """That so much may be paid in. Raises `TopUpOutOfBounds`, `OtherCurrency`."""
        if amount.currency != balance.currency:
            raise OtherCurrency(f"the wallet is in {balance.currency}")
        if not self.least <= amount.to_decimal() <= self.most:
            raise TopUpOutOfBounds(f"from {self.least} to {self.most} {amount.currency} at once")
        if (balance + amount).to_decimal() > self.cap:
            raise TopUpOutOfBounds(f"a wallet holds {self.cap} {amount.currency} at most")


@dataclass(frozen=True, slots=True)
class ReloadRule:
    """Pay in `amount` when less than `below` is free. Raises `BadReloadRule`."""

    below: Money
    amount: Money

    def __post_init__(self) -> None:
        if self.below.currency != self.amount.currency:
            raise BadReloadRule("both amounts are in one currency")
        if self.below.amount_minor < 0 or self.amount.amount_minor <= 0:
            raise BadReloadRule("amounts are positive")

    def applies(self, available: Money, *, needed: Money | None = None) -> bool:
        """Whether it is time to fill the wallet: too little is free, or less than somebody needs now."""
        return available < self.below or (needed is not None and available < needed)


@dataclass(frozen=True, slots=True)
class PayOut:
    """What of a balance goes back with which payment, and what nobody has paid in."""

    parts: tuple[tuple[str, Money], ...]
    rest: Money


def pay_out(balance: Money, refundable: Sequence[tuple[str, Money]]) -> PayOut:
    """How a balance goes back to where it came from: by the payments in the order given, newest first.

    What no payment covers was a kindness of ours, and returns to us.
    """
    left, parts = balance, []
    for payment, amount in refundable:
        part = min(left, amount)
        if part.amount_minor > 0:
            parts.append((payment, part))
            left -= part
    return PayOut(tuple(parts), left)
