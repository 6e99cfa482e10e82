"""OCPP 2.0.1 and 2.1 as a station speaks them."""

from datetime import datetime

from simulators.station.words import (
    FIRMWARE,
    MODEL,
    VENDOR,
    Charging,
    Json,
    Message,
    NeutralAnswer,
    StopReason,
    iso,
)

CONNECTOR = 1
"""Each simulated EVSE has one connector."""

_STATUSES = frozenset({"Available", "Faulted", "Reserved", "Unavailable"})

_ENDINGS = {
    StopReason.LOCAL: ("StopAuthorized", "Local"),
    StopReason.REMOTE: ("RemoteStop", "Remote"),
    StopReason.EV_DISCONNECTED: ("EVDeparted", "EVDisconnected"),
    StopReason.DEAUTHORIZED: ("Deauthorized", "DeAuthorized"),
    StopReason.HARD_RESET: ("ResetCommand", "ImmediateReset"),
    StopReason.SOFT_RESET: ("ResetCommand", "Reboot"),
    StopReason.UNLOCK_COMMAND: ("UnlockCommand", "Remote"),
    StopReason.POWER_LOSS: ("AbnormalCondition", "PowerLoss"),
}
"""What triggered the last event of a transaction, and why the transaction stopped."""


class Words201:
    """See `simulators.station.words.Words`."""

    def boot(self, serial: str, reason: str) -> Message:
        """BootNotification."""
        station = {"vendorName": VENDOR, "model": MODEL, "serialNumber": serial[:25], "firmwareVersion": FIRMWARE}
        return Message("BootNotification", {"reason": reason, "chargingStation": station})

    def status(self, evse_id: int, status: str, at: datetime) -> Message:
        """StatusNotification, which knows no more of charging than that the place is taken."""
        known = status if status in _STATUSES else "Occupied"
        payload = {"timestamp": iso(at), "connectorStatus": known, "evseId": evse_id, "connectorId": CONNECTOR}
        return Message("StatusNotification", payload)

    def authorize(self, id_token: str) -> Message:
        """Authorize."""
        return Message("Authorize", {"idToken": {"idToken": id_token, "type": "ISO14443"}})

    def started(self, tx: Charging, at: datetime) -> Message:
        """TransactionEvent Started."""
        message = self._event("Started", "Authorized" if tx.remote_start_id is None else "RemoteStart", tx, at)
        message.payload["idToken"] = {"idToken": tx.id_token, "type": tx.token_type}
        if tx.reservation_id is not None:
            message.payload["reservationId"] = tx.reservation_id
        return message

    def metered(self, tx: Charging, at: datetime) -> Message:
        """TransactionEvent Updated."""
        return self._event("Updated", "MeterValuePeriodic", tx, at)

    def flow_changed(self, tx: Charging, at: datetime) -> Message | None:
        """TransactionEvent Updated."""
        return self._event("Updated", "ChargingStateChanged", tx, at)

    def ended(self, tx: Charging, at: datetime) -> Message:
        """TransactionEvent Ended."""
        trigger, reason = _ENDINGS[tx.stop_reason]
        message = self._event("Ended", trigger, tx, at)
        state = "Idle" if tx.stop_reason is StopReason.EV_DISCONNECTED else "EVConnected"
        message.payload["transactionInfo"] |= {"stoppedReason": reason, "chargingState": state}
        return message

    def as_sent(self, payload: Json, tx: Charging, *, offline: bool) -> Json:
        """Marked when it happened offline."""
        return {**payload, "offline": True} if offline else payload

    def verdict(self, answer: Json) -> NeutralAnswer | None:
        """The status in an answer to Authorize or TransactionEvent."""
        return NeutralAnswer.of(answer.get("idTokenInfo"))

    def _event(self, kind: str, trigger: str, tx: Charging, at: datetime) -> Message:
        info: Json = {"transactionId": tx.reference, "chargingState": tx.flow.value}
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
            "evse": {"id": tx.evse_id, "connectorId": CONNECTOR},
            "meterValue": [{"timestamp": iso(at), "sampledValue": samples}],
        }
        tx.seq_no += 1
        return Message("TransactionEvent", event)


def _sample(value: int, measurand: str, unit: str) -> Json:
    return {"value": value, "measurand": measurand, "unitOfMeasure": {"unit": unit}}
