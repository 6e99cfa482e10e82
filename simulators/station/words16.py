"""OCPP 1.6 as a station speaks it."""

from datetime import datetime

from simulators.station.words import FIRMWARE, MODEL, VENDOR, Charging, Json, Message, NeutralAnswer, iso

NEVER_TOLD = -1
"""The number that a station gives a transaction whose own number it has not learnt."""


class Words16:
    """See `simulators.station.words.Words`."""

    def boot(self, serial: str, reason: str) -> Message:
        """BootNotification, which has no reason here."""
        payload = {"chargePointVendor": VENDOR, "chargePointModel": MODEL, "chargePointSerialNumber": serial[:25]}
        return Message("BootNotification", {**payload, "firmwareVersion": FIRMWARE})

    def status(self, evse_id: int, status: str, at: datetime) -> Message:
        """StatusNotification."""
        payload = {"connectorId": evse_id, "errorCode": "NoError", "status": status, "timestamp": iso(at)}
        return Message("StatusNotification", payload)

    def authorize(self, id_token: str) -> Message:
        """Authorize."""
        return Message("Authorize", {"idTag": id_token})

    def started(self, tx: Charging, at: datetime) -> Message:
        """StartTransaction."""
        payload = {"connectorId": tx.evse_id, "idTag": tx.id_token, "meterStart": tx.meter_wh, "timestamp": iso(at)}
        if tx.reservation_id is not None:
            payload["reservationId"] = tx.reservation_id
        return Message("StartTransaction", payload)

    def metered(self, tx: Charging, at: datetime) -> Message:
        """MeterValues."""
        samples = [{"value": str(tx.meter_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]
        if tx.power_w is not None:
            samples.append({"value": str(tx.power_w), "measurand": "Power.Active.Import", "unit": "W"})
        payload: Json = {"connectorId": tx.evse_id, "meterValue": [{"timestamp": iso(at), "sampledValue": samples}]}
        if tx.transaction_id is not None:
            payload["transactionId"] = tx.transaction_id
        return Message("MeterValues", payload)

    def flow_changed(self, tx: Charging, at: datetime) -> Message | None:
        """Told by the connector's status."""
        return None

    def ended(self, tx: Charging, at: datetime) -> Message:
        """StopTransaction."""
        number = NEVER_TOLD if tx.transaction_id is None else tx.transaction_id
        payload = {"transactionId": number, "idTag": tx.id_token, "meterStop": tx.meter_wh, "timestamp": iso(at)}
        return Message("StopTransaction", {**payload, "reason": tx.stop_reason.value})

    def as_sent(self, payload: Json, tx: Charging, *, offline: bool) -> Json:
        """With the transaction's number, which came in the answer to its start."""
        if tx.transaction_id is None or "meterStart" in payload:
            return payload
        return {**payload, "transactionId": tx.transaction_id}

    def verdict(self, answer: Json) -> NeutralAnswer | None:
        """The status in an answer to Authorize, StartTransaction or StopTransaction."""
        return NeutralAnswer.of(answer.get("idTagInfo"))
