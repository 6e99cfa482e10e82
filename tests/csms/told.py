"""Payloads as stations send them: one connector, one card, minutes of one hour."""

from typing import Any


def at(minute: int, second: int = 0) -> str:
    return f"2026-05-01T10:{minute:02}:{second:02}Z"


def started(wh: int = 1000, minute: int = 0, **more: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "TAG", "meterStart": wh, "timestamp": at(minute), **more}


def stopped(transaction_id: int, wh: int, minute: int, **more: Any) -> dict[str, Any]:
    return {"transactionId": transaction_id, "meterStop": wh, "timestamp": at(minute), **more}


def metered(wh: int, minute: int, transaction_id: int | None = None, connector: int = 1) -> dict[str, Any]:
    values = [{"timestamp": at(minute), "sampledValue": [{"value": str(wh)}]}]
    named = {} if transaction_id is None else {"transactionId": transaction_id}
    return {"connectorId": connector, **named, "meterValue": values}


def status(word: str, minute: int, connector: int = 1) -> dict[str, Any]:
    return {"connectorId": connector, "errorCode": "NoError", "status": word, "timestamp": at(minute)}


def event(kind: str, number: int, wh: int, **more: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": at(number),
        "triggerReason": "Trigger",
        "seqNo": number,
        "transactionInfo": {"transactionId": "tx-1", "chargingState": "Charging"},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": at(number), "sampledValue": [{"value": wh}]}],
        **more,
    }
