"""Parties are paid by transfers: never twice, never more than they are owed, and never more back than went."""

import asyncio

import pytest
from sqlalchemy import text, update

from kit.money import Money
from payments import transfers
from payments.ledger import postings
from payments.ledger.service import balance
from payments.tables import Operation
from payments.transfer_tables import Reversal, Transfer
from payments.transfers import NoAccount, OverPayout, OverReversal
from tests.hub.billing.test_reconciliation import reconcile
from tests.hub.billing.till import CPO, Till, cdr_body

pytestmark = pytest.mark.anyio


@pytest.fixture
async def owed(till: Till) -> Till:
    """A till that owes a CPO 9.68, has 12.00, and knows its account."""
    await till.shop.control("settings", {"percent": 0, "fixed": 0})
    await till.cdr(await till.start())
    await connect(till)
    return till


async def connect(till: Till) -> str:
    url, auth = f"{till.shop.stripe.url}/v1/accounts", {"Authorization": "Bearer sk_test_platform"}
    made = (await till.shop.http.post(url, data={"type": "express"}, headers=auth)).json()
    async with till.shop.db.tx() as tx:
        await transfers.connect(tx, CPO, made["id"])
    return str(made["id"])


async def pay(till: Till, minor: int, reference: str = "p-1") -> Transfer:
    async with till.shop.db.tx() as tx:
        made = await transfers.request(tx, CPO, Money(minor, "EUR"), reference=reference)
    await till.shop.work()
    return made


async def take_back(till: Till, transfer_id: str, minor: int, reference: str = "r-1") -> None:
    async with till.shop.db.tx() as tx:
        await transfers.reverse(tx, transfer_id, Money(minor, "EUR"), reference=reference)
    await till.shop.work()


async def states(till: Till) -> list[str]:
    return [row.state for row in await till.shop.rows(Transfer)]


async def left(till: Till) -> int:
    async with till.shop.db.read() as tx:
        return -(await balance(tx, postings.payable(CPO), "EUR")).amount_minor


async def test_a_payout_moves_what_is_owed_to_the_partys_account_and_back(owed: Till) -> None:
    made = await pay(owed, 900)
    assert (await states(owed), await left(owed)) == (["DONE"], 68)
    assert (await owed.balances())["provider_clearing"] == 300
    await take_back(owed, made.id, 400)
    assert await left(owed) == 468
    assert [row.state for row in await owed.shop.rows(Reversal)] == ["DONE"]
    assert await reconcile(owed) == {}


async def test_nobody_is_paid_more_than_he_is_owed_however_many_ask(owed: Till) -> None:
    async def one(number: int) -> bool:
        try:
            async with owed.shop.db.tx() as tx:
                await transfers.request(tx, CPO, Money(600, "EUR"), reference=f"p-{number}")
        except OverPayout:
            return False
        return True

    assert sum(await asyncio.gather(*(one(number) for number in range(5)))) == 1
    await owed.shop.work()
    with pytest.raises(OverPayout):
        await pay(owed, 369, "p-9")
    await pay(owed, 368, "p-10")
    assert await left(owed) == 0


async def test_a_party_without_an_account_is_not_paid(till: Till) -> None:
    await till.cdr(await till.start())
    with pytest.raises(NoAccount):
        await pay(till, 1)


async def test_the_same_reference_is_the_same_payout(owed: Till) -> None:
    one, again = await pay(owed, 300), await pay(owed, 300)
    assert (one.id, len(await owed.shop.objects("tr"))) == (again.id, 1)
    await take_back(owed, one.id, 100)
    await take_back(owed, one.id, 100)
    assert len(await owed.shop.objects("trr")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("plan", ["lose_answer", "lose_request", "fail_after"])
async def test_a_lost_answer_pays_once(owed: Till, plan: str) -> None:
    await owed.shop.plan(plan, "POST /v1/transfers")
    await pay(owed, 900)
    assert await states(owed) == ["UNKNOWN"]
    with pytest.raises(OverPayout):
        await pay(owed, 100, "p-2")
    await owed.shop.resolve()
    assert (await states(owed), await left(owed)) == (["DONE"], 68)
    assert len(await owed.shop.objects("tr")) == 1
    assert await reconcile(owed) == {}


@pytest.mark.slow
@pytest.mark.parametrize("plan", ["lose_answer", "lose_request", "fail_after"])
async def test_a_lost_answer_takes_back_once(owed: Till, plan: str) -> None:
    made = await pay(owed, 900)
    await owed.shop.plan(plan, "/reversals")
    await take_back(owed, made.id, 400)
    await owed.shop.resolve()
    assert (await left(owed), len(await owed.shop.objects("trr"))) == (468, 1)
    assert await reconcile(owed) == {}


async def test_after_a_day_an_order_is_looked_up_and_never_sent_again(owed: Till) -> None:
    await owed.shop.plan("lose_answer", "POST /v1/transfers")
    await pay(owed, 900)
    owed.shop.clock.advance(25 * 3600)
    await owed.shop.resolve()
    assert (await states(owed), len(await owed.shop.objects("tr"))) == (["DONE"], 1)
    assert await owed.shop.posts("/v1/transfers") == 1


async def test_more_than_is_left_of_a_payout_is_not_taken_back(owed: Till) -> None:
    made = await pay(owed, 900)
    await take_back(owed, made.id, 800)
    with pytest.raises(OverReversal):
        await take_back(owed, made.id, 101, "r-2")
    await take_back(owed, made.id, 100, "r-3")
    with pytest.raises(OverReversal):
        await take_back(owed, made.id, 1, "r-4")


async def test_what_the_provider_refuses_stays_owed_and_a_person_looks(owed: Till) -> None:
    await owed.shop.control("settings", {"line_lag_s": 0})
    owed.shop.stripe.fake.world.objects["txn"].clear()
    await pay(owed, 900)
    assert (await states(owed), await left(owed)) == (["FAILED"], 968)
    [operation] = [row for row in await owed.shop.rows(Operation) if row.kind == "TRANSFER"]
    assert (operation.state, operation.outcome) == ("REFUSED", "balance_insufficient")
    assert "OperationStuck" in [type(event).__name__ for event in owed.shop.told]


async def test_a_dispute_after_a_transfer_is_ours_and_the_party_keeps_its_money(owed: Till) -> None:
    await pay(owed, 968)
    [received] = await owed.shop.received()
    dispute = await owed.shop.control("disputes", {"payment_intent": received.payment_id})
    await owed.shop.control("settle")
    await owed.shop.work()
    await owed.shop.control("end-dispute", {"id": dispute["id"], "won": False})
    await owed.shop.control("settle")
    await owed.shop.work()
    found = await owed.balances()
    assert (await left(owed), found["bad_debt"], found["provider_clearing"]) == (0, 1200, 1200 - 968 - 1200 - 2000)
    assert await reconcile(owed) == {}


async def test_a_credit_after_a_payout_leaves_the_party_owing_us_and_blocks_the_next_payout(owed: Till) -> None:
    made = await pay(owed, 968)
    await owed.cdr(await owed.start(session_id="S-2"), "C-2", session_id="S-2", kwh=10)
    first = next(bill for bill in await owed.bills() if bill.cdr_id == "C-1")
    body = cdr_body(None, first.cdr_id, kwh=20, at=owed.shop.clock.now())
    await owed.credit(body)
    assert await left(owed) == 484 - 968
    with pytest.raises(OverPayout):
        await pay(owed, 1, "p-2")
    await take_back(owed, made.id, 968)
    assert await left(owed) == 484
    await pay(owed, 484, "p-3")
    assert await left(owed) == 0
    assert await reconcile(owed) == {}


async def test_transfers_that_do_not_match_are_found(owed: Till) -> None:
    await pay(owed, 500)
    async with owed.shop.db.tx() as tx:
        await tx.execute(update(Transfer).values(amount_minor=501))
    account = owed.shop.stripe.fake.world.objects["acct"]
    url, auth = f"{owed.shop.stripe.url}/v1/transfers", {"Authorization": "Bearer sk_test_dashboard"}
    form = {"amount": "7", "currency": "eur", "destination": next(iter(account))}
    await owed.shop.http.post(url, data=form, headers=auth)
    assert (await reconcile(owed)).keys() == {"transfer_amount", "transfer_unknown", "posted_otherwise"}
    world = owed.shop.stripe.fake.world.objects["txn"]
    async with owed.shop.db.tx() as tx:
        await tx.execute(text("DELETE FROM payment_line"))
    for id in [txn["id"] for txn in world.values() if txn["type"] == "transfer"]:
        del world[id]
    assert "transfer_not_at_provider" in await reconcile(owed, days=0.1)
