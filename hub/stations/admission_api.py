"""Operator API: stations in quarantine, and how a registered station may connect."""

from fastapi import APIRouter

from auth.guards import AdminDep, OperatorDep
from csms.link import Link
from hub.parties.wire import own_party
from hub.stations.live import live_stations
from hub.stations.schemas import AcceptIn, ApplicantOut, StationCreated, StationDoorIn, StationDoorOut
from hub.stations.service import PASSWORD_PURPOSE, EvseMapping, register
from hub.stations.tables import Applicant, Station, applicant_by_id, applicants, by_id
from kit.crypto import KeyRing
from kit.errors import Conflict, NotFound
from kit.tx import Database, Tx


def router(
    db: Database, keys: KeyRing, link: Link, *, cpo_parties: list[str], ocpp_url: str, minimum_profile: int
) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["stations"])

    @routes.get("/station-applicants", operation_id="list_station_applicants")
    async def list_applicants(_: OperatorDep) -> list[ApplicantOut]:
        """Stations that nobody has registered and that have connected, the newest first."""
        async with db.read() as tx:
            rows = await applicants(tx)
            live = await live_stations(tx, [row.id for row in rows])
        return [
            ApplicantOut(
                id=row.id,
                first_seen_at=row.first_seen_at,
                is_blocked=row.is_blocked,
                has_password=row.password_digest is not None,
                connected=bool(now and now.connected),
                protocol=now.protocol if now else None,
                vendor=now.vendor if now else None,
                model=now.model if now else None,
                serial_number=now.serial if now else None,
            )
            for row in rows
            for now in (live.get(row.id),)
        ]

    @routes.post("/station-applicants/{station_id}/acceptance", operation_id="accept_station", status_code=201)
    async def accept(station_id: str, body: AcceptIn, _: AdminDep) -> StationCreated:
        """Register a station that is in quarantine. It keeps its password unless it gets another one here."""
        party = own_party(body.cpo, cpo_parties)
        evses = [EvseMapping(evse.evse_id, evse.evse_uid, evse.connector_id) for evse in body.evses]
        async with db.tx() as tx:
            applicant = await _applicant(tx, station_id)
            password = await register(
                tx,
                keys,
                station_id=applicant.id,
                party=party,
                location_id=body.location_id,
                evses=evses,
                password=body.password,
                password_digest=applicant.password_digest,
                minimum_profile=minimum_profile,
            )
            await tx.delete(applicant)
        await link.send_away(applicant.id)
        location_id = body.location_id or applicant.id
        return StationCreated(id=applicant.id, location_id=location_id, password=password, ocpp_url=ocpp_url)

    @routes.post("/station-applicants/{station_id}/block", operation_id="block_station_applicant", status_code=204)
    async def block(station_id: str, _: AdminDep) -> None:
        """Keep a station out for good; forget it to let it apply again."""
        async with db.tx() as tx:
            applicant = await _applicant(tx, station_id)
            applicant.is_blocked = True
            tx.add(applicant)
        await link.send_away(applicant.id)

    @routes.delete("/station-applicants/{station_id}", operation_id="forget_station_applicant", status_code=204)
    async def forget(station_id: str, _: AdminDep) -> None:
        """Forget a station that is in quarantine or blocked there."""
        async with db.tx() as tx:
            applicant = await _applicant(tx, station_id)
            await tx.delete(applicant)
        await link.send_away(applicant.id)

    @routes.patch("/stations/{station_id}/door", operation_id="change_station_door")
    async def change(station_id: str, body: StationDoorIn, _: AdminDep) -> StationDoorOut:
        """Change how a station may connect; it is sent away and judged anew."""
        async with db.tx() as tx:
            station = await _station(tx, station_id)
            seen = station.seen_profile
            if body.minimum_profile > max(station.minimum_profile, seen or 3):
                raise Conflict(f"the station connects with profile {seen}: it would be locked out")
            changes = body.model_dump(exclude_unset=True, exclude={"password"})
            for name, value in changes.items():
                setattr(station, name, value)
            if body.password is not None:
                station.password_digest = keys.digest(PASSWORD_PURPOSE, body.password)
                station.next_password_digest = None
            tx.add(station)
        await link.send_away(station.id)
        return StationDoorOut.model_validate(station, from_attributes=True)

    @routes.get("/stations/{station_id}/door", operation_id="read_station_door")
    async def read(station_id: str, _: OperatorDep) -> StationDoorOut:
        """How a station may connect, and how it did last."""
        async with db.read() as tx:
            return StationDoorOut.model_validate(await _station(tx, station_id), from_attributes=True)

    return routes


async def _applicant(tx: Tx, station_id: str) -> Applicant:
    found = await applicant_by_id(tx, station_id)
    if found is None:
        raise NotFound("no such station in quarantine")
    return found


async def _station(tx: Tx, station_id: str) -> Station:
    found = await by_id(tx, station_id)
    if found is None:
        raise NotFound("no such station")
    return found
