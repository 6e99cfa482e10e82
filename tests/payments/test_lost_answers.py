"""Answers that did not arrive: asked after, never sent again under another key, and money is moved once."""

import pytest

from payments import debts, refunds
from payments.errors import Unknown
from payments.events import OperationStuck
from payments.tables import Operation
from tests.payments.shop import DRIVER, Shop, eur, open_shop, settle, with_card

pytestmark = pytest.mark.anyio


async def test_stripe_timeout_is_unknown_and_the_janitor_asks(shop: Shop) -> None:
    await shop.cards.customer(shop.db, DRIVER)
    await shop.plan("lose_answer", "POST /v1/payment_intents")
    hold = await shop.place()
    assert (hold.state, hold.payment_id) == ("UNKNOWN", None)
    await shop.pass_time(30)
    assert (await shop.hold(hold.id)).state == "UNKNOWN", "nobody asks before the call is surely over"
    await shop.pass_time(31)
    assert (await shop.hold(hold.id)).state == "HELD"
    assert len(await shop.objects("pi")) == 1


async def test_a_customer_whose_error_is_remembered_with_the_key_is_made_by_another_soon(shop: Shop) -> None:
    await shop.plan("fail_after", "POST /v1/customers", status=500)
    for _ in range(2):
        with pytest.raises(Unknown):
            await shop.cards.customer(shop.db, DRIVER)
    await shop.pass_time(6 * 60)
    customer_id = await shop.cards.customer(shop.db, DRIVER)
    assert await shop.cards.customer(shop.db, DRIVER) == customer_id


async def test_an_error_that_is_remembered_with_the_key_is_looked_behind(shop: Shop) -> None:
    await shop.cards.customer(shop.db, DRIVER)
    await shop.plan("fail_after", "POST /v1/payment_intents")
    hold = await shop.place()
    assert hold.state == "UNKNOWN"
    await shop.resolve()
    assert (await shop.hold(hold.id)).state == "HELD"
    assert len(await shop.objects("pi")) == 1


async def test_a_key_that_is_forgotten_is_never_used_again(shop: Shop) -> None:
    await shop.cards.customer(shop.db, DRIVER)
    await shop.plan("lose_answer", "POST /v1/payment_intents")
    hold = await shop.place()
    posts = await shop.posts("/v1/payment_intents")
    await shop.pass_time(25 * 3600)
    assert (await shop.hold(hold.id)).state == "HELD", "found by what we wrote on it"
    assert await shop.posts("/v1/payment_intents") == posts
    assert len(await shop.objects("pi")) == 1


async def test_a_forgotten_key_of_what_never_arrived_ends_as_failed(shop: Shop) -> None:
    await shop.cards.customer(shop.db, DRIVER)
    await shop.plan("lose_request", "POST /v1/payment_intents")
    hold = await shop.place()
    await shop.pass_time(25 * 3600)
    hold = await shop.hold(hold.id)
    assert (hold.state, hold.reason) == ("FAILED", "never_arrived")
    assert await shop.objects("pi") == []


async def test_what_a_search_does_not_show_yet_is_not_taken_for_never_arrived(shop: Shop) -> None:
    await shop.cards.customer(shop.db, DRIVER)
    await shop.control("settings", {"search_lag_s": 60})
    await shop.plan("lose_request", "POST /v1/payment_intents")
    hold = await shop.place()
    shop.clock.advance(23 * 3600 - 20)
    await shop.plan("lose_answer", "POST /v1/payment_intents")
    [order] = await shop.rows(Operation)
    await shop.operator.run(shop.db, order.id)
    shop.clock.advance(30)
    await shop.operator.run(shop.db, order.id)
    assert (await shop.hold(hold.id)).state == "UNKNOWN"
    await shop.resolve()
    assert (await shop.hold(hold.id)).state == "HELD"


@pytest.mark.parametrize("plan", ["lose_answer", "lose_request", "fail_after"])
async def test_a_lost_answer_to_a_capture_takes_the_money_once(shop: Shop, plan: str) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 1500)
    await shop.plan(plan, "/capture")
    await shop.work()
    assert (await shop.hold(hold.id)).state == "UNKNOWN"
    await shop.resolve()
    assert (await shop.hold(hold.id)).captured_minor == 1500
    assert [each.amount_minor for each in await shop.received()] == [1500]
    assert (await shop.intent(hold.payment_id))["amount_received"] == 1500


@pytest.mark.parametrize("plan", ["lose_answer", "lose_request", "fail_after"])
async def test_a_lost_answer_to_a_charge_takes_the_money_once(shop: Shop, plan: str) -> None:
    hold = await shop.place(amount=1000)
    await settle(shop, hold.id, 1700)
    await shop.plan(plan, "POST /v1/payment_intents")
    await shop.work()
    [debt] = await shop.debts()
    assert (debt.state, debt.attempts) == ("OWED", 1)
    await shop.resolve()
    assert [debt.state for debt in await shop.debts()] == ["PAID"]
    assert sorted(each.amount_minor for each in await shop.received()) == [700, 1000]
    assert sum(intent["amount_received"] for intent in await shop.objects("pi")) == 1700


@pytest.mark.parametrize("plan", ["lose_answer", "lose_request", "fail_after"])
async def test_a_lost_answer_to_a_refund_gives_the_money_back_once(shop: Shop, plan: str) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 1000)
    await shop.work()
    [received] = await shop.received()
    async with shop.db.tx() as tx:
        await refunds.request(tx, received.id, eur(400), reference="credit-1")
    await shop.plan(plan, "POST /v1/refunds")
    await shop.work()
    assert [each.state for each in await shop.refunds()] == ["UNKNOWN"]
    await shop.resolve()
    assert [each.state for each in await shop.refunds()] == ["SUCCEEDED"]
    assert [each["amount"] for each in await shop.objects("re")] == [400]


async def test_a_silent_provider_is_not_waited_for_for_ever(migrated_database_url: str) -> None:
    async with open_shop(migrated_database_url, timeout_s=0.5) as shop:
        await shop.cards.customer(shop.db, DRIVER)
        await shop.plan("hang", "POST /v1/payment_intents", seconds=2)
        hold = await shop.place()
        assert hold.state == "UNKNOWN"
        await shop.resolve()
        assert (await shop.hold(hold.id)).state == "HELD"


async def test_a_key_whose_order_is_worded_otherwise_by_a_newer_release_is_looked_up(shop: Shop) -> None:
    await shop.cards.customer(shop.db, DRIVER)
    await shop.plan("lose_answer", "POST /v1/payment_intents")
    hold = await shop.place()
    [order] = await shop.rows(Operation)
    async with shop.db.tx() as tx:
        row = await tx.get(Operation, order.id)
        assert row is not None
        row.request = row.request.replace(b"start-1", b"START-1")
    await shop.resolve()
    assert (await shop.hold(hold.id)).state == "HELD"
    assert len(await shop.objects("pi")) == 1


async def test_a_declined_charge_whose_answer_was_lost_for_a_day_is_tried_again_later(shop: Shop) -> None:
    card = await with_card(shop, "pm_card_chargeCustomerFail")
    customer = await shop.cards.customer(shop.db, DRIVER)
    await shop.plan("lose_answer", "POST /v1/payment_intents")
    async with shop.db.tx() as tx:
        await debts.owe(tx, "cdr-1", eur(700), customer_id=customer, card_id=card)
    await shop.work()
    await shop.pass_time(25 * 3600)
    [debt] = await shop.debts()
    assert (debt.state, debt.attempts, debt.reason) == ("OWED", 1, "declined")
    [intent] = await shop.objects("pi")
    assert debt.payment_id == intent["id"]
    await shop.pass_time(86_401)
    assert sorted(each["status"] for each in await shop.objects("pi")) == ["canceled", "requires_payment_method"]


async def test_a_key_of_ours_that_was_revoked_loses_no_order(shop: Shop) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 900)
    await shop.plan("refuse", "/capture", status=401)
    await shop.work()
    assert (await shop.hold(hold.id)).state == "HELD"
    await shop.resolve()
    assert (await shop.hold(hold.id)).captured_minor == 900


async def test_a_payment_that_vanished_at_the_provider_is_for_a_person_and_stops_nobody_else(shop: Shop) -> None:
    hold, other = await shop.place(), await shop.place("start-2")
    await settle(shop, hold.id, 900)
    await settle(shop, other.id, 700)
    del shop.stripe.fake.world.objects["pi"][str(hold.payment_id)]
    await shop.resolve()
    assert (await shop.hold(other.id)).captured_minor == 700
    assert [each.outcome for each in shop.told if isinstance(each, OperationStuck)] == ["resource_missing"]
