"""Operator API: the conformance report of a station, to be shown to its vendor."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete
from sqlmodel import col

from auth.guards import AdminDep, OperatorDep
from csms.conformance import Conformance, breaches_of
from csms.log_tables import Breach
from hub.stations.live import live_stations
from hub.stations.service import found
from kit.tx import Database


class ViolationOut(BaseModel):
    """How often the station broke one rule in one place."""

    model_config = ConfigDict(from_attributes=True)

    action: str = Field(description="Empty for what was no frame.")
    is_answer: bool = Field(description="Whether it was the answer to a call of ours.")
    path: str = Field(description="Where in the payload; * stands for any item of a list.")
    rule: str = Field(
        description="The rule of the JSON schema; `null` for a null; `frame` and `action` for what was not understood; "
        "`others` for everything beyond the 200 rules that are counted one by one."
    )
    refused: bool = Field(description="Whether the message could not be accepted.")
    count: int
    first_at: datetime
    last_at: datetime


class ConformanceOut(BaseModel):
    """What a station does that its version of OCPP does not allow."""

    station_id: str
    protocol: str | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    total: int
    refused: int
    violations: list[ViolationOut] = Field(description="The most frequent first.")


def router(db: Database, conformance: Conformance) -> APIRouter:
    """The routes of the report."""
    routes = APIRouter(tags=["stations"])

    @routes.get("/stations/{station_id}/violations", operation_id="list_violations")
    async def list_violations(station_id: str, _: OperatorDep) -> ConformanceOut:
        """The conformance report: who made the station, and how often it broke which rule where."""
        await conformance.flush()
        async with db.read() as tx:
            station = await found(tx, station_id)
            now = (await live_stations(tx, [station.id])).get(station.id)
            breaches = await breaches_of(tx, station.id)
        return ConformanceOut(
            station_id=station.id,
            protocol=now.protocol if now else None,
            vendor=now.vendor if now else None,
            model=now.model if now else None,
            serial_number=now.serial if now else None,
            firmware_version=now.firmware if now else None,
            total=sum(breach.count for breach in breaches),
            refused=sum(breach.count for breach in breaches if breach.refused),
            violations=[ViolationOut.model_validate(breach) for breach in breaches],
        )

    @routes.delete("/stations/{station_id}/violations", operation_id="forget_violations", status_code=204)
    async def forget_violations(station_id: str, _: AdminDep) -> None:
        """Begin to count anew, after an update of the firmware for instance."""
        await conformance.flush()
        async with db.tx() as tx:
            station = await found(tx, station_id)
            await tx.execute(delete(Breach).where(col(Breach.station_id) == station.id))

    return routes
