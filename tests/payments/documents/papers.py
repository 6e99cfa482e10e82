"""Documents for tests."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from kit.money import round_to_minor
from payments.documents.model import (
    Attachment,
    Complaint,
    Detail,
    Document,
    DocumentKind,
    Evidence,
    Party,
    Payment,
)
from payments.documents.totals import Item, reckon

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SELLER = Party("Canal Charging B.V.", "Canal Street 2", "3511AB", "Utrecht", "NL", "NL123456789B01", "KVK 12345678")
BUYER = Party("Kunde & Söhne GmbH", "Hauptstraße 1", "10115", "Berlin", "DE", "DE123456789", reference="K-1001")


def item(quantity: str, price: str, rate: str | None, code: str = "ENERGY", unit: str = "kWh") -> Item:
    net = Decimal(quantity) * Decimal(price)
    percent = None if rate is None else Decimal(rate)
    gross = net + net * (percent or 0) / 100
    return Item(code, code.capitalize(), Decimal(quantity), unit, Decimal(price), percent, net, gross)


def limit(net: str, gross: str) -> Item:
    return Item("MAX_PRICE", "Most", Decimal(1), "", Decimal(net), None, Decimal(net), Decimal(gross), on_all=True)


def invoice(items: Sequence[Item], currency: str = "EUR") -> Document:
    """An invoice of items, billed as a session is."""
    net = round_to_minor(sum((each.net for each in items), Decimal(0)), currency).amount_minor
    gross = round_to_minor(sum((each.gross for each in items), Decimal(0)), currency).amount_minor
    sums = reckon(items, currency=currency, net_minor=net, vat_minor=gross - net, rounding="Rounding")
    return Document(
        kind=DocumentKind.INVOICE,
        number="I-NL-2026-000001",
        language="en",
        currency=currency,
        country="NL",
        time_zone="Europe/Amsterdam",
        issued_at=NOON,
        seller=SELLER,
        buyer=BUYER,
        lines=sums.lines,
        vat=sums.vat,
        supplied_from=NOON - timedelta(hours=2),
        supplied_until=NOON - timedelta(hours=1),
        details=(Detail("location", "Location", "Canal Street 1"),),
        evidence=(Evidence("genuine", "The meter signed it.", (), "signed.xml"),),
        payment=Payment("invoice", due_at=NOON + timedelta(days=14), account="NL91ABNA0417164300"),
        complaint=Complaint(email="help@canal.example", dispute_body="De Geschillencommissie"),
        attachments=(Attachment("signed.xml", "application/xml", "<values/>"),),
    )


def receipt(items: Sequence[Item]) -> Document:
    """The same for a guest with a card."""
    paid = Payment("card", "visa", "4242", 1000, 455, 545)
    return replace(invoice(items), kind=DocumentKind.RECEIPT, number="R-NL-2026-000001", buyer=None, payment=paid)


PLAIN = [item("10.123", "0.4", "21"), item("1", "0.5", "21", "FLAT", "")]
