"""What has cost others money, one test for each."""

import asyncio
import json
import logging

import pytest

from kit.errors import NotFound
from kit.money import Money
from payments import debts, holds, refunds
from payments.errors import OverRefund, Refused
from payments.events import DebtChanged
from payments.holds import HoldWish
from payments.psp import HoldOrder, RefundOrder
from payments.tables import Operation
from tests.payments.shop import DRIVER, Shop, eur, release, settle, with_card

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("plan", [None, "lose_answer", "lose_request"])
async def test_hold_not_released_when_start_is_rejected(shop: Shop, plan: str | None) -> None:
    await shop.cards.customer(shop.db, DRIVER)
    if plan is not None:
        await shop.plan(plan, "POST /v1/payment_intents")
    hold = await shop.place()
    assert hold.state == ("HELD" if plan is None else "UNKNOWN")
    await release(shop, hold.id)
    await shop.resolve()
    assert (await shop.hold(hold.id)).state == "VOIDED"
    assert {intent["status"] for intent in await shop.objects("pi")} <= {"canceled"}


async def test_hold_not_released_when_the_process_dies_before_it_is_sent(shop: Shop) -> None:
    async with shop.db.tx() as tx:
        hold, _ = await holds.request(tx, HoldWish("start-1", eur(2000), None, "pm_card_visa"))
    await release(shop, hold.id)
    await shop.resolve()
    assert (await shop.hold(hold.id)).state == "VOIDED"
    assert await shop.objects("pi") == []


@pytest.mark.parametrize("when", ["before", "held"])
async def test_webhook_before_db_commit(listening_shop: Shop, when: str) -> None:
    shop = listening_shop
    await shop.control("delivery", {"when": when})
    hold = await shop.place()
    if when == "held":
        await shop.control("release", {"order": "reversed", "times": 2})
    await shop.work()
    assert (await shop.hold(hold.id)).state == "HELD"
    await settle(shop, hold.id, 700)
    await shop.work()
    await shop.work()
    hold = await shop.hold(hold.id)
    assert (hold.state, hold.captured_minor) == ("CAPTURED", 700)
    assert len(await shop.received()) == 1


async def test_a_webhook_tells_what_a_lost_answer_did_not(listening_shop: Shop) -> None:
    shop = listening_shop
    await shop.cards.customer(shop.db, DRIVER)
    await shop.plan("lose_answer", "POST /v1/payment_intents")
    hold = await shop.place()
    await shop.control("settle")
    await shop.work()
    assert (await shop.hold(hold.id)).state == "HELD"
    await shop.resolve()
    assert (await shop.hold(hold.id)).state == "HELD"
    assert [op.state for op in await shop.rows(Operation)] == ["DONE"]


async def test_duplicate_and_reordered_webhooks(listening_shop: Shop) -> None:
    shop = listening_shop
    await shop.control("delivery", {"when": "held"})
    hold = await shop.place()
    await settle(shop, hold.id, 900)
    await shop.work()
    await shop.control("release", {"order": "reversed", "times": 3})
    await shop.work()
    hold = await shop.hold(hold.id)
    assert (hold.state, hold.captured_minor) == ("CAPTURED", 900)
    assert len(await shop.received()) == 1


async def test_capture_after_capture_before(shop: Shop) -> None:
    hold = await shop.place()
    shop.clock.advance(8 * 86_400)
    await settle(shop, hold.id, 1500)
    await shop.work()
    assert (await shop.hold(hold.id)).state == "EXPIRED"
    [debt] = await shop.debts()
    assert (debt.amount_minor, debt.state) == (1500, "PAID")


async def test_cdr_after_hold_expiry(shop: Shop) -> None:
    hold = await shop.place()
    await shop.pass_time(8 * 86_400)
    assert (await shop.hold(hold.id)).state == "EXPIRED"
    await settle(shop, hold.id, 1500)
    await shop.work()
    assert [(debt.amount_minor, debt.state) for debt in await shop.debts()] == [(1500, "PAID")]


async def test_two_stop_events(shop: Shop) -> None:
    hold = await shop.place()
    await asyncio.gather(settle(shop, hold.id, 1500), settle(shop, hold.id, 1500))
    await shop.work()
    assert [each.amount_minor for each in await shop.received()] == [1500]


async def test_a_cdr_for_a_hold_that_was_given_up_is_owed(shop: Shop) -> None:
    hold = await shop.place()
    await release(shop, hold.id)
    await shop.work()
    await settle(shop, hold.id, 1500)
    await shop.work()
    assert [(debt.amount_minor, debt.state) for debt in await shop.debts()] == [(1500, "PAID")]


async def test_refund_greater_than_captured(shop: Shop) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 1000)
    await shop.work()
    [received] = await shop.received()
    async with shop.db.tx() as tx:
        with pytest.raises(OverRefund):
            await refunds.request(tx, received.id, eur(1001), reference="credit-1")
    assert await shop.posts("/v1/refunds") == 0
    with pytest.raises(Refused):
        await shop.psp.refund(RefundOrder("op", received.payment_id, eur(1001)), key="over")


async def test_partial_capture_then_refund(shop: Shop) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 1200)
    await shop.work()
    [received] = await shop.received()
    for reference, minor in (("credit-1", 500), ("credit-1", 500), ("credit-2", 700)):
        async with shop.db.tx() as tx:
            await refunds.request(tx, received.id, eur(minor), reference=reference)
        await shop.work()
    assert [(each.amount_minor, each.state) for each in await shop.refunds()] == [
        (500, "SUCCEEDED"),
        (700, "SUCCEEDED"),
    ]
    async with shop.db.tx() as tx:
        with pytest.raises(OverRefund):
            await refunds.request(tx, received.id, eur(1), reference="credit-3")
    [charge] = [each for each in await shop.objects("ch") if each["payment_intent"] == hold.payment_id]
    assert (charge["amount_captured"], charge["amount_refunded"], charge["refunded"]) == (1200, 1200, True)


@pytest.mark.parametrize(
    ("money", "number"),
    [
        (Money(5000, "JPY"), 5000),
        (Money(12_340, "KWD"), 12_340),
        (Money(900, "ISK"), 90_000),
        (Money(500_000, "MGA"), 5000),
    ],
)
async def test_currency_exponents_of_zero_and_three(shop: Shop, money: Money, number: int) -> None:
    customer = await shop.cards.customer(shop.db, DRIVER)
    payment = await shop.psp.hold(HoldOrder("op-1", "start-1", money, customer, "pm_card_visa"), key="k")
    assert payment.amount == money
    assert (await shop.intent(payment.id))["amount"] == number
    taken = await shop.psp.capture(payment.id, money, key="c")
    assert taken.captured == money


async def test_a_capture_in_thousandths_takes_what_can_be_counted(shop: Shop) -> None:
    customer = await shop.cards.customer(shop.db, DRIVER)
    payment = await shop.psp.hold(HoldOrder("op-1", "s", Money(9000, "KWD"), customer, "pm_card_visa"), key="k")
    assert (await shop.psp.capture(payment.id, Money(1239, "KWD"), key="c")).captured == Money(1230, "KWD")


async def test_idempotency_key_reuse_with_other_body(shop: Shop) -> None:
    await shop.psp.hold(HoldOrder("op-1", "start-1", eur(1000), None, "pm_card_visa"), key="k")
    with pytest.raises(Refused) as refused:
        await shop.psp.hold(HoldOrder("op-1", "start-1", eur(1001), None, "pm_card_visa"), key="k")
    assert refused.value.provider_code == "idempotency_error"
    assert len(await shop.objects("pi")) == 1


async def test_card_replaced_between_auth_and_overage(shop: Shop) -> None:
    old = await with_card(shop)
    hold = await shop.place(amount=1000, card=old, off_session=True, save_card=False)
    new = await with_card(shop, "pm_card_mastercard")
    await shop.cards.remove(shop.db, DRIVER, old)
    await settle(shop, hold.id, 1800)
    await shop.work()
    [debt] = await shop.debts()
    assert debt.state == "PAID"
    assert (await shop.intent(debt.payment_id))["payment_method"] == new


async def test_a_card_that_was_removed_elsewhere_is_not_charged_again(listening_shop: Shop) -> None:
    shop = listening_shop
    card = await with_card(shop)
    hold = await shop.place(amount=1000, card=card, off_session=True, save_card=False)
    await shop.psp.remove_card(card)
    await shop.control("settle")
    await shop.work()
    await settle(shop, hold.id, 1800)
    await shop.work()
    [debt] = await shop.debts()
    assert (debt.state, debt.reason, debt.attempts) == ("GIVEN_UP", "card_gone", 0)


async def test_sca_required_off_session(shop: Shop) -> None:
    card = await with_card(shop, "pm_card_authenticationRequired")
    hold = await shop.place(amount=1000, card="pm_card_visa")
    async with shop.db.tx() as tx:
        await debts.owe(tx, "cdr-9", eur(800), customer_id=hold.customer_id, card_id=card)
    await shop.work()
    [debt] = await shop.debts()
    assert (debt.state, debt.reason, debt.attempts) == ("OWED", "authentication_required", 1)
    assert [event.needs_driver for event in shop.told if isinstance(event, DebtChanged)] == [False, True]
    assert await shop.collector.client_secret(shop.db, debt.id) is not None


async def test_sessions_and_cards_of_others_cannot_be_had(shop: Shop) -> None:
    card = await with_card(shop)
    setup = await shop.cards.begin(shop.db, DRIVER)
    await shop.cards.customer(shop.db, "driver-2")
    with pytest.raises(NotFound):
        await shop.cards.remove(shop.db, "driver-2", card)
    with pytest.raises(NotFound):
        await shop.cards.finish(shop.db, "driver-2", setup.id)


async def test_pan_in_logs(shop: Shop, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    await shop.cards.customer(shop.db, DRIVER)
    hold = await shop.place(card="pm_card_threeDSecure2Required")
    secret = await shop.holds.client_secret(shop.db, hold.id)
    payment = await shop.psp.payment(str(hold.payment_id))
    said = caplog.text + "".join(capfd.readouterr()) + repr(payment) + str(shop.told)
    stored = json.dumps([str(row) for row in await shop.rows(Operation)]) + repr(hold)
    assert secret is not None
    for kept_quiet in (secret, "sk_test_shop", "4000000000003220"):
        assert kept_quiet not in said + stored
