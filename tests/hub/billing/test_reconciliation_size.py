"""Comparing more takes longer, and no more memory."""

import tracemalloc

import pytest

from hub.billing import comparing
from kit.tx import Database
from payments.books import Window
from payments.line_tables import Line
from tests.hub.billing.till import EMSP

pytestmark = pytest.mark.anyio


async def grow(db: Database, first: int, last: int) -> None:
    async with db.tx() as tx:
        moment = db.clock.now()
        for number in range(first, last):
            tx.add(
                Line(
                    id=f"txn_{number:06}",
                    kind="other",
                    amount_minor=1,
                    fee_minor=0,
                    currency="EUR",
                    made_at=moment,
                    available_on=moment,
                )
            )


async def peak(db: Database, expected: int) -> int:
    """The most memory that is in use on the way."""
    now, checked = db.clock.now(), 0
    tracemalloc.start()
    try:
        async for portion in comparing.compare(db, Window(now.replace(year=2000), now.replace(year=2100)), {EMSP}):
            checked += portion.checked
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert checked == expected


@pytest.mark.slow
async def test_reading_more_rows_takes_no_more_memory(db: Database) -> None:
    await grow(db, 0, 1_000)
    await peak(db, 1_000)  # statements are compiled
    few = await peak(db, 1_000)
    await grow(db, 1_000, 8_000)
    many = await peak(db, 8_000)
    assert many < few * 1.3, (few, many)
