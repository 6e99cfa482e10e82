"""Rates of exchange, by day and source, inside a transaction: imported, and found for a pair of currencies."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext

from sqlalchemy import UniqueConstraint, select
from sqlmodel import Field, SQLModel, col

from kit.db import BigInt, DecimalText
from kit.tx import Tx
from payments.ledger.conversion import Rate

STALE = timedelta(days=10)
"""A rate that is older converts nothing any more: banks rest over holidays, and not longer."""
_DIGITS = Decimal("1e-10")


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


async def rate_between(tx: Tx, base: str, quote: str) -> Rate | None:
    """The newest rate that is not stale: as imported, turned round, or by a third currency of the same source and day.

    A rate that is reckoned has ten decimals.
    """
    since = tx.now.date() - STALE
    pair = col(RateRow.base).in_([base, quote]) | col(RateRow.quote).in_([base, quote])
    rows = await tx.all(
        select(RateRow)
        .where(pair, col(RateRow.day) >= since, col(RateRow.day) <= tx.now.date())
        .order_by(col(RateRow.day).desc(), col(RateRow.id).desc())
    )
    known = [row.rate() for row in rows]
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
            return replace(rate, base=base, quote=quote, value=_divided(Decimal(1), rate.value))
    return None


def _crossed(rates: Sequence[Rate], base: str, quote: str) -> Rate | None:
    for third in dict.fromkeys(rate.base for rate in rates):
        one, other = _direct(rates, third, base), _direct(rates, third, quote)
        if one is not None and other is not None:
            return replace(other, base=base, quote=quote, value=_divided(other.value, one.value))
    return None


def _divided(dividend: Decimal, divisor: Decimal) -> Decimal:
    with localcontext(prec=50):
        return (dividend / divisor).quantize(_DIGITS)
