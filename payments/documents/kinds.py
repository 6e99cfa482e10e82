"""Which document applies, and what it is called in its series. Pure; the limits are data.

None of this is legal advice: an operator has its documents looked at in each country where it sells.
"""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from kit.money import Money
from payments.documents.model import DocumentKind

SIMPLIFIED_UP_TO: dict[str, tuple[Decimal, str]] = {
    "AT": (Decimal(400), "EUR"),
    "CZ": (Decimal(10_000), "CZK"),
    "DE": (Decimal(250), "EUR"),
    "DK": (Decimal(3_000), "DKK"),
    "ES": (Decimal(400), "EUR"),
    "FI": (Decimal(400), "EUR"),
    "GB": (Decimal(250), "GBP"),
    "IT": (Decimal(400), "EUR"),
    "PL": (Decimal(450), "PLN"),
    "SE": (Decimal(4_000), "SEK"),
}
"""The most, VAT included, that a simplified invoice may come to, by country of supply (ISO 3166-1 alpha-2)."""
SIMPLIFIED_ANYWHERE = (Decimal(100), "EUR")
"""The limit that every member state allows at least (Directive 2006/112/EC, Article 220a)."""

_LETTERS = {
    DocumentKind.RECEIPT: "R",
    DocumentKind.INVOICE: "I",
    DocumentKind.CREDIT_NOTE: "C",
    DocumentKind.STATEMENT: "T",
    DocumentKind.RECORD: "S",
}


def kind_of(*, pays_later: bool, is_sold: bool, is_gathered: bool = False) -> DocumentKind:
    """What a bill becomes; `is_gathered` when whoever pays later gets one invoice for many."""
    if not is_sold:
        return DocumentKind.RECORD
    if pays_later and is_gathered:
        return DocumentKind.STATEMENT
    return DocumentKind.INVOICE if pays_later else DocumentKind.RECEIPT


def is_simplified(kind: DocumentKind, gross: Money, country: str) -> bool:
    """Whether a receipt may be a simplified invoice. In another currency than the limit's it is none."""
    most, currency = SIMPLIFIED_UP_TO.get(country, SIMPLIFIED_ANYWHERE)
    return kind is DocumentKind.RECEIPT and gross.currency == currency and gross.to_decimal() <= most


def series_of(kind: DocumentKind, country: str, issued_at: datetime, time_zone: str, *, prefix: str = "") -> str:
    """The series that a document is numbered in: one for each kind, country and year, as it is there."""
    year = issued_at.astimezone(ZoneInfo(time_zone)).year
    return f"{prefix}{_LETTERS[kind]}-{country}-{year}"


def number_in(series: str, sequence: int) -> str:
    """The number of a document."""
    return f"{series}-{sequence:06}"
