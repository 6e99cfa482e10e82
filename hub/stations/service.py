"""Stations inside one transaction: register them, let them in, and say where their EVSEs are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.locations import service as locations
from hub.stations.tables import Station, StationEvse, by_id, evses_of
from kit.crypto import KeyRing
from kit.errors import Conflict, InvalidInput, NotFound
from kit.ids import random_token
from kit.tx import Tx
from ocpi.datetimes import format_datetime

Json = dict[str, Any]

PASSWORD_PURPOSE = "station-password"  # noqa: S105 - what the digests are for, no password
PASSWORD_BYTES = 24
"""Gives 32 characters: within OCPP 1.6's 20 to 40, and 2.0.1's."""


@dataclass(frozen=True, slots=True)
class EvseMapping:
    """Which EVSE and connector of the location an EVSE of the station is."""

    evse_id: int
    evse_uid: str
    connector_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session happens, in OCPI's words."""

    country_code: str
    party_id: str
    location_id: str
    evse_uid: str
    connector_id: str


async def register(
    tx: Tx,
    ring: KeyRing,
    *,
    station_id: str,
    party: tuple[str, str],
    location_id: str | None,
    evses: Sequence[EvseMapping],
    password: str | None,
    password_digest: str | None = None,
    minimum_profile: int = 1,
) -> str | None:
    """Add a station of one of our CPO parties; returns its password, which is stored as a digest only.

    None is returned for a station that goes on with a password of which there is the digest alone.

    Without a location the station gets one of its own that is not published. Without a mapping the location's EVSEs
    are taken in their order. Raises `Conflict` for an id that is taken, `NotFound` for an unknown location.
    """
    if await by_id(tx, station_id) is not None:
        raise Conflict("there is a station with this id")
    location = await _location(tx, party, location_id or station_id, make=location_id is None)
    if password is not None or password_digest is None:
        password = password or random_token(PASSWORD_BYTES)
        password_digest = ring.digest(PASSWORD_PURPOSE, password)
    tx.add(
        Station(
            id=station_id,
            folded_id=station_id.casefold(),
            password_digest=password_digest,
            minimum_profile=minimum_profile,
            country_code=party[0],
            party_id=party[1],
            location_id=location["id"],
            created_at=tx.now,
        )
    )
    await tx.flush()
    for mapping in evses or _in_order(location):
        tx.add(
            StationEvse(
                station_id=station_id,
                evse_id=mapping.evse_id,
                evse_uid=mapping.evse_uid,
                connector_id=mapping.connector_id,
            )
        )
    return password


async def found(tx: Tx, station_id: str) -> Station:
    """The station with this id, however it is spelled. Raises `NotFound`."""
    station = await by_id(tx, station_id)
    if station is None:
        raise NotFound("no such station")
    return station


async def cpo_of(tx: Tx, station_id: str) -> str | None:
    """`CC*PID` of the CPO that a station belongs to; None for an unknown station."""
    station = await by_id(tx, station_id)
    return f"{station.country_code}*{station.party_id}" if station else None


async def place(tx: Tx, station_id: str, evse_id: int) -> Place | None:
    """Where an EVSE of a station is; None for an unknown station, and for an EVSE that is mapped nowhere."""
    station = await by_id(tx, station_id)
    if station is None:
        return None
    for evse in await evses_of(tx, station.id):
        if evse.evse_id == evse_id:
            return Place(station.country_code, station.party_id, station.location_id, evse.evse_uid, evse.connector_id)
    return None


async def _location(tx: Tx, party: tuple[str, str], location_id: str, *, make: bool) -> Json:
    location = await locations.get(tx, *party, location_id)
    if location is None and not make:
        raise NotFound("there is no location with this id")
    if location is None:
        location = unpublished_location(party, location_id, format_datetime(tx.now))
        await locations.put(tx, location, platform_id=None)
    return location


def unpublished_location(party: tuple[str, str], station_id: str, now: str) -> Json:
    """A location for a station that nobody has placed yet: one EVSE, published to no one."""
    if len(station_id) > 36:
        raise InvalidInput("a station id of more than 36 characters needs a location of its own: give location_id")
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 400,
        "max_amperage": 32,
        "last_updated": now,
    }
    return {
        "country_code": party[0],
        "party_id": party[1],
        "id": station_id,
        "publish": False,
        "address": "#NA",
        "city": "#NA",
        "country": "NLD",
        "coordinates": {"latitude": "0.00000", "longitude": "0.00000"},
        "evses": [{"uid": f"{station_id}"[:36], "status": "UNKNOWN", "connectors": [connector], "last_updated": now}],
        "time_zone": "Etc/UTC",
        "last_updated": now,
    }


def _in_order(location: Json) -> list[EvseMapping]:
    return [
        EvseMapping(number, evse["uid"], evse["connectors"][0]["id"])
        for number, evse in enumerate(location.get("evses") or [], start=1)
    ]
