"""Operator API: stations."""

from fastapi import APIRouter
from sqlalchemy import func, select

from auth.guards import AdminDep, OperatorDep
from csms.commands import CommandStatus, RawCall
from csms.link import Link
from hub.parties.wire import own_party
from hub.stations.live import live_stations
from hub.stations.schemas import CallIn, CallOut, ConnectorOut, EvseOut, StationCreated, StationIn, StationOut
from hub.stations.service import EvseMapping, register
from hub.stations.tables import Station, by_id, every, evses_of
from kit.crypto import KeyRing
from kit.errors import InvalidInput, NotFound, Problem, Unavailable, UpstreamFailed, UpstreamTimeout
from kit.paging import Page, Paging
from kit.tx import Database

_FAILURES: dict[CommandStatus, type[Problem]] = {
    CommandStatus.INVALID: InvalidInput,
    CommandStatus.OFFLINE: Unavailable,
    CommandStatus.BUSY: Unavailable,
    CommandStatus.TIMED_OUT: UpstreamTimeout,
    CommandStatus.DISCONNECTED: UpstreamFailed,
}
"""Outcomes without an answer of the station."""


def router(
    db: Database, keys: KeyRing, link: Link, *, cpo_parties: list[str], ocpp_url: str, minimum_profile: int
) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["stations"])

    @routes.post("/stations", operation_id="create_station", status_code=201)
    async def create_station(body: StationIn, _: AdminDep) -> StationCreated:
        """Register a station. Its password is in this answer only."""
        party = own_party(body.cpo, cpo_parties)
        evses = [EvseMapping(evse.evse_id, evse.evse_uid, evse.connector_id) for evse in body.evses]
        async with db.tx() as tx:
            password = await register(
                tx,
                keys,
                station_id=body.id,
                party=party,
                location_id=body.location_id,
                evses=evses,
                password=body.password,
                minimum_profile=minimum_profile,
            )
        location_id = body.location_id or body.id
        return StationCreated(id=body.id, location_id=location_id, password=password, ocpp_url=ocpp_url)

    @routes.get("/stations", operation_id="list_stations")
    async def list_stations(_: OperatorDep, paging: Paging) -> Page[StationOut]:
        """All stations with what they do now, by id."""
        async with db.read() as tx:
            stations = await every(tx, offset=paging.offset, limit=paging.limit)
            total = (await tx.execute(select(func.count()).select_from(Station))).scalar_one()
            live = await live_stations(tx, [station.id for station in stations])
            evses = {station.id: await evses_of(tx, station.id) for station in stations}
        items = []
        for station in stations:
            now = live.get(station.id)
            items.append(
                StationOut(
                    id=station.id,
                    location_id=station.location_id,
                    cpo=f"{station.country_code}*{station.party_id}",
                    connected=bool(now and now.connected),
                    protocol=now.protocol if now else None,
                    vendor=now.vendor if now else None,
                    model=now.model if now else None,
                    serial_number=now.serial if now else None,
                    firmware_version=now.firmware if now else None,
                    last_seen_at=now.last_seen_at if now else None,
                    evses=[EvseOut.model_validate(evse, from_attributes=True) for evse in evses[station.id]],
                    connectors=[
                        ConnectorOut.model_validate(connector, from_attributes=True)
                        for connector in (now.connectors if now else ())
                    ],
                    created_at=station.created_at,
                )
            )
        return Page.of(items, int(total), paging)

    @routes.post("/stations/{station_id}/calls", operation_id="call_station")
    async def call_station(station_id: str, body: CallIn, _: AdminDep) -> CallOut:
        """Send any OCPP request to the station, wherever its socket is, and return its answer."""
        async with db.read() as tx:
            station = await by_id(tx, station_id)
        if station is None:
            raise NotFound("no such station")
        outcome = await link.call(station.id, RawCall(body.action, body.payload), timeout_s=body.timeout_s)
        failure = _FAILURES.get(outcome.status)
        if failure is not None:
            raise failure(outcome.reason or f"the station is {outcome.status.value}")
        failed = outcome.status in (CommandStatus.FAILED, CommandStatus.UNSUPPORTED) and outcome.payload is None
        payload = dict(outcome.payload) if outcome.payload is not None else None
        error = {"reason": outcome.reason, "status": outcome.status.value} if failed else None
        return CallOut(station_id=station.id, action=body.action, payload=payload, error=error)

    return routes
