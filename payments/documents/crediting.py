"""A credit note: takes back a part of a document, or all of it, at the rates of VAT that it had. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from kit.money import Money
from payments.documents.model import Document, DocumentKind, Line, Payment, Reference, VatTotal
from payments.documents.speech import Speech
from payments.documents.totals import credit

REFUND = "REFUND"


def remains(original: Document, credited: Sequence[Document]) -> int:
    """What of a document was not taken back yet, in minor units."""
    return original.gross_minor - sum(each.gross_minor for each in credited)


def credit_note(
    original: Document, credited: Sequence[Document], amount_minor: int, *, reason: str, issued_at: datetime
) -> Document:
    """The credit note, without a number. `credited` are those before. Raises `ValueError` for more than remains."""
    before: list[VatTotal] = [cell for each in credited for cell in each.vat]
    cells = credit(original.vat, before, amount_minor)
    text = Speech(original.language, original.currency, original.time_zone).say("refund_of", number=original.number)
    return replace(
        original,
        kind=DocumentKind.CREDIT_NOTE,
        number="",
        simplified=False,
        issued_at=issued_at,
        lines=tuple(_line(text, cell, original.currency) for cell in cells),
        vat=cells,
        details=(),
        evidence=(),
        attachments=(),
        notes=(),
        payment=_payment(original.payment, amount_minor),
        corrects=Reference(original.number, original.issued_at, reason),
    )


def _line(text: str, cell: VatTotal, currency: str) -> Line:
    net = Money(cell.net_minor, currency).to_decimal()
    return Line(REFUND, text, Decimal(1), "", net, cell.percent, net, cell.net_minor)


def _payment(payment: Payment | None, amount_minor: int) -> Payment | None:
    if payment is None:
        return None
    if payment.method == "card":
        return Payment(payment.method, payment.brand, payment.last4, taken_minor=amount_minor)
    return Payment(payment.method)
