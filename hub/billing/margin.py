"""The margin of a session in one currency, that of the driver's price, inside one transaction.

An operator of chargers is owed in the currency of its CDR, so the entry of the CDR stays in it. Where the quoted tariff
is in another one, a second entry takes what the CDR costs out of the margin there:

| from | to | amount |
|---|---|---|
| margin | exchange | the net of the CDR, in its currency |
| exchange | margin | the same in the tariff's currency, by the rate |

The rate is that of the quote, where it has frozen one between the two currencies, and else that of the day on which the
session ended; what a driver pays for an exchange is not in it. Once used it is kept, so that a credit takes back what
was posted. A CDR whose rate nobody knows waits for it, and is a finding until then; all else is posted without it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import select
from sqlmodel import col

from hub.billing import wholesale
from hub.billing.events import ExchangeWaits
from hub.billing.tables import CdrExchange
from hub.sessions.events import CdrStored
from hub.sessions.tables import Cdr
from hub.starts.quote_tables import QuoteRow
from hub.starts.quotes import exchange_document, exchange_of
from kit.tx import Event, Tx
from ocpi.datetimes import parse_datetime
from payments.finding_tables import note, resolve
from payments.findings import Code, Finding
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.conversion import Rate, convert
from payments.rate_tables import rate_of_day

_PART = "ledger"


async def follow(
    tx: Tx, quote: QuoteRow, cdrs: Sequence[Cdr], credited: Mapping[str, str], own_emsps: Collection[str]
) -> None:
    """Bring the margin of a start to where its CDRs are; `credited` names for each that was taken back its credit.

    The start is locked.
    """
    by_id = {each.object_id: each for each in cdrs}
    for cdr in cdrs:
        if not is_across(cdr, quote.currency, own_emsps):
            continue
        if cdr.object_id in credited:
            await _take_back(tx, cdr, by_id[credited[cdr.object_id]])
        else:
            await _exchange(tx, quote, cdr)


def is_across(cdr: Cdr, currency: str, own_emsps: Collection[str]) -> bool:
    """Whether a CDR costs us something in another currency than that of the driver's price."""
    is_cost = not cdr.is_credit and wholesale.is_paid_by_us(cdr, own_emsps)
    return is_cost and cdr.currency != currency and bool(wholesale.price_of(cdr.body()).net)


async def _exchange(tx: Tx, quote: QuoteRow, cdr: Cdr) -> None:
    assert cdr.id is not None  # noqa: S101 - it is stored
    row = await tx.get(CdrExchange, cdr.id)
    if row is None:
        ended = parse_datetime(cdr.body()["end_date_time"])
        row = CdrExchange(cdr_id=cdr.id, currency=quote.currency, day=ended.date())
        tx.add(row)
    if row.exchange is None:
        rate = frozen(quote, cdr.currency) or await rate_of_day(tx, cdr.currency, row.currency, row.day)
        if rate is None:
            await note(tx, _PART, [missing_rate(cdr, row)])
            tx.emit(ExchangeWaits(row.cdr_id))
            return
        row.exchange = orjson.dumps(exchange_document(rate))
        await resolve(tx, _PART, Code.NO_EXCHANGE_RATE, str(document_of(cdr)))
    await wholesale.post_if(tx, entry_of(cdr, row))


async def _take_back(tx: Tx, cdr: Cdr, credit: Cdr) -> None:
    """By the rate that was used; where there was none yet, nothing is left to exchange."""
    row = await tx.get(CdrExchange, cdr.id)
    if row is None:
        return
    if row.exchange is not None:
        await wholesale.post_if(tx, reversal_of(cdr, credit, row))
        return
    await tx.delete(row)
    await resolve(tx, _PART, Code.NO_EXCHANGE_RATE, str(document_of(cdr)))


async def look_again(tx: Tx, event: Event) -> None:
    """React to rates that came, or to a CDR that waits for one: settle those again whose rate is there by now."""
    waiting = select(Cdr, CdrExchange).join(CdrExchange, col(CdrExchange.cdr_id) == col(Cdr.id))
    found: Any = await tx.execute(waiting.where(col(CdrExchange.exchange).is_(None)))
    rows = found.all()
    wanted = {(cdr.currency, row.currency, row.day) for cdr, row in rows}
    known = {each for each in wanted if await rate_of_day(tx, *each) is not None}
    for cdr, row in rows:
        if (cdr.currency, row.currency, row.day) in known:
            tx.emit(CdrStored(cdr.country_code, cdr.party_id, cdr.object_id))


def frozen(quote: QuoteRow, currency: str) -> Rate | None:
    """The rate of a quote from a currency into that of its tariff; None where it has frozen none between the two."""
    rate = quote.quote().exchange
    return rate.turned() if rate is not None and rate.quote == currency else None


def missing_rate(cdr: Cdr, row: CdrExchange) -> Finding:
    """That the rate of a CDR is not known."""
    detail = f"1 {cdr.currency} in {row.currency} on {row.day.isoformat()}"
    return Finding(Code.NO_EXCHANGE_RATE, str(document_of(cdr)), cdr.last_updated, detail)


def document_of(cdr: Cdr) -> Document:
    """What the exchange of a CDR is in the ledger."""
    return Document("cdr_exchange", wholesale.name_of(cdr, cdr.body()))


def entry_of(cdr: Cdr, row: CdrExchange) -> Entry | None:
    """The entry of an exchange whose rate is known."""
    done = convert(wholesale.price_of(cdr.body()).net, exchange_of(orjson.loads(row.exchange or b"")))
    moved = postings.margin_exchanged(done.given, done.taken)
    return Entry(document_of(cdr), moved, done.facts()) if moved else None


def reversal_of(cdr: Cdr, credit: Cdr, row: CdrExchange) -> Entry | None:
    """What takes such an entry back, to the cent."""
    entry = entry_of(cdr, row)
    name = wholesale.name_of(credit, credit.body())
    return entry.reversed(Document("credit_exchange", name)) if entry else None
