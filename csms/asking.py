"""Questions to the back office that always have an answer, also when it fails or takes too long."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from csms.backoffice import (
    Admission,
    Authorization,
    AuthorizationStatus,
    AuthorizeRequest,
    Backoffice,
    BootVerdict,
)
from csms.station import (
    Booted,
    BootStatus,
    CertificateState,
    CertificateStatus,
    FactKind,
    SigningAsked,
    StatusesAsked,
    StatusWanted,
    TransactionFact,
)
from kit.log import get

log = get("csms.asking")


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks for one station; no answer takes longer than `timeout_s`."""

    backoffice: Backoffice
    timeout_s: float

    async def authorize(self, request: AuthorizeRequest) -> Authorization:
        """The verdict on a token; it is not accepted when nobody can tell."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.backoffice.authorize(request)
        except TimeoutError:
            log.warning("csms authorization timed out", station_id=request.station_id)
        except Exception:
            log.exception("csms authorization failed", station_id=request.station_id)
        return Authorization(AuthorizationStatus.INVALID)

    async def booted(self, admission: Admission, boot: Booted) -> BootVerdict:
        """The verdict on a boot. A station that was admitted goes to work when nobody can tell."""
        if admission.is_quarantined:
            return BootVerdict(BootStatus.PENDING)
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.backoffice.booted(admission.station_id, boot)
        except Exception:
            log.exception("csms boot not judged", station_id=admission.station_id)
        return BootVerdict()

    async def certify(self, station_id: str, asked: SigningAsked) -> bool:
        """Whether the station will get a certificate; not when nobody can tell."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.backoffice.certify(station_id, asked)
        except Exception:
            log.exception("csms certificate not judged", station_id=station_id)
        return False

    async def total_cost(self, fact: TransactionFact, transaction_id: int | None) -> Decimal | None:
        """What a transaction costs that this fact has ended; None when nobody can tell."""
        if fact.kind is not FactKind.ENDED or transaction_id is None:
            return None
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.backoffice.total_cost(transaction_id)
        except Exception:
            log.exception("csms total cost not found out", transaction_id=transaction_id)
        return None

    async def certificate_statuses(self, asked: StatusesAsked) -> list[CertificateStatus]:
        """The states of certificates, in their order."""
        return list(await asyncio.gather(*(self._certificate_status(wanted) for wanted in asked.wanted)))

    async def _certificate_status(self, wanted: StatusWanted) -> CertificateStatus:
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.backoffice.certificate_status(wanted)
        except Exception:
            log.exception("csms certificate status not found out")
        return CertificateStatus(CertificateState.FAILED)
