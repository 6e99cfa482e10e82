"""Operator API: starts."""

from fastapi import APIRouter

from auth.guards import AdminDep, OperatorDep
from hub.starts import places
from hub.starts.flows import Starter
from hub.starts.lifecycle import StartMethod
from hub.starts.schemas import StartIn, StartOut, StopOut
from hub.starts.service import Asked
from hub.starts.tables import Start
from hub.stations import service as stations
from hub.stations.tables import by_id
from kit.errors import InvalidInput, NotFound
from kit.idempotency import Claim, Idempotency, OptionalIdempotencyKey, StoredAnswer
from kit.tx import Database, Tx


def router(db: Database, starter: Starter, idempotency: Idempotency, *, cpo_parties: list[str]) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["starts"])

    @routes.post("/starts", operation_id="create_start", status_code=202)
    async def create_start(body: StartIn, who: AdminDep, key: OptionalIdempotencyKey = None) -> StartOut:
        """Ask a charger, ours or a partner's, to start for one of our tokens; `GET` it to see what came of it.

        With an `Idempotency-Key` the same request again is the same start.
        """
        async with db.read() as tx:
            asked = await (_at_station(tx, body) if body.station_id else _at_location(tx, body, cpo_parties))

        async def work(_: Claim) -> StoredAnswer:
            made = StartOut.of(await starter.request(asked, body.token_type))
            return StoredAnswer(202, "application/json", made.model_dump_json().encode())

        if key is None:
            answer = await work(Claim("", "", ""))
        else:
            scope = f"operator:{who.key_id}:starts"
            answer = await idempotency.run(scope=scope, key=key, body=body.model_dump_json().encode(), work=work)
        return StartOut.model_validate_json(answer.body)

    @routes.get("/starts/{start_id}", operation_id="get_start")
    async def get_start(start_id: str, _: OperatorDep) -> StartOut:
        """One attempt to charge."""
        async with db.read() as tx:
            start = await tx.get(Start, start_id)
        if start is None:
            raise NotFound("no such start")
        return StartOut.of(start)

    @routes.post("/starts/{start_id}/stop", operation_id="stop_start")
    async def stop_start(start_id: str, _: AdminDep) -> StopOut:
        """Ask the charger to end the session that came of it."""
        outcome = await starter.stop(start_id)
        return StopOut(start_id=start_id, accepted=outcome.ok, reason=outcome.reason or outcome.status.value)

    return routes


async def _at_station(tx: Tx, body: StartIn) -> Asked:
    station = await by_id(tx, body.station_id or "")
    if station is None:
        raise NotFound("no such station")
    evse_id = body.evse_id or 1
    place = await stations.place(tx, station.id, evse_id)
    if place is None:
        raise InvalidInput("that EVSE of the station is mapped to no location")
    return Asked(StartMethod.API, body.token_uid, place, station_id=station.id, evse_id=evse_id, limit=_limit(body))


async def _at_location(tx: Tx, body: StartIn, cpo_parties: list[str]) -> Asked:
    where = await places.at_location(
        tx,
        location_id=body.location_id or "",
        evse_uid=body.evse_uid,
        connector_id=body.connector_id,
        cpo=body.cpo,
        own=cpo_parties,
    )
    if where.station_id is None and body.limit is not None:
        raise InvalidInput("a partner's charger cannot be given a limit with its start")
    return Asked(
        StartMethod.API,
        body.token_uid,
        where.place,
        station_id=where.station_id,
        evse_id=where.evse_id,
        limit=_limit(body),
    )


def _limit(body: StartIn) -> bytes | None:
    return None if body.limit is None else body.limit.model_dump_json().encode()
