"""Facts and records as JSON documents, for the database. Pure; numbers are texts, so that they stay exact."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from csms.record import TransactionRecord
from csms.station import ChargingState, FactKind, Reading, Sample, TokenType, TransactionFact


def fact_document(fact: TransactionFact) -> bytes:
    """A fact as JSON; what it does not say is left out."""
    document: dict[str, Any] = {
        "at": fact.at,
        "reference": fact.reference,
        "evse_id": fact.evse_id,
        "connector_id": fact.connector_id,
        "token": fact.token,
        "token_type": fact.token_type,
        "meter_wh": None if fact.meter_wh is None else str(fact.meter_wh),
        "state": fact.state,
        "seq_no": fact.seq_no,
        "stop_reason": fact.stop_reason,
        "remote_start_id": fact.remote_start_id,
        "reservation_id": fact.reservation_id,
    }
    document = {key: value for key, value in document.items() if value is not None}
    if fact.readings:
        document["readings"] = [_reading_document(reading) for reading in fact.readings]
    if fact.opens:
        document["opens"] = True
    if fact.offline:
        document["offline"] = True
    if fact.guessed:
        document["guessed"] = True
    return orjson.dumps(document)


def read_fact(kind: str, key: str, document: bytes) -> TransactionFact:
    """The fact back from its document."""
    told: dict[str, Any] = orjson.loads(document)
    get = told.get
    token_type, state, meter_wh = get("token_type"), get("state"), get("meter_wh")
    return TransactionFact(
        kind=FactKind(kind),
        key=key,
        at=_time(get("at")),
        reference=get("reference"),
        opens=get("opens", False),
        evse_id=get("evse_id"),
        connector_id=get("connector_id"),
        token=get("token"),
        token_type=None if token_type is None else TokenType(token_type),
        meter_wh=None if meter_wh is None else Decimal(meter_wh),
        readings=tuple(_read_reading(reading) for reading in get("readings", ())),
        state=None if state is None else ChargingState(state),
        seq_no=get("seq_no"),
        stop_reason=get("stop_reason"),
        remote_start_id=get("remote_start_id"),
        reservation_id=get("reservation_id"),
        offline=get("offline", False),
        guessed=get("guessed", False),
    )


def record_document(record: TransactionRecord) -> bytes:
    """The reduced record as JSON, for those who look at the database; it is never read back."""
    return orjson.dumps(
        {
            "started_at": record.started_at,
            "ended_at": record.ended_at,
            "energy_wh": str(record.energy_wh),
            "meter_start_wh": None if record.meter_start_wh is None else str(record.meter_start_wh),
            "meter_wh": None if record.meter_wh is None else str(record.meter_wh),
            "state": record.state,
            "periods": [
                {"state": period.state, "from": period.from_at, "energy_wh": str(period.energy_wh)}
                for period in record.periods
            ],
            "stop_reason": record.stop_reason,
            "review": sorted(record.review),
        }
    )


def _reading_document(reading: Reading) -> dict[str, Any]:
    document: dict[str, Any] = {
        "at": reading.at,
        "samples": [
            (one.measurand, str(one.value), one.unit, one.phase, one.location, one.context) for one in reading.samples
        ],
    }
    if reading.raw:
        document["raw"] = reading.raw
    return document


def _read_reading(document: Mapping[str, Any]) -> Reading:
    return Reading(
        _time(document["at"]),
        tuple(
            Sample(measurand, Decimal(value), unit, phase, location, context)
            for measurand, value, unit, phase, location, context in document["samples"]
        ),
        tuple(document.get("raw", ())),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
