"""Rows of the configuration that stations are to have, and what they have."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Field, SQLModel, col

import hub.stations.tables  # noqa: F401 - the table that the foreign keys lead to
from kit.db import BigInt
from kit.tx import Tx


class DesiredValue(SQLModel, table=True):
    """A value that stations of a kind, a location, or one station are to have; see `hub.stations.desired`."""

    __tablename__ = "station_desired"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    version: str = Field(max_length=8)
    vendor: str = Field(default="*", max_length=100)
    model: str = Field(default="*", max_length=100)
    location_id: str | None = Field(default=None, max_length=36)
    station_id: str | None = Field(default=None, max_length=48)
    key: str = Field(max_length=200)
    value: str = Field(max_length=2500)
    is_required: bool = False
    """Whether a station is not accepted before it has been told."""
    created_at: datetime


class StationValue(SQLModel, table=True):
    """A value that a station is to have, and what it has."""

    __tablename__ = "station_value"

    station_id: str = Field(primary_key=True, max_length=48, foreign_key="station.id")
    key: str = Field(primary_key=True, max_length=200)
    desired: str = Field(max_length=2500)
    actual: str | None = Field(default=None, max_length=2500)
    outcome: str = Field(max_length=16)
    checked_at: datetime


async def desired_values(tx: Tx) -> Sequence[DesiredValue]:
    """All of them, the oldest first."""
    return await tx.all(select(DesiredValue).order_by(col(DesiredValue.id)))


async def values_of(tx: Tx, station_id: str) -> Sequence[StationValue]:
    """What is known of a station, by key."""
    where = col(StationValue.station_id) == station_id
    return await tx.all(select(StationValue).where(where).order_by(col(StationValue.key)))


async def replace_values(tx: Tx, station_id: str, values: Sequence[StationValue]) -> None:
    """What is known of a station from now on."""
    await tx.execute(delete(StationValue).where(col(StationValue.station_id) == station_id))
    for value in values:
        tx.add(value)
