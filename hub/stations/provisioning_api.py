"""Operator API: the configuration that stations are to have, and how far each is from it."""

from fastapi import APIRouter

from auth.guards import AdminDep, OperatorDep
from hub.stations.desired import Outcome
from hub.stations.desired_tables import DesiredValue, desired_values, values_of
from hub.stations.provisioning import PROVISION
from hub.stations.schemas import ConfigurationOut, DesiredIn, DesiredOut, ValueOut
from hub.stations.tables import by_id
from kit.errors import InvalidInput, NotFound
from kit.tx import Database

_SECRET = frozenset({"authorizationkey", "securityctrlr.basicauthpassword"})
_FINE = (Outcome.AS_WANTED, Outcome.REBOOT_NEEDED, Outcome.TOLD)


def router(db: Database) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["stations"])

    @routes.get("/station-configuration", operation_id="list_desired_values")
    async def list_desired(_: OperatorDep) -> list[DesiredOut]:
        """The values that stations are to have."""
        async with db.read() as tx:
            rows = await desired_values(tx)
        return [DesiredOut.model_validate(row, from_attributes=True) for row in rows]

    @routes.post("/station-configuration", operation_id="create_desired_value", status_code=201)
    async def create_desired(body: DesiredIn, _: AdminDep) -> DesiredOut:
        """Say which value stations of a kind are to have. They get it at their next boot, or when they are checked."""
        if body.key.casefold() in _SECRET:
            raise InvalidInput("passwords are set at the station's door, and never for many")
        async with db.tx() as tx:
            row = DesiredValue(**body.model_dump(), created_at=tx.now)
            tx.add(row)
            await tx.flush()
        return DesiredOut.model_validate(row, from_attributes=True)

    @routes.delete("/station-configuration/{value_id}", operation_id="delete_desired_value", status_code=204)
    async def delete_desired(value_id: int, _: AdminDep) -> None:
        """Want it no more; stations keep what they have."""
        async with db.tx() as tx:
            row = await tx.get(DesiredValue, value_id)
            if row is None:
                raise NotFound("no such value")
            await tx.delete(row)

    @routes.get("/stations/{station_id}/configuration", operation_id="read_station_configuration")
    async def read_configuration(station_id: str, _: OperatorDep) -> ConfigurationOut:
        """What the station is to have, and what it had when it was last looked at."""
        async with db.read() as tx:
            station = await by_id(tx, station_id)
            if station is None:
                raise NotFound("no such station")
            rows = await values_of(tx, station.id)
        return ConfigurationOut(
            station_id=station.id,
            has_drift=any(row.outcome not in _FINE for row in rows),
            values=[ValueOut.model_validate(row, from_attributes=True) for row in rows],
        )

    @routes.post("/stations/{station_id}/configuration/check", operation_id="check_station", status_code=202)
    async def check(station_id: str, _: AdminDep) -> None:
        """Have the station read, changed where it differs, and read again."""
        async with db.tx() as tx:
            station = await by_id(tx, station_id)
            if station is None:
                raise NotFound("no such station")
            tx.enqueue(PROVISION, {"station_id": station.id}, replace_key=station.id, max_attempts=5)

    return routes
