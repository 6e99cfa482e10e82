"""EN 16931: valid by the schema, and by the rules of the norm that are about sums; what the PDF carries is the same."""

from dataclasses import replace
from decimal import Decimal

import pytest
from facturx import get_level, get_xml_from_pdf, xml_check_xsd
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from payments.documents.crediting import credit_note
from payments.documents.electronic import electronic_of
from payments.documents.model import Document, DocumentKind, Party
from payments.documents.pdf import FACTUR_X, pdf_of
from payments.documents.totals import Item
from tests.payments.documents.papers import NOON, PLAIN, SELLER, invoice, item, limit, receipt

NAMESPACES = {
    name: f"urn:un:unece:uncefact:data:standard:{value}:100"
    for name, value in {
        "rsm": "CrossIndustryInvoice",
        "ram": "ReusableAggregateBusinessInformationEntity",
        "udt": "UnqualifiedDataType",
    }.items()
}
SETTLEMENT = "//ram:ApplicableHeaderTradeSettlement"
SUMMATION = f"{SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"


def made(document: Document) -> bytes:
    found = electronic_of(document)
    assert found is not None
    return found


class Norm:
    """What an invoice says, to be held to the rules of EN 16931-1."""

    def __init__(self, xml: bytes) -> None:
        self.tree = etree.fromstring(xml)

    def texts(self, path: str) -> list[str]:
        return [each.text or "" for each in self.tree.xpath(path, namespaces=NAMESPACES)]

    def amount(self, name: str) -> Decimal:
        return sum((Decimal(each) for each in self.texts(f"{SUMMATION}/ram:{name}")), Decimal(0))

    def check(self) -> None:
        lines = self.texts("//ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount")
        assert lines, "BR-16"
        assert self.amount("LineTotalAmount") == sum(map(Decimal, lines)), "BR-CO-10"
        net = self.amount("LineTotalAmount") - self.amount("AllowanceTotalAmount") + self.amount("ChargeTotalAmount")
        assert self.amount("TaxBasisTotalAmount") == net, "BR-CO-13"
        taxes = self.texts(f"{SETTLEMENT}/ram:ApplicableTradeTax/ram:CalculatedAmount")
        assert self.amount("TaxTotalAmount") == sum(map(Decimal, taxes)), "BR-CO-14"
        assert self.amount("GrandTotalAmount") == net + self.amount("TaxTotalAmount"), "BR-CO-15"
        due = self.amount("GrandTotalAmount") - self.amount("TotalPrepaidAmount")
        assert self.amount("DuePayableAmount") == due, "BR-CO-16"
        if due > 0:
            assert self.texts(f"{SETTLEMENT}/ram:SpecifiedTradePaymentTerms/*"), "BR-CO-25"
        for price in self.texts("//ram:NetPriceProductTradePrice/ram:ChargeAmount"):
            assert Decimal(price) >= 0, "BR-27"
        self.check_rates()

    def check_rates(self) -> None:
        for tax in self.tree.xpath(f"{SETTLEMENT}/ram:ApplicableTradeTax", namespaces=NAMESPACES):

            def said(name: str, node: etree._Element = tax) -> str:
                return str(node.findtext(f"ram:{name}", namespaces=NAMESPACES))

            rate, basis = Decimal(said("RateApplicablePercent")), Decimal(said("BasisAmount"))
            same = f"[.//ram:RateApplicablePercent = '{said('RateApplicablePercent')}']"
            same += f"[.//ram:CategoryCode = '{said('CategoryCode')}']"
            lines = self.texts(
                f"//ram:SpecifiedLineTradeSettlement{same}/ram:SpecifiedTradeSettlementLineMonetarySummation/*"
            )
            allowance = f"{SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge{same}"
            less = self.texts(f"{allowance}[ram:ChargeIndicator/udt:Indicator='false']/ram:ActualAmount")
            more = self.texts(f"{allowance}[ram:ChargeIndicator/udt:Indicator='true']/ram:ActualAmount")
            found = [sum(map(Decimal, each), Decimal(0)) for each in (lines, less, more)]
            assert basis == found[0] - found[1] + found[2], "BR-S-08, BR-Z-08, BR-E-08"
            assert abs(Decimal(said("CalculatedAmount")) - basis * rate / 100) <= Decimal("0.02"), "BR-CO-17"
            if said("CategoryCode") == "E":
                assert said("ExemptionReason") != "None", "BR-E-10"


AMOUNTS = st.decimals(min_value="0.001", max_value=900, places=3).map(str)
PRICES = st.decimals(min_value="0.0001", max_value=2, places=4).map(str)
ITEMS = st.lists(st.builds(item, AMOUNTS, PRICES, st.sampled_from([None, "0", "9", "19", "21"])), max_size=6)


@given(ITEMS)
def test_an_invoice_keeps_the_rules_of_the_norm(items: list[Item]) -> None:
    document = invoice([item("10", "0.3333", "21"), *items])
    xml = made(document)
    assert xml_check_xsd(xml, flavor="factur-x", level="en16931")
    norm = Norm(xml)
    norm.check()
    assert norm.amount("GrandTotalAmount").scaleb(2) == document.gross_minor
    assert norm.texts("//rsm:ExchangedDocument/ram:TypeCode") == ["380"]


def test_rounding_and_a_limit_are_an_allowance_or_a_charge() -> None:
    thirds = [item("1", "0.333333333333333", "21", "TIME", "h") for _ in range(3)]
    norm = Norm(made(invoice([*thirds, limit("-0.1", "-0.121")])))
    norm.check()
    assert norm.texts(f"{SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge/ram:Reason") == ["Most", "Rounding"]


@given(st.integers(1, 500), st.integers(1, 500))
def test_credit_notes_keep_them_and_name_what_they_take_back(first: int, second: int) -> None:
    original = invoice([*PLAIN, item("2", "1.5", "9")])
    notes: list[Document] = []
    for amount in (min(first, 200), min(second, 200)):
        note = credit_note(original, notes, amount, reason="A kindness", issued_at=NOON)
        notes.append(replace(note, number=f"C-NL-2026-{len(notes) + 1:06}"))
        norm = Norm(made(notes[-1]))
        norm.check()
        assert norm.amount("GrandTotalAmount").scaleb(2) == amount
    assert norm.texts("//rsm:ExchangedDocument/ram:TypeCode") == ["381"]
    assert norm.texts("//ram:InvoiceReferencedDocument/ram:IssuerAssignedID") == [original.number]


def test_the_pdf_carries_the_same_file() -> None:
    document = invoice(PLAIN)
    xml = made(document)
    name, found = get_xml_from_pdf(pdf_of(document, electronic=xml))
    assert (name, found) == (FACTUR_X, xml)
    assert get_level(etree.fromstring(found)) == "en16931"


@pytest.mark.parametrize(
    "document",
    [
        receipt(PLAIN),
        invoice([item("10", "0.4", None)]),
        replace(invoice(PLAIN), seller=replace(SELLER, vat_id="")),
        replace(invoice(PLAIN), seller=replace(SELLER, country="")),
        replace(invoice(PLAIN), buyer=Party("", reference="K-1")),
        replace(invoice(PLAIN), kind=DocumentKind.RECORD),
    ],
)
def test_what_the_norm_does_not_cover_has_no_such_form(document: Document) -> None:
    assert electronic_of(document) is None
