"""Reservations at our chargers that nobody came for: a CDR without energy, by what RESERVATION_EXPIRES costs.

OCPI 2.2.1, mod_tariffs, ReservationRestrictionType.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hub.locations import service as locations
from hub.sessions import service as sessions
from hub.sessions.documents import Facts
from hub.starts.service import priced_by
from hub.stations import reservations
from hub.stations import service as stations
from hub.stations.reservations import ReservationState, StationReservation
from hub.tokens.tables import by_uid
from hub.tokens.verdicts import cdr_token
from kit.crypto import KeyRing
from kit.ids import uuid7
from kit.log import get
from kit.tx import Database, Tx

Json = dict[str, Any]

log = get(__name__)


def biller(ring: KeyRing) -> Callable[[Database, Mapping[str, Any]], Awaitable[None]]:
    """The job that bills them, each once: what is billed is marked by the same commit."""

    async def bill_all(db: Database, payload: Mapping[str, Any]) -> None:
        async with db.tx() as tx:
            for row in await reservations.unused(tx):
                row.state = ReservationState.EXPIRED
                await _bill(tx, ring, row)

    return bill_all


async def _bill(tx: Tx, ring: KeyRing, row: StationReservation) -> None:
    place = await stations.place(tx, row.station_id, row.evse_id or 1)
    location = await locations.get(tx, place.country_code, place.party_id, place.location_id) if place else None
    token = await _token(tx, ring, row)
    if place is None or location is None or token is None:
        log.info("reservation_not_billed", number=row.number, station_id=row.station_id)
        return
    facts = Facts(
        country_code=place.country_code,
        party_id=place.party_id,
        session_id=uuid7(),
        cdr_token=token,
        auth_method="COMMAND",
        authorization_reference=row.authorization_reference,
        location=location,
        evse_uid=place.evse_uid,
        connector_id=place.connector_id,
        currency="",
        tariff=None,
    )
    facts = await priced_by(tx, facts, place, row.created_at)
    if await sessions.bill_reservation(tx, facts, began=row.created_at, ended=row.expires_at):
        row.cdr_id = facts.session_id


async def _token(tx: Tx, ring: KeyRing, row: StationReservation) -> Json | None:
    """Whose reservation it was: a token that is stored, or else one of the eMSP that asked; None when nobody knows."""
    uid = reservations.token_uid(ring, row)
    found = [cdr_token(token.body()) for token in await by_uid(tx, ring, uid)]
    owners = [token for token in found if row.emsp in (None, f"{token['country_code']}*{token['party_id']}".upper())]
    if owners:
        return owners[0]
    if row.emsp is None:
        return None
    country_code, _, party_id = row.emsp.partition("*")
    return {"country_code": country_code, "party_id": party_id, "uid": uid, "type": "RFID", "contract_id": "#NA"}
