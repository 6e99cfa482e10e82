"""One invoice for many statements: its sums are theirs, none of which is reckoned again. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from kit.money import Money
from payments.documents.model import Document, DocumentKind, Line, Party, Payment, VatTotal
from payments.documents.profile import SellerProfile
from payments.documents.speech import Speech

GATHERED = "GATHERED"


def gathered(
    statements: Sequence[Document],
    profile: SellerProfile,
    *,
    buyer: Party | None,
    payment: Payment,
    issued_at: datetime,
    tell: Sequence[str] = (),
) -> Document:
    """The invoice of statements in one currency and country, without a number: one line for each and each rate of VAT.

    `tell` are the codes of details that a line says beside the statement's number and day.
    """
    last = statements[-1]
    starts = [each.supplied_from for each in statements if each.supplied_from is not None]
    ends = [each.supplied_until for each in statements if each.supplied_until is not None]
    rates = dict.fromkeys(total.percent for each in statements for total in each.vat)
    return replace(
        last,
        kind=DocumentKind.INVOICE,
        number="",
        issued_at=issued_at,
        seller=profile.party(last.country),
        buyer=buyer,
        lines=tuple(_line(each, total, tell) for each in statements for total in each.vat),
        vat=tuple(_total(statements, rate) for rate in rates),
        supplied_from=min(starts, default=None),
        supplied_until=max(ends, default=None),
        details=(),
        evidence=(),
        attachments=(),
        notes=(),
        payment=payment,
        complaint=profile.complaint,
    )


def _line(statement: Document, total: VatTotal, tell: Sequence[str]) -> Line:
    words = Speech(statement.language, statement.currency, statement.time_zone)
    details = {detail.code: detail.value for detail in statement.details}
    said = [statement.number, words.date(statement.supplied_until or statement.issued_at)]
    said += [details[code] for code in tell if code in details]
    net = Money(total.net_minor, statement.currency).to_decimal()
    return Line(GATHERED, " · ".join(said), Decimal(1), "", net, total.percent, net, total.net_minor)


def _total(statements: Sequence[Document], rate: Decimal | None) -> VatTotal:
    found = [total for each in statements for total in each.vat if total.percent == rate]
    return VatTotal(rate, sum(each.net_minor for each in found), sum(each.vat_minor for each in found))
