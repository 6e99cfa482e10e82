"""Debts: tried again on a schedule, confirmed by the driver, paid once, given up in the end."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from kit.job_rows import JobRow
from payments import debts
from payments.debts import DUNNING
from payments.events import DebtChanged
from payments.tables import Debt
from tests.payments.shop import DRIVER, Shop, eur

pytestmark = pytest.mark.anyio

CUSTOMER_FAIL = "pm_card_chargeCustomerFail"


async def owe(shop: Shop, card: str | None, minor: int = 800, *, reference: str = "cdr-1") -> Debt:
    customer = await shop.cards.customer(shop.db, DRIVER)
    async with shop.db.tx() as tx:
        await debts.owe(tx, reference, eur(minor), customer_id=customer, card_id=card)
    await shop.work()
    return (await shop.debts())[-1]


async def save(shop: Shop, name: str) -> str:
    setup = await shop.cards.begin(shop.db, DRIVER)
    url = f"{shop.stripe.url}/v1/setup_intents/{setup.id}/confirm"
    await shop.http.post(url, data={"payment_method": name}, headers={"Authorization": "Bearer sk_test_app"})
    if (await shop.psp.card_setup(setup.id)).card is None:
        await shop.control("authenticate", {"id": setup.id, "success": True})
    saved = await shop.cards.finish(shop.db, DRIVER, setup.id)
    assert saved is not None
    return saved.id


async def test_a_debt_is_tried_on_its_schedule_and_given_up_in_the_end(shop: Shop) -> None:
    debt = await owe(shop, await save(shop, CUSTOMER_FAIL))
    waits: list[timedelta] = []
    while debt.next_attempt_at is not None:
        waits.append(debt.next_attempt_at - shop.clock.now())
        await shop.pass_time(waits[-1].total_seconds() - 60)
        assert (await shop.debts())[0].attempts == len(waits), "not before its time"
        await shop.pass_time(61)
        [debt] = await shop.debts()
    assert tuple(waits) == DUNNING
    assert (debt.state, debt.attempts, debt.reason) == ("GIVEN_UP", 5, "declined")
    assert [each.state for each in shop.told if isinstance(each, DebtChanged)] == ["OWED"] * 5 + ["GIVEN_UP"]
    assert len([each for each in await shop.objects("pi") if each["status"] != "canceled"]) == 1, "the last attempt"


async def test_a_card_that_is_added_meanwhile_pays(shop: Shop) -> None:
    bad = await save(shop, CUSTOMER_FAIL)
    debt = await owe(shop, bad)
    assert (debt.state, debt.attempts) == ("OWED", 1)
    await save(shop, "pm_card_visa")
    await shop.cards.remove(shop.db, DRIVER, bad)
    await shop.pass_time(86_401)
    assert [each.state for each in await shop.debts()] == ["PAID"]


async def test_a_driver_who_confirms_the_last_attempt_pays_once(listening_shop: Shop) -> None:
    shop = listening_shop
    debt = await owe(shop, await save(shop, "pm_card_authenticationRequired"))
    assert debt.reason == "authentication_required"
    await _confirm(shop, debt)
    await shop.work()
    [debt] = await shop.debts()
    assert (debt.state, debt.next_attempt_at) == ("PAID", None)
    await shop.pass_time(8 * 86_400)
    assert [each.amount_minor for each in await shop.received()] == [800]


async def test_a_driver_who_confirms_right_before_the_next_attempt_pays_once(shop: Shop) -> None:
    debt = await owe(shop, await save(shop, "pm_card_authenticationRequired"))
    await _confirm(shop, debt)  # and no webhook tells us
    await shop.pass_time(86_401)
    [debt] = await shop.debts()
    assert (debt.state, debt.attempts) == ("PAID", 1)
    assert sum(each["amount_received"] for each in await shop.objects("pi")) == 800


async def test_a_debt_that_was_given_up_can_still_be_paid(listening_shop: Shop) -> None:
    shop = listening_shop
    debt = await owe(shop, await save(shop, "pm_card_authenticationRequired"))
    while debt.next_attempt_at is not None:
        await shop.pass_time((debt.next_attempt_at - shop.clock.now()).total_seconds() + 1)
        [debt] = await shop.debts()
    assert debt.state == "GIVEN_UP"
    await _confirm(shop, debt)
    await shop.work()
    assert [each.state for each in await shop.debts()] == ["PAID"]


async def test_a_debt_without_a_card_is_given_up_at_once(shop: Shop) -> None:
    debt = await owe(shop, None)
    assert (debt.state, debt.reason, debt.attempts) == ("GIVEN_UP", "card_gone", 0)


async def test_a_debt_that_is_too_small_to_move_is_given_up(shop: Shop) -> None:
    debt = await owe(shop, await save(shop, "pm_card_visa"), 30)
    assert (debt.state, debt.reason) == ("GIVEN_UP", "amount_too_small")


async def test_the_same_thing_is_owed_once(shop: Shop) -> None:
    card = await save(shop, "pm_card_visa")
    await owe(shop, card)
    await owe(shop, card)
    assert len(await shop.debts()) == 1
    assert [each.amount_minor for each in await shop.received()] == [800]


async def test_a_debt_whose_job_is_gone_is_taken_up_by_the_janitor(shop: Shop) -> None:
    debt = await owe(shop, await save(shop, CUSTOMER_FAIL))
    async with shop.db.tx() as tx:
        await tx.execute(delete(JobRow))
    assert debt.attempts == 1
    await shop.pass_time(86_400 + 60)
    [debt] = await shop.debts()
    assert debt.attempts == 2


async def _confirm(shop: Shop, debt: Debt) -> None:
    """What the driver's app does with the client secret, and the bank's page after it."""
    secret = await shop.collector.client_secret(shop.db, debt.id)
    assert secret is not None
    cards = await shop.psp.cards(str(debt.customer_id))
    url = f"{shop.stripe.url}/v1/payment_intents/{debt.payment_id}/confirm"
    form = {"payment_method": cards[0].id}
    answer = await shop.http.post(url, data=form, headers={"Authorization": "Bearer sk_test_app"})
    assert answer.json()["status"] == "requires_action"
    await shop.control("authenticate", {"id": debt.payment_id, "success": True})
    await shop.control("settle")
