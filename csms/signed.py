"""Signed meter values: found among what a station said, kept to the letter, and verified where they are OCMF. Pure.

    1.6   a sampled value of format SignedData: the text itself, or the JSON of a SignedMeterValue in it
    2.x   `signedMeterValue` of a sampled value: the data in Base64, and the public key of the meter

A key that comes with the data says only that both fit; whether it is the meter's, an operator knows, who can give it.
"""

import base64
import binascii
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import orjson
from pyocmf import OCMF, PyOCMFError

from csms.station import Reading

OCMF_PREFIX = "OCMF|"
LONGEST = 32_768
_KWH = Decimal(1000)


class Nature(StrEnum):
    """Where in the transaction a value was taken, in OCPI's words (2.2.1, mod_cdrs, SignedValue)."""

    START = "Start"
    END = "End"
    INTERMEDIATE = "Intermediate"


class Verdict(StrEnum):
    """What is known of a signature."""

    GENUINE = "genuine"
    FORGED = "forged"
    """The data, or the signature, is not what the key's owner made."""
    NO_KEY = "no_key"
    UNSUPPORTED = "unsupported"
    """Another format than OCMF, or a signature method that nothing here can check."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class SignedValue:
    """One signed value. `text` is what the meter signed, with the signature; `public_key` is what came along."""

    at: datetime | None
    nature: Nature
    text: str
    encoding: str
    public_key: str | None = None

    @property
    def plain(self) -> str:
        """What the signature is about, where the format tells it apart."""
        return self.text.split("|")[1] if self.text.startswith(OCMF_PREFIX) else self.text


@dataclass(frozen=True, slots=True)
class Checked:
    """A verdict and, of OCMF that can be read, the first and the last register in Wh and what is amiss in law."""

    verdict: Verdict
    detail: str = ""
    begin_wh: Decimal | None = None
    end_wh: Decimal | None = None
    issues: tuple[str, ...] = ()


def signed_values(readings: Iterable[Reading]) -> list[SignedValue]:
    """The signed values among readings, in their order."""
    found = (_signed_value(reading.at, raw) for reading in readings for raw in reading.raw)
    return [value for value in found if value is not None]


def check(value: SignedValue, public_key: str | None = None) -> Checked:
    """Verify a value by the key that is given, else by the one that came with it."""
    if not value.text.startswith(OCMF_PREFIX):
        return Checked(Verdict.UNSUPPORTED, f"{value.encoding or 'an unknown format'} is not verified here")
    try:
        with warnings.catch_warnings():  # what deviates from the standard without harm is no news here
            warnings.simplefilter("ignore")
            ocmf = OCMF.from_string(value.text)
    except (PyOCMFError, ValueError) as error:
        return Checked(Verdict.UNREADABLE, type(error).__name__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict, detail = _verify(ocmf, public_key or value.public_key)
        issues = tuple(str(issue.code) for issue in ocmf.check_eichrecht(errors_only=True))
    registers = [wh for wh in map(_wh, ocmf.payload.RD) if wh is not None]
    begin_wh, end_wh = (registers[0], registers[-1]) if registers else (None, None)
    return Checked(verdict, detail, begin_wh, end_wh, issues)


def _verify(ocmf: OCMF, public_key: str | None) -> tuple[Verdict, str]:
    key = public_key or ocmf.embedded_public_key
    if key is None:
        return Verdict.NO_KEY, ""
    try:
        genuine = ocmf.verify_signature(key)
    except (PyOCMFError, ValueError) as error:
        return Verdict.UNSUPPORTED, type(error).__name__
    return (Verdict.GENUINE if genuine else Verdict.FORGED), ""


def _wh(reading: Any) -> Decimal | None:
    unit = str(reading.RU)
    if reading.RV is None or unit not in ("kWh", "Wh"):
        return None
    value = Decimal(str(reading.RV))
    return value * _KWH if unit == "kWh" else value


def _signed_value(at: datetime | None, raw: Mapping[str, Any]) -> SignedValue | None:
    nature = {"Transaction.Begin": Nature.START, "Transaction.End": Nature.END}.get(
        str(raw.get("context")), Nature.INTERMEDIATE
    )
    if "signedMeterData" in raw:
        return _of_type(at, nature, raw)
    text = raw.get("value")
    if raw.get("format") != "SignedData" or not isinstance(text, str) or len(text) > LONGEST:
        return None
    if text.lstrip().startswith("{"):
        try:
            wrapped = orjson.loads(text)
        except orjson.JSONDecodeError:
            wrapped = None
        if isinstance(wrapped, dict) and "signedMeterData" in wrapped:
            return _of_type(at, nature, wrapped)
    plain = _plain(text)
    return SignedValue(at, nature, plain, "OCMF" if plain.startswith(OCMF_PREFIX) else "")


def _of_type(at: datetime | None, nature: Nature, raw: Mapping[str, Any]) -> SignedValue | None:
    """From a SignedMeterValueType (OCPP 2.0.1, part 2)."""
    data, key, encoding = raw["signedMeterData"], raw.get("publicKey"), raw.get("encodingMethod")
    if not isinstance(data, str) or len(data) > LONGEST:
        return None
    plain = _plain(data)
    named = encoding if isinstance(encoding, str) and encoding else "OCMF" if plain.startswith(OCMF_PREFIX) else ""
    return SignedValue(at, nature, plain, named, _key(key) if isinstance(key, str) and key else None)


def _plain(data: str) -> str:
    """The text out of Base64 or hexadecimal digits, where OCMF is in it; else what it was."""
    if data.startswith(OCMF_PREFIX):
        return data
    for decode in (_from_base64, bytes.fromhex):
        try:
            text = decode(data).decode()
        except ValueError:
            continue
        if text.startswith(OCMF_PREFIX):
            return text
    return data


def _key(text: str) -> str:
    """A public key as hexadecimal or Base64 DER: out of Base64, and out of `oca:base16:asn1:…` where it is in it."""
    if text.startswith("oca:"):
        return text.rpartition(":")[2]
    try:
        inner = _from_base64(text).decode("ascii")
    except ValueError:
        return text
    return inner.rpartition(":")[2] if inner.isprintable() and inner else text


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no Base64") from error
