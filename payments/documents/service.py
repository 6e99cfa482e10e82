"""Documents inside one transaction: a number is given by the commit that writes the document, or not at all."""

from dataclasses import dataclass, replace

from sqlalchemy import text

from kit.tx import Tx
from payments.documents.kinds import number_in, series_of
from payments.documents.model import Document, of_json, to_json
from payments.documents.tables import DocumentRow, by_reference

LARGEST_BODY = 2 * 2**20
"""Bytes of a document with all that goes with it."""


class DocumentTooLarge(ValueError):
    """A document is larger than what is stored: whoever made it has to leave something out."""


@dataclass(frozen=True, slots=True)
class About:
    """What a document is issued for. `reference` has one document at most."""

    reference: str
    payer: str
    subject: str | None = None
    corrects: str | None = None


async def issue(tx: Tx, about: About, draft: Document, *, prefix: str = "") -> DocumentRow:
    """Number and store a document; the one that there is when its reference has one.

    The series is locked until the transaction ends: do this last. Raises `DocumentTooLarge`.
    """
    known = await by_reference(tx, about.reference)
    if known is not None:
        return known
    series = series_of(draft.kind, draft.country, draft.issued_at, draft.time_zone, prefix=prefix)
    sequence = await _next(tx, series)
    document = replace(draft, number=number_in(series, sequence))
    body = to_json(document)
    if len(body) > LARGEST_BODY:
        raise DocumentTooLarge(f"{len(body)} bytes")
    row = DocumentRow(
        reference=about.reference,
        kind=document.kind,
        number=document.number,
        series=series,
        sequence=sequence,
        subject=about.subject,
        payer=about.payer,
        corrects=about.corrects,
        currency=document.currency,
        net_minor=document.net_minor,
        vat_minor=document.vat_minor,
        issued_at=document.issued_at,
        body=body,
    )
    tx.add(row)
    await tx.flush()
    return row


def read(row: DocumentRow) -> Document:
    """What a stored document says."""
    return of_json(row.body)


async def _next(tx: Tx, series: str) -> int:
    """The next number of a series, which is locked until the transaction ends."""
    values = {"name": series}
    await tx.execute(text("INSERT INTO document_series (name, last) VALUES (:name, 0) ON CONFLICT DO NOTHING"), values)
    taken = await tx.execute(
        text("UPDATE document_series SET last = last + 1 WHERE name = :name RETURNING last"), values
    )
    return int(taken.scalar_one())
