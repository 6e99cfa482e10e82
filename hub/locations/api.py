"""Operator API: locations."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Query

from auth.guards import AdminDep, OperatorDep
from hub.locations import service
from hub.locations.tables import Location
from hub.parties.objects import page
from hub.parties.wire import completed, own_party, stamped
from kit.paging import Page, Paging
from kit.tx import Database
from ocpi.v221.locations import Location as WireLocation

Json = dict[str, Any]


def router(db: Database, *, cpo_parties: list[str]) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["locations"])

    @routes.put("/locations/{location_id}", operation_id="put_location")
    async def put_location(
        location_id: str,
        body: Annotated[Json, Body(description="An OCPI 2.2.1 Location; owner, id and last_updated are filled in.")],
        _: AdminDep,
        cpo: Annotated[str | None, Query(description="Our CPO party as CC*PID; the first one when absent.")] = None,
    ) -> Json:
        """Create or replace a location of ours and tell the partners who may see it."""
        party = own_party(cpo, cpo_parties)
        async with db.tx() as tx:
            stored = completed(WireLocation, stamped(body, tx.now), party=party, now=tx.now, id=location_id)
            await service.put(tx, stored, platform_id=None)
        return stored

    @routes.get("/locations", operation_id="list_locations")
    async def list_locations(_: OperatorDep, paging: Paging) -> Page[Json]:
        """All locations, ours and partners', oldest first."""
        async with db.read() as tx:
            docs, total = await page(tx, Location, offset=paging.offset, limit=paging.limit)
        return Page.of([orjson.loads(doc) for doc in docs], total, paging)

    return routes
