"""Prices in one currency, paid in another or bought in another: each by a rate with a date that is kept."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, select, update

from hub.billing.tables import CdrExchange
from hub.starts.quote_tables import QuoteRow
from hub.starts.quotes import exchange_document
from payments.finding_tables import FindingRow
from payments.ledger.accounts import Document, Entry
from payments.ledger.conversion import Rate
from payments.ledger.service import find
from payments.rate_tables import keep
from tests.hub.billing.till import TARIFF, Till, cdr_body, reconcile, still_open

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

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


IN_SEK: Json = {"currency": "SEK", "total_cost": {"excl_vat": 80, "incl_vat": 96.8}}
"""What a CPO bills in crowns for a session that is sold for 12.00 EUR, 10.00 of them net."""


async def import_rate(till: Till, value: str, *, days_ago: int = 0, base: str = "SEK", quote: str = "EUR") -> None:
    day = till.shop.clock.now().date() - timedelta(days=days_ago)
    async with till.shop.db.tx() as tx:
        await keep(tx, [Rate(base, quote, Decimal(value), day, "ECB")])
    await till.shop.work()


async def exchanges(till: Till) -> list[CdrExchange]:
    async with till.shop.db.read() as tx:
        return list(await tx.all(select(CdrExchange)))


async def exchange_entry(till: Till, kind: str, cdr_id: str) -> Entry | None:
    async with till.shop.db.read() as tx:
        return await find(tx, Document(kind, f"BE*CPO*{cdr_id}"))


async def test_a_cdr_in_another_currency_than_the_quoted_tariff_leaves_a_margin_in_the_tariffs(till: Till) -> None:
    await import_rate(till, "0.09", days_ago=1)
    start = await till.start()
    cdr = await till.cdr(start, **IN_SEK)
    [bill] = await till.bills()
    assert (str(bill.gross), bill.priced_currency) == ("12.00 EUR", None)
    left = await by_currency(till)
    assert (left["party_payable SEK"], left["vat_input SEK"]) == (9680, 1680), "who is owed is owed in his currency"
    assert (left["margin EUR"], left["exchange SEK"], left["exchange EUR"]) == (1000 - 720, 8000, -720)
    assert "margin SEK" not in left
    entry = await exchange_entry(till, "cdr_exchange", "C-1")
    yesterday = till.shop.clock.now().date() - timedelta(days=1)
    assert entry is not None
    assert (entry.facts["rate"], entry.facts["rate_date"]) == ("1 SEK = 0.09 EUR", yesterday.isoformat())
    assert await reconcile(till) == {}
    await import_rate(till, "0.01", days_ago=3)  # the source corrects itself
    await till.credit(cdr)
    assert {name for name in await by_currency(till) if not name.startswith("provider")} == set()
    assert await reconcile(till) == {}


async def test_a_rate_that_the_quote_has_frozen_is_that_of_the_cdr_without_the_drivers_spread(till: Till) -> None:
    await import_rate(till, "99", base="EUR", quote="SEK")
    start = await till.start(hold=10_000)
    in_sek, exchange = {**TARIFF, "currency": "SEK"}, orjson.dumps(exchange_document(RATE))
    async with till.shop.db.tx() as tx:
        await tx.execute(update(QuoteRow).values(currency="SEK", tariff=orjson.dumps(in_sek), exchange=exchange))
    cdr = await till.cdr(start, currency="EUR", total_cost={"excl_vat": 0.72, "incl_vat": 0.87})
    left = await by_currency(till)
    assert left["party_payable EUR"] == 87
    assert left["margin SEK"] == 1000 - 800, "0.72 EUR × 11.1111111111"
    assert "margin EUR" not in left
    await till.credit(cdr)
    assert {name for name in await by_currency(till) if not name.startswith("provider")} == set()
    assert await reconcile(till) == {}


async def test_what_has_no_rate_is_a_finding_at_once_and_posted_when_one_comes(till: Till) -> None:
    await till.cdr(await till.start(), **IN_SEK)
    [bill] = await till.bills()
    left = await by_currency(till)
    assert (bill.gross.amount_minor, left["party_payable SEK"], left["margin SEK"]) == (1200, 9680, -8000)
    waiting = {"no_exchange_rate": ["cdr_exchange BE*CPO*C-1"]}
    assert await still_open(till) == waiting
    [finding] = await till.shop.rows(FindingRow)
    assert finding.detail == f"1 SEK in EUR on {till.shop.clock.now().date()}"
    assert await reconcile(till) == waiting
    await import_rate(till, "7.5", quote="DKK")
    await import_rate(till, "0.08", days_ago=30)
    assert await still_open(till) == waiting, "that of another pair, and of a month ago"
    await import_rate(till, "0.1")
    left = await by_currency(till)
    assert (left["margin EUR"], left.get("margin SEK")) == (1000 - 800, None)
    assert await still_open(till) == {}
    assert await reconcile(till) == {}


async def test_a_cdr_that_is_credited_before_its_rate_comes_needs_none(till: Till) -> None:
    start = await till.start()
    await till.credit(await till.cdr(start, **IN_SEK))
    assert await still_open(till) == {}
    await import_rate(till, "0.1")
    assert await exchanges(till) == []
    assert {name for name in await by_currency(till) if not name.startswith("provider")} == set()
    assert await reconcile(till) == {}


async def test_a_credit_that_comes_before_its_cdr_and_a_new_cdr_are_exchanged_each_for_itself(till: Till) -> None:
    await import_rate(till, "0.09")
    start = await till.start()
    first = cdr_body(start, "C-1", kwh=20, at=till.shop.clock.now()) | IN_SEK
    await till.credit(first)
    await till.cdr(start, **IN_SEK)
    assert await exchange_entry(till, "cdr_exchange", "C-1") is None, "it is nothing, and needs no exchange"
    await till.cdr(start, "C-2", kwh=10, **{**IN_SEK, "total_cost": {"excl_vat": 40, "incl_vat": 48.4}})
    left = await by_currency(till)
    assert (left["margin EUR"], left.get("margin SEK"), left["party_payable SEK"]) == (500 - 360, None, 4840)
    assert await reconcile(till) == {}


async def test_a_session_that_costs_nothing_is_not_exchanged(till: Till) -> None:
    await till.cdr(await till.start(), currency="SEK", total_cost={"excl_vat": 0, "incl_vat": 0})
    assert await exchanges(till) == []
    assert await reconcile(till) == {}


async def test_an_exchange_that_is_missing_or_says_something_else_is_found(till: Till) -> None:
    await import_rate(till, "0.09")
    await till.cdr(await till.start(), **IN_SEK)
    async with till.shop.db.tx() as tx:
        await tx.execute(update(CdrExchange).values(exchange=orjson.dumps(exchange_document(RATE))))
    assert await reconcile(till) == {"posted_otherwise": ["cdr_exchange BE*CPO*C-1"]}
    async with till.shop.db.tx() as tx:
        await tx.execute(delete(CdrExchange))
    assert await reconcile(till, days=1) == {"not_posted": ["cdr_exchange BE*CPO*C-1"]}
