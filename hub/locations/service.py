"""Locations inside one transaction: store what a CPO says of them, and what our own stations do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from hub.locations import tree
from hub.locations.tables import EvseKey, Location, location_of_evse, locations_of_evses, place_evses
from hub.parties.intake import Intake, Taken
from hub.parties.objects import Keeping, KeptOne, ObjectKey, Stored, give_up, keep_many, look_up, look_up_many
from kit.tx import Tx
from ocpi.datetimes import format_datetime
from ocpi.v221.locations import Location as WireLocation

Json = dict[str, Any]


async def put(tx: Tx, body: Json, *, platform_id: str | None) -> bool:
    """Store a whole Location; True when it is new. See `hub.parties.objects.keep` for what is passed over.

    `body` is a valid 2.2.1 Location, `platform_id` where it came from (None: our own).
    """
    [kept] = await put_many(tx, [body], platform_id=platform_id)
    return kept.is_new


async def put_many(tx: Tx, bodies: Sequence[Json], *, platform_id: str | None) -> list[KeptOne]:
    """`put` for many locations, in a few statements."""
    kept = await keep_many(tx, Location, [_keeping(body) for body in bodies], platform_id=platform_id)
    await _index_evses(tx, [each for each in kept if each.is_changed])
    return kept


async def remove_many(tx: Tx, keys: Sequence[ObjectKey], *, platform_id: str) -> None:
    """These locations are gone from their owner's list: OCPI knows no other end of an EVSE than REMOVED, and a location
    without any other EVSE has expired (mod_locations)."""
    stored = (await look_up_many(tx, Location, keys, to_change=True)).values()
    gone = [_keeping(tree.removed(each.body(), _later(tx.now, each))) for each in stored]
    await give_up(tx, Location, gone, platform_id=platform_id)


def intake() -> Intake:
    """How partners' locations come in when we read their list."""

    async def store(tx: Tx, bodies: Sequence[Json], platform_id: str) -> Taken:
        return Taken.of(await put_many(tx, bodies, platform_id=platform_id))

    async def remove(tx: Tx, keys: Sequence[ObjectKey], platform_id: str) -> None:
        await remove_many(tx, keys, platform_id=platform_id)

    return Intake(Location, WireLocation, store, remove)


def _keeping(body: Json) -> Keeping:
    key = ObjectKey.of(body["country_code"], body["party_id"], body["id"])
    # What is not published is for its owner alone: neither listed nor delivered to anybody else.
    return Keeping(key, body, None if body.get("publish", True) else f"{key.country_code}*{key.party_id}")


async def set_evse_status(tx: Tx, country_code: str, party_id: str, evse_uid: str, status: str) -> None:
    """Our own station's EVSE has a new status; unknown EVSEs and a status that it already has change nothing."""
    row = await location_of_evse(tx, country_code, party_id, evse_uid, to_change=True)
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
    stored = await look_up(tx, Location, ObjectKey.of(country_code, party_id, location_id))
    return stored.body() if stored else None


async def locate_evse(tx: Tx, country_code: str, party_id: str, evse_uid: str) -> Json | None:
    """The JSON of the location that an EVSE belongs to, or None."""
    row = await location_of_evse(tx, country_code, party_id, evse_uid)
    return row.body() if row else None


def _later(now: datetime, stored: Location | Stored) -> str:
    return format_datetime(max(now, stored.last_updated))


async def _index_evses(tx: Tx, changed: Sequence[KeptOne]) -> None:
    """Say of their EVSEs where they are; mostly they are where they were, unless the location is new."""
    where, stayed = dict[EvseKey, int](), list[EvseKey]()
    for (key, body, *_), row_id, is_new, *_ in changed:
        for evse in body.get("evses") or ():
            evse_key = key.country_code, key.party_id, evse["uid"].casefold()
            where[evse_key] = row_id
            if not is_new:
                stayed.append(evse_key)
    known = await locations_of_evses(tx, stayed)
    await place_evses(tx, {key: location_id for key, location_id in where.items() if known.get(key) != location_id})


async def with_id(tx: Tx, location_id: str) -> list[Location]:
    """Every stored location with this id, our own first: ids are unique only within their owner."""
    rows = await tx.all(select(Location).where(col(Location.object_id) == location_id.casefold()))
    return sorted(rows, key=lambda row: row.platform_id is not None)
