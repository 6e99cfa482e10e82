"""Certificates of stations through their life: asked for, issued, installed, shown, watched as they age, taken back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from csms.commands import CommandStatus, RawCall
from csms.link import Link
from csms.station import SigningAsked
from hub.stations.authority import Signer, read_request
from hub.stations.certificate_tables import Certificate, by_fingerprint
from hub.stations.events import CertificateExpires
from hub.stations.live import live_stations
from hub.stations.tables import by_id
from kit.errors import InvalidInput
from kit.jobs import GiveUp, Retry
from kit.log import get
from kit.tx import Database, Tx

log = get(__name__)

INSTALL = "stations.install_certificate"
_WANTED = {None, "ChargingStationCertificate"}
"""What we issue; certificates for vehicles (ISO 15118) are another CA's business."""
_ATTEMPTS = 6
_AWAY = (CommandStatus.OFFLINE, CommandStatus.BUSY, CommandStatus.TIMED_OUT, CommandStatus.DISCONNECTED)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Issues and installs certificates; `warn_before` is how long before their end one is told of them."""

    db: Database
    link: Link
    signer: Signer
    warn_before: timedelta
    call_timeout_s: float

    async def asked(self, station_id: str, asked: SigningAsked) -> bool:
        """A station wants a certificate: whether it will get one. It is sent a moment later."""
        if asked.purpose not in _WANTED:
            return False
        try:
            read_request(asked.request)
        except InvalidInput as error:
            log.info("station certificate refused", station_id=station_id, reason=str(error))
            return False
        async with self.db.tx() as tx:
            payload = {"station_id": station_id, "request": asked.request, "request_id": asked.request_id}
            tx.enqueue(INSTALL, payload, replace_key=station_id, max_attempts=_ATTEMPTS)
        return True

    async def install(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Have a certificate signed and send it to the station. Done twice, the station has the second one."""
        station_id = payload["station_id"]
        issued = await self.signer.sign(station_id, read_request(payload["request"]))
        async with self.db.tx() as tx:
            tx.add(
                Certificate(
                    fingerprint=issued.fingerprint,
                    station_id=station_id,
                    is_ours=True,
                    issued_at=tx.now,
                    expires_at=issued.expires_at,
                )
            )
        told = {"certificateChain": issued.chain, "requestId": payload["request_id"]}
        call = RawCall("CertificateSigned", {key: value for key, value in told.items() if value is not None})
        outcome = await self.link.call(station_id, call, self.call_timeout_s)
        if outcome.status in _AWAY:
            raise Retry(f"the station is {outcome.status.value}")
        if not outcome.ok or outcome.reason != "Accepted":
            raise GiveUp(f"the station refused its certificate: {outcome.reason[:100]}")
        async with self.db.tx() as tx:
            taken = await by_fingerprint(tx, issued.fingerprint)
            if taken is not None:
                taken.installed_at = tx.now
                tx.add(taken)

    async def renew(self, db: Database, event: CertificateExpires) -> None:
        """Ask a station whose certificate we issued to request a new one."""
        async with db.read() as tx:
            row = await by_fingerprint(tx, event.fingerprint)
        if row is not None and row.is_ours and row.revoked_at is None:
            await self.ask_to_renew(event.station_id)

    async def ask_to_renew(self, station_id: str) -> None:
        """Ask a station to request a certificate. Raises `Retry` while it is away, `GiveUp` when it does not."""
        async with self.db.read() as tx:
            now = (await live_stations(tx, [station_id])).get(station_id)
        is_16 = now is None or now.protocol == "ocpp1.6"
        action = "ExtendedTriggerMessage" if is_16 else "TriggerMessage"
        message = "SignChargePointCertificate" if is_16 else "SignChargingStationCertificate"
        outcome = await self.link.call(station_id, RawCall(action, {"requestedMessage": message}), self.call_timeout_s)
        if outcome.status in _AWAY:
            raise Retry(f"the station is {outcome.status.value}")
        if not outcome.ok or outcome.reason != "Accepted":
            raise GiveUp(f"the station does not ask for a certificate: {outcome.reason[:100]}")

    async def watch(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Tell of every certificate in use whose end is near, once."""
        async with db.tx() as tx:
            for row in await _ageing(tx, self.warn_before):
                row.warned_at = tx.now
                tx.add(row)
                log.warning("station certificate expires", station_id=row.station_id, expires_at=row.expires_at)
                tx.emit(CertificateExpires(row.station_id, row.fingerprint))

    async def expiring(self, tx: Tx) -> int:
        """How many certificates in use end soon."""
        near = tx.now + self.warn_before
        statement = select(func.count()).select_from(Certificate).where(*_in_use(), col(Certificate.expires_at) < near)
        return int((await tx.execute(statement)).scalar_one())


async def revoke(tx: Tx, station_id: str, fingerprint: str) -> bool:
    """Take a certificate of a station back; False when there is none such."""
    station, row = await by_id(tx, station_id), await by_fingerprint(tx, fingerprint)
    if station is None or row is None or row.station_id != station.id:
        return False
    row.revoked_at = row.revoked_at or tx.now
    tx.add(row)
    return True


def _in_use() -> tuple[ColumnElement[bool], ...]:
    columns = (Certificate.revoked_at, Certificate.replaced_at)
    return (*(col(column).is_(None) for column in columns), col(Certificate.used_at).is_not(None))


async def _ageing(tx: Tx, warn_before: timedelta) -> list[Certificate]:
    statement = select(Certificate).where(
        *_in_use(), col(Certificate.warned_at).is_(None), col(Certificate.expires_at) < tx.now + warn_before
    )
    return list(await tx.all(statement))
