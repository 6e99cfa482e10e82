"""Operator and driver API: which cards and vehicles are whose."""

from fastapi import APIRouter

from auth.guards import AdminDep, DriverDep, OperatorDep
from hub.drivers import service as drivers
from hub.tokens import linked
from hub.tokens.linked import Wanted
from hub.tokens.linked_schemas import CardTokenIn, LinkedTokenOut
from kit.crypto import KeyRing
from kit.errors import NotFound
from kit.rates import Rates
from kit.tx import Database


def operator_router(db: Database, keys: KeyRing, *, issuer: str) -> APIRouter:
    """The routes for operators."""
    routes = APIRouter(tags=["drivers"])

    @routes.post("/drivers/{driver_id}/tokens", operation_id="link_driver_token", status_code=201)
    async def link_driver_token(driver_id: str, body: CardTokenIn, _: AdminDep) -> LinkedTokenOut:
        """Give a driver a card: what is charged with it is paid in the driver's way. It is issued if there is none."""
        async with db.tx() as tx:
            driver = await drivers.get(tx, driver_id)
            wanted = Wanted(body.uid, body.type, body.visual_number)
            return LinkedTokenOut.of(await linked.link(tx, keys, driver, wanted, issuer=issuer))

    @routes.get("/drivers/{driver_id}/tokens", operation_id="list_driver_tokens")
    async def list_driver_tokens(driver_id: str, _: OperatorDep) -> list[LinkedTokenOut]:
        """A driver's cards and vehicles."""
        async with db.read() as tx:
            await drivers.get(tx, driver_id)
            return [LinkedTokenOut.of(row) for row in await linked.of_driver(tx, driver_id)]

    @routes.delete("/drivers/{driver_id}/tokens/{token_id}", operation_id="unlink_driver_token", status_code=204)
    async def unlink_driver_token(driver_id: str, token_id: str, _: AdminDep) -> None:
        """A card or a vehicle charges nobody any more."""
        async with db.tx() as tx:
            await linked.unlink(tx, keys, driver_id, _number(token_id))

    return routes


def driver_router(db: Database, keys: KeyRing, rates: Rates) -> APIRouter:
    """The routes for drivers."""
    routes = APIRouter(tags=["tokens"])

    @routes.get("/tokens", operation_id="list_tokens")
    async def list_tokens(who: DriverDep) -> list[LinkedTokenOut]:
        """One's own cards and vehicles."""
        rates.check(who.driver_id)
        async with db.read() as tx:
            return [LinkedTokenOut.of(row) for row in await linked.of_driver(tx, who.driver_id)]

    @routes.delete("/tokens/{token_id}", operation_id="revoke_token", status_code=204)
    async def revoke_token(token_id: str, who: DriverDep) -> None:
        """A card was lost, or a vehicle sold: it charges nobody any more."""
        rates.check(who.driver_id)
        async with db.tx() as tx:
            await linked.unlink(tx, keys, who.driver_id, _number(token_id))

    return routes


def _number(token_id: str) -> int:
    if not token_id.isdecimal() or len(token_id) > 18:
        raise NotFound("no such token")
    return int(token_id)
