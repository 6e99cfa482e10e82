"""Giving back what was taken for a bill that was credited, inside one transaction: now, or when it comes in later."""

from sqlalchemy import select
from sqlmodel import col

from hub.billing.tables import Bill, bill_of_reference
from hub.starts.covers import references_of
from kit.money import Money
from kit.tx import Tx
from payments import debts, disputes, refunds, wallet
from payments.events import DebtChanged, DisputeChanged, MoneyReceived
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import find, post
from payments.psp import DisputeState
from payments.tables import DebtState, Dispute, Received
from payments.wallet_tables import Earmark


async def pay_back(tx: Tx, credited: Bill) -> None:
    """Refund what was taken for a bill that was credited, on a card or from a wallet.

    What a bank has taken back itself is not given once more.
    """
    paid_under = references_of(credited.reference)
    for received in await tx.all(select(Received).where(col(Received.reference).in_(paid_under))):
        await _pay_back(tx, received, credited)
    earmark = await tx.get(Earmark, credited.reference)
    if earmark is not None and earmark.refundable:
        await wallet.refund(tx, earmark.reference, earmark.refundable, reference=f"credit:{credited.id}")


async def pay_back_received(tx: Tx, event: MoneyReceived) -> None:
    """React to money that comes when its bill is credited already."""
    credited = await bill_of_reference(tx, event.reference)
    received = await tx.get(Received, event.received_id)
    if received is not None and credited is not None and credited.credited_at is not None:
        await _pay_back(tx, received, credited)


async def cancel_credited(tx: Tx, event: DebtChanged) -> None:
    """React to a debt that comes up when its bill is credited already, as of a hold that has expired."""
    credited = await bill_of_reference(tx, event.reference)
    if event.state == DebtState.OWED and credited is not None and credited.credited_at is not None:
        await debts.cancel(tx, event.debt_id)


async def pay_back_returned(tx: Tx, event: DisputeChanged) -> None:
    """React to a bank that has returned what it took for a bill that was credited, or keeps it."""
    dispute = await tx.get(Dispute, event.dispute_id)
    received = await tx.get(Received, dispute.received_id) if dispute is not None and dispute.received_id else None
    credited = await bill_of_reference(tx, received.reference) if received is not None else None
    if received is not None and credited is not None and credited.credited_at is not None:
        await _pay_back(tx, received, credited)


async def _pay_back(tx: Tx, received: Received, credited: Bill) -> None:
    await _forgive_lost(tx, received, credited)
    withdrawn = sum(each.withdrawn_minor for each in await disputes.not_won(tx, [received.id]))
    rest = received.amount_minor - received.refunded_minor - withdrawn
    if rest > 0:
        back = Money(rest, received.currency)
        await refunds.request(tx, received.id, back, reference=f"credit:{received.id}:{received.refunded_minor}")


async def _forgive_lost(tx: Tx, received: Received, credited: Bill) -> None:
    """What a bank keeps of a bill that was credited is no loss of ours: the driver has back what he is to get."""
    for dispute in await tx.all(select(Dispute).where(col(Dispute.received_id) == received.id)):
        ended = await find(tx, Document("dispute_end", dispute.id))
        if dispute.state == DisputeState.LOST and ended is not None:
            amount = ended.transfers[0].amount
            back = postings.collected_after_all(credited.payer, amount)
            await post(tx, Entry(Document("dispute_credited", dispute.id), back))
