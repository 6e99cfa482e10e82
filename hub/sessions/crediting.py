"""Taking CDRs of ours back, inside one transaction: by a credit CDR, and if wanted by a new CDR after it."""

from decimal import Decimal
from typing import Any

from hub.parties.objects import ObjectKey, keep
from hub.sessions import service
from hub.sessions.documents import json_number
from hub.sessions.events import CdrStored
from hub.sessions.tables import Cdr, Session, cdrs_beside, own_session
from kit.errors import Conflict
from kit.tx import Tx
from ocpi.datetimes import format_datetime

Json = dict[str, Any]

_LONGEST_ID = 39


class NotCreditable(Conflict):
    """Credits are not credited, nothing is credited twice, and a partner's CDRs are its own to credit."""

    code, title = "cdr_not_creditable", "This CDR cannot be credited"


async def credit(tx: Tx, cdr: Cdr, *, again: bool = False) -> Cdr:
    """Issue the credit CDR of one of ours, in whole (OCPI 2.2.1, mod_cdrs); `again` makes a new CDR of its session.

    Raises `NotCreditable`, and `Conflict` when there is no session to make a new one of.
    """
    if cdr.platform_id is not None or cdr.is_credit:
        raise NotCreditable
    beside = await cdrs_beside(tx, cdr)
    if any(each.credit_of == cdr.object_id for each in beside):
        raise NotCreditable("it was credited before")
    stored = cdr.body()
    body = credited(stored, cdr_id=_id(str(stored["id"]), "C"))
    body["last_updated"] = format_datetime(max(tx.now, cdr.last_updated))
    key = ObjectKey.of(cdr.country_code, cdr.party_id, body["id"])
    kept = await keep(
        tx,
        Cdr,
        key,
        body,
        platform_id=None,
        audience=cdr.audience,
        session_id=cdr.session_id,
        is_credit=True,
        credit_of=cdr.object_id,
        energy_wh=cdr.energy_wh,
        currency=cdr.currency,
        total_cost=-cdr.total_cost,
    )
    tx.emit(CdrStored(*key))
    if again:
        session = await _session_of(tx, cdr)
        count = sum(not each.is_credit for each in beside)
        await service.issue_again(tx, session, cdr_id=_id(str(session.body()["id"]), str(count + 1)))
        session.review = None
    return kept.row


def credited(cdr: Json, *, cdr_id: str) -> Json:
    """The credit CDR of a CDR: all as it was, the total below zero (OCPI 2.2.1, mod_cdrs, section Credit CDRs)."""
    total = {name: json_number(-Decimal(str(amount))) for name, amount in cdr["total_cost"].items()}
    return {**cdr, "id": cdr_id, "credit": True, "credit_reference_id": cdr["id"], "total_cost": total}


async def _session_of(tx: Tx, cdr: Cdr) -> Session:
    session = await own_session(tx, cdr.session_id) if cdr.session_id else None
    if session is None:
        raise Conflict("the CDR has no session of ours")
    return session


def _id(base: str, mark: str) -> str:
    """An id that tells what it belongs to, of at most 39 characters."""
    return f"{base[: _LONGEST_ID - len(mark) - 1]}-{mark}"
