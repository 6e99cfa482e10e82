"""OCPP 2.1 payloads to facts and commands to payloads: 2.0.1 and what 2.1 adds to it. Pure.

Battery swaps, tariffs and web payment at the charger, distributed energy resources, dynamic schedules and periodic
event streams have no meaning above yet: what a station says of them is answered, and `RawCall` reaches the rest.
"""

from collections.abc import Mapping
from typing import Any

from csms.frames import RULES_21
from csms.schemas import Schemas, schemas_21
from csms.station import PlainlyAnswered, StationFact
from csms.v201 import Ocpp201

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
_VAT = "VatNumberValidation"


class Ocpp21(Ocpp201):
    """How 2.1 says it. See `csms.dialect`."""

    subprotocol = "ocpp2.1"
    rules = RULES_21
    plain: Mapping[str, Mapping[str, Any]] = {**Ocpp201.plain, **_PLAIN}

    def __init__(self) -> None:
        super().__init__()
        self.understood |= {_VAT}

    def fact(self, action: str, payload: dict[str, Any]) -> StationFact:
        """What a request of a station says. Raises `SchemaViolation` for numbers out of range."""
        if action == _VAT:
            # Nobody here can tell; the number comes back as it was (OCPP 2.1, C25).
            return PlainlyAnswered({"vatNumber": payload.get("vatNumber", ""), "status": "Rejected"})
        return super().fact(action, payload)

    def _schemas(self) -> Schemas:
        return schemas_21()
