"""Rows of vehicles that announced themselves at a charger and that nobody's account knows yet."""

from datetime import datetime, timedelta

from sqlalchemy import Index, Text, delete, select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.ids import uuid7
from kit.tx import Tx

WITHIN = timedelta(minutes=15)
"""So long before the session that its driver confirms a vehicle may have announced itself."""
KEPT = timedelta(hours=24)


class VehicleSeen(SQLModel, table=True):
    """A vehicle's address that a charger asked about and that was refused. It is kept encrypted, and not for long."""

    __tablename__ = "vehicle_seen"
    __table_args__ = (Index("ix_vehicle_seen_at", "station_id", "seen_at"),)

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    station_id: str = Field(max_length=48)
    evse_id: int | None = None
    uid_digest: str = Field(max_length=64)
    sealed_uid: str = Field(sa_type=Text)
    seen_at: datetime = Field(index=True)


async def seen_at(tx: Tx, station_id: str, *, since: datetime) -> list[VehicleSeen]:
    """The vehicles that announced themselves at a station since a moment, the newest first."""
    where = (col(VehicleSeen.station_id) == station_id, col(VehicleSeen.seen_at) >= since)
    return list(await tx.all(select(VehicleSeen).where(*where).order_by(col(VehicleSeen.id).desc())))


async def forget_vehicles(tx: Tx) -> None:
    """Forget the vehicles that nobody confirmed."""
    await tx.execute(delete(VehicleSeen).where(col(VehicleSeen.seen_at) < tx.now - KEPT))
