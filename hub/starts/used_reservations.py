"""Reservations that a session at our own charger has used: their time is part of it, and nobody pays for one unused.

The charger says which one, by its number, in the messages of the transaction: whatever their order, and whatever was
done meanwhile, the same follows from them.
"""

from dataclasses import replace

from csms.events import TransactionChanged
from csms.record import TransactionRecord
from hub.parties.objects import ObjectKey, find
from hub.sessions import crediting
from hub.sessions.crediting import NotCreditable
from hub.sessions.documents import Facts, Reserved
from hub.sessions.tables import Cdr
from hub.starts.places import Where
from hub.stations import reservations
from hub.stations.reservations import ReservationState, StationReservation
from kit.crypto import KeyRing
from kit.tx import Tx


async def with_reservation(tx: Tx, ring: KeyRing, record: TransactionRecord, facts: Facts) -> Facts:
    """The facts of a session with the reservation under which it began, as far as the record tells of one.

    What was billed because nobody had come is credited: the charger told late. The time of one that was made for
    another token, or given back before, is not this driver's; nor is that of one which an earlier session has used.
    """
    if record.reservation_id is None:
        return facts
    row = await reservations.of_number(tx, record.station_id, record.reservation_id)
    if row is None:
        return facts
    if row.state != ReservationState.USED:
        row.state = ReservationState.USED
        await _take_back(tx, row, facts)
    if not _is_first(tx, row, record) or not _is_of(ring, row, record, facts):
        return replace(facts, reserved=None)
    reserved = Reserved.until(
        record.started_at, made_at=row.created_at, expires_at=row.expires_at, cancelled_at=row.cancelled_at
    )
    reference = facts.authorization_reference or row.authorization_reference
    return replace(facts, reserved=reserved, authorization_reference=reference)


async def waiting_until_now(tx: Tx, ring: KeyRing, where: Where, uid: str) -> Reserved | None:
    """The time for which a charger of ours has kept the place for a token; None where none is kept."""
    if where.station_id is None:
        return None
    row = await reservations.standing(tx, ring, where.station_id, where.evse_id, uid)
    if row is None:
        return None
    return Reserved.until(tx.now, made_at=row.created_at, expires_at=row.expires_at, cancelled_at=None)


def _is_first(tx: Tx, row: StationReservation, record: TransactionRecord) -> bool:
    """Whether this transaction is the first that began under it; one that was taken for the first is followed again."""
    this = record.started_at, record.transaction_id
    if row.used_by is not None and row.used_at is not None and row.used_by != record.transaction_id:
        if (row.used_at, row.used_by) < this:
            return False
        tx.emit(TransactionChanged(row.used_by))
    row.used_at, row.used_by = this
    return True


async def _take_back(tx: Tx, row: StationReservation, facts: Facts) -> None:
    if row.cdr_id is None:
        return
    cdr = await find(tx, Cdr, ObjectKey.of(facts.country_code, facts.party_id, row.cdr_id))
    try:
        if cdr is not None:
            await crediting.credit(tx, cdr)
    except NotCreditable:
        pass  # an operator was faster


def _is_of(ring: KeyRing, row: StationReservation, record: TransactionRecord, facts: Facts) -> bool:
    """Whether it was made for the token of the session, by its eMSP."""
    token = facts.cdr_token
    if row.emsp not in (None, f"{token['country_code']}*{token['party_id']}".upper()):
        return False
    return reservations.is_of(ring, row, record.token or str(token["uid"]))
