"""Holds over a real socket: placed, settled, released, and what is owed beyond them."""

import asyncio

import pytest
from sqlalchemy import update
from sqlmodel import col

from kit.errors import NotFound
from kit.money import CurrencyMismatch, Money
from payments import holds
from payments.errors import AlreadySettled
from payments.events import DebtChanged, HoldChanged, MoneyReceived, OperationStuck
from payments.holds import HoldWish
from payments.tables import Hold, Operation, OperationState
from tests.payments.shop import Shop, eur

pytestmark = pytest.mark.anyio


async def settle(shop: Shop, hold_id: str, minor: int) -> None:
    async with shop.db.tx() as tx:
        await holds.settle(tx, hold_id, eur(minor))


async def release(shop: Shop, hold_id: str) -> None:
    async with shop.db.tx() as tx:
        await holds.release(tx, hold_id)


async def test_a_hold_is_placed_and_a_part_of_it_is_taken(shop: Shop) -> None:
    hold = await shop.place()
    assert (hold.state, hold.amount_minor, hold.can_increase) == ("HELD", 5000, True)
    assert hold.capture_before is not None
    await settle(shop, hold.id, 1234)
    await shop.work()
    hold = await shop.hold(hold.id)
    assert (hold.state, hold.captured_minor) == ("CAPTURED", 1234)
    intent = await shop.intent(hold.payment_id)
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 1234)
    [received] = await shop.received()
    assert (received.amount_minor, received.hold_id, received.reference) == (1234, hold.id, "start-1")
    assert [event.state for event in shop.told if isinstance(event, HoldChanged)] == ["HELD", "CAPTURED"]
    assert [event.amount_minor for event in shop.told if isinstance(event, MoneyReceived)] == [1234]
    assert await shop.debts() == []


async def test_the_same_reference_gives_the_same_hold(shop: Shop) -> None:
    first, second = await asyncio.gather(shop.place(), shop.place())
    assert first.id == second.id == (await shop.place()).id
    assert len(await shop.objects("pi")) == 1


async def test_the_order_and_its_key_are_written_before_the_call(shop: Shop) -> None:
    await shop.cards.customer(shop.db, "driver-1")
    await shop.plan("delay_request", "POST /v1/payment_intents", seconds=0.3)
    placing = asyncio.create_task(shop.place())
    while not (written := await shop.rows(Operation)) or written[0].state == OperationState.READY:
        await asyncio.sleep(0.01)
    assert await shop.objects("pi") == []
    assert written[0].state == OperationState.SENT
    assert written[0].key
    hold = await placing
    [request] = [
        each for each in (await shop.control("state"))["requests"] if each["request"].endswith("payment_intents")
    ]
    assert (hold.state, request["idempotency_key"]) == ("HELD", written[0].key)


async def test_a_hold_is_released(shop: Shop) -> None:
    hold = await shop.place()
    await release(shop, hold.id)
    await release(shop, hold.id)
    await shop.work()
    assert (await shop.hold(hold.id)).state == "VOIDED"
    assert (await shop.intent(hold.payment_id))["status"] == "canceled"


async def test_a_session_of_nothing_gives_the_hold_back(shop: Shop) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 0)
    await shop.work()
    assert (await shop.hold(hold.id)).state == "VOIDED"
    assert (await shop.debts(), await shop.received()) == ([], [])


async def test_what_the_hold_does_not_cover_is_charged_without_the_driver(shop: Shop) -> None:
    hold = await shop.place(amount=2000)
    await settle(shop, hold.id, 2750)
    await shop.work()
    assert (await shop.hold(hold.id)).captured_minor == 2000
    [debt] = await shop.debts()
    assert (debt.amount_minor, debt.state) == (750, "PAID")
    assert sorted(each.amount_minor for each in await shop.received()) == [750, 2000]
    assert [event.state for event in shop.told if isinstance(event, DebtChanged)] == ["OWED", "PAID"]


async def test_settling_twice_is_once_and_with_another_amount_refused(shop: Shop) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 1000)
    await settle(shop, hold.id, 1000)
    with pytest.raises(AlreadySettled):
        await settle(shop, hold.id, 1001)
    await release(shop, hold.id)
    await shop.work()
    assert (await shop.hold(hold.id)).captured_minor == 1000
    assert await shop.posts(f"/v1/payment_intents/{hold.payment_id}/capture") == 1


async def test_a_hold_is_settled_in_its_own_currency_and_never_negatively(shop: Shop) -> None:
    hold = await shop.place()
    async with shop.db.tx() as tx:
        with pytest.raises(CurrencyMismatch):
            await holds.settle(tx, hold.id, Money(1, "SEK"))
        with pytest.raises(ValueError, match="less than nothing"):
            await holds.settle(tx, hold.id, eur(-1))
        with pytest.raises(NotFound):
            await holds.settle(tx, "nobody's", eur(1))


async def test_a_declined_card_is_told_in_words_for_a_driver_and_leaves_nothing_to_confirm(shop: Shop) -> None:
    hold = await shop.place(card="pm_card_chargeDeclinedInsufficientFunds")
    assert (hold.state, hold.reason) == ("FAILED", "insufficient_funds")
    await shop.work()
    assert (await shop.intent(hold.payment_id))["status"] == "canceled"


async def test_a_debt_of_a_hold_that_failed_is_all_that_is_owed(shop: Shop) -> None:
    hold = await shop.place(card="pm_card_chargeDeclined")
    await settle(shop, hold.id, 900)
    await shop.work()
    [debt] = await shop.debts()
    assert debt.amount_minor == 900
    assert (await shop.hold(hold.id)).state == "FAILED"


async def test_a_driver_who_is_there_shows_who_it_is(shop: Shop) -> None:
    hold = await shop.place(card="pm_card_threeDSecure2Required")
    assert hold.state == "NEEDS_ACTION"
    secret = await shop.holds.client_secret(shop.db, hold.id)
    assert secret is not None
    assert secret.startswith(f"{hold.payment_id}_secret_")
    await shop.control("authenticate", {"id": hold.payment_id, "success": True})
    assert (await shop.holds.refresh(shop.db, hold.id)).state == "HELD"
    assert await shop.holds.client_secret(shop.db, hold.id) is None


async def test_a_driver_who_cannot_show_who_it_is_is_declined(shop: Shop) -> None:
    hold = await shop.place(card="pm_card_threeDSecure2Required")
    await shop.control("authenticate", {"id": hold.payment_id, "success": False})
    hold = await shop.holds.refresh(shop.db, hold.id)
    assert (hold.state, hold.reason) == ("FAILED", "authentication_failed")


async def test_a_hold_whose_driver_never_acts_is_given_back(shop: Shop) -> None:
    hold = await shop.place(card="pm_card_threeDSecure2Required")
    await shop.pass_time(14 * 60)
    assert (await shop.hold(hold.id)).state == "NEEDS_ACTION"
    await shop.pass_time(2 * 60)
    assert (await shop.hold(hold.id)).state == "VOIDED"
    assert (await shop.intent(hold.payment_id))["status"] == "canceled"


async def test_a_hold_without_a_card_waits_for_the_driver_to_enter_one(shop: Shop) -> None:
    hold = await shop.place(card=None, save_card=False)
    assert hold.state == "NEEDS_ACTION"
    await shop.work()
    assert (await shop.intent(hold.payment_id))["status"] == "requires_payment_method"


async def test_a_driver_who_is_away_may_still_confirm(shop: Shop) -> None:
    hold = await shop.place(card="pm_card_authenticationRequired", off_session=True, save_card=False)
    assert hold.state == "NEEDS_ACTION"
    assert await shop.holds.client_secret(shop.db, hold.id) is not None
    assert (await shop.holds.refresh(shop.db, hold.id)).state == "NEEDS_ACTION"


async def test_a_hold_is_raised_where_its_bank_allows_that(shop: Shop) -> None:
    hold = await shop.place(amount=2000)
    raised = await shop.holds.raise_to(shop.db, hold.id, eur(3000))
    assert (raised.state, raised.amount_minor) == ("HELD", 3000)
    await settle(shop, hold.id, 2900)
    await shop.work()
    assert (await shop.hold(hold.id)).captured_minor == 2900


async def test_a_hold_that_cannot_be_raised_stays_as_it_is(shop: Shop) -> None:
    await shop.control("settings", {"increments": False})
    hold = await shop.place(amount=2000)
    assert not hold.can_increase
    same = await shop.holds.raise_to(shop.db, hold.id, eur(3000))
    assert (same.state, same.amount_minor) == ("HELD", 2000)


async def test_a_raise_that_the_bank_declines_leaves_the_hold(shop: Shop) -> None:
    hold = await shop.place(amount=2000)
    same = await shop.holds.raise_to(shop.db, hold.id, eur(2_000_000))
    assert (same.state, same.amount_minor, same.can_increase) == ("HELD", 2000, False)


async def test_less_than_the_provider_moves_is_a_debt_that_is_given_up_and_the_hold_is_given_back(shop: Shop) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 12)
    await shop.work()
    assert (await shop.hold(hold.id)).state == "VOIDED"
    assert [(debt.amount_minor, debt.state) for debt in await shop.debts()] == [(12, "GIVEN_UP")]
    await settle(shop, hold.id, 12)
    with pytest.raises(AlreadySettled):
        await settle(shop, hold.id, 13)
    assert [event.outcome for event in shop.told if isinstance(event, OperationStuck)] == ["amount_too_small"]


async def test_a_capture_that_is_refused_for_no_known_reason_is_told_and_not_repeated(shop: Shop) -> None:
    hold = await shop.place()
    async with shop.db.tx() as tx:  # as if the provider had less aside than we believe
        await tx.execute(update(Hold).where(col(Hold.id) == hold.id).values(amount_minor=9000))
    await settle(shop, hold.id, 8000)
    await shop.work()
    await shop.pass_time(3600)
    assert (await shop.hold(hold.id)).state == "HELD"
    assert len([event for event in shop.told if isinstance(event, OperationStuck)]) == 1
    assert await shop.posts(f"/v1/payment_intents/{hold.payment_id}/capture") == 1


async def test_a_provider_that_is_away_lets_a_driver_know_at_once(shop: Shop) -> None:
    wish = HoldWish("start-1", eur(2000), await shop.cards.customer(shop.db, "driver-1"), "pm_card_visa")
    await shop.plan("refuse", "POST /v1/payment_intents", status=429)
    hold = await shop.holds.place(shop.db, wish)
    assert (hold.state, hold.reason) == ("FAILED", "unavailable")
    assert await shop.objects("pi") == []


async def test_a_provider_that_is_away_at_the_capture_is_asked_again(shop: Shop) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 1000)
    await shop.plan("refuse", "/capture", status=429)
    await shop.work()
    assert (await shop.hold(hold.id)).state == "HELD"
    await shop.resolve()
    assert (await shop.hold(hold.id)).captured_minor == 1000
