"""What is true of the money of any deployment, once nothing is under way any more."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from hub.billing.tables import Bill
from hub.starts.tables import Start
from kit.tx import Database
from payments.documents.tables import DocumentRow
from payments.ledger.check import check
from payments.tables import Debt, DebtState, Hold, Received, Refund, RefundState
from tests.journeys.network import Json

_KINDS = (Start, Bill, Hold, Debt, Received, Refund, DocumentRow)


async def every_cent_is_where_it_belongs(db: Database, provider: Json, sold: Mapping[str, int]) -> None:
    """`provider` is the state of the fake Stripe, `sold` what the session of each start costs, reckoned elsewhere.

    The ledger balances, and says of the provider's money what the provider says; nothing is held; every order was
    carried out once; each session has one bill, and what it says was paid, or is written down as a debt.
    """
    objects = provider["objects"]
    intents = objects.get("pi", [])
    assert not {"requires_capture", "requires_action"} & {each["status"] for each in intents}, "a hold was left"
    made_by = [each["metadata"]["plugbridge_operation"] for each in intents]
    assert len(made_by) == len(set(made_by)), "an order was carried out twice"
    balances = await balances_of(db)
    assert not any(account.startswith("holds") for account in balances), "a memo was left"
    books = sum(line["amount"] for line in objects.get("txn", []))
    assert balances.get("provider_clearing", 0) == books, "the provider's books are not ours"
    await _drivers_paid_what_they_owed(db, balances, sold)


async def balances_of(db: Database) -> Counter[str]:
    """What is not zero in the ledger, by account; it is proved, too."""
    checked = await check(db)
    assert checked.findings == ()
    found: Counter[str] = Counter()
    for (account, _), amount in checked.balances.items():
        found[str(account)] += amount.amount_minor
    return Counter({account: minor for account, minor in found.items() if minor})


async def _drivers_paid_what_they_owed(db: Database, balances: Counter[str], sold: Mapping[str, int]) -> None:
    async with db.read() as tx:
        rows = {
            kind: list(await tx.all(select(kind))) for kind in (Start, Bill, Hold, Debt, Received, Refund, DocumentRow)
        }
    assert len(rows[Bill]) == len(sold), "one bill for each session"
    bills = {bill.start_id: bill.gross.amount_minor for bill in rows[Bill]}
    assert bills == sold, "by the price that was promised"
    receivable: Counter[str] = Counter()
    for start in rows[Start]:
        payer = f"driver:{start.driver_id}" if start.driver_id else f"guest:{start.id}"
        receivable[payer] += _still_owed(start, bills.get(start.id, 0), rows)
    prefix = "driver_receivable:"
    told = {account.removeprefix(prefix): n for account, n in balances.items() if account.startswith(prefix)}
    assert told == {payer: minor for payer, minor in receivable.items() if minor}


def _still_owed(start: Start, owed: int, rows: Mapping[Any, list[Any]]) -> int:
    """What is left of a bill, less what was given up and credited: paid with what was held, and by a debt for the rest.

    A credit note takes its part of the sale back when the money of a refund has gone back.
    """
    holds = {hold.id: hold for hold in rows[Hold] if hold.reference in (start.id, f"again:{start.id}")}
    assert sum(hold.captured_minor > 0 for hold in holds.values()) <= 1, "one capture"
    debts = {debt.id: debt for debt in rows[Debt] if debt.hold_id in holds}
    covered = sum(hold.captured_minor for hold in holds.values()) + sum(debt.amount_minor for debt in debts.values())
    assert covered == owed, "paid as billed, or a debt"
    given_back = Counter[str]()
    for refund in rows[Refund]:
        given_back[refund.received_id] += refund.amount_minor if refund.state == RefundState.SUCCEEDED else 0
    received = [each for each in rows[Received] if each.hold_id in holds or each.debt_id in debts]
    notes = [each for each in rows[DocumentRow] if each.subject == start.id and each.corrects is not None]
    owed -= sum(each.net_minor + each.vat_minor for each in notes)
    paid = sum(each.amount_minor - given_back[each.id] for each in received)
    return owed - paid - sum(debt.amount_minor for debt in debts.values() if debt.state == DebtState.GIVEN_UP)
