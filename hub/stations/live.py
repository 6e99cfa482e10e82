"""What stations do now, as the CSMS has last recorded it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from csms import tables as csms
from csms.capabilities import Capabilities, capabilities_of
from kit.tx import Tx


@dataclass(frozen=True, slots=True)
class LiveConnector:
    """A connector's status; `evse_id` 0 is the station itself."""

    evse_id: int
    connector_id: str
    status: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class LiveStation:
    """How a station introduced itself and whether it is there."""

    connected: bool
    protocol: str | None
    vendor: str | None
    model: str | None
    serial: str | None
    firmware: str | None
    last_seen_at: datetime | None
    connectors: tuple[LiveConnector, ...]


async def model_of(tx: Tx, station_id: str) -> Capabilities:
    """What the model of a station can do, as it introduced itself at its last boot."""
    row = await tx.get(csms.Station, station_id)
    return Capabilities() if row is None else capabilities_of(row.vendor, row.model, row.firmware)


async def live_stations(tx: Tx, station_ids: Sequence[str]) -> dict[str, LiveStation]:
    """The stations among these that have ever connected, by id."""
    stations = await tx.all(select(csms.Station).where(col(csms.Station.station_id).in_(station_ids)))
    connectors = await tx.all(
        select(csms.Connector)
        .where(col(csms.Connector.station_id).in_(station_ids))
        .order_by(col(csms.Connector.evse_id), col(csms.Connector.connector_id))
    )
    found: dict[str, list[LiveConnector]] = {}
    for row in connectors:
        connector = LiveConnector(row.evse_id, str(row.connector_id), row.status, row.at)
        found.setdefault(row.station_id, []).append(connector)
    return {row.station_id: _live(row, tuple(found.get(row.station_id, ()))) for row in stations}


def _live(row: csms.Station, connectors: tuple[LiveConnector, ...]) -> LiveStation:
    gone = row.disconnected_at is not None and (row.connected_at is None or row.disconnected_at >= row.connected_at)
    return LiveStation(
        connected=row.connected_at is not None and not gone,
        protocol=row.protocol or None,
        vendor=row.vendor or None,
        model=row.model or None,
        serial=row.serial,
        firmware=row.firmware,
        last_seen_at=row.last_seen_at,
        connectors=connectors,
    )


async def last_boot(tx: Tx, station_id: str) -> datetime | None:
    """When a station booted last."""
    row = await tx.get(csms.Station, station_id)
    return row.booted_at if row is not None else None
