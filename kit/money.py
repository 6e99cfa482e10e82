"""Money that is owed or moved: whole minor units of one currency. The only place that rounds.

Prices and costs stay `Decimal` with all their digits until a document is posted; `round_to_minor` turns its total into
`Money` once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from kit.errors import InvalidInput

# ISO 4217, the codes with a minor unit; ANG and BGN, withdrawn in 2025 and 2026, stay for older documents.
_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF"
    " CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF"
    " IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN"
    " MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS"
    " SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW"
    " ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {code: digits for digits, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}

CURRENCIES = frozenset(_EXPONENTS)
"""Every currency code that the house can count in."""

_LARGEST_MINOR = 2**63 - 1


class UnknownCurrency(InvalidInput):
    """Not a currency code of ISO 4217 with a minor unit."""

    code, title = "unknown_currency", "Unknown currency"


class TooFine(InvalidInput):
    """An amount with parts of a minor unit, where none was to be rounded."""

    code, title = "amount_too_fine", "The currency has no such small unit"


class AmountTooLarge(InvalidInput):
    """More minor units than a signed 64-bit integer holds."""

    code, title = "amount_too_large", "The amount is too large"


class CurrencyMismatch(ValueError):
    """Amounts of two currencies were about to be added or compared: a mistake in the program."""


def exponent(currency: str) -> int:
    """How many decimals the minor unit has: 2 for EUR, 0 for JPY. Raises `UnknownCurrency`."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency("not an ISO 4217 currency code in capitals") from None


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in whole minor units, negative when owed the other way; arithmetic within one currency only."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise TypeError("an amount is a whole number of minor units")
        if abs(self.amount_minor) > _LARGEST_MINOR:
            raise AmountTooLarge
        exponent(self.currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in this currency."""
        return cls(0, currency)

    def to_decimal(self) -> Decimal:
        """The amount in major units, with exactly the decimals of its currency."""
        digits = tuple(int(digit) for digit in str(abs(self.amount_minor)))
        return Decimal((int(self.amount_minor < 0), digits, -exponent(self.currency)))  # no context rounds this

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount_minor + self._minor_of(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount_minor - self._minor_of(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount_minor < self._minor_of(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount_minor <= self._minor_of(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount_minor > self._minor_of(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount_minor >= self._minor_of(other)

    def __bool__(self) -> bool:
        return self.amount_minor != 0

    def __str__(self) -> str:
        return f"{self.to_decimal():f} {self.currency}"

    def _minor_of(self, other: "Money") -> int:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not mix")
        return other.amount_minor


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of posted amounts; zero of `currency` when there are none. Raises `CurrencyMismatch`."""
    return sum(amounts, Money.zero(currency))


def round_to_minor(amount: Decimal, currency: str) -> Money:
    """A `Decimal` of major units in whole minor units, halves away from zero.

    Exact whatever the decimal context says. Raises `UnknownCurrency`, `AmountTooLarge`, and `ValueError` for NaN and
    infinity.
    """
    digits = exponent(currency)
    if not amount.is_finite():
        raise ValueError("an amount is a finite number")
    if not amount or amount.adjusted() < -digits - 1:
        return Money.zero(currency)
    if amount.adjusted() > 19:
        raise AmountTooLarge
    numerator, denominator = amount.copy_abs().as_integer_ratio()
    minor = (2 * numerator * 10**digits + denominator) // (2 * denominator)
    return Money(-minor if amount < 0 else minor, currency)


def exact(amount: Decimal, currency: str) -> Money:
    """A `Decimal` of major units as somebody asked for it. Raises `TooFine`, `UnknownCurrency`, `AmountTooLarge`."""
    money = round_to_minor(amount, currency)
    if money.to_decimal() != amount:
        raise TooFine
    return money
