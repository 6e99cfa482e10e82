"""From CDRs to who owes what, inside one transaction.

A driver owes what the quoted tariff makes of the CDR's charging periods, whatever the CDR's own total is: that one is
what we owe the operator of the charger. Both are entries of the ledger, and the difference is the margin.

The CDRs of a session are looked at together, whenever one comes: what follows from them is the same whatever their
order, and doing it again changes nothing.
"""

from collections.abc import Collection, Sequence

from hub.billing import bills, wholesale
from hub.billing.cdr_set import CdrSet, Told, sort
from hub.parties.objects import ObjectKey, find
from hub.sessions.events import CdrStored
from hub.sessions.tables import Cdr, cdrs_beside, cdrs_of_session
from hub.starts.events import SessionMatched
from hub.starts.quote_tables import of_start
from hub.starts.tables import Start, of_reference, of_session
from kit.tx import Tx


async def bill(tx: Tx, event: CdrStored, *, own_emsps: Collection[str]) -> None:
    """React to a CDR: post what it costs between parties, and bill the driver who began its session with a quote.

    Sessions that no quote began are billed by their eMSP, ours or a partner's.
    """
    cdr = await find(tx, Cdr, ObjectKey.of(event.country_code, event.party_id, event.object_id))
    if cdr is not None and wholesale.is_ours(cdr, own_emsps):
        await _settle(tx, await cdrs_beside(tx, cdr), own_emsps)


async def bill_matched(tx: Tx, event: SessionMatched, *, own_emsps: Collection[str]) -> None:
    """React to a session that was found to be a start's: its CDRs may be here already."""
    cdrs = await cdrs_of_session(tx, event.country_code, event.party_id, event.session_id)
    if cdrs and wholesale.is_ours(cdrs[0], own_emsps):
        await _settle(tx, await cdrs_beside(tx, cdrs[0]), own_emsps)


def sorted_set(cdrs: Sequence[Cdr]) -> CdrSet:
    """The CDRs of a session, sorted."""
    return sort([Told(each.object_id, each.total_cost, each.is_credit, each.credit_of) for each in cdrs])


async def _settle(tx: Tx, cdrs: Sequence[Cdr], own_emsps: Collection[str]) -> None:
    start = await _start_of(tx, cdrs)
    if start is not None:
        cdrs = await cdrs_beside(tx, cdrs[0])  # again, now that nobody else is at them
    sorted_cdrs, by_id = sorted_set(cdrs), {each.object_id: each for each in cdrs}
    for each in cdrs:
        if not each.is_credit:
            await wholesale.post_if(tx, wholesale.entry_of(each, own_emsps))
    for credited, credit in sorted_cdrs.credited.items():
        await wholesale.post_if(tx, wholesale.reversal_of(by_id[credited], by_id[credit], own_emsps))
    quote = await of_start(tx, start.id) if start is not None else None
    if start is not None and quote is not None:
        await bills.follow(tx, start, quote, sorted_cdrs, by_id)


async def _start_of(tx: Tx, cdrs: Sequence[Cdr]) -> Start | None:
    """The start whose session it is, locked: by the session, or by the reference of our authorization."""
    for cdr in cdrs:
        if cdr.session_id is not None:
            start = await of_session(tx, cdr.country_code, cdr.party_id, cdr.session_id)
            if start is not None:
                return start
    for cdr in cdrs:
        reference = cdr.body().get("authorization_reference")
        if reference is not None and not cdr.is_credit:
            start = await of_reference(tx, cdr.country_code, cdr.party_id, reference)
            if start is not None:
                return start
    return None
