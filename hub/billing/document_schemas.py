"""JSON of documents. Amounts and quantities are decimal strings, exact; times are UTC."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Self

from pydantic import BaseModel, Field

from kit.money import Money
from payments.documents.layout import title_of
from payments.documents.model import Complaint, Document, Party, Payment
from payments.documents.service import read
from payments.documents.speech import Speech
from payments.documents.tables import DocumentRow


class PartyOut(BaseModel):
    """A seller or a buyer."""

    name: str
    street: str
    postal_code: str
    city: str
    country: str = Field(description="ISO 3166-1 alpha-2.")
    vat_id: str
    registration: str
    reference: str = Field(description="What the seller calls a buyer.")

    @classmethod
    def of(cls, party: Party) -> Self:
        """From a document."""
        return cls.model_validate(party, from_attributes=True)


class DocumentLineOut(BaseModel):
    """One line."""

    code: str = Field(description="ENERGY, TIME, PARKING_TIME, FLAT, …, MIN_PRICE, MAX_PRICE, ROUNDING, REFUND.")
    text: str
    quantity: Decimal
    unit: str
    unit_price: Decimal = Field(description="Without VAT.")
    vat_percent: Decimal | None = Field(description="Null where there is no VAT, which is not 0 %.")
    net: Decimal = Field(description="Without VAT, in the minor unit. Lines add up to the total.")
    net_exact: Decimal


class VatOut(BaseModel):
    """What all lines of one rate come to."""

    percent: Decimal | None
    net: Decimal
    vat: Decimal


class DetailOut(BaseModel):
    """A fact with its label in the document's language."""

    code: str
    label: str
    value: str


class EvidenceOut(BaseModel):
    """What proves the energy."""

    verdict: str = Field(description="genuine, forged, no_key, unsupported, unreadable, differs, or none.")
    text: str
    details: Sequence[DetailOut]
    attachment: str | None = Field(description="The name of the signed values among the attachments.")


class MeansOut(BaseModel):
    """How it is paid, as decided when it was billed."""

    method: str
    card_brand: str | None
    card_last4: str | None
    held: Decimal | None
    taken: Decimal | None
    released: Decimal | None

    @classmethod
    def of(cls, payment: Payment, currency: str) -> Self:
        """From a document."""

        def amount(minor: int | None) -> Decimal | None:
            return None if minor is None else Money(minor, currency).to_decimal()

        return cls(
            method=payment.method,
            card_brand=payment.brand or None,
            card_last4=payment.last4 or None,
            held=amount(payment.held_minor),
            taken=amount(payment.taken_minor),
            released=amount(payment.released_minor),
        )


class ComplaintOut(BaseModel):
    """Where to complain."""

    email: str
    phone: str
    url: str
    address: str
    dispute_body: str

    @classmethod
    def of(cls, complaint: Complaint) -> Self:
        """From a document."""
        return cls.model_validate(complaint, from_attributes=True)


class DocumentHead(BaseModel):
    """A document in a list."""

    id: str
    kind: str = Field(
        description="RECEIPT, INVOICE, CREDIT_NOTE, STATEMENT of what is invoiced later, RECORD of what is free."
    )
    number: str
    start_id: str | None
    corrects: str | None = Field(description="The id of the document that a credit note takes back.")
    currency: str
    net: Decimal
    vat: Decimal
    gross: Decimal
    issued_at: datetime
    url: str = Field(description="Shows it in a browser without a key for 30 days; with `.pdf` behind it as a file.")

    @classmethod
    def of(cls, row: DocumentRow, link: Callable[[str], str]) -> Self:
        """From a stored document."""
        return cls(**_head(row, link))


class DocumentOut(DocumentHead):
    """A document: a receipt, an invoice or a credit note, as it was issued."""

    title: str
    language: str
    country: str = Field(description="Where it was supplied, ISO 3166-1 alpha-2: whose VAT it is.")
    simplified: bool = Field(description="Whether it is a simplified invoice.")
    time_zone: str
    supplied_from: datetime | None
    supplied_until: datetime | None
    seller: PartyOut
    buyer: PartyOut | None
    lines: Sequence[DocumentLineOut]
    vat_totals: Sequence[VatOut]
    details: Sequence[DetailOut]
    evidence: Sequence[EvidenceOut]
    payment: MeansOut | None
    reason: str | None = Field(description="Why a credit note was issued.")
    complaint: ComplaintOut | None
    notes: Sequence[str]
    attachments: Sequence[str]

    @classmethod
    def of(cls, row: DocumentRow, link: Callable[[str], str]) -> Self:
        """From a stored document."""
        return cls(**_head(row, link), **_body(read(row)))


def _head(row: DocumentRow, link: Callable[[str], str]) -> dict[str, object]:
    def amount(minor: int) -> Decimal:
        return Money(minor, row.currency).to_decimal()

    return {
        "id": row.id,
        "kind": row.kind,
        "number": row.number,
        "start_id": row.subject,
        "corrects": row.corrects,
        "currency": row.currency,
        "net": amount(row.net_minor),
        "vat": amount(row.vat_minor),
        "gross": amount(row.net_minor + row.vat_minor),
        "issued_at": row.issued_at,
        "url": link(row.id),
    }


def _body(document: Document) -> dict[str, object]:
    currency = document.currency

    def amount(minor: int) -> Decimal:
        return Money(minor, currency).to_decimal()

    def details(found: Sequence[object]) -> list[DetailOut]:
        return [DetailOut.model_validate(each, from_attributes=True) for each in found]

    lines = [
        DocumentLineOut(
            code=line.code,
            text=line.text,
            quantity=line.quantity,
            unit=line.unit,
            unit_price=line.unit_price,
            vat_percent=line.vat_percent,
            net=amount(line.net_minor),
            net_exact=line.net,
        )
        for line in document.lines
    ]
    return {
        "title": title_of(document, Speech(document.language, currency, document.time_zone)),
        "language": document.language,
        "country": document.country,
        "simplified": document.simplified,
        "time_zone": document.time_zone,
        "supplied_from": document.supplied_from,
        "supplied_until": document.supplied_until,
        "seller": PartyOut.of(document.seller),
        "buyer": PartyOut.of(document.buyer) if document.buyer else None,
        "lines": lines,
        "vat_totals": [
            VatOut(percent=each.percent, net=amount(each.net_minor), vat=amount(each.vat_minor))
            for each in document.vat
        ],
        "details": details(document.details),
        "evidence": [
            EvidenceOut(
                verdict=each.verdict,
                text=each.text,
                details=details(each.details),
                attachment=each.attachment or None,
            )
            for each in document.evidence
        ],
        "payment": MeansOut.of(document.payment, currency) if document.payment else None,
        "reason": document.corrects.reason if document.corrects else None,
        "complaint": ComplaintOut.of(document.complaint) if document.complaint else None,
        "notes": list(document.notes),
        "attachments": [each.name for each in document.attachments],
    }
