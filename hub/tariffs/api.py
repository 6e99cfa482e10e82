"""Operator API: tariffs."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Query

from auth.guards import AdminDep, OperatorDep
from hub.parties.objects import page
from hub.parties.wire import completed, own_party
from hub.tariffs import service
from hub.tariffs.linting import inspect
from hub.tariffs.schemas import DEFAULT_PLACE, MEASURED_HERE, At, CheckedTariff, PublishedTariff, refusal
from hub.tariffs.tables import Tariff
from kit.paging import Page, Paging
from kit.tx import Database
from ocpi.v221.tariffs import Tariff as WireTariff

Json = dict[str, Any]


def router(db: Database, *, cpo_parties: list[str]) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["tariffs"])

    @routes.put("/tariffs/{tariff_id}", operation_id="put_tariff")
    async def put_tariff(
        tariff_id: str,
        body: Annotated[Json, Body(description="An OCPI 2.2.1 Tariff; owner, id and last_updated are filled in.")],
        _: AdminDep,
        cpo: Annotated[str | None, Query(description="Our CPO party as CC*PID; the first one when absent.")] = None,
        at: Annotated[At, Query()] = DEFAULT_PLACE,
    ) -> PublishedTariff:
        """Publish a tariff of ours and tell the partners.

        What we could not price exactly is refused, and what the law of the place forbids; warnings come along.
        """
        party = own_party(cpo, cpo_parties)
        async with db.tx() as tx:
            stored = completed(WireTariff, body, party=party, now=tx.now, id=tariff_id)
            inspected = inspect(stored, at.place(party[0]), measured=MEASURED_HERE)
            if not inspected.is_allowed:
                raise refusal(inspected)
            await service.put(tx, stored, platform_id=None)
        return PublishedTariff.of(stored, inspected)

    @routes.post("/tariffs/check", operation_id="check_tariff")
    async def check_tariff(
        body: Annotated[Json, Body(description="An OCPI 2.2.1 Tariff; owner, id and last_updated may be missing.")],
        _: OperatorDep,
        at: Annotated[At, Query()] = DEFAULT_PLACE,
    ) -> CheckedTariff:
        """What publishing a tariff would say of it. Nothing is stored."""
        return CheckedTariff.of(inspect(body, at.place(own_party(None, cpo_parties)[0]), measured=MEASURED_HERE))

    @routes.get("/tariffs", operation_id="list_tariffs")
    async def list_tariffs(_: OperatorDep, paging: Paging) -> Page[Json]:
        """All tariffs, ours and partners', oldest first."""
        async with db.read() as tx:
            docs, total = await page(tx, Tariff, offset=paging.offset, limit=paging.limit)
        return Page.of([orjson.loads(doc) for doc in docs], total, paging)

    return routes
