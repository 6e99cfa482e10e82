"""Comparing bills with the ledger, with the CDRs that they are of, and with what was taken for them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from hub.billing.bills import entry_of, reversal_of
from hub.billing.expecting import missing
from hub.billing.tables import Bill
from hub.drivers.tables import PaymentMethod
from hub.sessions.tables import Cdr
from hub.starts.covers import references_of, start_of
from kit.tx import Tx
from payments import wallet
from payments.comparing import Found
from payments.findings import Code, Finding
from payments.psp import DisputeState
from payments.tables import Debt, DebtState, Dispute, Received
from payments.wallet_tables import Earmark


async def judge(tx: Tx, rows: Sequence[Bill]) -> Found:
    """Each bill is posted, credited when its CDR is, and collected or paid back, by card or from a wallet."""
    due = [(row.made_at, entry) for row in rows if (entry := entry_of(row)) is not None]
    back = [
        (row.made_at, entry) for row in rows if row.credited_at is not None and (entry := reversal_of(row)) is not None
    ]
    spent = await _spent(tx, rows)
    paid = [(row.made_at, wallet.spending_of(spent[row.reference])) for row in rows if row.reference in spent]
    return [*await missing(tx, [*due, *back, *paid]), *await _credited(tx, rows), *await _collected(tx, rows, spent)]


async def _spent(tx: Tx, rows: Sequence[Bill]) -> Mapping[str, Earmark]:
    """What wallets have paid, by the bill's reference."""
    of_bills = (col(Earmark.reference).in_({row.reference for row in rows}), col(Earmark.spent_minor) > 0)
    return {each.reference: each for each in await tx.all(select(Earmark).where(*of_bills))}


async def _credited(tx: Tx, rows: Sequence[Bill]) -> Found:
    standing = {(row.country_code, row.party_id, row.cdr_id.casefold()): row for row in rows if not row.credited_at}
    credits = select(Cdr).where(col(Cdr.credit_of).in_({key[2] for key in standing}))
    found: Found = []
    for credit in await tx.all(credits):
        bill = standing.get((credit.country_code, credit.party_id, credit.credit_of or ""))
        if bill is not None:
            found.append(Finding(Code.BILL_OF_CREDITED, f"bill {bill.id}", bill.made_at, str(credit.body()["id"])))
    return found


async def _collected(tx: Tx, rows: Sequence[Bill], spent: Mapping[str, Earmark]) -> Found:
    """What was taken, and what still is to be, is what a bill comes to; of a credited one nothing is left."""
    paid = [row for row in rows if row.payment in (PaymentMethod.CARD, PaymentMethod.WALLET)]
    references = {reference for row in paid for reference in references_of(row.reference)}
    taken, left, owed = Counter[str](), Counter[str](), Counter[str]()
    for reference, earmark in spent.items():
        taken[reference] += earmark.spent_minor
        left[reference] += earmark.refundable.amount_minor
    payments = await tx.all(select(Received).where(col(Received.reference).in_(references)))
    for each in payments:
        taken[start_of(each.reference)] += each.amount_minor
        left[start_of(each.reference)] += each.amount_minor - each.refunded_minor
    reference_of = {each.id: start_of(each.reference) for each in payments}
    disputes = select(col(Dispute.received_id), func.sum(col(Dispute.withdrawn_minor))).where(
        col(Dispute.received_id).in_(reference_of), col(Dispute.state) != DisputeState.WON
    )
    withdrawals: Any = await tx.execute(disputes.group_by(col(Dispute.received_id)))
    for received_id, withdrawn in withdrawals:
        left[reference_of[received_id]] -= int(withdrawn)
    open_debts = (col(Debt.reference).in_(references), col(Debt.state).in_([DebtState.OWED, DebtState.GIVEN_UP]))
    for debt in await tx.all(select(Debt).where(*open_debts)):
        owed[start_of(debt.reference)] += debt.amount_minor
    found: Found = []
    for row in paid:
        gross, subject = row.gross.amount_minor, f"bill {row.id}"
        if row.credited_at is not None:
            if left[row.reference] > 0:
                detail = f"{left[row.reference]} {row.currency} are left"
                found.append(Finding(Code.CREDITED_NOT_REFUNDED, subject, row.made_at, detail))
        elif gross not in (taken[row.reference] + owed[row.reference], left[row.reference] + owed[row.reference]):
            detail = f"{gross} {row.currency}, taken {taken[row.reference]}, still owed {owed[row.reference]}"
            found.append(Finding(Code.BILL_NOT_COLLECTED, subject, row.made_at, detail))
    return found
