"""Rates of exchange: read in the ECB's format, imported once for a day and source, found for any pair."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from payments.ecb import UnreadableRates, parse
from payments.ledger.conversion import Rate
from payments.rate_tables import RateRow, keep, rate_between, rate_of_day
from tests.payments.shop import Shop

pytestmark = pytest.mark.anyio

ECB = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time='2026-01-02'><Cube currency='SEK' rate='11.5'/><Cube currency='NOK' rate='11.75'/>
<Cube currency='XXX' rate='1'/></Cube></Cube></gesmes:Envelope>"""


def test_the_document_of_the_ecb_is_read() -> None:
    day = date(2026, 1, 2)
    assert parse(ECB) == [
        Rate("EUR", "SEK", Decimal("11.5"), day, "ECB"),
        Rate("EUR", "NOK", Decimal("11.75"), day, "ECB"),
    ]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"<html/>",
        ECB.replace(b"11.5'", b"NaN'"),
        ECB.replace(b"11.5'", b"-1'"),
        ECB.replace(b"2026-01-02", b"yesterday"),
        ECB.replace(b"<gesmes:E", b'<!DOCTYPE x [<!ENTITY a "b">]><gesmes:E', 1),
    ],
)
def test_what_is_no_such_document_is_refused(document: bytes) -> None:
    with pytest.raises(UnreadableRates):
        parse(document)


async def between(shop: Shop, base: str, quote: str) -> Rate | None:
    async with shop.db.read() as tx:
        return await rate_between(tx, base, quote)


async def imported(shop: Shop, *rates: Rate) -> None:
    async with shop.db.tx() as tx:
        await keep(tx, rates)


def rate(shop: Shop, quote: str, value: str, *, days_ago: int = 0, source: str = "ECB", base: str = "EUR") -> Rate:
    day = shop.clock.now().date() - timedelta(days=days_ago)
    return Rate(base, quote, Decimal(value), day, source)


async def test_a_rate_is_found_in_either_direction_and_by_a_third_currency(shop: Shop) -> None:
    await imported(shop, rate(shop, "SEK", "11.5"), rate(shop, "NOK", "11.75"))
    there, back = await between(shop, "EUR", "SEK"), await between(shop, "SEK", "EUR")
    across = await between(shop, "SEK", "NOK")
    assert there is not None and back is not None and across is not None  # noqa: PT018
    assert (there.value, back.value, across.value) == (
        Decimal("11.5"),
        Decimal("0.0869565217"),
        Decimal("1.0217391304"),
    )
    assert await between(shop, "SEK", "CHF") is None


async def test_the_newest_day_counts_and_a_stale_one_does_not(shop: Shop) -> None:
    await imported(shop, rate(shop, "SEK", "11.0", days_ago=3), rate(shop, "SEK", "11.5", days_ago=1))
    found = await between(shop, "EUR", "SEK")
    assert found is not None
    assert found.value == Decimal("11.5")
    shop.clock.advance(11 * 86_400)
    assert await between(shop, "EUR", "SEK") is None


async def test_the_rate_of_a_day_is_that_in_force_or_else_the_first_soon_after(shop: Shop) -> None:
    async def found(days_ago: int) -> Decimal | None:
        day = shop.clock.now().date() - timedelta(days=days_ago)
        async with shop.db.read() as tx:
            rate = await rate_of_day(tx, "SEK", "EUR", day)
        return None if rate is None else rate.value

    values = ((30, "0.09"), (28, "0.10"), (1, "0.11"), (0, "0.12"))
    await imported(shop, *(rate(shop, "EUR", value, days_ago=ago, base="SEK") for ago, value in values))
    assert [await found(days) for days in (41, 40, 31, 30, 29, 28, 18)] == [
        None,
        *[Decimal("0.09")] * 4,
        *[Decimal("0.10")] * 2,
    ]
    assert [await found(days) for days in (17, 12, 11, 2, 1, 0)] == [
        None,
        None,
        *[Decimal("0.11")] * 3,
        Decimal("0.12"),
    ]


async def test_the_same_day_of_the_same_source_is_imported_once(shop: Shop) -> None:
    await imported(shop, rate(shop, "SEK", "11.5"))
    await imported(shop, rate(shop, "SEK", "11.6"), rate(shop, "SEK", "12", source="a bank"))
    assert sorted(row.value for row in await shop.rows(RateRow)) == [Decimal("11.6"), Decimal(12)]
