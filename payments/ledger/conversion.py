"""From one currency into another, by a rate with a date and a spread that is told. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext

from kit.errors import InvalidInput
from kit.money import CurrencyMismatch, Money, exponent, round_to_minor

_DIGITS = Decimal("1e-10")


class InvalidRate(InvalidInput):
    """A rate that is not positive, or a spread outside of 0 to 100 %."""

    code, title = "invalid_exchange_rate", "Not a rate of exchange"


@dataclass(frozen=True, slots=True)
class Rate:
    """One `base` costs `value` of `quote` on `day`, as `source` has it; `spread_percent` comes on top for us.

    Raises `InvalidRate`, `UnknownCurrency`.
    """

    base: str
    quote: str
    value: Decimal
    day: date
    source: str
    spread_percent: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        exponent(self.base)
        exponent(self.quote)
        if not (self.value.is_finite() and self.value > 0 and 0 <= self.spread_percent < 100):
            raise InvalidRate

    def turned(self) -> "Rate":
        """What one `quote` costs in `base`, without a spread."""
        value = ratio(Decimal(1), self.value)
        return replace(self, base=self.quote, quote=self.base, value=value, spread_percent=Decimal(0))


@dataclass(frozen=True, slots=True)
class Conversion:
    """An amount in two currencies. `spread` is the part of `taken` that is ours."""

    given: Money
    taken: Money
    spread: Money
    rate: Rate

    def facts(self) -> Mapping[str, str]:
        """What a reader of the entry, and the driver, is told."""
        return {
            "rate": f"1 {self.rate.base} = {self.rate.value:f} {self.rate.quote}",
            "rate_date": self.rate.day.isoformat(),
            "rate_source": self.rate.source,
            "spread_percent": format(self.rate.spread_percent, "f"),
            "spread": str(self.spread),
        }


def ratio(dividend: Decimal, divisor: Decimal) -> Decimal:
    """A value that is reckoned of others, with ten decimals."""
    with localcontext(prec=50):
        return (dividend / divisor).quantize(_DIGITS)


def convert(amount: Money, rate: Rate) -> Conversion:
    """What an amount in the rate's base comes to in its quote, spread included; each rounded once.

    Raises `CurrencyMismatch` for an amount in another currency, `AmountTooLarge`.
    """
    if amount.currency != rate.base:
        raise CurrencyMismatch(f"a rate of {rate.base} does not convert {amount.currency}")
    with localcontext(prec=80):
        plain = amount.to_decimal() * rate.value
        with_spread = plain * (1 + rate.spread_percent / 100)
    taken = round_to_minor(with_spread, rate.quote)
    return Conversion(amount, taken, taken - round_to_minor(plain, rate.quote), rate)
