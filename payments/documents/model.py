"""What a receipt, an invoice or a credit note says. Frozen, and all of it: whatever shows one needs nothing else. Pure.

Sums are whole minor units of the document's currency. The net of a line is exact and beside it stands what it comes to
in minor units; where those do not add up to what was billed, a line says so (`totals`).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import TypeAdapter

ROUNDING = "ROUNDING"
"""The code of a line that makes up for rounding."""


class DocumentKind(StrEnum):
    """What a document is."""

    RECEIPT = "RECEIPT"
    """For whoever paid at once."""
    INVOICE = "INVOICE"
    """For whoever pays later."""
    CREDIT_NOTE = "CREDIT_NOTE"
    """Takes back a part of a receipt or an invoice, or all of it. Its amounts are positive."""
    STATEMENT = "STATEMENT"
    """What something costs that is invoiced later, together with others: no document for VAT."""
    RECORD = "RECORD"
    """Of something that nobody sold: it tells what happened, has no amounts, and is no document for VAT."""

    @property
    def is_fiscal(self) -> bool:
        """Whether it counts for VAT."""
        return self not in (DocumentKind.RECORD, DocumentKind.STATEMENT)

    @property
    def has_amounts(self) -> bool:
        """Whether it says what something costs."""
        return self is not DocumentKind.RECORD


@dataclass(frozen=True, slots=True)
class Party:
    """A seller or a buyer. `country` is ISO 3166-1 alpha-2; `reference` is what the seller calls a buyer."""

    name: str
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
    vat_id: str = ""
    registration: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Where to complain, and who decides when that does not help."""

    email: str = ""
    phone: str = ""
    url: str = ""
    address: str = ""
    dispute_body: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `code` is for programs, `text` for people. `net` is exact, `net_minor` what it comes to.

    `unit_price` and both nets are without VAT; without `vat_percent` there is none, which is not 0 %.
    """

    code: str
    text: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    vat_percent: Decimal | None
    net: Decimal
    net_minor: int


@dataclass(frozen=True, slots=True)
class VatTotal:
    """What all lines of one rate come to, and the VAT of it."""

    percent: Decimal | None
    net_minor: int
    vat_minor: int


@dataclass(frozen=True, slots=True)
class Detail:
    """A fact with its label, in the document's language. `code` is for programs."""

    code: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves a quantity. `verdict` is for programs; `attachment` names the data, if there are any."""

    verdict: str
    text: str
    details: tuple[Detail, ...] = ()
    attachment: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Data that go with a document, as text."""

    name: str
    media_type: str
    content: str


@dataclass(frozen=True, slots=True)
class Payment:
    """How it is paid. Of a card: what was put aside, what of it is taken, and what is given back."""

    method: str
    brand: str = ""
    last4: str = ""
    held_minor: int | None = None
    taken_minor: int | None = None
    released_minor: int | None = None
    due_at: datetime | None = None
    account: str = ""
    """Where what is due is to be paid to."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The document that a credit note takes back, and why."""

    number: str
    issued_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Document:
    """All that a document says. `number` is empty until it is issued.

    `country` (ISO 3166-1 alpha-2) is where it was supplied: whose VAT it is. Its times are shown in `time_zone`.
    """

    kind: DocumentKind
    language: str
    currency: str
    country: str
    time_zone: str
    issued_at: datetime
    seller: Party
    lines: tuple[Line, ...]
    vat: tuple[VatTotal, ...]
    number: str = ""
    buyer: Party | None = None
    simplified: bool = False
    """Whether it is short enough to be a simplified invoice (Directive 2006/112/EC, Article 220a)."""
    supplied_from: datetime | None = None
    supplied_until: datetime | None = None
    details: tuple[Detail, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    payment: Payment | None = None
    corrects: Reference | None = None
    complaint: Complaint | None = None
    notes: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @property
    def net_minor(self) -> int:
        """The sum without VAT."""
        return sum(each.net_minor for each in self.vat)

    @property
    def vat_minor(self) -> int:
        """All VAT."""
        return sum(each.vat_minor for each in self.vat)

    @property
    def gross_minor(self) -> int:
        """The sum with VAT."""
        return self.net_minor + self.vat_minor

    def attachment(self, name: str) -> Attachment | None:
        """The data of this name."""
        return next((each for each in self.attachments if each.name == name), None)


_ADAPTER = TypeAdapter(Document)


def to_json(document: Document) -> bytes:
    """A document as it is stored: decimals are strings, nothing is lost."""
    return _ADAPTER.dump_json(document)


def of_json(stored: bytes) -> Document:
    """What `to_json` was given."""
    return _ADAPTER.validate_json(stored)
