"""Locations inside one transaction: store what a CPO says of them, and what our own stations do."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from hub.locations import tree
from hub.locations.tables import Location, LocationEvse, evses_of, location_of_evse
from hub.parties.objects import ObjectKey, find, keep
from kit.tx import Tx
from ocpi.datetimes import format_datetime

Json = dict[str, Any]


async def put(tx: Tx, body: Json, *, platform_id: str | None) -> bool:
    """Store a whole Location; True when it is new. See `hub.parties.objects.keep` for what is passed over.

    `body` is a valid 2.2.1 Location, `platform_id` where it came from (None: our own).
    """
    key = ObjectKey.of(body["country_code"], body["party_id"], body["id"])
    # What is not published is for its owner alone: neither listed nor delivered to anybody else.
    audience = None if body.get("publish", True) else f"{key.country_code}*{key.party_id}"
    kept = await keep(tx, Location, key, body, platform_id=platform_id, audience=audience)
    if kept.is_changed:
        await tx.flush()
        await _index_evses(tx, kept.row, body)
    return kept.is_new


async def set_evse_status(tx: Tx, country_code: str, party_id: str, evse_uid: str, status: str) -> None:
    """Our own station's EVSE has a new status; unknown EVSEs and a status that it already has change nothing."""
    row = await location_of_evse(tx, country_code, party_id, evse_uid)
    if row is None:
        return
    body = row.body()
    evse = tree.evse(body, evse_uid)
    if evse is None or evse.get("status") == status:
        return
    await put(
        tx, tree.with_evse(body, {**evse, "status": status, "last_updated": _later(tx.now, row)}), platform_id=None
    )


async def get(tx: Tx, country_code: str, party_id: str, location_id: str) -> Json | None:
    """A stored location's JSON, or None."""
    row = await find(tx, Location, ObjectKey.of(country_code, party_id, location_id))
    return row.body() if row else None


async def locate_evse(tx: Tx, country_code: str, party_id: str, evse_uid: str) -> Json | None:
    """The JSON of the location that an EVSE belongs to, or None."""
    row = await location_of_evse(tx, country_code, party_id, evse_uid)
    return row.body() if row else None


def _later(now: datetime, row: Location) -> str:
    return format_datetime(max(now, row.last_updated))


async def _index_evses(tx: Tx, row: Location, body: Json) -> None:
    known = await evses_of(tx, row)
    for evse in body.get("evses") or []:
        uid = str(evse["uid"]).casefold()
        if uid in known:
            continue
        assert row.id is not None  # noqa: S101 - it was flushed
        elsewhere = await tx.get(LocationEvse, (row.country_code, row.party_id, uid))
        if elsewhere is not None:
            elsewhere.location_id = row.id
            continue
        tx.add(LocationEvse(country_code=row.country_code, party_id=row.party_id, evse_uid=uid, location_id=row.id))


async def with_id(tx: Tx, location_id: str) -> list[Location]:
    """Every stored location with this id, our own first: ids are unique only within their owner."""
    rows = await tx.all(select(Location).where(col(Location.object_id) == location_id.casefold()))
    return sorted(rows, key=lambda row: row.platform_id is not None)
