"""How much is put aside before a session, and how far the session may go on it. Pure.

What a session will cost is not known when it begins: an estimate with a margin, between a floor and a cap.
"""

from dataclasses import dataclass
from decimal import Decimal

from kit.errors import InvalidInput
from kit.money import Money, exponent

_WH_IN_KWH = 1000
_S_IN_MIN = 60


class BadPolicy(InvalidInput):
    """A policy that says nothing sensible."""

    code, title = "bad_hold_policy", "The hold policy makes no sense"


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """`floor` and `cap` in major units of the session's currency, `margin` on top of the estimate (0.10 is 10 %).

    `raise_at` is the part of a hold that a session has used up when more is asked for.
    """

    floor: Decimal = Decimal(10)
    cap: Decimal = Decimal(80)
    margin: Decimal = Decimal("0.10")
    raise_at: Decimal = Decimal("0.80")

    def __post_init__(self) -> None:
        if not Decimal(0) < self.floor <= self.cap or self.margin < 0 or not Decimal(0) < self.raise_at <= 1:
            raise BadPolicy


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a session can come to: energy, duration, and gross prices in major units. Unknown parts are zero."""

    energy_wh: Decimal = Decimal(0)
    duration_s: int = 0
    per_kwh: Decimal = Decimal(0)
    per_minute: Decimal = Decimal(0)
    flat: Decimal = Decimal(0)

    def cost(self) -> Decimal:
        """The estimate, in major units."""
        return self.energy_wh / _WH_IN_KWH * self.per_kwh + self.per_minute * self.duration_s / _S_IN_MIN + self.flat


def hold_amount(policy: HoldPolicy, expected: Expectation, currency: str) -> Money:
    """What to put aside: whole major units, upwards, within floor and cap. An empty estimate takes the floor."""
    wanted = expected.cost() * (1 + policy.margin)
    return _whole(min(max(wanted, policy.floor), policy.cap), currency)


def raised(policy: HoldPolicy, held: Money, cost_so_far: Money) -> Money | None:
    """To what the hold of a running session is to be raised; None as long as it does, or when it is at the cap.

    Half as much again as was held, at least what has been used with the same reserve.
    """
    cap = _whole(policy.cap, held.currency)
    if held >= cap or cost_so_far.to_decimal() < held.to_decimal() * policy.raise_at:
        return None
    wanted = max(held.to_decimal() * Decimal("1.5"), cost_so_far.to_decimal() / policy.raise_at)
    return min(_whole(wanted, held.currency), cap)


def _whole(amount: Decimal, currency: str) -> Money:
    units = int(amount)
    if units < amount:
        units += 1
    return Money(units * 10 ** exponent(currency), currency)
