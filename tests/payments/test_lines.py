"""The provider's books are read after each movement, once, and as late as the provider likes."""

from decimal import Decimal

import pytest

from kit.job_rows import JobRow
from kit.money import Money
from payments import refunds
from payments.events import LineRead
from payments.line_tables import Line
from payments.lines import MOST_LOOKS, READ
from tests.payments.shop import Shop, eur, settle

pytestmark = pytest.mark.anyio


async def taken(shop: Shop, minor: int = 2000) -> str:
    hold = await shop.place()
    await settle(shop, hold.id, minor)
    await shop.work()
    [received] = await shop.received()
    return received.id


async def give_back(shop: Shop, received_id: str, minor: int) -> None:
    async with shop.db.tx() as tx:
        await refunds.request(tx, received_id, eur(minor), reference="kindness")
    await shop.work()


async def lines(shop: Shop) -> list[Line]:
    return await shop.rows(Line)


async def test_a_payment_tells_its_fee_once(listening_shop: Shop) -> None:
    shop = listening_shop
    await taken(shop)
    await shop.control("settle")
    await shop.work()
    [line] = await lines(shop)
    assert (line.kind, line.amount, line.fee) == ("payment", eur(2000), eur(55))
    assert line.available_on > line.made_at
    assert line.payment_id == (await shop.received())[0].payment_id
    assert [event for event in shop.told if isinstance(event, LineRead)] == [LineRead(line.id)]


async def test_a_line_may_come_later(shop: Shop) -> None:
    await shop.control("settings", {"line_lag_s": 3600})
    await taken(shop)
    assert await lines(shop) == []
    for _ in range(8):
        await shop.pass_time(900)
    assert [line.fee for line in await lines(shop)] == [eur(55)]


async def test_a_line_that_never_comes_is_not_looked_for_forever(shop: Shop) -> None:
    await shop.control("settings", {"line_lag_s": 10**9})
    await taken(shop)
    for _ in range(MOST_LOOKS + 2):
        await shop.pass_time(6 * 3600)
    assert await lines(shop) == []
    assert [job for job in await shop.rows(JobRow) if job.kind == READ] == []


async def test_the_provider_may_be_away_when_its_books_are_read(shop: Shop) -> None:
    hold = await shop.place()
    await settle(shop, hold.id, 2000)
    await shop.plan("refuse", f"GET /v1/payment_intents/{hold.payment_id}", status=503)
    for _ in range(4):
        await shop.work()
        await shop.pass_time(600)
    assert [line.fee for line in await lines(shop)] == [eur(55)]


async def test_refunds_and_what_comes_back_of_them_have_lines(listening_shop: Shop) -> None:
    shop = listening_shop
    await shop.control("settings", {"refund_returned": True})
    hold = await shop.place(card="pm_card_refundFail")
    await settle(shop, hold.id, 2000)
    await shop.work()
    [received] = await shop.received()
    await give_back(shop, received.id, 1000)
    assert {(line.kind, line.amount, line.fee) for line in await lines(shop)} == {
        ("payment", eur(2000), eur(55)),
        ("refund", eur(-1000), eur(-15)),
    }
    await shop.control("fail-refunds")
    await shop.control("settle")
    await shop.work()
    assert {line.kind for line in await lines(shop)} == {"payment", "refund", "refund_failed"}


async def test_a_dispute_has_a_fee_that_comes_back_when_it_is_won(listening_shop: Shop) -> None:
    shop = listening_shop
    await shop.control("settings", {"dispute_returned": True, "dispute": 1500})
    await taken(shop)
    [received] = await shop.received()
    dispute = await shop.control("disputes", {"payment_intent": received.payment_id})
    for order in (None, {"id": dispute["id"], "won": True}):
        if order:
            await shop.control("end-dispute", order)
        await shop.control("settle")
        await shop.work()
    told = [(line.amount.amount_minor, line.fee.amount_minor) for line in await lines(shop) if line.kind == "dispute"]
    assert sorted(told) == [(-2000, 1500), (2000, -1500)]


async def test_what_is_paid_out_in_another_currency_tells_both_amounts_and_the_rate(listening_shop: Shop) -> None:
    shop = listening_shop
    await shop.control("settings", {"settlement_currency": "sek", "rates": {"eur": "11.5"}})
    received_id = await taken(shop)
    await give_back(shop, received_id, 500)
    one, other = sorted(await lines(shop), key=lambda line: line.kind)
    assert (one.amount, one.moved, Decimal(one.exchange_rate or 0)) == (Money(23000, "SEK"), eur(2000), Decimal("11.5"))
    assert (other.amount, other.moved) == (Money(-5750, "SEK"), eur(-500))
    [received] = await shop.received()
    await shop.control("disputes", {"payment_intent": received.payment_id, "amount": 1500})
    await shop.control("settle")
    await shop.work()
    assert [each.withdrawn_minor for each in await shop.disputes()] == [1500]
