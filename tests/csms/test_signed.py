"""Signed meter values: kept to the letter in every wrapping, and told apart from forgeries."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from csms.signed import Nature, SignedValue, Verdict, check, signed_values
from csms.station import Reading

AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo).hex()
)


def payload(begin: str = "1.000", end: str = "1.500") -> str:
    reading = {"RI": "1-b:1.8.0", "RU": "kWh", "RT": "AC", "EF": "", "ST": "G"}
    times = ("2026-05-01T10:00:00,000+0000 S", "2026-05-01T10:20:00,000+0000 S")
    return json.dumps(
        {
            "FV": "1.0",
            "GI": "Plugbridge",
            "GS": "1",
            "PG": "T1",
            "MV": "Plugbridge",
            "MS": "42",
            "IS": True,
            "IT": "ISO14443",
            "ID": "04AABBCC",
            "RD": [
                {**reading, "TM": times[0], "TX": "B", "RV": float(begin)},
                {**reading, "TM": times[1], "TX": "E", "RV": float(end)},
            ],
        }
    )


def ocmf(body: str | None = None, *, method: str = "ECDSA-secp256r1-SHA256") -> str:
    body = payload() if body is None else body
    signature = KEY.sign(body.encode(), ec.ECDSA(hashes.SHA256())).hex()
    return f"OCMF|{body}|{json.dumps({'SA': method, 'SD': signature})}"


def value(text: str, public_key: str | None = PUBLIC) -> SignedValue:
    return SignedValue(AT, Nature.END, text, "OCMF", public_key)


def test_a_genuine_value_tells_its_registers() -> None:
    checked = check(value(ocmf()))
    assert (checked.verdict, checked.begin_wh, checked.end_wh) == (Verdict.GENUINE, Decimal(1000), Decimal(1500))
    assert checked.issues == ()


def test_one_digit_changed_is_a_forgery() -> None:
    assert check(value(ocmf().replace("1.5", "1.6"))).verdict is Verdict.FORGED


def test_another_meters_key_is_a_forgery_and_the_operators_key_counts_more() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo).hex()
    assert check(value(ocmf(), der)).verdict is Verdict.FORGED
    assert check(value(ocmf(), der), PUBLIC).verdict is Verdict.GENUINE
    assert check(value(ocmf(), None)).verdict is Verdict.NO_KEY


def test_what_is_amiss_in_law_is_named() -> None:
    assert "VALUE_REGRESSION" in check(value(ocmf(payload("1.500", "1.000")))).issues


@pytest.mark.parametrize("text", ["OCMF|", "OCMF|{}|{}", 'OCMF|{"FV"|x', "OCMF|[]|[]"])
def test_what_cannot_be_read_is_said_to_be_so(text: str) -> None:
    assert check(value(text)).verdict is Verdict.UNREADABLE


def test_what_cannot_be_checked_is_said_to_be_so() -> None:
    assert check(SignedValue(AT, Nature.END, "1B1B1B1B01", "SML")).verdict is Verdict.UNSUPPORTED
    assert check(value(ocmf(), "00ff")).verdict is Verdict.UNSUPPORTED


def reading(*raw: dict[str, Any]) -> list[Reading]:
    return [Reading(AT, (), raw)]


TEXT = ocmf()
B64 = base64.b64encode(TEXT.encode()).decode()
TYPE = {
    "signedMeterData": B64,
    "signingMethod": "",
    "encodingMethod": "OCMF",
    "publicKey": base64.b64encode(f"oca:base16:asn1:{PUBLIC}".encode()).decode(),
}


@pytest.mark.parametrize(
    "raw",
    [
        {"value": TEXT, "format": "SignedData", "context": "Transaction.End"},
        {"value": TEXT.encode().hex(), "format": "SignedData", "context": "Transaction.End"},
        {"value": json.dumps(TYPE), "format": "SignedData", "context": "Transaction.End"},
        {**TYPE, "context": "Transaction.End"},
        {**TYPE, "signedMeterData": TEXT, "context": "Transaction.End"},
    ],
)
def test_it_is_found_in_every_wrapping(raw: dict[str, Any]) -> None:
    [found] = signed_values(reading({"value": "odd"}, raw))
    assert (found.at, found.nature, found.text, found.encoding) == (AT, Nature.END, TEXT, "OCMF")
    assert check(found, PUBLIC).verdict is Verdict.GENUINE
    assert found.public_key in (None, PUBLIC)


@given(st.dictionaries(st.sampled_from(["value", "format", "signedMeterData", "publicKey", "context"]), st.text()))
def test_whatever_a_station_sends_has_a_verdict(raw: dict[str, Any]) -> None:
    for found in signed_values(reading({"format": "SignedData", **raw})):
        assert check(found).verdict in set(Verdict) - {Verdict.GENUINE}
