"""A document as PDF/A-3, with what goes with it embedded. The same document is always the same bytes. Slow: a thread's.

Fonts are embedded; a character that they lack is shown as a question mark, and stands unchanged in the other forms.
"""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from xml.sax.saxutils import escape

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from payments.documents.layout import Row, Section, Sheet, laid_out
from payments.documents.model import Attachment, Document, to_json
from payments.documents.xmltext import xml_text

FACTUR_X = "factur-x.xml"
_FONT, _GREY = "Roboto", 90
_WIDTHS = (84, 30, 26, 18, 32)
_FONTS = {
    style: files("payments.documents").joinpath(f"fonts/Roboto-{name}.ttf")
    for style, name in {"": "Regular", "B": "Bold"}.items()
}
_XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
<pdf:Producer>Plugbridge</pdf:Producer>
<xmp:CreateDate>{made_at}</xmp:CreateDate><xmp:ModifyDate>{made_at}</xmp:ModifyDate>
<xmp:MetadataDate>{made_at}</xmp:MetadataDate>
</rdf:Description>{more}
</rdf:RDF>
</x:xmpmeta>"""


class _Pdf(FPDF):
    """A page of A4 with a number at its foot."""

    def __init__(self, document: Document, foot: str) -> None:
        super().__init__(enforce_compliance="PDF/A-3B")
        self._id = sha256(to_json(document)).hexdigest()[:32].upper()
        self._foot = foot
        for style, font in _FONTS.items():
            self.add_font(_FONT, style, str(font))
        self._known = {code for font in self.fonts.values() if isinstance(font, TTFFont) for code in font.cmap}
        self.set_margin(10)
        self.set_auto_page_break(True, margin=18)

    def file_id(self) -> str:
        """The document's, in place of one of the moment."""
        return f"<{self._id}><{self._id}>"

    def footer(self) -> None:
        """Which page it is."""
        self.set_y(-14)
        self.style(8, grey=True)
        self.cell(0, 5, self.shown(f"{self._foot} {self.page_no()}/{{nb}}"), align="R")

    def style(self, size: int, *, bold: bool = False, grey: bool = False) -> None:
        """How what follows is written."""
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(_GREY if grey else 0)

    def shown(self, text: str) -> str:
        """A text in characters that the fonts have."""
        return "".join(each if ord(each) in self._known else "?" for each in " ".join(text.split()))


def pdf_of(document: Document, *, electronic: bytes | None = None) -> bytes:
    """The file; `electronic` is its EN 16931 form."""
    sheet = laid_out(document, electronic=electronic is not None)
    pdf = _Pdf(document, f"{document.number} · {sheet.page}")
    title = f"{sheet.title} {document.number}"
    pdf.set_title(title)
    pdf.set_author(xml_text(document.seller.name))
    pdf.set_producer("Plugbridge")
    pdf.set_lang(sheet.language)
    pdf.set_creation_date(document.issued_at)
    made_at = document.issued_at.isoformat(timespec="seconds")
    more = _factur_x() if electronic is not None else ""
    pdf.set_xmp_metadata(
        _XMP.format(
            title=escape(xml_text(title)), author=escape(xml_text(document.seller.name)), made_at=made_at, more=more
        )
    )
    pdf.add_page()
    _write(pdf, sheet)
    _embed(pdf, document, electronic)
    return bytes(pdf.output())


def _write(pdf: _Pdf, sheet: Sheet) -> None:
    pdf.style(18, bold=True)
    pdf.multi_cell(0, 9, pdf.shown(sheet.title), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(2)
    _rows(pdf, sheet.head)
    for party in sheet.parties:
        _section(pdf, party)
    pdf.ln(4)
    _table(pdf, sheet)
    for section in sheet.sections:
        _section(pdf, section)
    pdf.ln(3)
    for note in sheet.notes:
        _paragraph(pdf, note, size=8, grey=True)


def _section(pdf: _Pdf, section: Section) -> None:
    pdf.ln(3)
    pdf.style(11, bold=True)
    pdf.multi_cell(0, 6, pdf.shown(section.heading), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    _rows(pdf, section.rows)
    for text in section.paragraphs:
        _paragraph(pdf, text)


def _paragraph(pdf: _Pdf, text: str, *, size: int = 9, grey: bool = False) -> None:
    pdf.style(size, grey=grey)
    pdf.multi_cell(0, 4.5, pdf.shown(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _rows(pdf: _Pdf, rows: Sequence[Row]) -> None:
    for label, value in rows:
        if pdf.will_page_break(5):
            pdf.add_page()
        pdf.style(9, grey=True)
        top = pdf.get_y()
        pdf.multi_cell(52, 5, pdf.shown(label), align="L", new_x=XPos.RIGHT, new_y=YPos.TOP)
        pdf.style(9)
        pdf.set_xy(64, top)
        pdf.multi_cell(0, 5, pdf.shown(value), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _table(pdf: _Pdf, sheet: Sheet) -> None:
    pdf.style(9)
    plain = FontFace(emphasis="")
    with pdf.table(
        col_widths=_WIDTHS,
        text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT", "RIGHT"),
        borders_layout="SINGLE_TOP_LINE",
        headings_style=FontFace(emphasis="BOLD"),
        line_height=5,
    ) as table:
        for cells in (sheet.columns, *sheet.table):
            row = table.row()
            for cell in cells:
                row.cell(pdf.shown(cell))
        for index, (label, value) in enumerate(sheet.sums):
            style = FontFace(emphasis="BOLD") if index == len(sheet.sums) - 1 else plain
            row = table.row()
            row.cell(pdf.shown(label), colspan=3, style=style)
            row.cell(pdf.shown(value), colspan=2, style=style)
    pdf.ln(1)
    _paragraph(pdf, sheet.caption, size=8, grey=True)


def _embed(pdf: _Pdf, document: Document, electronic: bytes | None) -> None:
    files_of = [(each, "Supplement") for each in document.attachments]
    if electronic is not None:
        files_of.insert(0, (Attachment(FACTUR_X, "text/xml", electronic.decode()), "Alternative"))
    for each, relationship in files_of:
        pdf.embed_file(
            bytes=each.content.encode(),
            basename=each.name,
            mime_type=each.media_type,
            modification_date=document.issued_at,
            creation_date=document.issued_at,
            associated_file_relationship=relationship,
            compress=True,
        )


def _factur_x() -> str:
    """What PDF/A-3 is to know of the embedded invoice, as Factur-X 1.0 words it."""
    text = files("facturx").joinpath("xmp/Factur-X_extension_schema.xmp").read_text(encoding="utf-8")
    inner = text.partition("<rdf:RDF")[2].partition(">")[2].rpartition("</rdf:RDF>")[0]
    return inner.replace(">BASIC<", ">EN 16931<")
