"""Operator API: what stations tell: notices, reports, and the variables of their device models."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from auth.guards import OperatorDep
from csms.log_tables import Notice
from csms.noticer import Search, notices_of, part, report_of, variables_of
from csms.notices import is_complete
from hub.stations.service import found
from kit.errors import NotFound
from kit.paging import Page, Paging
from kit.tx import Database


class NoticeOut(BaseModel):
    """Something that a station told, masked."""

    id: str
    at: datetime = Field(description="When it arrived.")
    action: str
    is_security: bool = Field(description="Whether it is a security event.")
    request_id: int | None = Field(description="The request of the report that it is a part of.")
    seq_no: int | None
    more: bool = Field(description="Whether the station said that there is more of this report to come.")
    payload: dict[str, Any]


class NoticesOut(BaseModel):
    """A part of what a station told."""

    items: list[NoticeOut]
    next: str | None = Field(description="Give it as `cursor` to go on; null at the end.")


class ReportOut(BaseModel):
    """A report that came in parts."""

    request_id: int
    action: str
    complete: bool = Field(description="Whether all its parts have come.")
    parts: list[NoticeOut]


class VariableOut(BaseModel):
    """An attribute of a variable (2.x), or a configuration key (1.6, without a component), as last told."""

    component: str | None
    component_instance: str | None
    evse_id: int | None
    connector_id: int | None
    variable: str
    variable_instance: str | None
    attribute: str
    value: str | None = Field(description="Null for what has none, and for secrets.")
    mutability: str | None
    characteristics: dict[str, Any] | None
    at: datetime


def router(db: Database) -> APIRouter:
    """The routes of notices and variables."""
    routes = APIRouter(tags=["stations"])

    @routes.get("/stations/{station_id}/notices", operation_id="list_notices")
    async def list_notices(
        station_id: str,
        _: OperatorDep,
        action: str | None = None,
        security: Annotated[bool | None, Query(description="Only security events, or none of them")] = None,
        request_id: Annotated[int | None, Query(description="Only the parts of this report")] = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500, description="The most items to return")] = 50,
    ) -> NoticesOut:
        """What the station told: events, reports, states of firmware and logs, data of its vendor; the newest first."""
        wanted = Search(action, security, request_id, since, until)
        async with db.read() as tx:
            station = await found(tx, station_id)
            rows = await notices_of(tx, station.id, wanted, before=cursor, limit=limit + 1)
        shown = rows[:limit]
        return NoticesOut(items=[_out(notice) for notice in shown], next=shown[-1].id if len(rows) > limit else None)

    @routes.get("/stations/{station_id}/reports/{action}/{request_id}", operation_id="get_report")
    async def get_report(station_id: str, action: str, request_id: int, _: OperatorDep) -> ReportOut:
        """The parts of the newest report of this kind for a request of ours, in order."""
        async with db.read() as tx:
            station = await found(tx, station_id)
            parts = await report_of(tx, station.id, action, request_id)
        if not parts:
            raise NotFound("no part of such a report has come")
        return ReportOut(
            request_id=request_id,
            action=action,
            complete=is_complete([part(notice) for notice in parts]),
            parts=[_out(notice) for notice in parts],
        )

    @routes.get("/stations/{station_id}/variables", operation_id="list_variables")
    async def list_variables(
        station_id: str, _: OperatorDep, paging: Paging, component: str | None = None, variable: str | None = None
    ) -> Page[VariableOut]:
        """The device model of the station as far as it was told: by reports, and by answers to our requests."""
        async with db.read() as tx:
            station = await found(tx, station_id)
            rows, total = await variables_of(
                tx, station.id, component=component, variable=variable, offset=paging.offset, limit=paging.limit
            )
        items = [
            VariableOut(
                component=row.component or None,
                component_instance=row.component_instance or None,
                evse_id=row.evse_id or None,
                connector_id=row.connector_id or None,
                variable=row.variable,
                variable_instance=row.variable_instance or None,
                attribute=row.attribute,
                value=row.value,
                mutability=row.mutability,
                characteristics=orjson.loads(row.characteristics) if row.characteristics else None,
                at=row.at,
            )
            for row in rows
        ]
        return Page.of(items, total, paging)

    return routes


def _out(notice: Notice) -> NoticeOut:
    return NoticeOut(
        id=notice.id,
        at=notice.at,
        action=notice.action,
        is_security=notice.is_security,
        request_id=notice.request_id,
        seq_no=notice.seq_no,
        more=notice.more,
        payload=orjson.loads(notice.doc),
    )
