"""Nothing is found to be wrong after the rarer ways to pay went well: wallets, and holds that were placed anew."""

import pytest

from hub.starts.covers import second_reference
from hub.starts.tables import Start
from kit.money import Money
from payments import holds, top_ups, wallet
from payments.wallet_rules import WalletPolicy
from tests.hub.billing.till import Till, reconcile
from tests.payments.shop import DRIVER, with_card

pytestmark = pytest.mark.anyio


async def test_nothing_is_found_where_wallets_were_filled_and_paid_out(till: Till) -> None:
    shop = till.shop
    customer, card = await shop.cards.customer(shop.db, DRIVER), await with_card(shop)
    async with shop.db.tx() as tx:
        purse = await wallet.open_wallet(tx, DRIVER, "EUR")
        _, order = await top_ups.ask(tx, purse, Money(2000, "EUR"), WalletPolicy(), customer_id=customer, card_id=card)
    assert order is not None
    await shop.operator.run(shop.db, order.id)
    await shop.work()
    async with shop.db.tx() as tx:
        assert await wallet.pay_back(tx, DRIVER) == Money(2000, "EUR")
    await shop.work()
    assert [(each.amount_minor, each.state) for each in await shop.refunds()] == [(2000, "SUCCEEDED")]
    assert await reconcile(till) == {}


async def test_nothing_is_found_where_a_second_hold_was_taken(till: Till) -> None:
    start = await till.start()
    second = await till.shop.place(second_reference(start.id), 5000, driver=start.driver_id)
    async with till.shop.db.tx() as tx:
        (await tx.session.get_one(Start, start.id)).hold_id = second.id
        await holds.release(tx, start.hold_id or "")
    await till.cdr(start)
    assert await reconcile(till) == {}
