"""What the live page shows, read from the rooms' tables in one transaction.

Anonymous by construction: of a session or a CDR only the columns named here leave, never its token or its contract.
Energy, power and cost are decimal strings, times ISO 8601 in UTC.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select, tuple_
from sqlmodel import col

from csms import tables as csms
from csms.documents import read_fact
from csms.meters import power_w
from hub.locations.tables import Location
from hub.parties.changes import Cursor
from hub.parties.objects import ObjectKey
from hub.parties.outbox import Receipt
from hub.parties.tables import PartyRow, Platform
from hub.sessions.tables import Cdr, Session
from hub.stations.live import LiveStation, live_stations
from hub.stations.tables import Station, StationEvse, every
from kit.tx import Tx
from ocpi.datetimes import format_datetime

Json = dict[str, Any]

MOST_STATIONS = 48
MOST_SESSIONS = 24
MOST_CDRS = 12
MOST_PARTNERS = 24
RECENT = timedelta(hours=24)
"""A running session that began before is stuck and no longer news."""


async def snapshot(tx: Tx) -> Json:
    """The network as it is now: `totals`, and the first few `stations`, `sessions`, `cdrs` and `partners`."""
    names = await _party_names(tx)
    sessions = await _running(tx)
    cdrs = list(await tx.all(select(Cdr).order_by(col(Cdr.id).desc()).limit(MOST_CDRS)))
    stations = await every(tx, offset=0, limit=MOST_STATIONS)
    places = await _locations(tx, [*(_place(session) for session in sessions), *(_stands(each) for each in stations)])
    busy = {(_place(session), session.body()["evse_uid"]) for session in sessions if session.platform_id is None}
    return {
        "at": format_datetime(tx.now),
        "totals": await _totals(tx),
        "stations": await _stations(tx, stations, places, busy),
        "sessions": await _sessions(tx, sessions, places, names),
        "cdrs": await _cdrs(tx, cdrs, names),
        "partners": await _partners(tx),
    }


async def _totals(tx: Tx) -> Json:
    here = csms.Station
    connected = (
        col(here.connected_at).is_not(None),
        or_(col(here.disconnected_at).is_(None), col(here.disconnected_at) < col(here.connected_at)),
    )
    today = col(Cdr.last_updated) >= tx.now - RECENT
    energy_wh = (await tx.execute(select(func.sum(col(Cdr.energy_wh))).where(today))).scalar_one()
    return {
        "stations": await _count(tx, select(func.count()).select_from(Station)),
        "connected": await _count(tx, select(func.count()).select_from(here).where(*connected)),
        "charging": await _count(tx, select(func.count()).select_from(Session).where(*_is_running(tx))),
        "cdrs": await _count(tx, select(func.count()).select_from(Cdr).where(today)),
        "kwh": _kwh(energy_wh or Decimal(0)),
    }


async def _stations(
    tx: Tx, stations: Sequence[Station], places: dict[ObjectKey, Json], busy: Collection[tuple[ObjectKey, str]]
) -> list[Json]:
    ids = [station.id for station in stations]
    live = await live_stations(tx, ids)
    evses: dict[str, list[StationEvse]] = {}
    mapped = select(StationEvse).where(col(StationEvse.station_id).in_(ids)).order_by(col(StationEvse.evse_id))
    for evse in await tx.all(mapped):
        evses.setdefault(evse.station_id, []).append(evse)
    found = []
    for station in stations:
        now, place = live.get(station.id), places.get(_stands(station), {})
        connectors = [
            {"evse": evse.evse_id, "status": _status(now, evse, (_stands(station), evse.evse_uid) in busy)}
            for evse in evses.get(station.id, [])
        ]
        found.append(
            {
                "id": station.id,
                "place": place.get("name") or place.get("address") or "",
                "city": place.get("city", ""),
                "protocol": now.protocol if now else None,
                "connected": bool(now and now.connected),
                "connectors": connectors,
            }
        )
    return found


def _status(now: LiveStation | None, evse: StationEvse, is_busy: bool) -> str:
    """A connector's status word. Where a version only knows that it is taken, a session tells that it charges."""
    if now is None or not now.connected:
        return "offline"
    told = next((each.status for each in now.connectors if each.evse_id == evse.evse_id), "unknown")
    return "charging" if is_busy and told == "occupied" else told


async def _sessions(
    tx: Tx, sessions: Sequence[Session], places: dict[ObjectKey, Json], names: dict[str, str]
) -> list[Json]:
    powers = await _powers(tx, [each.transaction_id for each in sessions if each.transaction_id is not None])
    found = []
    for session in sessions:
        body, place = session.body(), places.get(_place(session), {})
        power = powers.get(session.transaction_id) if session.transaction_id is not None else None
        found.append(
            {
                "id": body["id"],
                "place": place.get("name") or place.get("address") or body["location_id"],
                "city": place.get("city", ""),
                "evse": body["evse_uid"],
                "cpo": names.get(_owner(session), _owner(session)),
                "emsp": names.get(session.audience or "", session.audience or ""),
                "own_charger": session.platform_id is None,
                "started_at": format_datetime(session.started_at),
                "kwh": _kwh(session.energy_wh),
                "kw": None if power is None else str(power.scaleb(-3)),
                "cost": None if session.total_cost is None else str(session.total_cost),
                "currency": session.currency,
            }
        )
    return found


async def _powers(tx: Tx, transaction_ids: Sequence[int]) -> dict[int, Decimal]:
    """The power that each transaction's charger has told last, in W."""
    message = csms.TransactionMessage
    newest = (
        select(func.max(col(message.id)))
        .where(col(message.transaction_id).in_(transaction_ids))
        .group_by(col(message.transaction_id))
    )
    found = {}
    for row in await tx.all(select(message).where(col(message.id).in_(newest))):
        readings = read_fact(row.kind, row.key, row.doc).readings
        power = power_w(readings[-1]) if readings else None
        if power is not None and row.transaction_id is not None:
            found[row.transaction_id] = power
    return found


async def _cdrs(tx: Tx, cdrs: Sequence[Cdr], names: dict[str, str]) -> list[Json]:
    where = (col(Receipt.module) == Cdr.module, col(Receipt.object_id).in_([cdr.object_id for cdr in cdrs]))
    receipts: dict[ObjectKey, list[Json]] = {}
    platforms = {row.id: row.name for row in await tx.all(select(Platform))}
    for receipt in await tx.all(select(Receipt).where(*where)):
        delivered = {"to": platforms.get(receipt.platform_id, ""), "at": format_datetime(receipt.received_at)}
        key = ObjectKey(receipt.country_code, receipt.party_id, receipt.object_id)
        receipts.setdefault(key, []).append(delivered)
    found = []
    for cdr in cdrs:
        body = cdr.body()
        place = body["cdr_location"]
        found.append(
            {
                "id": body["id"],
                "place": place.get("name") or place["address"],
                "city": place["city"],
                "ended_at": body["end_date_time"],
                "cpo": names.get(_owner(cdr), _owner(cdr)),
                "emsp": names.get(cdr.audience or "", cdr.audience or ""),
                "own_charger": cdr.platform_id is None,
                "kwh": _kwh(cdr.energy_wh),
                "cost": str(cdr.total_cost),
                "currency": cdr.currency,
                "delivered": receipts.get(cdr.key, []),
            }
        )
    return found


async def _partners(tx: Tx) -> list[Json]:
    platforms = await tx.all(select(Platform).order_by(col(Platform.id)).limit(MOST_PARTNERS))
    ids = [platform.id for platform in platforms]
    parties = await tx.all(select(PartyRow).where(col(PartyRow.platform_id).in_(ids)))
    cursors = await tx.all(select(Cursor).where(col(Cursor.platform_id).in_(ids)))
    return [
        {
            "name": platform.name,
            "status": platform.status.lower(),
            "version": platform.version,
            "roles": [
                {"role": party.role, "party": f"{party.country_code}*{party.party_id}"}
                for party in parties
                if party.platform_id == platform.id
            ],
            "delivered": sum(cursor.delivered for cursor in cursors if cursor.platform_id == platform.id),
            "failing": any(cursor.failures for cursor in cursors if cursor.platform_id == platform.id),
            "last_seen_at": _time(platform.last_seen_at),
        }
        for platform in platforms
    ]


def _is_running(tx: Tx) -> tuple[Any, Any]:
    return col(Session.started_at) >= tx.now - RECENT, col(Session.status) == "ACTIVE"


async def _running(tx: Tx) -> list[Session]:
    statement = select(Session).where(*_is_running(tx)).order_by(col(Session.started_at).desc(), col(Session.id))
    return list(await tx.all(statement.limit(MOST_SESSIONS)))


async def _party_names(tx: Tx) -> dict[str, str]:
    rows = await tx.all(select(PartyRow))
    return {f"{row.country_code}*{row.party_id}": row.business_name for row in rows}


async def _locations(tx: Tx, keys: Sequence[ObjectKey]) -> dict[ObjectKey, Json]:
    """The locations with these keys that are stored."""
    wanted = {(key.country_code, key.party_id, key.object_id) for key in keys}
    columns = tuple_(col(Location.country_code), col(Location.party_id), col(Location.object_id))
    rows = await tx.all(select(Location).where(columns.in_(wanted)))
    return {row.key: row.body() for row in rows}


def _place(session: Session) -> ObjectKey:
    return ObjectKey.of(session.country_code, session.party_id, session.body()["location_id"])


def _stands(station: Station) -> ObjectKey:
    return ObjectKey.of(station.country_code, station.party_id, station.location_id)


def _owner(row: Session | Cdr) -> str:
    return f"{row.country_code}*{row.party_id}"


async def _count(tx: Tx, statement: Any) -> int:
    return int((await tx.execute(statement)).scalar_one())


def _kwh(energy_wh: Decimal) -> str:
    return str(energy_wh.scaleb(-3))


def _time(at: datetime | None) -> str | None:
    return format_datetime(at) if at else None
