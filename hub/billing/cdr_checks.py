"""Comparing CDRs with the ledger and with bills, and finding those that a person should ask about."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, tuple_
from sqlmodel import col

from hub.billing import wholesale
from hub.billing.expecting import missing
from hub.billing.service import sorted_set
from hub.billing.tables import Bill
from hub.sessions.tables import Cdr, cdrs_beside
from hub.starts.quote_tables import QuoteRow
from hub.starts.tables import Start
from kit.tx import Tx
from payments.comparing import Found
from payments.findings import Code, Finding
from payments.ledger.accounts import Entry


async def judge(tx: Tx, rows: Sequence[Cdr], own_emsps: Collection[str]) -> Found:
    """Each CDR of ours is posted, its driver is billed, and each credit has taken something back."""
    ours = [row for row in rows if wholesale.is_ours(row, own_emsps)]
    due = [
        (row.last_updated, entry)
        for row in ours
        if not row.is_credit and (entry := wholesale.entry_of(row, own_emsps)) is not None
    ]
    back, doubts = await _sets(tx, ours, own_emsps)
    return [*await missing(tx, [*due, *back]), *doubts, *await _unbilled(tx, ours)]


async def _sets(tx: Tx, rows: Sequence[Cdr], own_emsps: Collection[str]) -> tuple[list[tuple[datetime, Entry]], Found]:
    """The reversals that credits are to have made, and doubts about sessions with more than one CDR."""
    back: dict[str, tuple[datetime, Entry]] = {}
    doubts: dict[tuple[Code, str], Finding] = {}
    seen: set[int | None] = set()
    for row in await _with_company(tx, rows):
        if row.id in seen:
            continue
        together = await cdrs_beside(tx, row)
        seen.update(each.id for each in together)
        by_id, found = {each.object_id: each for each in together}, sorted_set(together)
        for credited, credit in found.credited.items():
            entry = wholesale.reversal_of(by_id[credited], by_id[credit], own_emsps)
            if entry is not None:
                back[str(entry.document)] = by_id[credit].last_updated, entry
        for doubt, object_id in found.doubts:
            cdr, code = by_id[object_id], Code(doubt.value)
            subject = f"cdr {wholesale.name_of(cdr, cdr.body())}"
            doubts[code, subject] = Finding(code, subject, cdr.last_updated)
    return list(back.values()), list(doubts.values())


async def _with_company(tx: Tx, rows: Sequence[Cdr]) -> list[Cdr]:
    """Credits, and CDRs of sessions that have more than one."""
    sessions = {(row.country_code, row.party_id, row.session_id) for row in rows if row.session_id is not None}
    key = (col(Cdr.country_code), col(Cdr.party_id), col(Cdr.session_id))
    several = select(*key).where(tuple_(*key).in_(sessions)).group_by(*key).having(func.count() > 1)
    shared = {tuple(row) for row in await tx.execute(several)} if sessions else set()
    return [row for row in rows if row.is_credit or (row.country_code, row.party_id, row.session_id) in shared]


def quoted(rows: Sequence[Cdr]) -> Select[Any]:
    """Those of CDRs, credits aside, whose session began with a quote; joined with both."""
    of_session = (
        (col(Start.session_id) == col(Cdr.session_id))
        & (col(Start.country_code) == col(Cdr.country_code))
        & (col(Start.party_id) == col(Cdr.party_id))
    )
    ids = [row.id for row in rows if not row.is_credit]
    joined = select(Cdr).join(Start, of_session).join(QuoteRow, col(QuoteRow.used_by) == col(Start.id))
    return joined.where(col(Cdr.id).in_(ids))


async def _unbilled(tx: Tx, rows: Sequence[Cdr]) -> Found:
    """Sessions that began with a quote, with a CDR that stands and no bill that does."""
    stands = select(col(Bill.id)).where(col(Bill.start_id) == col(Start.id), col(Bill.credited_at).is_(None))
    found: Found = []
    for cdr in await tx.all(quoted(rows).where(~stands.exists())):
        if cdr.object_id in sorted_set(await cdrs_beside(tx, cdr)).standing:
            subject = f"cdr {wholesale.name_of(cdr, cdr.body())}"
            found.append(Finding(Code.NOT_BILLED, subject, cdr.last_updated))
    return found
