"""What the provider keeps and exchanges is in the ledger, so that provider clearing is what the provider has for us."""

import pytest

from tests.hub.billing.till import Till

pytestmark = pytest.mark.anyio


async def provider_has(till: Till) -> dict[str, int]:
    """The provider's balance by currency, as its books say."""
    found: dict[str, int] = {}
    for line in await till.shop.objects("txn"):
        found[line["currency"].upper()] = found.get(line["currency"].upper(), 0) + line["net"]
    return {currency: minor for currency, minor in found.items() if minor}


async def test_the_fee_of_a_payment_is_posted_once(till: Till) -> None:
    await till.cdr(await till.start())
    await till.shop.control("settle")
    await till.shop.work()
    left = await till.balances()
    assert (left["provider_fees"], left["provider_clearing"]) == (43, 1200 - 43)
    assert await provider_has(till) == {"EUR": left["provider_clearing"]}


async def test_fees_stay_or_come_back_with_refunds_and_disputes_as_the_provider_says(till: Till) -> None:
    await till.shop.control("settings", {"refund_returned": True, "dispute_returned": True})
    await till.credit(await till.cdr(await till.start()))
    assert (await till.balances())["provider_fees"] == 43 - 18
    start = await till.start(session_id="S-2")
    await till.cdr(start, "C-2", session_id="S-2")
    received = next(each for each in await till.shop.received() if each.reference == start.id)
    dispute = await till.shop.control("disputes", {"payment_intent": received.payment_id})
    await till.shop.control("settle")
    await till.shop.work()
    assert (await till.balances())["provider_fees"] == 43 - 18 + 43 + 2000
    await till.shop.control("end-dispute", {"id": dispute["id"], "won": True})
    await till.shop.control("settle")
    await till.shop.work()
    left = await till.balances()
    assert left["provider_fees"] == 43 - 18 + 43
    assert await provider_has(till) == {"EUR": left["provider_clearing"]}


async def test_what_is_settled_in_another_currency_meets_in_exchange(till: Till) -> None:
    await till.shop.control("settings", {"settlement_currency": "sek", "rates": {"eur": "11.5"}})
    cdr = await till.cdr(await till.start())
    await till.credit(cdr)
    checked = {
        (account.kind.value, currency): amount.amount_minor
        for (account, currency), amount in (await till.checked()).balances.items()
        if account.kind in ("provider_clearing", "exchange")
    }
    assert checked["provider_clearing", "EUR"] == 0
    assert {"SEK": checked["provider_clearing", "SEK"]} == await provider_has(till)
    assert (checked["exchange", "EUR"], checked["exchange", "SEK"]) == (0, 0)
