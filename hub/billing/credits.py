"""What is given back of a session, inside one transaction: refunds of its payments, and the credit notes of them.

A credit note follows the money: it is issued when a refund has succeeded. Whoever pays by invoice has it at once. A
dispute changes no document; nor does a refund that the bank sends back, since what was promised is still owed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from hub.billing.session_document import words_of
from hub.billing.tables import Bill, RefundReason, bill_of_cdr, bill_of_start
from hub.drivers.tables import PaymentMethod
from hub.parties.objects import ObjectKey, find
from hub.sessions.events import CdrStored
from hub.sessions.tables import Cdr
from hub.starts.tables import Start, locked
from kit.errors import Conflict, NotFound
from kit.money import Money
from kit.tx import Database, Tx
from payments import refunds
from payments.documents import parties
from payments.documents.crediting import credit_note, remains
from payments.documents.model import Document
from payments.documents.service import About, issue, read
from payments.documents.tables import DocumentRow, about, credits_of, locked_document
from payments.errors import OverRefund
from payments.events import RefundChanged
from payments.hold_lifecycle import HoldState
from payments.ledger import postings
from payments.ledger import service as ledger
from payments.ledger.accounts import Document as Booked
from payments.ledger.accounts import Entry
from payments.tables import Hold, Received, Refund, RefundState

UNDO = "billing.undo"
LOOK_AGAIN = timedelta(seconds=60)


class NothingPaid(Conflict):
    """No money was taken for the session, so none goes back; an invoice is credited instead."""

    code, title = "nothing_paid", "Nothing was paid for this session"


class NotByInvoice(Conflict):
    """It is paid by card: refund the payment, and the credit note follows."""

    code, title = "not_by_invoice", "Only an invoice is credited without a refund"


@dataclass(frozen=True, slots=True)
class Returned:
    """What goes back, and why. The same `key` is the same refund."""

    amount: Money
    reason: str
    key: str


async def refund_session(tx: Tx, start_id: str, wanted: Returned) -> Sequence[Refund]:
    """Have a part of what was paid for a session given back, from the payments that there were, oldest first.

    Raises `NotFound`, `NothingPaid`, and `OverRefund` for more than is left of them.
    """
    if await locked(tx, start_id) is None:
        raise NotFound("no such start")
    known = await _with_key(tx, start_id, wanted.key)
    if known:
        return known
    paid = await payments_of(tx, start_id)
    if not paid:
        raise NothingPaid
    if wanted.amount.amount_minor > sum(each.amount_minor - each.refunded_minor for each in paid):
        raise OverRefund
    left, found = wanted.amount.amount_minor, []
    for number, each in enumerate(paid):
        part = min(left, each.amount_minor - each.refunded_minor)
        if part > 0:
            reference = f"{wanted.key}:{number}"
            refund = await refunds.request(tx, each.id, Money(part, wanted.amount.currency), reference=reference)
            tx.add(RefundReason(refund_id=refund.id, start_id=start_id, key=wanted.key, reason=wanted.reason))
            found.append(refund)
            left -= part
    await tx.flush()
    return found


async def payments_of(tx: Tx, start_id: str) -> Sequence[Received]:
    """The money that was taken for a session, oldest first: by its hold, and by a debt beyond it."""
    references = [start_id]
    start = await tx.get(Start, start_id)
    if start is not None and start.hold_id is not None:
        references.append(f"hold:{start.hold_id}")
    return await tx.all(select(Received).where(col(Received.reference).in_(references)).order_by(col(Received.id)))


async def of_refund(tx: Tx, event: RefundChanged) -> None:
    """React to a refund that has succeeded: its credit note, once, for what was not credited by now."""
    refund, received = await tx.get(Refund, event.refund_id), await tx.get(Received, event.received_id)
    if event.state != RefundState.SUCCEEDED or refund is None or received is None:
        return
    start_id = await _start_of(tx, received.reference)
    row = await _document_of(tx, start_id)
    if row is None or await locked_document(tx, row.id) is None:
        return
    credited = sum(each.net_minor + each.vat_minor for each in await credits_of(tx, row.id))
    why = await tx.get(RefundReason, refund.id)
    amount = min(refund.amount_minor, await _given_back(tx, start_id) - credited)
    await _credit(tx, row, amount, f"refund:{refund.id}", why.reason if why is not None else "")


async def of_credit_cdr(tx: Tx, event: CdrStored) -> None:
    """React to a CDR that takes another one back (OCPI 2.2.1, mod_cdrs, Credit CDRs): so do we, at both prices."""
    cdr = await find(tx, Cdr, ObjectKey.of(event.country_code, event.party_id, event.object_id))
    body = cdr.body() if cdr is not None else {}
    if cdr is None or not body.get("credit") or not body.get("credit_reference_id"):
        return
    bill = await bill_of_cdr(tx, cdr.country_code, cdr.party_id, body["credit_reference_id"])
    if bill is None:
        return
    party = f"{bill.country_code}*{bill.party_id}"
    bought, back = Booked("cdr", f"{party}*{bill.cdr_id}"), Booked("credit_cdr", f"{party}*{body['id']}")
    if await ledger.find(tx, bought) is not None and await ledger.find(tx, back) is None:
        await ledger.reverse(tx, bought, by=back)
    await _undo(tx, bill)


async def undo(db: Database, payload: Mapping[str, Any]) -> None:
    """Look again at a session that was taken back while its money was about to be taken."""
    async with db.tx() as tx:
        bill = await tx.get(Bill, payload["bill_id"])
        if bill is not None:
            await _undo(tx, bill)


async def credit_invoice(tx: Tx, document_id: str, wanted: Returned) -> DocumentRow:
    """Take back a part of an invoice. Raises `NotFound`, `NotByInvoice`, and `OverRefund` for more than remains."""
    row = await locked_document(tx, document_id)
    bill = await bill_of_start(tx, row.subject) if row is not None and row.subject is not None else None
    if row is None or bill is None or row.corrects is not None:
        raise NotFound("no such invoice")
    if bill.payment != PaymentMethod.INVOICE:
        raise NotByInvoice
    made = await _credit(tx, row, wanted.amount.amount_minor, wanted.key, wanted.reason)
    if made is None:
        raise OverRefund
    return made


async def _undo(tx: Tx, bill: Bill) -> None:
    """Nothing is owed for a session any more: what was paid goes back, and an invoice is credited."""
    key = f"undo:{bill.id}"
    row = await _document_of(tx, bill.start_id)
    reason = words_of(read(row).language)["credit_cdr"] if row is not None else ""
    if bill.payment == PaymentMethod.INVOICE and row is not None and await locked_document(tx, row.id) is not None:
        left = remains(read(row), [read(each) for each in await credits_of(tx, row.id)])
        await _credit(tx, row, left, key, reason)
        return
    start = await tx.get(Start, bill.start_id)
    hold = await tx.get(Hold, start.hold_id) if start is not None and start.hold_id is not None else None
    if hold is not None and not HoldState(hold.state).is_over:  # what is about to be taken goes back when it is there
        tx.enqueue(UNDO, {"bill_id": bill.id}, replace_key=bill.id, run_at=tx.now + LOOK_AGAIN)
        return
    left = sum(each.amount_minor - each.refunded_minor for each in await payments_of(tx, bill.start_id))
    if left > 0:
        await refund_session(tx, bill.start_id, Returned(Money(left, bill.currency), reason, key))


async def _credit(tx: Tx, row: DocumentRow, amount_minor: int, reference: str, reason: str) -> DocumentRow | None:
    """The credit note of a locked document, and its entry in the ledger; None for nothing, or more than remains."""
    original, before = read(row), [read(each) for each in await credits_of(tx, row.id)]
    known = next((each for each in await credits_of(tx, row.id) if each.reference == reference), None)
    if known is not None:
        return known
    if not 0 < amount_minor <= remains(original, before):
        return None
    reason = reason or words_of(original.language)["refund"]
    note = credit_note(original, before, amount_minor, reason=reason, issued_at=tx.now.replace(microsecond=0))
    seller = await parties.seller(tx)
    made = await issue(
        tx, About(reference, row.payer, row.subject, row.id), note, prefix=seller.prefix if seller is not None else ""
    )
    await _post(tx, row.payer, made, note)
    return made


async def _post(tx: Tx, payer: str, made: DocumentRow, note: Document) -> None:
    price = postings.Price(Money(note.net_minor, note.currency), Money(note.vat_minor, note.currency), note.country)
    back = postings.credited(postings.sold_to_driver(payer, price))
    await ledger.post(tx, Entry(Booked("credit", made.id), back, {"number": made.number}))


async def _document_of(tx: Tx, start_id: str) -> DocumentRow | None:
    """The receipt or invoice of a session."""
    rows = await about(tx, start_id)
    return next((row for row in rows if row.corrects is None and read(row).kind.is_fiscal), None)


async def _start_of(tx: Tx, reference: str) -> str:
    """The start that money was taken for, by its own reference or by `hold:` and its hold."""
    hold = await tx.get(Hold, reference.removeprefix("hold:")) if reference.startswith("hold:") else None
    return hold.reference if hold is not None else reference


async def _given_back(tx: Tx, start_id: str) -> int:
    """What has arrived at the payer by now."""
    payments = [each.id for each in await payments_of(tx, start_id)]
    where = (col(Refund.received_id).in_(payments), col(Refund.state) == RefundState.SUCCEEDED)
    return sum(each.amount_minor for each in await tx.all(select(Refund).where(*where)))


async def _with_key(tx: Tx, start_id: str, key: str) -> Sequence[Refund]:
    """The refunds that were asked for under a key."""
    where = (col(RefundReason.start_id) == start_id, col(RefundReason.key) == key)
    known = await tx.all(select(RefundReason).where(*where))
    found = [await tx.get(Refund, each.refund_id) for each in known]
    return [each for each in found if each is not None]
