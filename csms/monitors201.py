"""Monitors of variables in OCPP 2.0.1 and 2.1. Pure."""

from typing import Any

from csms.commands import CommandOutcome, CommandStatus, Operation
from csms.operations import (
    ClearMonitors,
    MonitorKind,
    NotInThisVersion,
    ReadMonitors,
    SetMonitor,
    SetMonitoringLevel,
)
from csms.setting_names import variable_of
from csms.words import without_none

_KIND = {
    MonitorKind.ABOVE: "UpperThreshold",
    MonitorKind.BELOW: "LowerThreshold",
    MonitorKind.CHANGE: "Delta",
    MonitorKind.EVERY: "Periodic",
    MonitorKind.EVERY_ALIGNED: "PeriodicClockAligned",
}


def monitor_request(operation: Operation) -> tuple[str, dict[str, Any]]:
    """Action and payload. Raises `NotInThisVersion` for what is no operation of 2.x."""
    match operation:
        case SetMonitor():
            data = without_none(
                id=operation.monitor_id,
                transaction=operation.transaction_only,
                value=float(operation.value),
                type=_KIND[operation.kind],
                severity=operation.severity,
            )
            return "SetVariableMonitoring", {"setMonitoringData": [{**data, **variable_of(operation.name)}]}
        case ClearMonitors():
            return "ClearVariableMonitoring", {"id": list(operation.monitor_ids)}
        case ReadMonitors():
            return "GetMonitoringReport", {"requestId": operation.request_id}
        case SetMonitoringLevel():
            return "SetMonitoringLevel", {"severity": operation.severity}
        case _:
            raise NotInThisVersion("OCPP 2 has nothing like it")


def monitor_outcome(operation: Operation, payload: dict[str, Any]) -> CommandOutcome | None:
    """What the answer means; None for what every operation is answered with, a `status`."""
    match operation:
        case SetMonitor():
            result: dict[str, Any] = next(iter(payload.get("setMonitoringResult") or ()), {})
            word = str(result.get("status", ""))
            status = {"Accepted": CommandStatus.ACCEPTED, "UnsupportedMonitorType": CommandStatus.UNSUPPORTED}
            found = {"monitor_id": result.get("id")}
            return CommandOutcome(status.get(word, CommandStatus.REJECTED), word, payload, found)
        case ClearMonitors():
            results = payload.get("clearMonitoringResult") or ()
            cleared = [
                {"monitor_id": each.get("id"), "status": str(each.get("status", "")).lower()} for each in results
            ]
            refused = [each for each in cleared if each["status"] != "accepted"]
            reason = ", ".join(f"{each['monitor_id']}: {each['status']}" for each in refused[:10])
            done = CommandStatus.REJECTED if refused else CommandStatus.ACCEPTED
            return CommandOutcome(done, reason, payload, {"monitors": cleared})
        case ReadMonitors() if payload.get("status") == "EmptyResultSet":
            return CommandOutcome(CommandStatus.ACCEPTED, "no monitors are set", payload)
        case _:
            return None
