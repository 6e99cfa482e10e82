"""Two of the same at the same moment, in two processes: exactly one wins. Row locks decide: PostgreSQL is the judge."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from kit.jobs import Worker
from kit.tx import Database
from payments import debts, holds, refunds, top_ups, wallet
from payments.errors import AlreadySettled, OverRefund
from payments.ledger.check import check
from payments.tables import open_operation
from payments.wallet_rules import ReloadRule, Split, WalletTooLow
from tests.payments.shop import DRIVER, Shop, eur, with_card

pytestmark = pytest.mark.anyio


@pytest.fixture
async def others(shop: Shop) -> AsyncIterator[list[Database]]:
    """Connections of other processes."""
    made = [Database(shop.db.url, clock=shop.clock, reactions=shop.db.reactions) for _ in range(6)]
    yield made
    for each in made:
        await each.close()


async def settle(db: Database, hold_id: str, minor: int) -> str:
    try:
        async with db.tx() as tx:
            await holds.settle(tx, hold_id, eur(minor))
            await asyncio.sleep(0.05)
    except AlreadySettled:
        return "lost"
    return "won"


async def refund(db: Database, received_id: str, minor: int, reference: str) -> str:
    try:
        async with db.tx() as tx:
            await refunds.request(tx, received_id, eur(minor), reference=reference)
            await asyncio.sleep(0.05)
    except OverRefund:
        return "lost"
    return "won"


async def test_of_two_captures_exactly_one_wins(shop: Shop, others: list[Database]) -> None:
    hold = await shop.place()
    found = await asyncio.gather(*(settle(db, hold.id, 1000 + number) for number, db in enumerate(others)))
    assert sorted(found) == ["lost"] * 5 + ["won"]
    await shop.work()
    [received] = await shop.received()
    assert received.amount_minor == 1000 + found.index("won")
    assert await shop.posts(f"/v1/payment_intents/{hold.payment_id}/capture") == 1


async def test_of_two_refunds_that_do_not_both_fit_exactly_one_wins(shop: Shop, others: list[Database]) -> None:
    hold = await shop.place()
    assert await settle(shop.db, hold.id, 1000) == "won"
    await shop.work()
    [received] = await shop.received()
    found = await asyncio.gather(
        *(refund(db, received.id, 600, f"credit-{number}") for number, db in enumerate(others))
    )
    assert sorted(found) == ["lost"] * 5 + ["won"]
    await shop.work()
    assert [each["amount"] for each in await shop.objects("re")] == [600]
    [received] = await shop.received()
    assert received.refunded_minor == 600


async def test_a_capture_and_a_release_at_once_end_in_one_of_the_two(shop: Shop, others: list[Database]) -> None:
    hold = await shop.place()

    async def release(db: Database) -> None:
        async with db.tx() as tx:
            await holds.release(tx, hold.id)

    await asyncio.gather(settle(others[0], hold.id, 1000), release(others[1]), release(others[2]))
    await shop.resolve()
    hold = await shop.hold(hold.id)
    assert hold.state in ("CAPTURED", "VOIDED")
    assert sum(each.amount_minor for each in await shop.received()) == 1000, "by the capture, or by the debt"


async def test_of_two_starts_that_spend_the_same_wallet_exactly_one_wins(shop: Shop, others: list[Database]) -> None:
    async with shop.db.tx() as tx:
        await wallet.open_wallet(tx, DRIVER, "EUR")
        await wallet.credit(tx, DRIVER, eur(1500), reference="c-1")

    async def start(db: Database, reference: str) -> str:
        try:
            async with db.tx() as tx:
                await wallet.reserve(tx, DRIVER, reference, eur(1000))
                await asyncio.sleep(0.05)
        except WalletTooLow:
            return "lost"
        return "won"

    found = await asyncio.gather(*(start(db, f"start-{number}") for number, db in enumerate(others)))
    assert sorted(found) == ["lost"] * 5 + ["won"]
    async with shop.db.read() as tx:
        seen = await wallet.look(tx, DRIVER)
    assert seen is not None
    assert (seen[1].balance, seen[1].earmarked) == (eur(1500), eur(1000))


async def test_bills_that_a_wallet_does_not_cover_together_never_overdraw_it(
    shop: Shop, others: list[Database]
) -> None:
    async with shop.db.tx() as tx:
        await wallet.open_wallet(tx, DRIVER, "EUR")
        await wallet.credit(tx, DRIVER, eur(600), reference="c-1")
        for number in range(len(others)):
            await wallet.reserve(tx, DRIVER, f"start-{number}", eur(100))

    async def bill(db: Database, reference: str) -> Split:
        async with db.tx() as tx:
            paid = await wallet.settle(tx, reference, eur(250))
            await asyncio.sleep(0.05)
        return paid

    async def twice(db: Database, reference: str) -> Split:
        first, again = await bill(db, reference), await bill(db, reference)
        assert first == again
        return first

    found = await asyncio.gather(*(twice(db, f"start-{number}") for number, db in enumerate(others)))
    assert sum(each.spent.amount_minor for each in found) == 600
    assert sum(each.rest.amount_minor for each in found) == 6 * 250 - 600
    assert (await check(shop.db)).findings == ()


async def test_of_refunds_to_a_wallet_that_do_not_all_fit_as_many_win_as_do(shop: Shop, others: list[Database]) -> None:
    async with shop.db.tx() as tx:
        await wallet.open_wallet(tx, DRIVER, "EUR")
        await wallet.credit(tx, DRIVER, eur(1500), reference="c-1")
        await wallet.spend(tx, DRIVER, "start-1", eur(1000))

    async def back(db: Database, reference: str) -> str:
        try:
            async with db.tx() as tx:
                await wallet.refund(tx, "start-1", eur(400), reference=reference)
                await asyncio.sleep(0.05)
        except OverRefund:
            return "lost"
        return "won"

    found = await asyncio.gather(*(back(db, f"credit-{number // 2}") for number, db in enumerate(others)))
    assert sorted(found) == ["lost"] * 2 + ["won"] * 4, "the same reference is the same refund"
    async with shop.db.read() as tx:
        seen = await wallet.look(tx, DRIVER)
    assert seen is not None
    assert seen[1].balance == eur(1300)
    assert (await check(shop.db)).findings == ()


async def test_a_wallet_that_many_find_too_low_is_filled_once(shop: Shop, others: list[Database]) -> None:
    await with_card(shop)

    async def look(db: Database) -> None:
        async with db.tx() as tx:
            found = await wallet.open_wallet(tx, DRIVER, "EUR")
            await top_ups.set_rule(tx, found, ReloadRule(eur(1000), eur(3000)))
            await asyncio.sleep(0.05)

    await asyncio.gather(*(look(db) for db in others))
    await shop.work()
    assert [each.amount_minor for each in await shop.received()] == [3000]


async def test_a_debt_that_is_paid_from_two_phones_is_paid_once(shop: Shop, others: list[Database]) -> None:
    await with_card(shop, "pm_card_chargeCustomerFail")
    customer_id = await shop.cards.customer(shop.db, DRIVER)
    async with shop.db.tx() as tx:
        debt = await debts.owe(tx, "start-1", eur(700), customer_id=customer_id)
    await shop.work()
    card_id = await with_card(shop)
    await asyncio.gather(*(shop.collector.pay(db, debt.id, card_id=card_id) for db in others))
    await shop.resolve()
    assert [each.state for each in await shop.debts()] == ["PAID"]
    assert [each.amount_minor for each in await shop.received()] == [700]


async def test_two_workers_that_send_the_same_order_send_it_under_the_same_key(
    shop: Shop, others: list[Database]
) -> None:
    hold = await shop.place()
    assert await settle(shop.db, hold.id, 1000) == "won"
    async with shop.db.read() as tx:
        order = await open_operation(tx, hold_id=hold.id)
    assert order is not None
    await asyncio.gather(*(shop.operator.run(db, order.id) for db in others))
    await shop.resolve()
    assert [each.amount_minor for each in await shop.received()] == [1000]
    assert (await shop.hold(hold.id)).state == "CAPTURED"


async def test_a_notice_and_an_answer_at_once_agree(listening_shop: Shop, others: list[Database]) -> None:
    shop = listening_shop
    await shop.control("delivery", {"when": "before", "times": 2})
    hold = await shop.place()
    assert await settle(shop.db, hold.id, 1000) == "won"

    async def work(db: Database) -> None:
        await Worker(db).drain()

    await asyncio.gather(*(work(db) for db in others))
    await shop.resolve()
    assert [each.amount_minor for each in await shop.received()] == [1000]
