"""Wallets against the fake Stripe: filled, spent, filled by themselves, paid out, disputed."""

import pytest

from kit.money import Money
from payments import top_ups, wallet
from payments.errors import AlreadySettled, OverRefund
from payments.events import WalletRefunded
from payments.ledger.check import check
from payments.tables import Received
from payments.wallet_balance import Movement, standing, statement
from payments.wallet_rules import ReloadRule, Standing, TopUpOutOfBounds, WalletPolicy, WalletTooLow
from payments.wallet_tables import TopUp, Wallet, WalletRefund
from tests.payments.shop import DRIVER, Shop, eur, with_card

pytestmark = pytest.mark.anyio
POLICY = WalletPolicy()


async def top_up(shop: Shop, minor: int, *, card: str | None = None) -> TopUp:
    customer = await shop.cards.customer(shop.db, DRIVER)
    async with shop.db.tx() as tx:
        purse = await wallet.open_wallet(tx, DRIVER, "EUR")
        made, order = await top_ups.ask(tx, purse, eur(minor), POLICY, customer_id=customer, card_id=card)
    assert order is not None
    await shop.operator.run(shop.db, order.id)
    await shop.work()
    return await the_top_up(shop, made.id)


async def the_top_up(shop: Shop, id: str) -> TopUp:
    return next(each for each in await shop.rows(TopUp) if each.id == id)


async def state(shop: Shop) -> tuple[Wallet, Standing]:
    async with shop.db.read() as tx:
        found = await wallet.look(tx, DRIVER)
    assert found is not None
    return found


async def amounts(shop: Shop) -> tuple[int, int]:
    """What is in the wallet, and what of it is put aside."""
    _, now = await state(shop)
    return now.balance.amount_minor, now.earmarked.amount_minor


async def reserve(shop: Shop, minor: int, reference: str = "start-1") -> None:
    async with shop.db.tx() as tx:
        await wallet.reserve(tx, DRIVER, reference, eur(minor))


async def settle(shop: Shop, minor: int, reference: str = "start-1") -> tuple[int, int]:
    async with shop.db.tx() as tx:
        paid = await wallet.settle(tx, reference, eur(minor))
    await shop.work()
    return paid.spent.amount_minor, paid.rest.amount_minor


async def fill_by_rule(shop: Shop, below: int, amount: int) -> None:
    async with shop.db.tx() as tx:
        purse = await wallet.open_wallet(tx, DRIVER, "EUR")
        await top_ups.set_rule(tx, purse, ReloadRule(eur(below), eur(amount)))
    await shop.work()


async def ledger_is_right(shop: Shop) -> None:
    assert (await check(shop.db)).findings == ()


async def test_money_counts_once_the_provider_has_taken_it(shop: Shop) -> None:
    await shop.control("delivery", {"when": "held"})
    card = await with_card(shop)
    customer = await shop.cards.customer(shop.db, DRIVER)
    async with shop.db.tx() as tx:
        purse = await wallet.open_wallet(tx, DRIVER, "EUR")
        made, order = await top_ups.ask(tx, purse, eur(2000), POLICY, customer_id=customer, card_id=card)
    assert await amounts(shop) == (0, 0)
    assert order is not None
    await shop.operator.run(shop.db, order.id)
    assert await amounts(shop) == (0, 0), "put aside on the card is not in the wallet"
    await shop.work()
    assert await amounts(shop) == (2000, 0)
    assert (await the_top_up(shop, made.id)).state == "LOADED"
    [received] = await shop.received()
    assert received.amount_minor == 2000
    await ledger_is_right(shop)


async def test_a_declined_top_up_leaves_neither_money_nor_a_debt(shop: Shop) -> None:
    failed = await top_up(shop, 2000, card="pm_card_chargeDeclinedInsufficientFunds")
    assert (failed.state, failed.reason) == ("FAILED", "insufficient_funds")
    await shop.resolve()
    assert await amounts(shop) == (0, 0)
    assert await shop.debts() == []


async def test_a_top_up_whose_answers_are_lost_counts_once(shop: Shop) -> None:
    card = await with_card(shop)
    await shop.plan("lose_answer", "POST /v1/payment_intents")
    await shop.plan("lose_answer", "/capture")
    made = await top_up(shop, 2000, card=card)
    assert made.state == "ASKED"
    await shop.resolve()
    assert await amounts(shop) == (2000, 0)
    assert [each.amount_minor for each in await shop.received()] == [2000]


async def test_a_top_up_that_nobody_confirms_is_given_up(shop: Shop) -> None:
    made = await top_up(shop, 2000, card="pm_card_authenticationRequired")
    assert made.state == "ASKED"
    await shop.pass_time(16 * 60)
    await shop.resolve()
    assert (await the_top_up(shop, made.id)).state == "FAILED"
    assert await amounts(shop) == (0, 0)
    assert await shop.debts() == []


async def test_what_is_put_aside_is_spent_and_the_rest_is_free_again(shop: Shop) -> None:
    await top_up(shop, 5000, card=await with_card(shop))
    await reserve(shop, 3000)
    await reserve(shop, 3000)  # the same start again
    assert await amounts(shop) == (5000, 3000)
    with pytest.raises(WalletTooLow) as refused:
        await reserve(shop, 2001, "start-2")
    assert refused.value.extensions["available"] == "20.00"
    assert await settle(shop, 1234) == (1234, 0)
    assert await settle(shop, 1234) == (1234, 0), "once"
    with pytest.raises(AlreadySettled):
        await settle(shop, 1235)
    assert await amounts(shop) == (3766, 0)
    await ledger_is_right(shop)


async def test_what_was_released_is_free_and_can_still_be_owed(shop: Shop) -> None:
    await top_up(shop, 5000, card=await with_card(shop))
    await reserve(shop, 5000)
    async with shop.db.tx() as tx:
        await wallet.release(tx, "start-1")
    assert await amounts(shop) == (5000, 0)
    assert await settle(shop, 700) == (700, 0), "the charger started after all"
    assert await amounts(shop) == (4300, 0)


async def test_what_a_wallet_does_not_cover_is_a_debt_and_no_overdraft(shop: Shop) -> None:
    card = await with_card(shop)
    await top_up(shop, 2000, card=card)
    await reserve(shop, 1500)
    assert await settle(shop, 2600) == (2000, 600), "what is free helps out first"
    [debt] = await shop.debts()
    assert (debt.reference, debt.amount_minor, debt.state) == ("start-1", 600, "PAID")
    assert await amounts(shop) == (0, 0)
    await ledger_is_right(shop)


async def test_an_earmark_grows_as_far_as_there_is_something(shop: Shop) -> None:
    await top_up(shop, 2500, card=await with_card(shop))
    await reserve(shop, 1000)
    async with shop.db.tx() as tx:
        assert (await wallet.raise_to(tx, "start-1", eur(2000))).amount == eur(2000)
    async with shop.db.tx() as tx:
        assert (await wallet.raise_to(tx, "start-1", eur(4000))).amount == eur(2500)
    assert await amounts(shop) == (2500, 2500)


async def test_a_wallet_is_filled_by_its_rule_once_at_a_time(shop: Shop) -> None:
    await with_card(shop)
    await fill_by_rule(shop, below=1000, amount=3000)
    assert await amounts(shop) == (3000, 0)
    await reserve(shop, 1500)
    assert await amounts(shop) == (3000, 1500), "enough is free"
    await reserve(shop, 600, "start-2")
    await reserve(shop, 100, "start-3")
    await shop.work()
    assert await amounts(shop) == (6000, 2200)
    assert len(await shop.received()) == 2
    purse, _ = await state(shop)
    assert purse.reload_id is None


async def test_an_earmark_that_needs_more_has_the_wallet_filled(shop: Shop) -> None:
    await with_card(shop)
    await fill_by_rule(shop, below=500, amount=3000)
    await reserve(shop, 2500)
    async with shop.db.tx() as tx:
        assert (await wallet.raise_to(tx, "start-1", eur(5000))).amount == eur(3000)
    await shop.work()
    async with shop.db.tx() as tx:
        assert (await wallet.raise_to(tx, "start-1", eur(5000))).amount == eur(5000)


@pytest.mark.parametrize(
    ("card", "reason"),
    [("pm_card_chargeCustomerFail", "declined"), ("pm_card_authenticationRequired", "authentication_required")],
)
async def test_a_rule_that_fails_rests_until_its_owner_acts(shop: Shop, card: str, reason: str) -> None:
    await with_card(shop, card)
    await fill_by_rule(shop, below=1000, amount=3000)
    await shop.resolve()
    purse, _ = await state(shop)
    assert (purse.reload_paused, purse.reload_id) == (reason, None)
    assert [getattr(each, "reason", "") for each in shop.told if type(each).__name__ == "ReloadPaused"] == [reason]
    asked = len(await shop.objects("pi"))
    async with shop.db.tx() as tx:
        await top_ups.reload_if_low(tx, await wallet.open_wallet(tx, DRIVER, "EUR"))
    await shop.work()
    assert len(await shop.objects("pi")) == asked, "nobody is asked again and again"
    await with_card(shop)
    await fill_by_rule(shop, below=1000, amount=3000)
    assert await amounts(shop) == (3000, 0)
    assert await shop.debts() == []


async def test_a_rule_without_a_card_rests(shop: Shop) -> None:
    await fill_by_rule(shop, below=1000, amount=3000)
    purse, _ = await state(shop)
    assert purse.reload_paused == "card_gone"


async def test_a_balance_is_paid_out_to_where_it_came_from_and_kindness_is_not(shop: Shop) -> None:
    card = await with_card(shop)
    await top_up(shop, 2000, card=card)
    await top_up(shop, 3000, card=card)
    async with shop.db.tx() as tx:
        assert await wallet.credit(tx, DRIVER, eur(500), reference="c-1", why="sorry")
        assert not await wallet.credit(tx, DRIVER, eur(500), reference="c-1", why="sorry")
    await reserve(shop, 1000)
    await settle(shop, 1000)
    async with shop.db.tx() as tx:
        assert await wallet.pay_back(tx, DRIVER) == eur(4500)
    await shop.work()
    assert sorted(each["amount"] for each in await shop.objects("re")) == [1500, 3000]
    assert await amounts(shop) == (0, 0)
    await ledger_is_right(shop)


async def test_what_is_being_paid_out_cannot_be_spent_and_what_comes_back_can(listening_shop: Shop) -> None:
    shop = listening_shop
    await top_up(shop, 2000, card="pm_card_refundFail")
    async with shop.db.tx() as tx:
        await wallet.pay_back(tx, DRIVER)
    assert await amounts(shop) == (2000, 2000)
    with pytest.raises(wallet.WalletInUse):
        async with shop.db.tx() as tx:
            await wallet.pay_back(tx, DRIVER)
    with pytest.raises(WalletTooLow):
        await reserve(shop, 1)
    await shop.work()
    assert await amounts(shop) == (0, 0)
    await shop.control("fail-refunds")
    await shop.control("settle")
    await shop.work()
    assert await amounts(shop) == (2000, 0)
    await ledger_is_right(shop)


@pytest.mark.parametrize("won", [True, False])
async def test_a_disputed_top_up_is_nobodys_until_the_bank_decides(listening_shop: Shop, won: bool) -> None:
    shop = listening_shop
    made = await top_up(shop, 2000, card=await with_card(shop))
    assert made.received_id is not None
    async with shop.db.read() as tx:
        received = await tx.get(Received, made.received_id)
    assert received is not None
    await shop.control("disputes", {"payment_intent": received.payment_id})
    await shop.control("settle")
    await shop.work()
    assert await amounts(shop) == (2000, 2000)
    with pytest.raises(WalletTooLow):
        await reserve(shop, 1)
    [dispute] = await shop.disputes()
    await shop.control("end-dispute", {"id": dispute.provider_id, "won": won})
    await shop.control("settle")
    await shop.work()
    assert await amounts(shop) == (2000 if won else 0, 0)
    await ledger_is_right(shop)


async def refund(shop: Shop, minor: int, reference: str) -> str:
    async with shop.db.tx() as tx:
        made = await wallet.refund(tx, "start-1", eur(minor), reference=reference)
    await shop.work()
    return made.id


async def test_what_a_wallet_has_paid_goes_back_once_and_never_more_than_that(shop: Shop) -> None:
    await top_up(shop, 2000, card=await with_card(shop))
    await reserve(shop, 1500)
    with pytest.raises(OverRefund):
        await refund(shop, 1, "early")
    await settle(shop, 2600)
    assert await refund(shop, 1200, "credit-1") == await refund(shop, 1200, "credit-1")
    assert await amounts(shop) == (1200, 0)
    with pytest.raises(OverRefund):
        await refund(shop, 801, "credit-2")
    await refund(shop, 800, "credit-2")
    with pytest.raises(OverRefund):
        await refund(shop, 1, "credit-3")
    assert await amounts(shop) == (2000, 0), "what the debt took of the card is no matter of the wallet"
    told = [each for each in shop.told if isinstance(each, WalletRefunded)]
    rows = await shop.rows(WalletRefund)
    assert [each.refund_id for each in told] == [row.id for row in rows]
    assert [row.amount_minor for row in rows] == [1200, 800]
    await ledger_is_right(shop)


async def test_what_a_bank_has_taken_back_is_not_paid_out_once_more(listening_shop: Shop) -> None:
    shop = listening_shop
    card = await with_card(shop)
    await top_up(shop, 2000, card=card)
    disputed = await top_up(shop, 3000, card=card)
    await reserve(shop, 4000)
    await settle(shop, 4000)
    received = next(each for each in await shop.received() if each.id == disputed.received_id)
    await shop.control("disputes", {"payment_intent": received.payment_id})
    await shop.control("settle")
    await shop.work()
    assert await amounts(shop) == (1000, 1000)
    await refund(shop, 500, "credit-1")
    with pytest.raises(wallet.WalletInUse):
        async with shop.db.tx() as tx:
            await wallet.pay_back(tx, DRIVER)
    [dispute] = await shop.disputes()
    await shop.control("end-dispute", {"id": dispute.provider_id, "won": False})
    await shop.control("settle")
    await shop.work()
    assert await amounts(shop) == (500, 0)
    async with shop.db.tx() as tx:
        assert await wallet.pay_back(tx, DRIVER) == eur(500)
    await shop.work()
    assert [(each.amount_minor, each.state) for each in await shop.refunds()] == [(500, "SUCCEEDED")]
    assert await amounts(shop) == (0, 0)
    await ledger_is_right(shop)


async def test_nothing_is_paid_out_before_a_bank_has_decided(listening_shop: Shop) -> None:
    """What was spent cannot be put aside when its payment is disputed, and could come back meanwhile."""
    shop = listening_shop
    await top_up(shop, 2000, card=await with_card(shop))
    await reserve(shop, 2000)
    await settle(shop, 2000)
    [received] = await shop.received()
    await shop.control("disputes", {"payment_intent": received.payment_id})
    await shop.control("settle")
    await shop.work()
    await refund(shop, 2000, "credit-1")
    assert await amounts(shop) == (2000, 0)
    with pytest.raises(wallet.WalletInUse):
        async with shop.db.tx() as tx:
            await wallet.pay_back(tx, DRIVER)
    [dispute] = await shop.disputes()
    await shop.control("end-dispute", {"id": dispute.provider_id, "won": True})
    await shop.control("settle")
    await shop.work()
    async with shop.db.tx() as tx:
        assert await wallet.pay_back(tx, DRIVER) == eur(2000), "to the card, and nothing of it is ours"
    await ledger_is_right(shop)


async def test_a_statement_adds_up(shop: Shop) -> None:
    await top_up(shop, 5000, card=await with_card(shop))
    await reserve(shop, 3000)
    await settle(shop, 1234)
    async with shop.db.tx() as tx:
        await wallet.refund(tx, "start-1", eur(234), reference="credit-1")
        await wallet.credit(tx, DRIVER, eur(100), reference="c-1")
    purse, now = await state(shop)
    async with shop.db.read() as tx:
        lines, total = await statement(tx, purse, offset=0, limit=10)
        page, _ = await statement(tx, purse, offset=1, limit=2)
        assert await standing(tx, purse) == now
    assert [(line.document_kind, line.amount.amount_minor, line.balance.amount_minor) for line in lines] == [
        ("wallet_credit", 100, 4100),
        ("wallet_refund", 234, 4000),
        ("wallet_spent", -1234, 3766),
        ("payment", 5000, 5000),
    ]
    assert total == 4
    assert page == lines[1:3]
    assert all(isinstance(line, Movement) for line in page)


async def test_nothing_is_paid_in_that_is_out_of_bounds(shop: Shop) -> None:
    with pytest.raises(TopUpOutOfBounds):
        await top_up(shop, 100)
    with pytest.raises(TopUpOutOfBounds):
        await top_up(shop, 50_001)
    async with shop.db.read() as tx:
        assert await wallet.look(tx, DRIVER) is None, "nothing is left of what was refused"
    with pytest.raises(WalletTooLow):
        await reserve(shop, 1)
    assert Money.zero("EUR") == eur(0)
