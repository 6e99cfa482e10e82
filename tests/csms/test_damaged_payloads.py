"""Whatever stands in a payload, there is a fact of it or a typed fault."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from csms.dialect import DIALECTS
from csms.documents import fact_document, read_fact
from csms.meters import number
from csms.schemas import SchemaViolation
from csms.station import FactKind, TransactionFact
from tests.csms.test_dialects import T, tell

numbers = st.one_of(st.integers(), st.floats(), st.text(max_size=12), st.booleans(), st.none())


@given(numbers)
def test_any_value_is_a_believable_number_or_none(value: object) -> None:
    read = number(value)
    assert read is None or (read.is_finite() and abs(read) <= 10**12)


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=8)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
GOOD: list[tuple[str, str, dict[str, Any]]] = [
    ("ocpp1.6", "StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 1, "timestamp": T}),
    ("ocpp1.6", "StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": T, "transactionData": [
        {"timestamp": T, "sampledValue": [{"value": "1", "unit": "kWh", "phase": "L1"}]}]}),
    ("ocpp1.6", "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": T, "sampledValue": [{"value": "1"}]}]}),
    ("ocpp1.6", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
    ("ocpp1.6", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}),
    ("ocpp1.6", "Authorize", {"idTag": "T"}),
    ("ocpp2.0.1", "TransactionEvent", {
        "eventType": "Started", "timestamp": T, "triggerReason": "Authorized", "seqNo": 0,
        "transactionInfo": {"transactionId": "abc", "chargingState": "Charging"}, "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": "T", "type": "ISO14443"},
        "meterValue": [{"timestamp": T, "sampledValue": [{"value": 1.5, "unitOfMeasure": {"multiplier": 0}}]}],
    }),
    ("ocpp2.0.1", "StatusNotification", {
        "timestamp": T, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}),
    ("ocpp2.0.1", "BootNotification", {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}),
    ("ocpp2.0.1", "Authorize", {"idToken": {"idToken": "T", "type": "Central"}}),
]  # fmt: skip


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in items for place in [(*path, key), *_places(value, (*path, key))]]


@given(st.sampled_from(GOOD), st.data())
def test_any_damaged_payload_is_understood_or_a_typed_fault(
    good: tuple[str, str, dict[str, Any]], data: st.DataObject
) -> None:
    dialect, action, payload = DIALECTS[good[0]], good[1], copy.deepcopy(good[2])
    for _ in range(data.draw(st.integers(1, 2))):
        places = _places(payload)
        if not places:
            break
        *path, last = data.draw(st.sampled_from(places))
        node: Any = payload
        for key in path:
            node = node[key]
        node[last] = data.draw(junk)
    try:
        fact = tell(dialect, action, payload)
    except SchemaViolation:
        return
    if isinstance(fact, TransactionFact):
        assert read_fact(fact.kind, fact.key, fact_document(fact)) == fact
        assert fact.kind in FactKind
