"""What a station says, in OCPP 1.6 and in 2.0.1: the payloads of its own messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(slots=True)
class Charging:
    """A transaction as the station counts it. `meter_wh` is the import register, `transaction_id` the 1.6 number."""

    id_token: str
    evse_id: int
    reference: str
    meter_start_wh: int
    meter_wh: int
    started_at: datetime
    remote_start_id: int | None = None
    transaction_id: int | None = None
    seq_no: int = 0
    stop_reason: str = "Local"
    power_w: int | None = None
    """What flows now; told with each meter value when it is known."""

    @property
    def energy_wh(self) -> int:
        """What has flowed since the start."""
        return self.meter_wh - self.meter_start_wh


class Words(Protocol):
    """The messages of one OCPP version: each an action and its payload."""

    protocol: str

    def boot(self, vendor: str, model: str, serial: str) -> tuple[str, Json]: ...
    def status(self, evse_id: int, status: str, at: datetime) -> tuple[str, Json]: ...
    def authorize(self, id_token: str) -> tuple[str, Json]: ...
    def started(self, tx: Charging, at: datetime) -> tuple[str, Json]: ...
    def metered(self, tx: Charging, at: datetime) -> tuple[str, Json]: ...
    def ended(self, tx: Charging, at: datetime) -> tuple[str, Json]: ...
    def verdict(self, answer: Json) -> str: ...


def iso(at: datetime) -> str:
    """UTC with milliseconds and `Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


class Words16:
    """OCPP 1.6."""

    protocol = "ocpp1.6"

    def boot(self, vendor: str, model: str, serial: str) -> tuple[str, Json]:
        """BootNotification."""
        payload = {"chargePointVendor": vendor, "chargePointModel": model, "chargePointSerialNumber": serial[:25]}
        return "BootNotification", {**payload, "firmwareVersion": "1.0"}

    def status(self, evse_id: int, status: str, at: datetime) -> tuple[str, Json]:
        """StatusNotification."""
        payload = {"connectorId": evse_id, "errorCode": "NoError", "status": status, "timestamp": iso(at)}
        return "StatusNotification", payload

    def authorize(self, id_token: str) -> tuple[str, Json]:
        """Authorize."""
        return "Authorize", {"idTag": id_token}

    def started(self, tx: Charging, at: datetime) -> tuple[str, Json]:
        """StartTransaction."""
        payload = {"connectorId": tx.evse_id, "idTag": tx.id_token, "meterStart": tx.meter_wh, "timestamp": iso(at)}
        return "StartTransaction", payload

    def metered(self, tx: Charging, at: datetime) -> tuple[str, Json]:
        """MeterValues."""
        samples = [{"value": str(tx.meter_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]
        if tx.power_w is not None:
            samples.append({"value": str(tx.power_w), "measurand": "Power.Active.Import", "unit": "W"})
        values = [{"timestamp": iso(at), "sampledValue": samples}]
        payload: Json = {"connectorId": tx.evse_id, "meterValue": values}
        if tx.transaction_id is not None:
            payload["transactionId"] = tx.transaction_id
        return "MeterValues", payload

    def ended(self, tx: Charging, at: datetime) -> tuple[str, Json]:
        """StopTransaction; a station that never learnt the number says -1."""
        number = -1 if tx.transaction_id is None else tx.transaction_id
        payload = {"transactionId": number, "idTag": tx.id_token, "meterStop": tx.meter_wh, "timestamp": iso(at)}
        return "StopTransaction", {**payload, "reason": tx.stop_reason}

    def verdict(self, answer: Json) -> str:
        """The status in an answer to Authorize or StartTransaction."""
        return str(answer.get("idTagInfo", {}).get("status", "Invalid"))


class Words201:
    """OCPP 2.0.1."""

    protocol = "ocpp2.0.1"

    def boot(self, vendor: str, model: str, serial: str) -> tuple[str, Json]:
        """BootNotification."""
        station = {"vendorName": vendor, "model": model, "serialNumber": serial[:25], "firmwareVersion": "1.0"}
        return "BootNotification", {"reason": "PowerUp", "chargingStation": station}

    def status(self, evse_id: int, status: str, at: datetime) -> tuple[str, Json]:
        """StatusNotification, which knows no more of charging than that the place is taken."""
        known = status if status in ("Available", "Unavailable", "Faulted", "Reserved") else "Occupied"
        payload = {"timestamp": iso(at), "connectorStatus": known, "evseId": evse_id, "connectorId": 1}
        return "StatusNotification", payload

    def authorize(self, id_token: str) -> tuple[str, Json]:
        """Authorize."""
        return "Authorize", {"idToken": {"idToken": id_token, "type": "ISO14443"}}

    def started(self, tx: Charging, at: datetime) -> tuple[str, Json]:
        """TransactionEvent Started."""
        reason = "Authorized" if tx.remote_start_id is None else "RemoteStart"
        event = self._event("Started", reason, tx, at)
        event["idToken"] = {"idToken": tx.id_token, "type": "ISO14443"}
        return "TransactionEvent", event

    def metered(self, tx: Charging, at: datetime) -> tuple[str, Json]:
        """TransactionEvent Updated."""
        return "TransactionEvent", self._event("Updated", "MeterValuePeriodic", tx, at)

    def ended(self, tx: Charging, at: datetime) -> tuple[str, Json]:
        """TransactionEvent Ended."""
        reason = "RemoteStop" if tx.stop_reason == "Remote" else "StopAuthorized"
        event = self._event("Ended", reason, tx, at)
        event["transactionInfo"] |= {"stoppedReason": tx.stop_reason, "chargingState": "EVConnected"}
        return "TransactionEvent", event

    def verdict(self, answer: Json) -> str:
        """The status in an answer to Authorize or TransactionEvent."""
        return str(answer.get("idTokenInfo", {}).get("status", "Invalid"))

    def _event(self, kind: str, trigger: str, tx: Charging, at: datetime) -> Json:
        info: Json = {"transactionId": tx.reference, "chargingState": "Charging"}
        if tx.remote_start_id is not None:
            info["remoteStartId"] = tx.remote_start_id
        samples = [_sample(tx.meter_wh, "Energy.Active.Import.Register", "Wh")]
        if tx.power_w is not None:
            samples.append(_sample(tx.power_w, "Power.Active.Import", "W"))
        event: Json = {
            "eventType": kind,
            "timestamp": iso(at),
            "triggerReason": trigger,
            "seqNo": tx.seq_no,
            "transactionInfo": info,
            "evse": {"id": tx.evse_id, "connectorId": 1},
            "meterValue": [{"timestamp": iso(at), "sampledValue": samples}],
        }
        tx.seq_no += 1
        return event


def _sample(value: int, measurand: str, unit: str) -> Json:
    return {"value": value, "measurand": measurand, "unitOfMeasure": {"unit": unit}}


WORDS: dict[str, Words] = {"ocpp1.6": Words16(), "ocpp2.0.1": Words201()}
