"""The CSMS's port, implemented by the hub: who may connect, and who may charge."""

from dataclasses import dataclass
from decimal import Decimal

from csms.backoffice import (
    Admission,
    Authorization,
    AuthorizationStatus,
    AuthorizeRequest,
    BootVerdict,
    Knock,
    Refusal,
)
from csms.station import Booted, CertificateStatus, SigningAsked, StatusWanted
from hub.starts.showing import CostTeller
from hub.starts.taps import Tap, Taps
from hub.stations import admission
from hub.stations.admission import Policy
from hub.stations.certificates import Certificates
from hub.stations.live import model_of
from hub.stations.ocsp import Responders
from hub.stations.provisioning import Provisioner
from hub.tokens.whitelist import Verdict
from kit.crypto import KeyRing
from kit.tx import Database

_STATUS = {
    Verdict.ALLOWED: AuthorizationStatus.ACCEPTED,
    Verdict.BLOCKED: AuthorizationStatus.BLOCKED,
    Verdict.EXPIRED: AuthorizationStatus.EXPIRED,
    Verdict.NO_CREDIT: AuthorizationStatus.NO_CREDIT,
    Verdict.NOT_ALLOWED: AuthorizationStatus.INVALID,
}


@dataclass(frozen=True, slots=True)
class HubBackoffice:
    """Answers the CSMS from the hub's rooms."""

    db: Database
    keys: KeyRing
    taps: Taps
    policy: Policy
    certificates: Certificates
    provisioner: Provisioner
    responders: Responders
    costs: CostTeller

    async def admit(self, knock: Knock) -> Admission | Refusal:
        """May this station connect?"""
        async with self.db.read() as tx:
            verdict = await admission.judge(tx, self.keys, knock)
            if verdict is None:
                applicant = await admission.known_applicant(tx, self.keys, self.policy, knock)
            elif not isinstance(verdict, Refusal):
                can = await model_of(tx, verdict.station.id)
        if verdict is None:
            return applicant or await self._quarantine(knock)
        if isinstance(verdict, Refusal):
            return verdict
        if verdict.has_news:
            async with self.db.tx() as tx:
                await admission.note(tx, verdict)
        return admission.admission(self.policy, verdict.station, can)

    async def booted(self, station_id: str, boot: Booted) -> BootVerdict:
        """May this station begin its work?"""
        async with self.db.read() as tx:
            return await self.provisioner.boot_verdict(tx, station_id, boot)

    async def certify(self, station_id: str, asked: SigningAsked) -> bool:
        """Will this station get the certificate that it asks for?"""
        return await self.certificates.asked(station_id, asked)

    async def certificate_status(self, wanted: StatusWanted) -> CertificateStatus:
        """In which state is a certificate that a station was shown?"""
        return await self.responders.status(wanted)

    async def authorize(self, request: AuthorizeRequest) -> Authorization:
        """May this token charge here? Whoever vouches for it is asked, within the deadline."""
        tap = Tap(request.station_id, request.evse_id, request.id_token, request.token_type)
        decision, start_id = await self.taps.tap(tap)
        group = (decision.token or {}).get("group_id")
        return Authorization(_STATUS[decision.verdict], reference=start_id, group=group)

    async def total_cost(self, transaction_id: int) -> Decimal | None:
        """What does a transaction cost its driver?"""
        return await self.costs.total(transaction_id)

    async def _quarantine(self, knock: Knock) -> Admission | Refusal:
        async with self.db.tx() as tx:
            return await admission.put_in_quarantine(tx, self.keys, self.policy, knock)
