"""What is given back of a session, inside one transaction: refunds of its payments, and the credit notes of them.

A credit note follows the money: it is issued when a refund has succeeded, as one into a wallet does at once. Whoever
pays by invoice has it at once. A dispute changes no document; nor does a refund that the bank sends back, since what
was promised is still owed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from hub.billing.events import BillCredited
from hub.billing.receipts import ReceiptNotReady, document_of
from hub.billing.session_document import words_of
from hub.billing.tables import Bill, GivenBack, RefundReason, bill_of_reference, bill_of_start, refund_of, refunds_of
from hub.drivers.tables import PaymentMethod
from hub.starts.covers import references_of
from hub.starts.tables import locked
from kit.errors import Conflict, NotFound
from kit.money import Money
from kit.tx import Database, Tx
from payments import refunds, wallet
from payments.documents import parties
from payments.documents.crediting import credit_note, remains
from payments.documents.model import DocumentKind
from payments.documents.service import About, issue, read
from payments.documents.tables import DocumentRow, GatheredRow, credits_of, locked_document
from payments.errors import OverRefund
from payments.events import RefundChanged, WalletRefunded
from payments.ledger import postings
from payments.ledger import service as ledger
from payments.ledger.accounts import Document as Booked
from payments.ledger.accounts import Entry
from payments.tables import Received, Refund, RefundState
from payments.wallet_tables import Earmark, WalletRefund

CREDIT_GATHERED = "billing.credit_gathered"
INVOICED_BY = timedelta(days=1)
"""How long after a month its invoice is there at the latest, or nearly."""


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


async def refund_session(tx: Tx, start_id: str, wanted: Returned) -> Sequence[GivenBack]:
    """Have a part of what was paid for a session given back: into the wallet, then to cards, the oldest payment first.

    Raises `NotFound`, `NothingPaid`, and `OverRefund` for more than is left of them.
    """
    if await locked(tx, start_id) is None:
        raise NotFound("no such start")
    known = await _with_key(tx, start_id, wanted.key)
    if known:
        return known
    bill = await bill_of_start(tx, start_id)
    if bill is None:
        raise NothingPaid
    found = await _refund(tx, bill, wanted)
    for each in found:
        tx.add(RefundReason(refund_id=each.id, start_id=start_id, key=wanted.key, reason=wanted.reason))
    await tx.flush()
    return found


async def _refund(tx: Tx, bill: Bill, wanted: Returned) -> Sequence[GivenBack]:
    spent, paid = await spent_for(tx, bill), await payments_of(tx, bill)
    if spent is None and not paid:
        raise NothingPaid
    into_wallet = spent.refundable.amount_minor if spent is not None else 0
    left, found = wanted.amount.amount_minor, list[GivenBack]()
    if left > into_wallet + sum(each.amount_minor - each.refunded_minor for each in paid):
        raise OverRefund
    part = min(left, into_wallet)
    if spent is not None and part > 0:
        back = Money(part, bill.currency)
        found.append(await wallet.refund(tx, spent.reference, back, reference=f"{wanted.key}:wallet"))
        left -= part
    for number, each in enumerate(paid):
        part = min(left, each.amount_minor - each.refunded_minor)
        if part > 0:
            back = Money(part, bill.currency)
            found.append(await refunds.request(tx, each.id, back, reference=f"{wanted.key}:{number}"))
            left -= part
    return found


async def spent_for(tx: Tx, bill: Bill) -> Earmark | None:
    """What a wallet has paid for a bill."""
    earmark = await tx.get(Earmark, bill.reference)
    return earmark if earmark is not None and earmark.spent else None


async def payments_of(tx: Tx, bill: Bill) -> Sequence[Received]:
    """The money that was taken for a bill, oldest first: by a hold, and by a debt beyond it."""
    paid_under = references_of(bill.reference)
    return await tx.all(select(Received).where(col(Received.reference).in_(paid_under)).order_by(col(Received.id)))


async def of_refund(tx: Tx, event: RefundChanged) -> None:
    """React to a refund that has succeeded: its credit note, once, for what was not credited by now."""
    refund, received = await tx.get(Refund, event.refund_id), await tx.get(Received, event.received_id)
    if event.state != RefundState.SUCCEEDED or refund is None or received is None:
        return
    await _note_refund(tx, received.reference, refund.id, Money(refund.amount_minor, refund.currency))


async def of_wallet_refund(tx: Tx, event: WalletRefunded) -> None:
    """React to what went back into a wallet: the same, it has arrived already."""
    refund = await tx.get(WalletRefund, event.refund_id)
    if refund is not None:
        await _note_refund(tx, event.reference, refund.id, refund.amount)


async def _note_refund(tx: Tx, reference: str, refund_id: str, back: Money) -> None:
    bill = await bill_of_reference(tx, reference)
    if bill is None or bill.credited_at is not None:  # all of it is credited, for itself
        return
    row = await document_of(tx, bill)
    if row is None:
        raise ReceiptNotReady("it is about to be made: this is tried again")
    why = await tx.get(RefundReason, refund_id)
    if why is None:  # what was paid twice: the session costs what it costs
        return
    if not read(row).kind.is_fiscal or await locked_document(tx, row.id) is None:
        return
    credited = sum(each.net_minor + each.vat_minor for each in await credits_of(tx, row.id))
    amount = min(_in_document(bill, back.amount_minor), _in_document(bill, await _given_back(tx, bill)) - credited)
    await _credit(tx, row, amount, f"refund:{refund_id}", why.reason, paid=back)


async def of_credited_bill(tx: Tx, event: BillCredited) -> None:
    """React to a bill that was credited, as the CPO has credited its CDR (OCPI 2.2.1, mod_cdrs, Credit CDRs)."""
    bill = await tx.get(Bill, event.bill_id)
    row = await document_of(tx, bill) if bill is not None else None
    if bill is None or row is None or bill.payment == PaymentMethod.FREE:
        return
    fiscal = await _fiscal_of(tx, row)
    if fiscal is None or await locked_document(tx, fiscal.id) is None:  # it is credited when its month is invoiced
        tx.enqueue(CREDIT_GATHERED, {"bill_id": bill.id}, replace_key=bill.id, run_at=tx.now + INVOICED_BY)
        return
    if fiscal.id == row.id:
        await _undo_parts(tx, row)
    left = remains(read(fiscal), [read(each) for each in await credits_of(tx, fiscal.id)])
    reason = words_of(read(row).language)["credit_cdr"]
    net, vat = bill.priced
    await _note(tx, fiscal, min(left, (net + vat).amount_minor), f"undo:{bill.id}", reason)


async def credit_gathered(db: Database, payload: Mapping[str, Any]) -> None:
    """Look again at a bill that was credited before the invoice that it belongs to was there."""
    async with db.tx() as tx:
        await of_credited_bill(tx, BillCredited(payload["bill_id"]))


async def credit_invoice(tx: Tx, document_id: str, wanted: Returned) -> DocumentRow:
    """Take back a part of an invoice. Raises `NotFound`, `NotByInvoice`, and `OverRefund` for more than remains."""
    row = await locked_document(tx, document_id)
    if row is None:
        raise NotFound("no such invoice")
    if row.kind != DocumentKind.INVOICE:
        raise NotByInvoice
    made = await _credit(tx, row, wanted.amount.amount_minor, wanted.key, wanted.reason)
    if made is None:
        raise OverRefund
    return made


async def _undo_parts(tx: Tx, row: DocumentRow) -> None:
    """What was credited in parts before is in the ledger twice once the whole sale is reversed."""
    for each in await credits_of(tx, row.id):
        part, undone = Booked("credit", each.id), Booked("credit_undone", each.id)
        if await ledger.find(tx, part) is not None and await ledger.find(tx, undone) is None:
            await ledger.reverse(tx, part, by=undone)


def _in_document(bill: Bill, minor: int) -> int:
    """A part of what was paid, as a part of what the document says: in the tariff's currency."""
    net, vat = bill.priced
    if net.currency == bill.currency:
        return minor
    share = Decimal((net + vat).amount_minor) * minor / bill.gross.amount_minor
    return int(share.quantize(Decimal(1), ROUND_HALF_UP))


async def _credit(
    tx: Tx, row: DocumentRow, amount_minor: int, reference: str, reason: str, *, paid: Money | None = None
) -> DocumentRow | None:
    """The credit note of a locked document, and its entry in the ledger; None for nothing, or more than remains.

    `paid` is what goes back in the driver's currency, where that is another one than the document's.
    """
    made = await _note(tx, row, amount_minor, reference, reason)
    if made is not None:
        note = read(made)
        price = postings.Price(Money(note.net_minor, note.currency), Money(note.vat_minor, note.currency), note.country)
        is_across = paid is not None and paid.currency != note.currency
        sale = postings.sold_across(row.payer, price, paid) if paid is not None and is_across else None
        back = postings.credited(sale or postings.sold_to_driver(row.payer, price))
        await ledger.post(tx, Entry(Booked("credit", made.id), back, {"number": made.number}))
    return made


async def _note(tx: Tx, row: DocumentRow, amount_minor: int, reference: str, reason: str) -> DocumentRow | None:
    """The credit note of a locked document, once for a reference; None for nothing, or more than remains."""
    rows = await credits_of(tx, row.id)
    known = next((each for each in rows if each.reference == reference), None)
    if known is not None:
        return known
    original, before = read(row), [read(each) for each in rows]
    if not 0 < amount_minor <= remains(original, before):
        return None
    reason = reason or words_of(original.language)["refund"]
    note = credit_note(original, before, amount_minor, reason=reason, issued_at=tx.now.replace(microsecond=0))
    seller = await parties.seller(tx)
    return await issue(
        tx, About(reference, row.payer, row.subject, row.id), note, prefix=seller.prefix if seller is not None else ""
    )


async def _fiscal_of(tx: Tx, row: DocumentRow) -> DocumentRow | None:
    """What a session is charged by: its own document, or the invoice of its month once there is one."""
    if read(row).kind.is_fiscal:
        return row
    gathered = await tx.get(GatheredRow, row.id)
    return await tx.get(DocumentRow, gathered.invoice_id) if gathered is not None else None


async def _given_back(tx: Tx, bill: Bill) -> int:
    """What an operator gave back, and has arrived at the payer by now."""
    reasons = {each.refund_id for each in await refunds_of(tx, bill.start_id)}
    payments = [each.id for each in await payments_of(tx, bill)]
    arrived = (col(Refund.received_id).in_(payments), col(Refund.state) == RefundState.SUCCEEDED)
    to_cards = await tx.all(select(Refund).where(col(Refund.id).in_(reasons), *arrived))
    spent = await spent_for(tx, bill)
    return sum(each.amount_minor for each in to_cards) + (spent.refunded_minor if spent is not None else 0)


async def _with_key(tx: Tx, start_id: str, key: str) -> Sequence[GivenBack]:
    """The refunds that were asked for under a key."""
    where = (col(RefundReason.start_id) == start_id, col(RefundReason.key) == key)
    known = await tx.all(select(RefundReason).where(*where).order_by(col(RefundReason.refund_id)))
    return [await refund_of(tx, each) for each in known]
