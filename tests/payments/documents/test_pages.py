"""What people see of a document: the same as what is stored, in their language, escaped, always the same bytes."""

import io
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pypdf import PdfReader

from payments.documents.crediting import credit_note
from payments.documents.electronic import electronic_of
from payments.documents.html import content_security_policy, page_of
from payments.documents.layout import laid_out
from payments.documents.model import Detail, Document, of_json, to_json
from payments.documents.pdf import pdf_of
from payments.documents.speech import TEXTS
from tests.payments.documents.papers import BUYER, NOON, PLAIN, SELLER, invoice, item, receipt

HOSTILE = '<script>alert("1")</script>'


def read_pdf(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content))


def text_of(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in read_pdf(content).pages)


def everything(document: Document) -> list[str]:
    """What has to be on whatever shows it."""
    sheet = laid_out(document)
    rows = [*sheet.head, *sheet.sums, *(row for section in sheet.sections for row in section.rows)]
    return [sheet.title, *(value for _, value in rows), *(cell for line in sheet.table for cell in line)]


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_page_and_a_file_say_all_of_it_in_each_language(language: str) -> None:
    note = credit_note(invoice(PLAIN), [], 100, reason="Kindness", issued_at=NOON)
    for document in (receipt(PLAIN), invoice(PLAIN), replace(note, number="C-NL-2026-000001")):
        spoken = replace(document, language=language)
        page = page_of(spoken).decode()
        shown = re.sub(r"\s+", " ", page)
        file = text_of(pdf_of(spoken))
        for text in everything(spoken):
            assert text.replace("&", "&amp;") in shown, text
            assert text in file or text.replace(" ", "") in file.replace(" ", ""), text
        assert f'<html lang="{language}">' in page


def test_every_language_has_the_same_words() -> None:
    assert {tuple(sorted(words)) for words in TEXTS.values()} == {tuple(sorted(TEXTS["en"]))}


def test_a_language_without_words_is_told_in_english() -> None:
    assert laid_out(replace(invoice(PLAIN), language="xx")).title == "Invoice"


def test_times_are_those_on_the_wall_with_their_zone() -> None:
    head = dict(laid_out(invoice(PLAIN)).head)
    assert head["Time of supply"] == "01 Jun 2026 12:00:00 (UTC+02:00) – 01 Jun 2026 13:00:00 (UTC+02:00)"


def test_a_page_is_escaped_and_its_policy_allows_its_own_style_alone() -> None:
    document = replace(invoice(PLAIN), details=(Detail("location", "Location", HOSTILE),), notes=(HOSTILE,))
    page = page_of(document).decode()
    assert "<script" not in page
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    policy = content_security_policy()
    assert b64encode(sha256(style.encode()).digest()).decode() in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_file_is_pdf_a_3_with_its_fonts_and_attachments_inside() -> None:
    document = invoice(PLAIN)
    content = pdf_of(document, electronic=electronic_of(document))
    reader = read_pdf(content)
    assert set(reader.attachments) == {"factur-x.xml", "signed.xml"}
    assert reader.attachments["signed.xml"] == [b"<values/>"]
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "EN 16931</fx:ConformanceLevel>" in metadata
    for font in (each.get_object() for each in reader.pages[0]["/Resources"]["/Font"].values()):
        assert "/FontFile2" in font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()


def test_the_same_document_is_always_the_same_bytes() -> None:
    document = invoice(PLAIN)
    again = of_json(to_json(document))
    assert page_of(document) == page_of(again)
    assert pdf_of(document, electronic=electronic_of(document)) == pdf_of(again, electronic=electronic_of(again))


def test_a_long_document_goes_over_several_pages() -> None:
    document = invoice([item(str(number), "0.4", "21") for number in range(1, 150)])
    reader = read_pdf(pdf_of(document))
    assert len(reader.pages) > 3
    assert f"{len(reader.pages)}/{len(reader.pages)}" in reader.pages[-1].extract_text()


@pytest.mark.slow
@given(st.text(max_size=120))
def test_any_text_can_be_shown(text: str) -> None:
    document = replace(
        invoice(PLAIN),
        seller=replace(SELLER, name=f"Seller {text}", street=text),
        buyer=replace(BUYER, name=f"Buyer {text}", reference=text),
        details=(Detail("location", "Location", text),),
        notes=(text,),
    )
    document = replace(document, lines=tuple(replace(line, text=text) for line in document.lines))
    xml = electronic_of(document)
    assert xml is not None
    assert page_of(document)
    content = pdf_of(document, electronic=xml)
    etree.fromstring(read_pdf(content).trailer["/Root"]["/Metadata"].get_data())
    assert read_pdf(content).attachments["factur-x.xml"] == [xml]
