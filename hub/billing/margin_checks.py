"""Comparing CDRs in another currency than their driver's price with what stands of them in the ledger."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from hub.billing import margin
from hub.billing.cdr_checks import quoted
from hub.billing.expecting import missing
from hub.billing.service import sorted_set
from hub.billing.tables import CdrExchange
from hub.sessions.tables import Cdr, cdrs_beside
from hub.starts.quote_tables import QuoteRow
from kit.tx import Tx
from payments.comparing import Found
from payments.findings import Code, Finding


async def judge(tx: Tx, rows: Sequence[Cdr], own_emsps: Collection[str]) -> Found:
    """Each is exchanged once its rate is known, and back when it was credited."""
    by_id = {row.id: row for row in rows}
    exchanges = await tx.all(select(CdrExchange).where(col(CdrExchange.cdr_id).in_(by_id)))
    known = [(by_id[row.cdr_id], row) for row in exchanges if row.exchange is not None]
    waiting = [margin.missing_rate(by_id[row.cdr_id], row) for row in exchanges if row.exchange is None]
    credits = await _credits(tx, [cdr for cdr, _ in known])
    due = [(cdr.last_updated, margin.entry_of(cdr, row)) for cdr, row in known]
    due += [
        (credits[cdr.id].last_updated, margin.reversal_of(cdr, credits[cdr.id], row))
        for cdr, row in known
        if cdr.id in credits
    ]
    entries = [(at, entry) for at, entry in due if entry is not None]
    return [*await missing(tx, entries), *waiting, *await _forgotten(tx, rows, own_emsps)]


async def _credits(tx: Tx, cdrs: Sequence[Cdr]) -> Mapping[int | None, Cdr]:
    """By the ids of rows: the credits of those that were taken back."""
    ids = {cdr.object_id for cdr in cdrs}
    named = set(await tx.all(select(col(Cdr.credit_of)).where(col(Cdr.credit_of).in_(ids))))
    found: dict[int | None, Cdr] = {}
    for cdr in cdrs:
        if cdr.object_id in named:
            together = {each.object_id: each for each in await cdrs_beside(tx, cdr)}
            credit = sorted_set(list(together.values())).credited.get(cdr.object_id)
            if credit is not None:
                found[cdr.id] = together[credit]
    return found


async def _forgotten(tx: Tx, rows: Sequence[Cdr], own_emsps: Collection[str]) -> Found:
    """CDRs that stand, and are to be exchanged, and that nobody thought of."""
    noted = select(col(CdrExchange.cdr_id)).where(col(CdrExchange.cdr_id) == col(Cdr.id))
    across = quoted(rows).where(col(QuoteRow.currency) != col(Cdr.currency), ~noted.exists())
    rows_with_quotes: Any = await tx.execute(across.add_columns(QuoteRow))
    found: Found = []
    for cdr, quote in rows_with_quotes:
        stands = cdr.object_id in sorted_set(await cdrs_beside(tx, cdr)).standing
        if stands and margin.is_across(cdr, quote.currency, own_emsps):
            found.append(Finding(Code.NOT_POSTED, str(margin.document_of(cdr)), cdr.last_updated))
    return found
