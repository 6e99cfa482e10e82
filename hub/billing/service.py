"""From CDRs to who owes what, inside one transaction.

A driver owes what the quoted tariff makes of the CDR's charging periods, whatever the CDR's own total is: that one is
what we owe the operator of the charger. Where no price was promised, the driver owes what the CDR says. Both are
entries of the ledger, and the difference is the margin: in the currency of the tariff (`hub.billing.margin`).

The CDRs of a session are looked at together, whenever one comes: what follows from them is the same whatever their
order, and doing it again changes nothing.
"""

from collections.abc import Collection, Sequence

from hub.billing import bills, margin, wholesale
from hub.billing.cdr_set import CdrSet, Told, sort
from hub.parties.objects import ObjectKey, find
from hub.sessions.events import CdrStored
from hub.sessions.tables import Cdr, cdrs_beside, cdrs_of_session
from hub.starts import tapping
from hub.starts.events import SessionMatched
from hub.starts.quote_tables import of_start
from hub.starts.tables import Start, of_reference, of_session
from kit.crypto import KeyRing
from kit.tx import Tx


async def bill(tx: Tx, ring: KeyRing, event: CdrStored, *, own_emsps: Collection[str]) -> None:
    """React to a CDR: post what it costs between parties, and bill the driver of ours whose session it was.

    Sessions of nobody that we know are billed by their eMSP, ours or a partner's.
    """
    cdr = await find(tx, Cdr, ObjectKey.of(event.country_code, event.party_id, event.object_id))
    if cdr is not None and wholesale.is_ours(cdr, own_emsps):
        await _settle(tx, ring, await cdrs_beside(tx, cdr), own_emsps)


async def bill_matched(tx: Tx, ring: KeyRing, event: SessionMatched, *, own_emsps: Collection[str]) -> None:
    """React to a session that was found to be a start's: its CDRs may be here already."""
    cdrs = await cdrs_of_session(tx, event.country_code, event.party_id, event.session_id)
    if cdrs and wholesale.is_ours(cdrs[0], own_emsps):
        await _settle(tx, ring, await cdrs_beside(tx, cdrs[0]), own_emsps)


def sorted_set(cdrs: Sequence[Cdr]) -> CdrSet:
    """The CDRs of a session, sorted."""
    return sort([Told(each.object_id, each.total_cost, each.is_credit, each.credit_of) for each in cdrs])


async def _settle(tx: Tx, ring: KeyRing, cdrs: Sequence[Cdr], own_emsps: Collection[str]) -> None:
    start = await _start_of(tx, cdrs) or await _adopted(tx, ring, cdrs)
    if start is not None:
        if start.driver_id is None:
            await tapping.claim(tx, ring, start, cdrs[0].body())
        cdrs = await cdrs_beside(tx, cdrs[0])  # again, now that nobody else is at them
    sorted_cdrs, by_id = sorted_set(cdrs), {each.object_id: each for each in cdrs}
    for each in cdrs:
        if not each.is_credit:
            await wholesale.post_if(tx, wholesale.entry_of(each, own_emsps))
    for credited, credit in sorted_cdrs.credited.items():
        await wholesale.post_if(tx, wholesale.reversal_of(by_id[credited], by_id[credit], own_emsps))
    quote = await of_start(tx, start.id) if start is not None else None
    if start is not None and (quote is not None or start.driver_id is not None):
        await bills.follow(tx, start, quote, sorted_cdrs, by_id)
    if quote is not None:
        await margin.follow(tx, quote, cdrs, sorted_cdrs.credited, own_emsps)


async def _adopted(tx: Tx, ring: KeyRing, cdrs: Sequence[Cdr]) -> Start | None:
    """An attempt made for a session of one of our drivers that nobody was asked about."""
    known = next((each for each in cdrs if each.session_id is not None and not each.is_credit), None)
    if known is None or known.session_id is None:
        return None
    return await tapping.adopt(tx, ring, known.body(), session_id=known.session_id)


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
                start.session_id = start.session_id or cdr.session_id
                return start
    return None
