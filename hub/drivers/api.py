"""Operator API: drivers and their keys."""

from fastapi import APIRouter

from auth.guards import AdminDep, OperatorDep
from auth.tables import keys_of_driver
from hub.drivers import service
from hub.drivers.schemas import DriverChange, DriverIn, DriverKeyIn, DriverKeyOut, DriverOut, NewDriverKey
from hub.drivers.tables import listed
from hub.parties.wire import own_party
from kit.crypto import KeyRing
from kit.paging import Page, Paging
from kit.tx import Database


def router(db: Database, keys: KeyRing, *, emsp_parties: list[str]) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["drivers"])

    @routes.post("/drivers", operation_id="create_driver", status_code=201)
    async def create_driver(body: DriverIn, _: AdminDep) -> DriverOut:
        """A new driver of ours. What the app presents is a key: see `create_driver_key`."""
        party = own_party(body.emsp, emsp_parties)
        async with db.tx() as tx:
            driver = await service.create(tx, body, party)
        return DriverOut.of(driver)

    @routes.get("/drivers", operation_id="list_drivers")
    async def list_drivers(_: OperatorDep, paging: Paging) -> Page[DriverOut]:
        """All drivers, oldest first."""
        async with db.read() as tx:
            rows, total = await listed(tx, offset=paging.offset, limit=paging.limit)
        return Page.of([DriverOut.of(row) for row in rows], total, paging)

    @routes.get("/drivers/{driver_id}", operation_id="get_driver")
    async def get_driver(driver_id: str, _: OperatorDep) -> DriverOut:
        """One driver."""
        async with db.read() as tx:
            return DriverOut.of(await service.get(tx, driver_id))

    @routes.patch("/drivers/{driver_id}", operation_id="change_driver")
    async def change_driver(driver_id: str, body: DriverChange, _: AdminDep) -> DriverOut:
        """Change how a driver pays or what he reads, or block him."""
        async with db.tx() as tx:
            return DriverOut.of(await service.change(tx, driver_id, body))

    @routes.post("/drivers/{driver_id}/keys", operation_id="create_driver_key", status_code=201)
    async def create_driver_key(driver_id: str, body: DriverKeyIn, _: AdminDep) -> NewDriverKey:
        """A key for the driver's app. It is shown this once."""
        async with db.tx() as tx:
            row, key = await service.issue_key(tx, keys, driver_id, body.name)
        return NewDriverKey(**DriverKeyOut.of(row).model_dump(), key=key)

    @routes.get("/drivers/{driver_id}/keys", operation_id="list_driver_keys")
    async def list_driver_keys(driver_id: str, _: OperatorDep) -> list[DriverKeyOut]:
        """A driver's keys, revoked ones too."""
        async with db.read() as tx:
            await service.get(tx, driver_id)
            return [DriverKeyOut.of(row) for row in await keys_of_driver(tx, driver_id)]

    @routes.delete("/drivers/{driver_id}/keys/{key_id}", operation_id="revoke_driver_key", status_code=204)
    async def revoke_driver_key(driver_id: str, key_id: str, _: AdminDep) -> None:
        """Let a key open nothing any more."""
        async with db.tx() as tx:
            await service.revoke_key(tx, driver_id, key_id)

    return routes
