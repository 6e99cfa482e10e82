"""Prices in one currency, paid in another: the quote freezes the rate, the bill uses it, a refund uses none."""

from datetime import date
from decimal import Decimal

import orjson
import pytest
from sqlalchemy import update

from hub.starts.quote_tables import QuoteRow
from hub.starts.quotes import exchange_document
from payments.ledger.conversion import Rate
from tests.hub.billing.test_reconciliation import reconcile
from tests.hub.billing.till import TARIFF, Till

pytestmark = pytest.mark.anyio

RATE = Rate("SEK", "EUR", Decimal("0.09"), date(2026, 1, 1), "ECB", Decimal("2"))


async def by_currency(till: Till) -> dict[str, int]:
    """What is not zero, by account and currency."""
    found = {
        f"{account.kind} {currency}": amount.amount_minor
        for (account, currency), amount in (await till.checked()).balances.items()
    }
    return {name: minor for name, minor in found.items() if minor}


async def test_a_driver_pays_in_his_currency_by_the_frozen_rate(till: Till) -> None:
    start = await till.start(hold=10_000)
    in_sek = {**TARIFF, "currency": "SEK"}
    exchange = orjson.dumps(exchange_document(RATE))
    async with till.shop.db.tx() as tx:
        await tx.execute(update(QuoteRow).values(currency="SEK", tariff=orjson.dumps(in_sek), exchange=exchange))
    cdr = await till.cdr(start, currency="SEK", total_cost={"excl_vat": 8, "incl_vat": 9.68})
    [bill] = await till.bills()
    assert (str(bill.gross), bill.net_minor, bill.vat_minor) == ("1.10 EUR", 92, 18)  # 12.00 SEK × 0.09 × 1.02
    assert (bill.priced_currency, bill.priced_net_minor, bill.priced_vat_minor) == ("SEK", 1000, 200)
    told = orjson.loads(bill.exchange or b"{}")
    assert (told["rate"], told["rate_date"], told["spread_percent"]) == ("0.09", "2026-01-01", "2")
    assert told["spread"] == "0.02 EUR"
    left = await by_currency(till)
    assert left["party_payable SEK"] == 968
    assert (left["margin SEK"], left["vat SEK"]) == (200, 200)
    assert left["exchange SEK"] == 1200
    assert left["exchange EUR"] == -110
    assert "margin EUR" not in left
    await till.credit(cdr)
    [refund] = await till.shop.refunds()
    assert (refund.amount_minor, refund.currency) == (110, "EUR")
    assert {name for name in await by_currency(till) if not name.startswith("provider")} == set()
    assert await reconcile(till) == {}


async def test_a_cdr_in_another_currency_than_the_quoted_tariff_is_billed_by_the_tariff(till: Till) -> None:
    start = await till.start()
    await till.cdr(start, currency="SEK", total_cost={"excl_vat": 80, "incl_vat": 96.8})
    [bill] = await till.bills()
    assert (str(bill.gross), bill.priced_currency) == ("12.00 EUR", None)
    left = await by_currency(till)
    assert (left["party_payable SEK"], left["margin SEK"], left["margin EUR"]) == (9680, -8000, 1000)
    assert await reconcile(till) == {}
