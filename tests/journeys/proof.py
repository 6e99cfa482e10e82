"""What is true of the money of any deployment, once nothing is under way any more."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from hub.billing.tables import Bill, RefundReason
from hub.starts.tables import Start
from kit.tx import Database
from payments.documents.tables import DocumentRow
from payments.ledger.check import check
from payments.tables import Debt, DebtState, Dispute, Hold, Received, Refund, RefundState
from payments.wallet_tables import Earmark, TopUp, Wallet, WalletRefund
from tests.journeys.network import Json
from tests.journeys.wallet_proof import wallets_add_up

_KINDS = (
    *(Start, Bill, Hold, Debt, Received, Refund, RefundReason, Dispute, DocumentRow),
    *(Wallet, TopUp, Earmark, WalletRefund),
)
_RECEIVABLE = "driver_receivable:"
NOTHING: Mapping[str, int] = {}


async def every_cent_is_where_it_belongs(
    db: Database, provider: Json, sold: Mapping[str, int], given: Mapping[str, int] = NOTHING
) -> None:
    """`provider` is the state of the fake Stripe, `sold` what the session of each start costs, reckoned elsewhere.

    `given` is what an operator gave into wallets, by owner. The ledger balances, and says of the provider's money what
    the provider says; nothing is held; every order was carried out once; each session has one bill, and what it says
    was paid, or is written down as a debt; what is in a wallet is what came and went.
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
    async with db.read() as tx:
        rows: dict[Any, list[Any]] = {kind: list(await tx.all(select(kind))) for kind in _KINDS}
    _drivers_paid_what_they_owed(balances, sold, rows)
    await wallets_add_up(db, balances, rows, given)


async def balances_of(db: Database) -> Counter[str]:
    """What is not zero in the ledger, by account; it is proved, too."""
    checked = await check(db)
    assert checked.findings == ()
    found: Counter[str] = Counter()
    for (account, _), amount in checked.balances.items():
        found[str(account)] += amount.amount_minor
    return Counter({account: minor for account, minor in found.items() if minor})


def _drivers_paid_what_they_owed(
    balances: Mapping[str, int], sold: Mapping[str, int], rows: Mapping[Any, list[Any]]
) -> None:
    assert len(rows[Bill]) == len(sold), "one bill for each session"
    bills = {bill.start_id: bill.gross.amount_minor for bill in rows[Bill]}
    assert bills == sold, "by the price that was promised"
    receivable: Counter[str] = Counter()
    for start in rows[Start]:
        payer = f"driver:{start.driver_id}" if start.driver_id else f"guest:{start.id}"
        receivable[payer] += _still_owed(start, bills.get(start.id, 0), rows)
    told = {each.removeprefix(_RECEIVABLE): n for each, n in balances.items() if each.startswith(_RECEIVABLE)}
    assert told == {payer: minor for payer, minor in receivable.items() if minor}


def _still_owed(start: Start, owed: int, rows: Mapping[Any, list[Any]]) -> int:
    """What is left of a bill, less what was given up and credited: paid with what was put aside, and by a debt.

    A credit note takes its part of the sale back when the money of a refund has gone back, to a card or a wallet.
    """
    references = (start.id, f"again:{start.id}")
    holds = [hold for hold in rows[Hold] if hold.reference in references]
    assert sum(hold.captured_minor > 0 for hold in holds) <= 1, "one capture"
    earmarks = [earmark for earmark in rows[Earmark] if earmark.reference == start.id]
    assert not (holds and earmarks), "on a card, or in a wallet"
    spent = sum(earmark.spent_minor for earmark in earmarks)
    debts = [debt for debt in rows[Debt] if debt.reference in references]
    covered = sum(hold.captured_minor for hold in holds) + spent + sum(debt.amount_minor for debt in debts)
    assert covered == owed, "paid as billed, or a debt"
    received = [each for each in rows[Received] if each.reference in references]
    paid = sum(each.amount_minor for each in received) + spent - _given_back(received, earmarks, rows)
    notes = [each for each in rows[DocumentRow] if each.subject == start.id and each.corrects is not None]
    owed -= sum(each.net_minor + each.vat_minor for each in notes)
    return owed - paid - sum(debt.amount_minor for debt in debts if debt.state == DebtState.GIVEN_UP)


def _given_back(received: list[Received], earmarks: list[Earmark], rows: Mapping[Any, list[Any]]) -> int:
    """What of a session's money has arrived where it came from."""
    to_cards: Counter[str] = Counter()
    for refund in rows[Refund]:
        to_cards[refund.received_id] += refund.amount_minor if refund.state == RefundState.SUCCEEDED else 0
    into = {earmark.reference for earmark in earmarks}
    to_wallet = sum(each.amount_minor for each in rows[WalletRefund] if each.earmark in into)
    assert to_wallet == sum(earmark.refunded_minor for earmark in earmarks)
    return sum(to_cards[each.id] for each in received) + to_wallet
