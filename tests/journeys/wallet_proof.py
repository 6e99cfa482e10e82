"""What is true of wallets, once nothing is under way any more."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from kit.tx import Database
from payments.psp import DisputeState
from payments.tables import Dispute, Received, Refund, RefundState
from payments.wallet import DISPUTE, PAY_OUT
from payments.wallet_balance import statement
from payments.wallet_rules import EarmarkState
from payments.wallet_tables import Earmark, TopUp, TopUpState, Wallet, WalletRefund

Rows = Mapping[Any, list[Any]]

EVERYTHING = 100_000
"""More lines than any statement has."""


async def wallets_add_up(db: Database, balances: Mapping[str, int], rows: Rows, given: Mapping[str, int]) -> None:
    """What is in a wallet is what came and went, line by line, and nothing is put aside any more."""
    for wallet in rows[Wallet]:
        assert wallet.reload_id is None, "a top-up by rule was forgotten"
        async with db.read() as tx:
            lines, _ = await statement(tx, wallet, offset=0, limit=EVERYTHING)
        moved: Counter[str] = Counter()
        for line in lines:
            moved[line.document_kind] += line.amount.amount_minor
        balance = lines[0].balance.amount_minor if lines else 0
        assert balance == sum(moved.values()) == balances.get(f"wallet:{wallet.owner}", 0)
        assert all(line.balance.amount_minor >= 0 for line in lines), "it was overdrawn"
        assert moved.pop("wallet_credit_returned", 0) <= 0
        moved["refund"] += moved.pop("refund_returned", 0)
        assert {kind: minor for kind, minor in moved.items() if minor} == _moved(wallet.owner, rows, given)
    owners = {f"wallet:{wallet.owner}" for wallet in rows[Wallet]}
    assert {account for account in balances if account.startswith("wallet:")} <= owners


def _moved(owner: str, rows: Rows, given: Mapping[str, int]) -> dict[str, int]:
    """What has to have come and gone, by what for."""
    top_ups = [each for each in rows[TopUp] if each.owner == owner]
    assert {each.state for each in top_ups} <= {TopUpState.LOADED, TopUpState.FAILED}, "one is under way for good"
    loaded = {each.received_id: each for each in top_ups if each.state == TopUpState.LOADED}
    received = [each for each in rows[Received] if each.reference in {top_up.reference for top_up in top_ups}]
    assert {each.id: each.amount_minor for each in received} == {id: each.amount_minor for id, each in loaded.items()}
    refunds = [each for each in rows[Refund] if each.received_id in loaded and each.state == RefundState.SUCCEEDED]
    earmarks = [each for each in rows[Earmark] if each.owner == owner]
    _nothing_is_put_aside(earmarks, rows)
    spent, taken_back = 0, 0
    for each in earmarks:
        if each.reference.startswith(DISPUTE):
            taken_back += each.spent_minor
        elif not each.reference.startswith(PAY_OUT):
            spent += each.spent_minor
    own = {each.reference for each in earmarks}
    moved = {
        "payment": sum(each.amount_minor for each in received),
        "wallet_credit": given.get(owner, 0),
        "wallet_spent": -spent,
        "wallet_refund": sum(each.amount_minor for each in rows[WalletRefund] if each.earmark in own),
        "refund": -sum(each.amount_minor for each in refunds),
        "wallet_taken_back": -taken_back,
    }
    return {kind: minor for kind, minor in moved.items() if minor}


def _nothing_is_put_aside(earmarks: list[Earmark], rows: Rows) -> None:
    """But for what a bank has not decided."""
    undecided = {f"{DISPUTE}{each.id}" for each in rows[Dispute] if not DisputeState(each.state).is_closed}
    kept = {each.reference for each in earmarks if each.state == EarmarkState.KEPT}
    assert kept <= undecided, "an earmark was left"
