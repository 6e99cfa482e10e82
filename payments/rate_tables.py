"""Rates of exchange, by day and source, inside a transaction: imported, and found for a pair of currencies."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import UniqueConstraint, select
from sqlmodel import Field, SQLModel, col

from kit.db import BigInt, DecimalText
from kit.tx import Tx
from payments.events import RatesKept
from payments.ledger.conversion import Rate, ratio

STALE = timedelta(days=10)
"""A rate that is older converts nothing any more: banks rest over holidays, and not longer."""


class RateRow(SQLModel, table=True):
    """What one `base` cost in `quote` on a day, as a source had it. The same source may correct itself."""

    __tablename__ = "exchange_rate"
    __table_args__ = (UniqueConstraint("base", "quote", "day", "source"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    base: str = Field(max_length=3)
    quote: str = Field(max_length=3)
    day: date = Field(index=True)
    source: str = Field(max_length=60)
    value: Decimal = Field(sa_type=DecimalText)

    def rate(self) -> Rate:
        """As what converts."""
        return Rate(self.base, self.quote, self.value, self.day, self.source)


async def keep(tx: Tx, rates: Sequence[Rate]) -> None:
    """Import rates; one that is there for its day and source gets the new value."""
    for rate in rates:
        where = (
            col(RateRow.base) == rate.base,
            col(RateRow.quote) == rate.quote,
            col(RateRow.day) == rate.day,
            col(RateRow.source) == rate.source,
        )
        known = await tx.first(select(RateRow).where(*where))
        if known is not None:
            known.value = rate.value
            continue
        tx.add(RateRow(base=rate.base, quote=rate.quote, day=rate.day, source=rate.source, value=rate.value))
        await tx.flush()
    tx.emit(RatesKept())


async def rate_between(tx: Tx, base: str, quote: str) -> Rate | None:
    """The newest rate that is not stale: as imported, turned round, or by a third currency of the same source and day.

    A rate that is reckoned has ten decimals.
    """
    today = tx.now.date()
    return _between(await _known(tx, base, quote, today - STALE, today), base, quote)


async def rate_of_day(tx: Tx, base: str, quote: str, day: date) -> Rate | None:
    """The rate that was in force on a day, found in the same way; where none was, the first that came soon after it."""
    before = _between(await _known(tx, base, quote, day - STALE, day), base, quote)
    after = await _known(tx, base, quote, day + timedelta(days=1), day + STALE) if before is None else []
    return before or _between(sorted(after, key=lambda rate: rate.day), base, quote)


async def _known(tx: Tx, base: str, quote: str, since: date, until: date) -> Sequence[Rate]:
    """The rates of these days that one of the two currencies has a part in, newest first."""
    pair = col(RateRow.base).in_([base, quote]) | col(RateRow.quote).in_([base, quote])
    rows = await tx.all(
        select(RateRow)
        .where(pair, col(RateRow.day) >= since, col(RateRow.day) <= until)
        .order_by(col(RateRow.day).desc(), col(RateRow.id).desc())
    )
    return [row.rate() for row in rows]


def _between(known: Sequence[Rate], base: str, quote: str) -> Rate | None:
    """The rate of the first day and source that has one."""
    for day, source in dict.fromkeys((rate.day, rate.source) for rate in known):
        of_day = [rate for rate in known if (rate.day, rate.source) == (day, source)]
        found = _direct(of_day, base, quote) or _crossed(of_day, base, quote)
        if found is not None:
            return found
    return None


def _direct(rates: Sequence[Rate], base: str, quote: str) -> Rate | None:
    for rate in rates:
        if (rate.base, rate.quote) == (base, quote):
            return rate
    for rate in rates:
        if (rate.base, rate.quote) == (quote, base):
            return rate.turned()
    return None


def _crossed(rates: Sequence[Rate], base: str, quote: str) -> Rate | None:
    for third in dict.fromkeys(rate.base for rate in rates):
        one, other = _direct(rates, third, base), _direct(rates, third, quote)
        if one is not None and other is not None:
            return replace(other, base=base, quote=quote, value=ratio(other.value, one.value))
    return None
