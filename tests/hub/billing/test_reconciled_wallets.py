"""What wallets have paid and got back is compared with bills and with the ledger."""

from typing import Any

import pytest
from sqlalchemy import update

from kit.money import Money
from payments import wallet
from payments.wallet_tables import Earmark
from tests.hub.billing.test_reconciliation import change, unpost
from tests.hub.billing.till import Till, reconcile

pytestmark = pytest.mark.anyio


async def paid(till: Till) -> Any:
    """A session that a wallet paid for, and had a part of it back."""
    start = await till.start(purse=6000)
    cdr = await till.cdr(start)
    async with till.shop.db.tx() as tx:
        await wallet.refund(tx, start.id, Money(300, "EUR"), reference="kindness")
    return cdr


async def test_nothing_is_found_where_wallets_paid_and_were_given_back(till: Till) -> None:
    cdr = await paid(till)
    await till.cdr(await till.start(purse=1000, hold=1000, session_id="S-2"), "C-2", session_id="S-2")
    assert await reconcile(till) == {}
    await till.credit(cdr)
    assert await reconcile(till) == {}
    assert (await till.balances())["wallet"] == 6000


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wallet_spent", "wallet_refund"])
async def test_what_a_wallet_paid_or_got_back_and_is_not_posted_is_found(till: Till, kind: str) -> None:
    await paid(till)
    await unpost(till, kind)
    found = await reconcile(till)
    assert [subject.partition(" ")[0] for subject in found["not_posted"]] == [kind]


async def test_a_bill_that_its_wallet_did_not_pay_is_found(till: Till) -> None:
    await paid(till)
    await change(till, update(Earmark).values(spent_minor=1100))
    assert {"bill_not_collected", "posted_otherwise"} <= (await reconcile(till)).keys()


async def test_a_credited_bill_that_its_wallet_did_not_get_back_is_found(till: Till) -> None:
    await till.credit(await paid(till))
    await change(till, update(Earmark).values(refunded_minor=300))
    assert "credited_not_refunded" in await reconcile(till)
