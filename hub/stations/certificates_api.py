"""Operator API: certificates of stations."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from auth.guards import AdminDep, OperatorDep
from csms.link import Link
from hub.stations.authority import OwnAuthority
from hub.stations.certificate_tables import certificates
from hub.stations.certificates import Certificates, revoke
from hub.stations.schemas import AuthorityOut, CertificateOut
from hub.stations.tables import by_id
from kit.errors import NotFound, Unavailable, UpstreamFailed
from kit.jobs import GiveUp, Retry
from kit.paging import Page, Paging
from kit.tx import Database

ExpiringDays = Annotated[int | None, Query(ge=0, le=3650, description="Only those that end within so many days.")]


def router(db: Database, link: Link, authority: OwnAuthority, life: Certificates) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["stations"])

    @routes.get("/station-certificates", operation_id="list_station_certificates")
    async def list_certificates(
        _: OperatorDep, paging: Paging, expiring_within_days: ExpiringDays = None
    ) -> Page[CertificateOut]:
        """Certificates of stations, the next to end first."""
        async with db.read() as tx:
            until = None if expiring_within_days is None else tx.now + timedelta(days=expiring_within_days)
            rows, total = await certificates(tx, expiring_before=until, offset=paging.offset, limit=paging.limit)
        items = [CertificateOut.model_validate(row, from_attributes=True) for row in rows]
        return Page.of(items, total, paging)

    @routes.get("/station-authority", operation_id="read_station_authority")
    async def read_authority(_: AdminDep) -> AuthorityOut:
        """The certificate of our own CA; it is made when it is first asked for."""
        return AuthorityOut(certificate=await authority.certificate())

    @routes.post("/stations/{station_id}/renewal", operation_id="renew_station_certificate", status_code=202)
    async def renew(station_id: str, _: AdminDep) -> None:
        """Ask a station to make a new key pair and request a certificate for it."""
        async with db.read() as tx:
            station = await by_id(tx, station_id)
        if station is None:
            raise NotFound("no such station")
        try:
            await life.ask_to_renew(station.id)
        except Retry as error:
            raise Unavailable(str(error)) from error
        except GiveUp as error:
            raise UpstreamFailed(str(error)) from error

    @routes.post(
        "/stations/{station_id}/certificates/{fingerprint}/revocation",
        operation_id="revoke_station_certificate",
        status_code=204,
    )
    async def take_back(station_id: str, fingerprint: str, _: AdminDep) -> None:
        """Take a certificate back: nobody comes in with it any more, and who is in with it is sent away."""
        async with db.tx() as tx:
            if not await revoke(tx, station_id, fingerprint):
                raise NotFound("this station has no such certificate")
            station = await by_id(tx, station_id)
        if station is not None:
            await link.send_away(station.id)

    return routes
