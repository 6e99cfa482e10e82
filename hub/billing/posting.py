"""What the payments floor tells, as entries of the ledger. Each fact has a document of its own, so it is posted once.

| fact | document | entry |
|---|---|---|
| a hold stands, is over | `hold`, `hold_end` | memo, and back |
| money was taken | `payment` | driver receivable → provider clearing |
| a refund succeeded, came back | `refund`, `refund_returned` | provider clearing → driver receivable, and back |
| a dispute took money, is won, is lost | `dispute`, `dispute_end` | clearing → disputes, back, → bad debt |
| the provider's books show a fee | `provider_fee` | provider clearing → provider fees, and back |
| that it has exchanged | `provider_exchange` | clearing → exchange, exchange → clearing in another currency |
| that it has paid out | `payout` | provider clearing → bank |
| a debt was given up, was paid after all | `debt_given_up`, `debt_paid_after_all` | receivable → bad debt, and back |
| or is owed no more, because its bill was credited | `debt_canceled` | bad debt → receivable |
"""

from collections.abc import Sequence

from hub.billing.payers import payer_of_reference
from kit.money import Money
from kit.tx import Tx
from payments.books import LineKind
from payments.events import DebtChanged, DisputeChanged, HoldChanged, LineRead, MoneyReceived, RefundChanged
from payments.hold_lifecycle import HoldState
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import find, post, reverse
from payments.line_tables import Line
from payments.psp import DisputeState
from payments.tables import Debt, DebtState, Dispute, Hold, Received, Refund, RefundState
from payments.wallet_tables import TOP_UP

_AFTER_ALL = {DebtState.PAID: "debt_paid_after_all", DebtState.CANCELED: "debt_canceled"}


async def hold_changed(tx: Tx, event: HoldChanged) -> None:
    """What is held, as a memo."""
    hold = await tx.get(Hold, event.hold_id)
    placed = Document("hold", event.hold_id)
    if hold is not None and event.state == HoldState.HELD and await find(tx, placed) is None:
        await post(tx, Entry(placed, postings.held(hold.id, hold.amount)))
    elif HoldState(event.state).is_over and await find(tx, placed) is not None:
        await reverse(tx, placed, by=Document("hold_end", event.hold_id))


async def money_received(tx: Tx, event: MoneyReceived) -> None:
    """What a driver owes is less by what was taken. What was paid into a wallet is `payments.top_ups`' to post."""
    if event.reference.startswith(TOP_UP):
        return
    payer = await payer_of_reference(tx, event.reference)
    taken = Money(event.amount_minor, event.currency)
    await post(tx, Entry(Document("payment", event.received_id), postings.captured(payer, taken)))


async def refund_changed(tx: Tx, event: RefundChanged) -> None:
    """What went back; a bank may still return it."""
    refund, received = await tx.get(Refund, event.refund_id), await tx.get(Received, event.received_id)
    if refund is None or received is None or received.reference.startswith(TOP_UP):
        return
    paid_back = Document("refund", refund.id)
    if event.state == RefundState.SUCCEEDED:
        payer = await payer_of_reference(tx, received.reference)
        await post(tx, Entry(paid_back, postings.refunded(payer, Money(refund.amount_minor, refund.currency))))
    elif event.state == RefundState.FAILED and await find(tx, paid_back) is not None:
        await reverse(tx, paid_back, by=Document("refund_returned", refund.id))


async def dispute_changed(tx: Tx, event: DisputeChanged) -> None:
    """What a bank took back, and who keeps it in the end."""
    dispute = await tx.get(Dispute, event.dispute_id)
    if dispute is None:
        return
    opened, ended = Document("dispute", dispute.id), Document("dispute_end", dispute.id)
    entry = await find(tx, opened)
    if entry is None and dispute.withdrawn_minor > 0:
        withdrawn = Money(dispute.withdrawn_minor, dispute.currency)
        entry = Entry(opened, postings.disputed(dispute.id, withdrawn))
        await post(tx, entry)
    if entry is None or await find(tx, ended) is not None:
        return
    amount = entry.transfers[0].amount
    if event.state == DisputeState.WON:
        await post(tx, Entry(ended, postings.dispute_won(dispute.id, amount)))
    elif event.state == DisputeState.LOST:
        await post(tx, Entry(ended, postings.dispute_lost(dispute.id, amount)))


async def debt_changed(tx: Tx, event: DebtChanged) -> None:
    """A debt that nobody tries to collect any more is a loss, until it is paid after all."""
    debt = await tx.get(Debt, event.debt_id)
    if debt is None:
        return
    given_up = Document("debt_given_up", debt.id)
    if event.state == DebtState.GIVEN_UP:
        payer = await payer_of_reference(tx, event.reference)
        await post(tx, Entry(given_up, postings.written_off(payer, debt.amount)))
    elif event.state in (DebtState.PAID, DebtState.CANCELED) and await find(tx, given_up) is not None:
        await reverse(tx, given_up, by=Document(_AFTER_ALL[DebtState(event.state)], debt.id))


async def line_read(tx: Tx, event: LineRead) -> None:
    """What the provider keeps for its work, what it has exchanged, and what it has paid out."""
    line = await tx.get(Line, event.line_id)
    if line is None:
        return
    for entry in entries_of(line):
        await post(tx, entry)


def entries_of(line: Line) -> Sequence[Entry]:
    """What a line of the provider's books is in the ledger, beside the entry of its cause."""
    fee = line.fee - line.amount if line.kind == LineKind.FEE else line.fee
    made: list[tuple[Document, postings.Transfers, dict[str, str]]] = [
        (Document("provider_fee", line.id), postings.provider_fee(fee), {})
    ]
    if line.moved.currency != line.currency:
        rate = f"1 {line.moved.currency} = {line.exchange_rate} {line.currency}"
        facts = {"rate": rate, "rate_date": line.made_at.date().isoformat(), "rate_source": "payment provider"}
        made.append((Document("provider_exchange", line.id), postings.settled(line.moved, line.amount), facts))
    if line.kind == LineKind.PAYOUT:
        made.append((Document("payout", line.id), postings.paid_out(-line.amount), {}))
    return [Entry(document, moved, facts) for document, moved, facts in made if moved]
