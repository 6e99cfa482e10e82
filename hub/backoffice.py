"""The CSMS's port, implemented by the hub: who may connect, and who may charge."""

from dataclasses import dataclass

from csms.backoffice import (
    Admission,
    Authorization,
    AuthorizationStatus,
    AuthorizeRequest,
    Refusal,
    RefusalReason,
)
from csms.station import TokenType
from hub.starts.flows import Starter
from hub.stations import service as stations
from hub.stations.tables import by_id
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
    starter: Starter
    heartbeat_interval_s: int

    async def admit(self, station_id: str, password: str | None) -> Admission | Refusal:
        """May this station connect?"""
        async with self.db.read() as tx:
            station = await stations.admit(tx, self.keys, station_id, password)
            if station is None:
                known = await by_id(tx, station_id) is not None
                return Refusal(RefusalReason.WRONG_PASSWORD if known else RefusalReason.UNKNOWN_STATION)
        return Admission(station.id, heartbeat_interval_s=self.heartbeat_interval_s)

    async def authorize(self, request: AuthorizeRequest) -> Authorization:
        """May this token charge here? Whoever vouches for it is asked, within the deadline."""
        token_type = "OTHER" if request.token_type == TokenType.CONTRACT else "RFID"
        decision, start_id = await self.starter.tap(request.station_id, request.evse_id, request.id_token, token_type)
        group = (decision.token or {}).get("group_id")
        return Authorization(_STATUS[decision.verdict], reference=start_id, group=group)
