"""Operator API: what stations are asked to do."""

from fastapi import APIRouter

from auth.guards import AdminDep, OperatorDep
from hub.stations.operation_schemas import CapabilitiesOut, OperationIn, OperationOut, ReservationOut
from hub.stations.operation_tables import StationOperation, of_station
from hub.stations.operations import Operations
from hub.stations.reservations import current
from hub.stations.tables import by_id
from kit.errors import NotFound
from kit.idempotency import Claim, Idempotency, OptionalIdempotencyKey, StoredAnswer
from kit.paging import Page, Paging
from kit.tx import Database


def router(db: Database, operations: Operations, idempotency: Idempotency) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["stations"])

    @routes.post("/stations/{station_id}/operations", operation_id="operate_station", status_code=201)
    async def operate_station(
        station_id: str, body: OperationIn, who: AdminDep, key: OptionalIdempotencyKey = None
    ) -> OperationOut:
        """Have the station do something, the same way whatever OCPP it speaks.

        The answer has the outcome, unless the operation waits for its time (`at`) or for the station
        (`keep_trying_s`): `GET` it then. A command that may have reached the station is never sent twice. With an
        `Idempotency-Key` the same request again is the same operation.
        """

        async def work(_: Claim) -> StoredAnswer:
            row = await operations.ask(station_id, body, asked_by=who.key_id)
            return StoredAnswer(201, "application/json", operations.shown(row).model_dump_json().encode())

        if key is None:
            answer = await work(Claim("", "", ""))
        else:
            scope = f"operator:{who.key_id}:operations:{station_id}"
            answer = await idempotency.run(scope=scope, key=key, body=body.model_dump_json().encode(), work=work)
        return OperationOut.model_validate_json(answer.body)

    @routes.get("/stations/{station_id}/operations", operation_id="list_station_operations")
    async def list_station_operations(station_id: str, _: OperatorDep, paging: Paging) -> Page[OperationOut]:
        """What the station was asked to do, newest first."""
        async with db.read() as tx:
            station = await by_id(tx, station_id)
            if station is None:
                raise NotFound("no such station")
            rows, total = await of_station(tx, station.id, offset=paging.offset, limit=paging.limit)
        return Page.of([operations.shown(row) for row in rows], total, paging)

    @routes.get("/stations/{station_id}/operations/{operation_id}", operation_id="get_station_operation")
    async def get_station_operation(station_id: str, operation_id: str, _: OperatorDep) -> OperationOut:
        """One operation."""
        async with db.read() as tx:
            row = await tx.get(StationOperation, operation_id)
        if row is None or row.station_id.casefold() != station_id.casefold():
            raise NotFound("no such operation")
        return operations.shown(row)

    @routes.delete("/stations/{station_id}/operations/{operation_id}", operation_id="cancel_station_operation")
    async def cancel_station_operation(station_id: str, operation_id: str, _: AdminDep) -> OperationOut:
        """Take back an operation that waits."""
        return operations.shown(await operations.cancel(station_id, operation_id))

    @routes.get("/stations/{station_id}/capabilities", operation_id="get_station_capabilities")
    async def get_station_capabilities(station_id: str, _: OperatorDep) -> CapabilitiesOut:
        """What this model of station is known to be able to do."""
        return await operations.capabilities(station_id)

    @routes.get("/stations/{station_id}/reservations", operation_id="list_station_reservations")
    async def list_station_reservations(station_id: str, _: OperatorDep) -> list[ReservationOut]:
        """What the station keeps for whom, until its time is over."""
        async with db.read() as tx:
            station = await by_id(tx, station_id)
            if station is None:
                raise NotFound("no such station")
            rows = await current(tx, station.id)
        return [
            ReservationOut(
                reservation_id=row.number,
                evse_id=row.evse_id,
                state=row.state,
                emsp=row.emsp,
                expires_at=row.expires_at,
                created_at=row.created_at,
            )
            for row in rows
        ]

    return routes
