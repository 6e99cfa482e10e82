"""Amounts as Stripe counts them. Pure. https://docs.stripe.com/currencies#special-cases

Stripe counts most currencies in ISO's minor unit. Some it counts otherwise: whole units where ISO has cents, cents
where ISO has none, and thousandths only in tens.
"""

from kit.money import Money, exponent
from payments.errors import NotPayable

_WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_WHOLE_AS_CENTS = frozenset(("ISK", "UGX"))
_LARGEST = 99_999_999


def _decimals(currency: str) -> int:
    """How many decimals Stripe's unit has."""
    if currency in _WHOLE:
        return 0
    return 2 if currency in _WHOLE_AS_CENTS else exponent(currency)


def step_minor(currency: str) -> int:
    """The smallest amount that Stripe can move, in our minor units."""
    ours, theirs = exponent(currency), _decimals(currency)
    if theirs == 3:
        return 10
    return _power(ours - theirs)


def payable(amount: Money) -> Money:
    """The largest amount up to this one that Stripe can move."""
    step = step_minor(amount.currency)
    return Money(amount.amount_minor // step * step, amount.currency)


def to_stripe(amount: Money) -> int:
    """The number that goes over the wire. Raises `NotPayable`."""
    if payable(amount) != amount or amount.amount_minor <= 0:
        raise NotPayable("the provider cannot move exactly this amount")
    ours, theirs = exponent(amount.currency), _decimals(amount.currency)
    number = amount.amount_minor * _power(theirs - ours) // _power(ours - theirs)
    if number > _LARGEST:
        raise NotPayable("the provider does not move as much at once")
    return number


def from_stripe(number: int, currency: str) -> Money:
    """The amount behind a number from the wire; `currency` in whatever case."""
    code = currency.upper()
    ours, theirs = exponent(code), _decimals(code)
    return Money(number * _power(ours - theirs) // _power(theirs - ours), code)


def _power(digits: int) -> int:
    """Ten to the power of so many digits, one when there are none."""
    return int(10 ** max(0, digits))
