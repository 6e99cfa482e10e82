"""Rows of what operators have stations do. What was asked, and what came of it, may name cards: both are encrypted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index, Text, delete, func, select, update
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.tx import Tx

KEPT = timedelta(days=180)
UNKNOWN_AFTER = timedelta(minutes=15)
"""An operation that began so long ago and has no outcome has lost its process."""


class OperationState(StrEnum):
    """Where an operation is. It is sent to the station at most once, unless the station was not there."""

    WAITING = "waiting"
    """For its time, or for the station."""
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class StationOperation(SQLModel, table=True):
    """One thing that an operator has a station do."""

    __tablename__ = "station_operation"
    __table_args__ = (Index("ix_station_operation_station", "station_id", "id"),)

    id: str = Field(primary_key=True, max_length=36)
    station_id: str = Field(max_length=48, foreign_key="station.id")
    operation: str = Field(max_length=40)
    state: str = Field(max_length=10, index=True)
    status: str | None = Field(default=None, max_length=20)
    """A word of `csms.commands.CommandStatus`, once there is an outcome; of the last attempt while it waits."""
    reason: str | None = Field(default=None, max_length=500)
    """The station's own words."""
    request_id: int
    """Our number of it, by which the station reports later."""
    sealed_intent: str = Field(sa_type=Text)
    sealed_result: str | None = Field(default=None, sa_type=Text)
    asked_by: str | None = Field(default=None, max_length=36)
    progress: str | None = Field(default=None, max_length=16)
    """A word of `csms.station.Progress`, for what the station works at after it has agreed."""
    progress_word: str | None = Field(default=None, max_length=64)
    progress_at: datetime | None = None
    attempts: int = 0
    due_at: datetime
    give_up_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime = Field(index=True)


async def locked(tx: Tx, operation_id: str) -> StationOperation | None:
    """The operation, which nobody else changes until the transaction ends."""
    return await tx.first(select(StationOperation).where(col(StationOperation.id) == operation_id).with_for_update())


async def of_station(tx: Tx, station_id: str, *, offset: int, limit: int) -> tuple[Sequence[StationOperation], int]:
    """A page of a station's operations, newest first, and how many there are."""
    where = col(StationOperation.station_id) == station_id
    total = (await tx.execute(select(func.count()).select_from(StationOperation).where(where))).scalar_one()
    page = select(StationOperation).where(where).order_by(col(StationOperation.id).desc())
    return await tx.all(page.offset(offset).limit(limit)), int(total)


async def waiting_for(tx: Tx, station_id: str) -> Sequence[StationOperation]:
    """A station's operations that were tried in vain and wait to be tried again."""
    statement = select(StationOperation).where(
        col(StationOperation.station_id) == station_id,
        col(StationOperation.state) == OperationState.WAITING,
        col(StationOperation.attempts) > 0,
    )
    return await tx.all(statement)


async def reported_on(tx: Tx, station_id: str, operation: str, request_id: int | None) -> StationOperation | None:
    """The operation that a station reports on: by its number, else its newest of that kind; locked."""
    statement = (
        select(StationOperation)
        .where(
            col(StationOperation.station_id) == station_id,
            col(StationOperation.operation) == operation,
            col(StationOperation.attempts) > 0,
        )
        .order_by(col(StationOperation.id).desc())
        .limit(1)
        .with_for_update()
    )
    if request_id is not None:
        found = await tx.first(statement.where(col(StationOperation.request_id) == request_id))
        if found is not None:
            return found
    return await tx.first(statement)


async def close_lost(tx: Tx) -> int:
    """End the operations whose process died: whether the station did them is not known. How many it were."""
    statement = (
        update(StationOperation)
        .where(
            col(StationOperation.state) == OperationState.RUNNING,
            col(StationOperation.begun_at) < tx.now - UNKNOWN_AFTER,
        )
        .values(state=OperationState.DONE, status="failed", reason="the outcome is not known", ended_at=tx.now)
    )
    return (await tx.execute(statement)).rowcount


async def forget_old(tx: Tx) -> int:
    """Delete what ended long ago. How many it were."""
    ended = col(StationOperation.ended_at) < tx.now - KEPT
    return (await tx.execute(delete(StationOperation).where(ended))).rowcount
