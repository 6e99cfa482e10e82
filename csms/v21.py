"""OCPP 2.1 payloads to facts and commands to payloads: 2.0.1 and what 2.1 adds to it. Pure.

Battery swaps, tariffs and web payment at the charger, distributed energy resources, dynamic schedules and periodic
event streams have no meaning above yet: what a station says of them is answered, and `RawCall` reaches the rest.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from csms.frames import RULES_21
from csms.schemas import Schemas, schemas_21
from csms.station import CertificateState, CertificateStatus, PlainlyAnswered, StationFact, StatusesAsked, StatusWanted
from csms.v201 import Ocpp201, status_wanted
from csms.words import utc_text

_PLAIN: Mapping[str, Mapping[str, Any]] = {
    "BatterySwap": {},
    "ClosePeriodicEventStream": {},
    "NotifyDERAlarm": {},
    "NotifyDERStartStop": {},
    "NotifyPeriodicEventStream": {},
    "NotifyPriorityCharging": {},
    "NotifySettlement": {},
    "NotifyWebPaymentStarted": {},
    "OpenPeriodicEventStream": {"status": "Accepted"},
    "PullDynamicScheduleUpdate": {"status": "Rejected"},
    "ReportDERControl": {},
}
_VAT, _CHAIN = "VatNumberValidation", "GetCertificateChainStatus"
_MOST_CERTIFICATES = 4
_STATE_WORD = {
    CertificateState.GOOD: "Good",
    CertificateState.REVOKED: "Revoked",
    CertificateState.UNKNOWN: "Unknown",
    CertificateState.FAILED: "Failed",
}


class Ocpp21(Ocpp201):
    """How 2.1 says it. See `csms.dialect`."""

    subprotocol = "ocpp2.1"
    rules = RULES_21
    plain: Mapping[str, Mapping[str, Any]] = {**Ocpp201.plain, **_PLAIN}

    def __init__(self) -> None:
        super().__init__()
        self.understood |= {_VAT, _CHAIN}

    def fact(self, action: str, payload: dict[str, Any]) -> StationFact:
        """What a request of a station says. Raises `SchemaViolation` for numbers out of range."""
        if action == _VAT:
            # Nobody here can tell; the number comes back as it was (OCPP 2.1, C25).
            return PlainlyAnswered({"vatNumber": payload.get("vatNumber", ""), "status": "Rejected"})
        if action == _CHAIN:
            return StatusesAsked(
                tuple(_wanted(one) for one in payload["certificateStatusRequests"][:_MOST_CERTIFICATES])
            )
        return super().fact(action, payload)

    def statuses_answer(
        self, action: str, payload: dict[str, Any], statuses: Sequence[CertificateStatus], now: datetime
    ) -> dict[str, Any]:
        """The answer to a question about one certificate, or about a chain of them."""
        if action != _CHAIN:
            return super().statuses_answer(action, payload, statuses, now)
        asked = zip(payload["certificateStatusRequests"], statuses, strict=False)
        return {"certificateStatus": [_told(one, status, now) for one, status in asked]}

    def _schemas(self) -> Schemas:
        return schemas_21()


def _wanted(asked: Mapping[str, Any]) -> StatusWanted:
    # Lists of revoked certificates are not read: whoever names one only is told that nobody could be asked.
    urls = asked["urls"] if asked["source"] == "OCSP" else ()
    return status_wanted(asked["certificateHashData"], urls)


def _told(asked: Mapping[str, Any], status: CertificateStatus, now: datetime) -> dict[str, Any]:
    return {
        "certificateHashData": asked["certificateHashData"],
        "source": asked["source"],
        "status": _STATE_WORD[status.state],
        "nextUpdate": utc_text(status.next_update_at or now),
    }
