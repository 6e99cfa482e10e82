"""Operator API: the frame log of a station, and tracing it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from auth.guards import AdminDep, OperatorDep
from csms.frame_log import TRACES, FrameLog
from csms.frame_search import Frame, Search, search
from csms.log_tables import Trace
from csms.masking import Masker
from hub.stations.service import found
from kit.crypto import KeyRing
from kit.tx import Database

EXPORTED_AT_ONCE = 500
MOST_EXPORTED = 20_000


class FrameOut(BaseModel):
    """One frame between us and the station, masked."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    at: datetime
    station_id: str
    session_id: str = Field(description="The connection that it passed over.")
    protocol: str
    direction: str = Field(description="IN for what the station sent, OUT for what we sent.")
    kind: str = Field(description="CALL, RESULT, ERROR, SEND, RESULT_ERROR, UNREADABLE, or CUT for what was too large.")
    action: str | None = Field(description="Of an answer that of the request.")
    message_id: str | None
    correlation_id: str | None
    bytes: int
    failed: bool
    error: str | None
    payload: Any = Field(description="Null where there is none, and where it cannot be shown.")


class FramesOut(BaseModel):
    """A part of the log."""

    items: list[FrameOut]
    next: str | None = Field(
        description="Give it as `cursor` to go on, even when there are fewer items than asked for; null at the end."
    )
    traced_until: datetime | None = Field(description="Until when heartbeats are logged too; null when they are not.")


class TraceIn(BaseModel):
    """How long a station is traced."""

    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(60, ge=1, le=7 * 24 * 60)


class TraceOut(BaseModel):
    """That a station is traced: its heartbeats are logged too."""

    station_id: str
    until: datetime


Wanted = Annotated[str | None, Query(description="Only frames of this action and their answers")]
Since = Annotated[AwareDatetime | None, Query(description="Only what passed at this time or later")]
Until = Annotated[AwareDatetime | None, Query(description="Only what passed before this time")]


def router(db: Database, keys: KeyRing, masker: Masker, frames: FrameLog) -> APIRouter:
    """The routes of the frame log."""
    routes = APIRouter(tags=["stations"])

    @routes.get("/stations/{station_id}/frames", operation_id="list_frames")
    async def list_frames(
        station_id: str,
        _: OperatorDep,
        action: Wanted = None,
        direction: Literal["IN", "OUT"] | None = None,
        correlation_id: Annotated[str | None, Query(description="The frames of one case, the oldest first")] = None,
        failed: bool | None = None,
        since: Since = None,
        until: Until = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500, description="The most items to return")] = 50,
    ) -> FramesOut:
        """What passed between us and the station: the newest first; of one correlation id the oldest first."""
        await frames.flush()
        async with db.read() as tx:
            station = await found(tx, station_id)
            trace = await tx.get(Trace, station.id)
            now = tx.now
        wanted = Search(action, direction, correlation_id, failed, since, until)
        page = await search(
            db,
            keys,
            masker,
            station.id,
            wanted,
            after=cursor,
            oldest_first=correlation_id is not None,
            limit=limit,
        )
        return FramesOut(
            items=[FrameOut.model_validate(frame) for frame in page.frames],
            next=page.next,
            traced_until=trace.until if trace is not None and trace.until > now else None,
        )

    @routes.get(
        "/stations/{station_id}/frames/export",
        operation_id="export_frames",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/x-ndjson": {}}, "description": "One frame on each line."}},
    )
    async def export_frames(
        station_id: str, _: OperatorDep, action: Wanted = None, since: Since = None, until: Until = None
    ) -> StreamingResponse:
        """Masked frames for the vendor, one JSON object on each line, the oldest first, 20,000 at most."""
        await frames.flush()
        async with db.read() as tx:
            station = await found(tx, station_id)
        wanted = Search(action=action, since=since, until=until)
        return StreamingResponse(
            _lines(db, keys, masker, station.id, wanted),
            media_type="application/x-ndjson",
            headers={"Content-Disposition": 'attachment; filename="frames.ndjson"'},
        )

    @routes.put("/stations/{station_id}/trace", operation_id="trace_station")
    async def trace_station(station_id: str, body: TraceIn, _: AdminDep) -> TraceOut:
        """Log heartbeats of the station too, for a limited time."""
        async with db.tx() as tx:
            station = await found(tx, station_id)
            until = tx.now + timedelta(minutes=body.minutes)
            trace = await tx.get(Trace, station.id)
            if trace is None:
                tx.add(Trace(station_id=station.id, until=until))
            else:
                trace.until = until
            tx.ring(TRACES)
        return TraceOut(station_id=station.id, until=until)

    @routes.delete("/stations/{station_id}/trace", operation_id="stop_tracing_station", status_code=204)
    async def stop_tracing_station(station_id: str, _: AdminDep) -> None:
        """Log no more heartbeats of the station."""
        async with db.tx() as tx:
            station = await found(tx, station_id)
            trace = await tx.get(Trace, station.id)
            if trace is not None:
                await tx.delete(trace)
            tx.ring(TRACES)

    return routes


async def _lines(db: Database, keys: KeyRing, masker: Masker, station_id: str, wanted: Search) -> AsyncIterator[bytes]:
    told, cursor = 0, None
    while told < MOST_EXPORTED:
        page = await search(
            db, keys, masker, station_id, wanted, after=cursor, oldest_first=True, limit=EXPORTED_AT_ONCE
        )
        yield b"".join(_line(frame) for frame in page.frames)
        told += len(page.frames)
        cursor = page.next
        if cursor is None:
            return


def _line(frame: Frame) -> bytes:
    return orjson.dumps(frame, option=orjson.OPT_APPEND_NEWLINE)
