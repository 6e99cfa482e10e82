"""What of a payload may be shown: no card, no password, no person, wherever it stands."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.masking import HIDDEN, Masker, is_secret_setting

masker = Masker(lambda text: f"{sum(text.encode()):016x}")
CARD = "04AABBCCDDEE80"
PASSWORD = "correct-horse-battery"

PAYLOADS: list[tuple[str, Any]] = [
    ("Authorize", {"idTag": CARD}),
    ("StartTransaction", {"idTag": CARD, "info": f"tag {CARD.lower()} was shown"}),
    ("Authorize", {"idToken": {"idToken": CARD, "type": "ISO14443", "additionalInfo": [{"additionalIdToken": CARD}]}}),
    ("SendLocalList", {"localAuthorizationList": [{"idTag": CARD, "idTagInfo": {"parentIdTag": CARD}}]}),
    ("TransactionEvent", {"idToken": {"idToken": CARD, "type": "eMAID"}, "idTokenInfo": {"groupIdToken": CARD}}),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": PASSWORD}),
    ("GetConfiguration", {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": PASSWORD}]}),
    (
        "SetVariables",
        {
            "setVariableData": [
                {
                    "attributeValue": PASSWORD,
                    "component": {"name": "SecurityCtrlr"},
                    "variable": {"name": "BasicAuthPassword"},
                }
            ]
        },
    ),
    (
        "NotifyReport",
        {
            "reportData": [
                {
                    "component": {"name": "SecurityCtrlr"},
                    "variable": {"name": "BasicAuthPassword"},
                    "variableAttribute": [{"type": "Actual", "value": PASSWORD, "mutability": "WriteOnly"}],
                }
            ]
        },
    ),
    ("DataTransfer", {"vendorId": "acme", "data": orjson.dumps({"idTag": CARD, "password": PASSWORD}).decode()}),
    ("UpdateFirmware", {"location": f"ftp://user:{PASSWORD}@files.example/f.bin"}),
    ("UpdateFirmware", {"location": f"https://files.example/f.bin?sig={PASSWORD}"}),
    ("SetNetworkProfile", {"connectionData": {"basicAuthPassword": PASSWORD, "apn": {"apnPassword": PASSWORD}}}),
    ("StatusNotification", {"connectorId": 1, "info": f"card {CARD} is unknown", "vendorErrorCode": CARD}),
    ("DataTransfer", {"vendorId": "acme", "data": CARD}),
    ("DataTransfer", {"vendorId": "acme", "data": {"idTag": [CARD, [CARD], {"uid": CARD}]}}),
    ("NotifyCustomerInformation", {"data": f"card {CARD}", "requestId": 4}),
    ("MeterValues", {"sampledValue": [{"format": "SignedData", "value": f"OCMF|{{'ID':'{CARD}'}}"}]}),
]


@pytest.mark.parametrize(("action", "payload"), PAYLOADS, ids=lambda value: value if isinstance(value, str) else "")
def test_no_card_and_no_password_is_shown(action: str, payload: Any) -> None:
    shown = orjson.dumps(masker.masked(action, payload)).decode().lower()
    assert CARD.lower() not in shown
    assert PASSWORD not in shown


def test_a_card_has_one_digest_however_it_is_spelled_and_masking_twice_changes_nothing() -> None:
    first = masker.masked("Authorize", {"idTag": CARD})
    again = masker.masked("StopTransaction", {"idTag": CARD.lower(), "transactionId": 4})
    assert first["idTag"] == again["idTag"] != CARD
    assert masker.masked("Authorize", first) == first


def test_what_tells_of_the_charger_alone_stays_as_it_is() -> None:
    payload = {
        "connectorId": 1,
        "transactionId": 7,
        "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "1500", "unit": "Wh"}]}],
    }
    assert masker.masked("MeterValues", payload) == payload
    boot = {"chargePointVendor": "Acme", "chargePointModel": "Box 2", "firmwareVersion": "1.2.3", "iccid": "893144"}
    assert masker.masked("BootNotification", boot) == boot


def test_texts_of_errors_show_the_digest_of_a_card_and_no_credentials() -> None:
    shown = masker.text(f"tag {CARD} refused, password={PASSWORD}")
    assert masker.masked("Authorize", {"idTag": CARD})["idTag"] in shown
    assert CARD not in shown
    assert PASSWORD not in shown
    assert masker.text("NotImplemented: no such thing in 1.6") == "NotImplemented: no such thing in 1.6"


def test_settings_are_secret_by_their_names() -> None:
    assert all(map(is_secret_setting, ("AuthorizationKey", "BasicAuthPassword", "WifiPassword")))
    assert not any(map(is_secret_setting, ("HeartbeatInterval", "AuthorizationCacheEnabled", "LocalAuthListEnabled")))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_whatever_a_station_sends_can_be_masked(payload: Any) -> None:
    shown = masker.masked("DataTransfer", {"vendorId": "x", "idTag": CARD, "data": payload})
    assert CARD not in orjson.dumps(shown).decode()
    assert shown["idTag"] != HIDDEN
