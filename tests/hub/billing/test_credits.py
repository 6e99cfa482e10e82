"""Credit CDRs: the wholesale entry is reversed, and a driver who was billed owes nothing and gets everything back."""

from itertools import permutations

import pytest

from hub.billing.tables import Bill
from hub.starts.covers import second_reference
from hub.starts.events import SessionMatched
from hub.starts.tables import Start
from payments import debts, holds, wallet
from tests.hub.billing.till import Till, cdr_body

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def nothing_kept(till: Till) -> None:
    """The provider works for nothing here; `test_fees.py` is about what it keeps."""
    await till.shop.control("settings", {"percent": "0", "fixed": 0, "dispute": 0})


async def test_a_cdr_bills_the_driver_at_the_quoted_price_and_owes_the_cpo_its_own(till: Till) -> None:
    await till.cdr(await till.start())
    [made] = await till.bills()
    assert (made.gross.amount_minor, made.credited_at) == (1200, None)
    assert await till.balances() == {
        "provider_clearing": 1200,
        "party_payable": 968,
        "vat_input": 168,
        "vat": 200,
        "margin": 200,
    }


async def test_a_credit_gives_everything_back(till: Till) -> None:
    await till.credit(await till.cdr(await till.start()))
    [made] = await till.bills()
    assert (made.credit_cdr_id, made.credited_at is not None) == ("C-1-C", True)
    [refund] = await till.shop.refunds()
    assert (refund.amount_minor, refund.state) == (1200, "SUCCEEDED")
    assert await till.balances() == {}
    assert await till.dead() == []


async def test_a_credit_gives_back_what_a_second_hold_was_taken_for(till: Till) -> None:
    start = await till.start()
    second = await till.shop.place(second_reference(start.id), 5000, driver=start.driver_id)
    async with till.shop.db.tx() as tx:
        (await tx.session.get_one(Start, start.id)).hold_id = second.id
        await holds.release(tx, start.hold_id or "")
    await till.credit(await till.cdr(start))
    [refund] = await till.shop.refunds()
    assert (refund.amount_minor, refund.state) == (1200, "SUCCEEDED")
    assert await till.balances() == {}


async def test_a_new_cdr_after_a_credit_bills_anew_by_the_quoted_price(till: Till) -> None:
    start = await till.start()
    await till.credit(await till.cdr(start))
    await till.cdr(start, "C-2", kwh=10)
    first, second = await till.bills()
    assert (first.reference, second.reference) == (start.id, second.id)
    assert second.gross.amount_minor == 600
    assert [debt.state for debt in await till.shop.debts()] == ["PAID"]
    left = await till.balances()
    assert (left["provider_clearing"], left["party_payable"], left.get("driver_receivable")) == (600, 484, None)
    taken = {each.reference: each.amount_minor - each.refunded_minor for each in await till.shop.received()}
    assert taken == {start.id: 0, second.id: 600}


@pytest.mark.slow
@pytest.mark.parametrize("order", list(permutations(["first", "credit", "second"])))
async def test_the_driver_pays_the_same_in_whatever_order_cdrs_come(till: Till, order: tuple[str, ...]) -> None:
    start = await till.start()
    first = cdr_body(start, "C-1", kwh=20, at=till.shop.clock.now())
    for what in order:
        if what == "first":
            await till.cdr(start)
        elif what == "second":
            await till.cdr(start, "C-2", kwh=10)
        else:
            await till.credit(first)
    standing = [each for each in await till.bills() if each.credited_at is None]
    assert [(each.cdr_id, each.gross.amount_minor) for each in standing] == [("C-2", 600)]
    left = await till.balances()
    assert (left["provider_clearing"], left["party_payable"], left.get("driver_receivable")) == (600, 484, None)
    assert await till.dead() == []


async def test_a_credit_before_its_cdr_costs_the_driver_nothing_and_gives_the_hold_back(till: Till) -> None:
    start = await till.start()
    body = cdr_body(start, "C-1", kwh=20, at=till.shop.clock.now())
    await till.credit(body)
    assert await till.balances("holds", "holds_offset") == {}
    await till.cdr(start)
    assert await till.bills() == []
    assert start.hold_id is not None
    assert (await till.shop.hold(start.hold_id)).state == "VOIDED"
    assert await till.balances() == {}


async def test_a_second_credit_or_one_of_nothing_changes_nothing(till: Till) -> None:
    start = await till.start()
    cdr = await till.cdr(start)
    await till.credit(cdr, "C-9", credit_reference_id="nobody-knows")
    assert [each.credited_at for each in await till.bills()] == [None]
    await till.credit(cdr, "C-1-C")
    await till.credit(cdr, "C-1-D")
    await till.credit(cdr, "C-1-C")
    assert len(await till.shop.refunds()) == 1
    assert await till.balances() == {}
    assert await till.dead() == []


async def test_a_second_cdr_without_a_credit_is_no_second_bill(till: Till) -> None:
    start = await till.start()
    await till.cdr(start)
    await till.cdr(start, "C-2")
    assert [each.cdr_id for each in await till.bills()] == ["C-1"]
    assert (await till.balances())["party_payable"] == 2 * 968, "what the CPO bills is what it bills"


async def test_an_invoice_is_credited_without_money_moving(till: Till) -> None:
    cdr = await till.cdr(await till.start(card=False))
    assert (await till.balances())["driver_receivable"] == 1200
    await till.credit(cdr)
    assert await till.balances() == {}


async def test_a_wallet_pays_a_bill_and_has_it_back_with_a_credit(till: Till) -> None:
    start = await till.start(purse=6000)
    cdr = await till.cdr(start)
    assert await purse_of(till, start) == (4800, 0)
    await till.credit(cdr)
    assert await purse_of(till, start) == (6000, 0)
    await till.cdr(start, "C-2", kwh=10)
    assert await purse_of(till, start) == (5400, 0)
    assert (await till.balances()).get("driver_receivable") is None


async def test_what_a_wallet_did_not_cover_is_a_debt_that_a_credit_ends(till: Till) -> None:
    start = await till.start(purse=1000, hold=1000)
    cdr = await till.cdr(start)
    assert await purse_of(till, start) == (0, 0)
    [debt] = await till.shop.debts()
    assert debt.amount_minor == 200
    await till.credit(cdr)
    assert await purse_of(till, start) == (1000, 0)
    assert [each.state for each in await till.shop.debts()] == ["CANCELED"]
    assert (await till.balances()).get("driver_receivable") is None


async def test_a_credit_before_its_cdr_frees_what_a_wallet_put_aside(till: Till) -> None:
    start = await till.start(purse=1000, hold=1000)
    cdr = cdr_body(start, "C-1", kwh=20, at=till.shop.clock.now())
    await till.credit(cdr)
    await till.cdr(start)
    assert await purse_of(till, start) == (1000, 0)


async def purse_of(till: Till, start: Start) -> tuple[int, int]:
    """What is in the wallet of a start's driver, and what of it is put aside."""
    async with till.shop.db.read() as tx:
        found = await wallet.look(tx, f"driver:{start.driver_id}")
    assert found is not None
    return found[1].balance.amount_minor, found[1].earmarked.amount_minor


async def test_what_exceeded_the_hold_goes_back_too(till: Till) -> None:
    await till.credit(await till.cdr(await till.start(hold=1000)))
    assert sorted(each.amount_minor for each in await till.shop.refunds()) == [200, 1000]
    assert await till.balances() == {}


async def test_a_debt_that_is_not_paid_yet_is_not_collected_any_more(till: Till) -> None:
    start = await till.start(hold=1000)
    await till.shop.plan("refuse", "POST /v1/payment_intents", status=500)
    cdr = await till.cdr(start)
    assert (await till.shop.debts())[0].state == "OWED"
    await till.credit(cdr)
    await till.shop.resolve()
    assert [debt.state for debt in await till.shop.debts()] == ["CANCELED"]
    taken = [each.amount_minor - each.refunded_minor for each in await till.shop.received()]
    assert sum(taken) == 0
    assert await till.balances() == {}


async def test_a_debt_that_was_given_up_is_no_loss_any_more(till: Till) -> None:
    start = await till.start(hold=1000)
    await till.shop.plan("refuse", "POST /v1/payment_intents", status=402)
    cdr = await till.cdr(start)
    [debt] = await till.shop.debts()
    async with till.shop.db.tx() as tx:
        held = await tx.get(type(debt), debt.id)
        assert held is not None
        debts._give_up(tx, held, "card_gone")
    await till.shop.work()
    assert (await till.balances())["bad_debt"] == 200
    await till.credit(cdr)
    assert await till.balances() == {}


async def test_money_whose_answer_was_lost_goes_back_once_it_is_known(till: Till) -> None:
    start = await till.start()
    await till.shop.plan("lose_answer", "/capture")
    cdr = await till.cdr(start)
    assert await till.shop.received() == [] or start.hold_id is not None
    await till.credit(cdr)
    await till.shop.resolve()
    assert [each.amount_minor - each.refunded_minor for each in await till.shop.received()] == [0]
    assert await till.balances() == {}


async def test_what_a_bank_took_back_is_not_paid_back_twice(till: Till) -> None:
    start = await till.start()
    cdr = await till.cdr(start)
    [received] = await till.shop.received()
    dispute = await till.shop.control("disputes", {"payment_intent": received.payment_id})
    await till.shop.control("settle")
    await till.shop.work()
    await till.credit(cdr)
    assert await till.shop.refunds() == []
    await till.shop.control("end-dispute", {"id": dispute["id"], "won": False})
    await till.shop.control("settle")
    await till.shop.work()
    assert await till.shop.refunds() == []
    assert await till.balances("provider_fees", "provider_clearing") == {}


async def test_what_a_bank_returns_for_a_credited_bill_is_paid_back(till: Till) -> None:
    start = await till.start()
    cdr = await till.cdr(start)
    [received] = await till.shop.received()
    dispute = await till.shop.control("disputes", {"payment_intent": received.payment_id})
    await till.shop.control("settle")
    await till.shop.work()
    await till.credit(cdr)
    await till.shop.control("end-dispute", {"id": dispute["id"], "won": True})
    await till.shop.control("settle")
    await till.shop.work()
    assert len(await till.shop.refunds()) == 1


async def test_a_cdr_that_comes_before_its_session_is_billed_once_both_are_here(till: Till) -> None:
    start = await till.start(session_id=None)
    await till.cdr(None)
    assert await till.bills() == []
    async with till.shop.db.tx() as tx:
        row = await tx.get(type(start), start.id)
        assert row is not None
        row.session_id = "s-1"
        tx.emit(SessionMatched("BE", "CPO", "s-1"))
    await till.shop.work()
    assert [each.start_id for each in await till.bills()] == [start.id]


async def test_a_cdr_of_a_cpo_without_sessions_is_found_by_our_reference(till: Till) -> None:
    start = await till.start(session_id=None)
    await till.cdr(start, session_id=None)
    assert [each.start_id for each in await till.bills()] == [start.id]


async def test_what_partners_settle_among_themselves_is_not_in_our_ledger(till: Till) -> None:
    token = {"country_code": "DE", "party_id": "EMS", "uid": "U", "type": "RFID", "contract_id": "C"}
    await till.cdr(None, cdr_token=token)
    assert await till.balances() == {}


async def test_a_card_of_ours_at_a_partners_charger_is_owed_to_the_partner(till: Till) -> None:
    cdr = await till.cdr(None)
    assert await till.balances() == {"party_payable": 968, "margin": -800, "vat_input": 168}
    await till.credit(cdr)
    assert await till.balances() == {}
    assert await till.shop.rows(Bill) == []
