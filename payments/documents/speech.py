"""The words of a document in its language, and how it writes numbers, sums and times. Pure; the words are data."""

import json
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from zoneinfo import ZoneInfo

from kit.money import Money, exponent

TEXTS: dict[str, dict[str, str]] = json.loads(
    files("payments.documents").joinpath("texts.json").read_text(encoding="utf-8")
)
FALLBACK = "en"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_DECIMALS = 6


class Speech:
    """One language, one currency, one time zone; English for a language that has no words here."""

    def __init__(self, language: str, currency: str, time_zone: str) -> None:
        self.language = language if language in TEXTS else FALLBACK
        self._words = TEXTS[self.language]
        self._currency, self._zone = currency, ZoneInfo(time_zone)

    def say(self, name: str, /, **values: str) -> str:
        """The words for something."""
        return self._words[name].format(**values)

    def number(self, number: Decimal, *, least: int = 0, most: int = _MOST_DECIMALS) -> str:
        """A number with as many decimals as it needs."""
        shown = number.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP)
        digits = f"{shown:f}"
        if most > least:
            whole, _, fraction = digits.partition(".")
            fraction = fraction.rstrip("0").ljust(least, "0")
            digits = f"{whole}.{fraction}" if fraction else whole
        return digits.replace(".", self._words["decimal"])

    def price(self, price: Decimal) -> str:
        """A price of a unit, with as many decimals as it needs, and no fewer than its currency has."""
        return self.number(price, least=exponent(self._currency))

    def amount(self, minor: int) -> str:
        """A sum, without its currency."""
        shown = Money(minor, self._currency).to_decimal()
        return f"{shown:f}".replace(".", self._words["decimal"])

    def sum(self, minor: int) -> str:
        """A sum with its currency."""
        return f"{self.amount(minor)} {self._currency}"

    def moment(self, moment: datetime) -> str:
        """A moment on the wall, with its zone."""
        there = moment.astimezone(self._zone)
        offset = there.strftime("%z")
        return f"{self._at(there, 'time')} (UTC{offset[:3]}:{offset[3:]})"

    def date(self, moment: datetime) -> str:
        """The day on the wall."""
        return self._at(moment.astimezone(self._zone), "date")

    def _at(self, there: datetime, name: str) -> str:
        form = self._words[name].replace("%b", _MONTHS[there.month - 1])  # no locale of the machine has a say
        return there.strftime(form)
