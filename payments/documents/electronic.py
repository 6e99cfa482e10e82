"""Invoices and credit notes by EN 16931, as Cross Industry Invoice in the profile of Factur-X. Pure.

It is made of the document alone, so that both say the same. What a line cannot say there (amounts below zero, rounding)
is an allowance or a charge on the document. BT and BG are the terms of EN 16931-1.
"""

import logging
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from kit.money import Money
from payments.documents.model import ROUNDING, Document, DocumentKind, Line, Party, VatTotal
from payments.documents.xmltext import xml_text

Json = dict[str, Any]

logging.getLogger("factur-x").setLevel(logging.CRITICAL)  # its errors quote what the document says

_TYPES = {DocumentKind.INVOICE: "380", DocumentKind.CREDIT_NOTE: "381"}
_UNITS = {"kWh": "KWH", "h": "HUR", "": "C62"}
_CARD, _TRANSFER, _UNSAID = "48", "58", "1"
_NO_VAT, _AT_ONCE = "No VAT is charged", "At once"


class NotConformant(ValueError):
    """A document that should have this form cannot have it: a mistake in the program."""


def applies(document: Document) -> bool:
    """Whether a document has this form: VAT is charged, and both parties are named with what the norm asks for."""
    seller, buyer = document.seller, document.buyer
    return (
        document.kind in _TYPES
        and any(each.percent for each in document.vat)
        and any(not _is_adjustment(line) for line in document.lines)
        and all((seller.name, seller.country, seller.vat_id))
        and buyer is not None
        and all((buyer.name, buyer.country))
    )


def electronic_of(document: Document) -> bytes | None:
    """The XML, valid by the schema of Factur-X; None where the norm does not apply."""
    if not applies(document) or document.buyer is None:
        return None
    adjustments = [line for line in document.lines if _is_adjustment(line)]
    less = [line for line in adjustments if line.net_minor < 0]
    more = [line for line in adjustments if line.net_minor > 0]
    fields = {
        "BT-1": document.number,
        "BT-2": _day(document.issued_at, document),
        "BT-3": _TYPES[document.kind],
        "BT-5": document.currency,
        "BT-10": document.buyer.reference or None,
        "BG-4": _party(document.seller),
        "BG-7": _party(document.buyer),
        **_supplied(document),
        **_means(document),
        **_sums(document),
        "BG-20": [_adjustment(line, document) for line in less],
        "BG-21": [_adjustment(line, document) for line in more],
        "BG-23": [_rate(each, document) for each in document.vat],
        "BG-25": list(_lines(document)),
    }
    if document.corrects is not None:
        before = {"BT-25": document.corrects.number, "BT-26": _day(document.corrects.issued_at, document)}
        fields |= {"BG-3": [before], "BG-1": [{"BT-22": document.corrects.reason}]}
    from facturx import generate_cii_xml  # takes long to load: whoever has an invoice waits, and not each start

    known = {name: value for name, value in fields.items() if value not in (None, "", [])}
    try:
        made: bytes = generate_cii_xml(_said(known), level="en16931", check_xsd=True, check_schematron=None)
    except Exception as error:  # the library raises nothing narrower, and quotes what the document says
        raise NotConformant(f"{document.number} is not valid by the schema: {type(error).__name__}") from None
    return made


def _said(value: Any) -> Any:
    """The same without characters that XML cannot say, wherever a text is."""
    if isinstance(value, dict):
        return {name: _said(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_said(each) for each in value]
    return (xml_text(value).strip() or "-") if isinstance(value, str) else value


def _is_adjustment(line: Line) -> bool:
    return line.code == ROUNDING or line.net_minor < 0


def _lines(document: Document) -> Iterator[Json]:
    plain = (line for line in document.lines if not _is_adjustment(line))
    for number, line in enumerate(plain, 1):
        yield {
            "BT-126": str(number),
            "BT-129": f"{line.quantity:f}",
            "BT-130": _UNITS.get(line.unit, "C62"),
            "BT-131": _amount(line.net_minor, document),
            "BT-146": f"{line.unit_price:f}",
            "BT-151": _category(line.vat_percent),
            "BT-152": _percent(line.vat_percent),
            "BT-153": line.text,
        }


def _adjustment(line: Line, document: Document) -> Json:
    return {
        "amount": _amount(abs(line.net_minor), document),
        "reason": line.text,
        "vat_category_code": _category(line.vat_percent),
        "vat_rate": _percent(line.vat_percent),
    }


def _rate(each: VatTotal, document: Document) -> Json:
    found = {
        "BT-116": _amount(each.net_minor, document),
        "BT-117": _amount(each.vat_minor, document),
        "BT-118": _category(each.percent),
        "BT-119": _percent(each.percent),
    }
    return found if each.percent is not None else {**found, "BT-120": _NO_VAT}


def _sums(document: Document) -> Json:
    lines = sum(line.net_minor for line in document.lines if not _is_adjustment(line))
    less = sum(-line.net_minor for line in document.lines if _is_adjustment(line) and line.net_minor < 0)
    more = sum(line.net_minor for line in document.lines if _is_adjustment(line) and line.net_minor > 0)
    paid = (document.payment.taken_minor or 0) if document.payment is not None else 0
    return {
        "BT-106": _amount(lines, document),
        "BT-107": _amount(less, document) if less else None,
        "BT-108": _amount(more, document) if more else None,
        "BT-109": _amount(document.net_minor, document),
        "BT-110": _amount(document.vat_minor, document),
        "BT-112": _amount(document.gross_minor, document),
        "BT-113": _amount(paid, document) if paid else None,
        "BT-115": _amount(document.gross_minor - paid, document),
    }


def _supplied(document: Document) -> Json:
    first, last = document.supplied_from, document.supplied_until
    if first is None or last is None:
        return {}
    return {"BT-72": _day(last, document), "BT-73": _day(first, document), "BT-74": _day(last, document)}


def _means(document: Document) -> Json:
    """How it is paid, and until when: what is due has a date or terms (BR-CO-25)."""
    payment = document.payment
    if payment is None:
        return {}
    if payment.method == "card":
        return {"BT-81": _CARD, "BT-87": payment.last4 or None, "BT-20": _AT_ONCE}
    account = {"BT-81": _TRANSFER, "BT-84": payment.account} if payment.account else {"BT-81": _UNSAID}
    if payment.due_at is None:
        return {**account, "BT-20": document.corrects.reason if document.corrects else _AT_ONCE}
    return {**account, "BT-9": _day(payment.due_at, document)}


def _party(party: Party) -> Json:
    found = {
        "name": party.name,
        "vat_identifier": party.vat_id,
        "legal_identifier": party.registration,
        "addr_l1": party.street,
        "postcode": party.postal_code,
        "city": party.city,
        "country_code": party.country,
    }
    return {name: value for name, value in found.items() if value}


def _day(moment: datetime, document: Document) -> date:
    """The day on the wall, as in the other forms."""
    return moment.astimezone(ZoneInfo(document.time_zone)).date()


def _category(percent: Decimal | None) -> str:
    """Standard, zero, or exempt (UNTDID 5305)."""
    if percent is None:
        return "E"
    return "S" if percent else "Z"


def _percent(percent: Decimal | None) -> str:
    return f"{percent or Decimal(0):f}"


def _amount(minor: int, document: Document) -> str:
    return f"{Money(minor, document.currency).to_decimal():f}"
