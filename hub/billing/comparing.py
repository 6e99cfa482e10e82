"""Comparing the ledger with what it is about, a page of rows at a time: payments, bills and CDRs.

Each fact has the entry that it makes now, to the letter: what was posted is compared by its digest.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from hub.billing import bill_checks, cdr_checks, margin_checks
from hub.billing.expecting import missing, without
from hub.billing.payers import payers_of
from hub.billing.posting import entries_of
from hub.billing.tables import Bill
from hub.sessions.tables import Cdr
from hub.starts.lifecycle import StartState
from hub.starts.tables import Start
from kit.money import Money
from kit.tx import Database, Tx
from payments.books import Window
from payments.comparing import Found, Portion, portions
from payments.findings import Code, Finding
from payments.hold_lifecycle import HoldState
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import digests
from payments.line_tables import Line
from payments.psp import DisputeState
from payments.tables import Debt, DebtState, Dispute, Hold, Received, Refund, RefundState
from payments.transfer_tables import Reversal, Transfer, TransferState
from payments.transfers import entry_of
from payments.wallet import entry_of_refund
from payments.wallet_tables import TOP_UP, Earmark, TopUp, WalletRefund

Judge = Callable[[Tx, Sequence[Any]], Awaitable[Found]]

_OVER = (StartState.ENDED, StartState.REFUSED, StartState.FAILED, StartState.EXPIRED)


async def compare(db: Database, window: Window, own_emsps: Collection[str]) -> AsyncIterator[Portion]:
    """Compare what is of a window."""

    async def judge_cdrs(tx: Tx, rows: Sequence[Cdr]) -> Found:
        return [*await cdr_checks.judge(tx, rows, own_emsps), *await margin_checks.judge(tx, rows, own_emsps)]

    checks: list[tuple[Any, Any, Judge]] = [
        (Received, Received.created_at, judge_received),
        (Refund, Refund.created_at, judge_refunds),
        (WalletRefund, WalletRefund.created_at, judge_wallet_refunds),
        (Dispute, Dispute.created_at, judge_disputes),
        (Debt, Debt.created_at, judge_debts),
        (Hold, Hold.created_at, judge_holds),
        (Transfer, Transfer.created_at, judge_transfers),
        (Reversal, Reversal.created_at, judge_transfers),
        (Line, Line.made_at, judge_lines),
        (Bill, Bill.made_at, bill_checks.judge),
        (Cdr, Cdr.last_updated, judge_cdrs),
    ]
    for model, moment, judge in checks:
        async for rows in portions(db, model, col(moment) >= window.since, col(moment) < window.until):
            async with db.read() as tx:
                portion = Portion(len(rows), await judge(tx, rows))
            yield portion


async def judge_received(tx: Tx, rows: Sequence[Received]) -> Found:
    """Each payment is posted to whom it is of, or is in the wallet that it was paid into."""
    payers, owners = await payers_of(tx, {row.reference for row in rows}), await _owners(tx, rows)

    def entry(row: Received) -> Entry:
        amount, owner = Money(row.amount_minor, row.currency), owners.get(row.id)
        moved = postings.wallet_loaded(owner, amount) if owner else postings.captured(payers[row.reference], amount)
        return Entry(Document("payment", row.id), moved)

    return await missing(tx, [(row.created_at, entry(row)) for row in rows])


async def _owners(tx: Tx, rows: Collection[Received]) -> Mapping[str, str]:
    """Of payments into wallets: whose they are, by the payment's id."""
    asked = {row.reference.removeprefix(TOP_UP): row.id for row in rows if row.reference.startswith(TOP_UP)}
    return {asked[each.id]: each.owner for each in await tx.all(select(TopUp).where(col(TopUp.id).in_(asked)))}


async def judge_refunds(tx: Tx, rows: Sequence[Refund]) -> Found:
    """Each refund that succeeded is posted; one that came back is taken back."""
    received_ids = {row.received_id for row in rows}
    received = {row.id: row for row in await tx.all(select(Received).where(col(Received.id).in_(received_ids)))}
    payers = await payers_of(tx, {row.reference for row in received.values()})
    owners = await _owners(tx, received.values())

    def entry(row: Refund) -> Entry:
        amount, owner = Money(row.amount_minor, row.currency), owners.get(row.received_id)
        payer = payers[received[row.received_id].reference]
        moved = postings.wallet_paid_back(owner, amount) if owner else postings.refunded(payer, amount)
        return Entry(Document("refund", row.id), moved)

    entries = {row.id: entry(row) for row in rows}
    posted = await digests(tx, [entry.document for entry in entries.values()])
    due = [(row.created_at, entries[row.id]) for row in rows if row.state == RefundState.SUCCEEDED]
    back = [
        (row.created_at, entries[row.id].reversed(Document("refund_returned", row.id)))
        for row in rows
        if row.state == RefundState.FAILED and entries[row.id].document in posted
    ]
    pending = [row for row in rows if row.state in (RefundState.REQUESTED, RefundState.PENDING, RefundState.UNKNOWN)]
    vain = [
        Finding(Code.POSTED_IN_VAIN, f"refund {row.id}", row.created_at, f"it is {row.state}")
        for row in pending
        if Document("refund", row.id) in posted
    ]
    return [*await missing(tx, [*due, *back]), *vain]


async def judge_wallet_refunds(tx: Tx, rows: Sequence[WalletRefund]) -> Found:
    """What went back into wallets is posted."""
    paid = await tx.all(select(Earmark).where(col(Earmark.reference).in_({row.earmark for row in rows})))
    owners = {each.reference: each.owner for each in paid}
    return await missing(tx, [(row.created_at, entry_of_refund(owners[row.earmark], row)) for row in rows])


async def judge_disputes(tx: Tx, rows: Sequence[Dispute]) -> Found:
    """What a bank took is posted, and closed when it has decided."""
    withdrawn = [row for row in rows if row.withdrawn_minor > 0]
    posted = await digests(tx, [Document("dispute", row.id) for row in rows])
    closed = [row for row in rows if DisputeState(row.state).is_closed and Document("dispute", row.id) in posted]
    return [
        *await without(tx, "dispute", withdrawn),
        *await without(tx, "dispute_end", closed),
    ]


async def judge_debts(tx: Tx, rows: Sequence[Debt]) -> Found:
    """What nobody collects any more is written off."""
    return await without(tx, "debt_given_up", [row for row in rows if row.state == DebtState.GIVEN_UP])


async def judge_holds(tx: Tx, rows: Sequence[Hold]) -> Found:
    """What is held stands as a memo, what is over does not; and nothing is held for a start that is long over."""
    held = [row for row in rows if row.state == HoldState.HELD]
    memos = await digests(tx, [Document("hold", row.id) for row in rows])
    over = [row for row in rows if HoldState(row.state).is_over and Document("hold", row.id) in memos]
    ends = await digests(tx, [Document("hold_end", row.id) for row in held])
    vain = [
        Finding(Code.POSTED_IN_VAIN, f"hold {row.id}", row.created_at, "its memo is closed")
        for row in held
        if Document("hold_end", row.id) in ends
    ]
    found = [*await without(tx, "hold", held), *await without(tx, "hold_end", over), *vain]
    open_ones = {row.reference: row for row in rows if not HoldState(row.state).is_over}
    starts = select(Start).where(col(Start.id).in_(open_ones), col(Start.state).in_(_OVER))
    for start in await tx.all(starts):
        hold = open_ones[start.id]
        detail = f"the start is {start.state}, the hold {hold.state}"
        found.append(Finding(Code.HOLD_NOT_CLOSED, f"hold {hold.id}", hold.created_at, detail))
    return found


async def judge_transfers(tx: Tx, rows: Sequence[Transfer | Reversal]) -> Found:
    """What parties were paid, and gave back, is posted."""
    return await missing(tx, [(row.created_at, entry_of(row)) for row in rows if row.state == TransferState.DONE])


async def judge_lines(tx: Tx, rows: Sequence[Line]) -> Found:
    """Fees, exchanges and payouts are posted."""
    return await missing(tx, [(row.made_at, entry) for row in rows for entry in entries_of(row)])
