"""Operator API: moving a station to another security profile or password."""

from fastapi import APIRouter

from auth.guards import AdminDep, OperatorDep
from hub.stations.schemas import UpgradeIn, UpgradeOut
from hub.stations.tables import by_id
from hub.stations.upgrade_tables import PREPARING, Upgrade
from hub.stations.upgrading import Upgrader
from kit.errors import NotFound
from kit.tx import Database


def router(db: Database, upgrader: Upgrader) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["stations"])

    @routes.post("/stations/{station_id}/security-upgrade", operation_id="upgrade_station", status_code=202)
    async def upgrade_station(station_id: str, body: UpgradeIn, _: AdminDep) -> UpgradeOut:
        """Move a station to a security profile. What it uses now stays good until it has come in the new way."""
        async with db.tx() as tx:
            station = await by_id(tx, station_id)
            if station is None:
                raise NotFound("no such station")
            told = body.model_dump(exclude={"new_password"})
            wanted = Upgrade(
                station_id=station.id,
                state=PREPARING,
                tells_password=body.new_password,
                started_at=tx.now,
                **told,
            )
            await upgrader.begin(tx, station, wanted)
        return UpgradeOut.model_validate(wanted, from_attributes=True)

    @routes.get("/stations/{station_id}/security-upgrade", operation_id="read_station_upgrade")
    async def read_upgrade(station_id: str, _: OperatorDep) -> UpgradeOut:
        """How the last upgrade of a station goes."""
        async with db.read() as tx:
            station = await by_id(tx, station_id)
            upgrade = await tx.get(Upgrade, station.id) if station is not None else None
        if upgrade is None:
            raise NotFound("no upgrade of such a station")
        return UpgradeOut.model_validate(upgrade, from_attributes=True)

    return routes
