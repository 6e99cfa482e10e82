"""What a document looks like, whatever shows it: headings, rows and a table, in words. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from payments.documents.model import Complaint, Document, DocumentKind, Line, Party, Payment
from payments.documents.speech import Speech

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, rows of a label and a value, and paragraphs."""

    heading: str
    rows: tuple[Row, ...] = ()
    paragraphs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A document to be shown. `table` has five columns; the last of `sums` is the one that counts."""

    language: str
    title: str
    head: tuple[Row, ...]
    parties: tuple[Section, ...]
    columns: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]
    caption: str
    sums: tuple[Row, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    page: str


def laid_out(document: Document, *, electronic: bool = False) -> Sheet:
    """A document in words; `electronic` when its EN 16931 form goes with it."""
    words = Speech(document.language, document.currency, document.time_zone)
    priced = document.kind.has_amounts
    notes = [*document.notes, *_notes(document, words)]
    if electronic:
        notes.append(words.say("electronic"))
    parties = [_party(words.say("seller"), document.seller, words)]
    if document.buyer is not None:
        parties.append(_party(words.say("buyer"), document.buyer, words))
    return Sheet(
        language=words.language,
        title=title_of(document, words),
        head=tuple(_head(document, words)),
        parties=tuple(parties),
        columns=tuple(words.say(name) for name in ("text", "quantity", "unit_price", "vat", "net")),
        table=tuple(_line(line, words) for line in document.lines),
        caption=words.say("amounts_in", currency=document.currency) if priced else words.say("no_amounts"),
        sums=tuple(_sums(document, words)) if priced else (),
        sections=tuple(_sections(document, words)),
        notes=tuple(notes),
        page=words.say("page"),
    )


def title_of(document: Document, words: Speech) -> str:
    """What a document calls itself."""
    return words.say("SIMPLIFIED" if document.simplified else document.kind.value)


def _head(document: Document, words: Speech) -> Iterator[Row]:
    yield words.say("number"), document.number
    yield words.say("issued_at"), words.date(document.issued_at)
    if document.corrects is not None:
        yield words.say("corrects"), f"{document.corrects.number}, {words.date(document.corrects.issued_at)}"
        yield words.say("reason"), document.corrects.reason
    if document.supplied_from is not None and document.supplied_until is not None:
        first, last = words.moment(document.supplied_from), words.moment(document.supplied_until)
        yield words.say("supplied"), f"{first} – {last}"
    yield words.say("place"), document.country


def _party(heading: str, party: Party, words: Speech) -> Section:
    town = f"{party.postal_code} {party.city}".strip()
    lines = [party.name, party.street, ", ".join(part for part in (town, party.country) if part)]
    named = (("vat_id", party.vat_id), ("registration", party.registration), ("customer", party.reference))
    lines += [f"{words.say(name)}: {value}" for name, value in named if value]
    return Section(heading, paragraphs=tuple(line for line in lines if line))


def _line(line: Line, words: Speech) -> tuple[str, ...]:
    rate = words.say("no_vat") if line.vat_percent is None else f"{words.number(line.vat_percent)} %"
    quantity = f"{words.number(line.quantity, most=4)} {line.unit}".strip()
    return line.text, quantity, words.price(line.unit_price), rate, words.amount(line.net_minor)


def _sums(document: Document, words: Speech) -> Iterator[Row]:
    yield words.say("sum_net"), words.amount(document.net_minor)
    for each in document.vat:
        if each.percent is not None:
            label = words.say("sum_vat", percent=words.number(each.percent), net=words.amount(each.net_minor))
            yield label, words.amount(each.vat_minor)
    name = "sum_credit" if document.kind is DocumentKind.CREDIT_NOTE else "sum_gross"
    yield words.say(name), words.sum(document.gross_minor)


def _sections(document: Document, words: Speech) -> Iterator[Section]:
    if document.details:
        yield Section(words.say("facts"), tuple((detail.label, detail.value) for detail in document.details))
    if document.payment is not None:
        yield Section(words.say("payment"), tuple(_payment(document.payment, document, words)))
    for evidence in document.evidence:
        rows = tuple((detail.label, detail.value) for detail in evidence.details)
        attached = (words.say("attached", name=evidence.attachment),) if evidence.attachment else ()
        yield Section(words.say("evidence"), rows, (evidence.text, *attached))
    if document.complaint is not None:
        yield Section(words.say("complaint"), tuple(_complaint(document.complaint, words)))


def _payment(payment: Payment, document: Document, words: Speech) -> Iterator[Row]:
    is_credit = document.kind is DocumentKind.CREDIT_NOTE
    if payment.method == "card":
        card = f"{payment.brand} •••• {payment.last4}".strip() if payment.last4 else ""
        yield words.say("method"), f"{words.say('CARD')} {card}".strip()
        taken = "returned" if is_credit else "taken"
        known = (("held", payment.held_minor), (taken, payment.taken_minor), ("released", payment.released_minor))
        for name, minor in known:
            if minor is not None:
                yield words.say(name), words.sum(minor)
    elif payment.method == "invoice":
        yield words.say("method"), words.say("INVOICE_METHOD")
    due = document.gross_minor - (payment.taken_minor or 0)
    if due and not is_credit and document.kind.is_fiscal:
        yield words.say("due"), words.sum(due)
        if payment.due_at is not None:
            yield words.say("due_at"), words.date(payment.due_at)
        if payment.account:
            yield words.say("account"), payment.account


def _complaint(complaint: Complaint, words: Speech) -> Iterator[Row]:
    for name in ("email", "phone", "url", "address", "dispute_body"):
        if value := getattr(complaint, name):
            yield words.say(name), value


def _notes(document: Document, words: Speech) -> Iterator[str]:
    if document.kind is DocumentKind.STATEMENT:
        yield words.say("statement_note")
    if document.kind.has_amounts and document.lines and all(each.percent is None for each in document.vat):
        yield words.say("no_vat_note")
