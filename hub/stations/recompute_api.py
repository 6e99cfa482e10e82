"""Operator API: the record of a transaction made again of what its station said, and who had that done."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from auth.guards import AdminDep
from csms.frame_log import FrameLog
from csms.recompute import recompute, told_of
from hub.stations.tables import Recomputation, recomputations
from kit.crypto import KeyRing
from kit.tx import Database

Record = dict[str, Any]


class RecomputeIn(BaseModel):
    """Why a record is made again."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=3, max_length=500)


class RecomputeOut(BaseModel):
    """The record before and after. When they differ the new one is stored, and the session follows."""

    transaction_id: int
    station_id: str
    before: Record
    after: Record
    stored: bool
    from_frames: int = Field(description="Messages that were read anew from their frames; the others as stored.")
    changed: int = Field(description="Messages that are understood in another way now.")
    added: int = Field(description="Messages that name the transaction and had not been counted.")


class RecomputationOut(BaseModel):
    """That somebody had a record made again."""

    id: str
    transaction_id: int
    station_id: str
    key_id: str
    key_name: str
    reason: str
    at: datetime
    stored: bool
    before: Record
    after: Record


class RecomputationsOut(BaseModel):
    """A part of the list, the newest first."""

    items: list[RecomputationOut]
    next: str | None = Field(description="Give it as `cursor` to go on; null at the end.")


def router(db: Database, keys: KeyRing, frames: FrameLog) -> APIRouter:
    """The routes of recomputing."""
    routes = APIRouter(tags=["transactions"])

    @routes.post("/transactions/{transaction_id}/recompute", operation_id="recompute_transaction")
    async def recompute_transaction(transaction_id: int, body: RecomputeIn, who: AdminDep) -> RecomputeOut:
        """Make the record of a transaction again: of its frames as far as they are kept, else of stored messages."""
        await frames.flush()
        told = await told_of(db, keys, transaction_id)
        async with db.tx() as tx:
            done = await recompute(tx, transaction_id, told)
            tx.add(
                Recomputation(
                    transaction_id=transaction_id,
                    station_id=done.station_id,
                    key_id=who.key_id,
                    key_name=who.name,
                    reason=body.reason,
                    at=tx.now,
                    stored=done.differs,
                    before=orjson.dumps(done.before),
                    after=orjson.dumps(done.after),
                )
            )
        return RecomputeOut(
            transaction_id=transaction_id,
            station_id=done.station_id,
            before=dict(done.before),
            after=dict(done.after),
            stored=done.differs,
            from_frames=done.from_frames,
            changed=done.changed,
            added=done.added,
        )

    @routes.get("/transactions/recomputations", operation_id="list_recomputations")
    async def list_recomputations(
        _: AdminDep,
        transaction_id: int | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500, description="The most items to return")] = 50,
    ) -> RecomputationsOut:
        """Who had records made again, when and why, and what came of it."""
        async with db.read() as tx:
            rows = await recomputations(tx, transaction_id=transaction_id, before=cursor, limit=limit + 1)
        shown = rows[:limit]
        return RecomputationsOut(items=[_out(row) for row in shown], next=shown[-1].id if len(rows) > limit else None)

    return routes


def _out(row: Recomputation) -> RecomputationOut:
    return RecomputationOut(
        id=row.id,
        transaction_id=row.transaction_id,
        station_id=row.station_id,
        key_id=row.key_id,
        key_name=row.key_name,
        reason=row.reason,
        at=row.at,
        stored=row.stored,
        before=orjson.loads(row.before),
        after=orjson.loads(row.after),
    )
