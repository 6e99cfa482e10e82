"""What may be written into a log line, and what is replaced: the pure rules behind `kit.log`."""

import re
from collections.abc import Mapping, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from uuid import UUID

REDACTED = "[redacted]"

_DEEPEST = 12

_SECRET_NAMES = frozenset(
    {
        *("uid", "rfid", "emaid", "evccid", "vin", "licenseplate"),
        *("pin", "pan", "cvc", "cvv", "iban"),
        *("auth", "authorization", "proxyauthorization", "privatekey", "masterkey", "signingkey", "keyring"),
        *("address", "street", "givenname", "familyname", "firstname", "lastname", "fullname", "username", "birthday"),
    }
)
_SECRET_PARTS = (
    "token",
    "secret",
    "passw",
    "passphrase",
    "credential",
    "cookie",
    "apikey",
    "idtag",
    "authid",
    "contractid",
    "cardnumber",
    "visualnumber",
    "email",
    "phone",
)
_HARMLESS_NAMES = frozenset({"tokentype", "tokencount"})

_FIELD = (
    r"uid|rfid|pin|cvc|cvv|iban|emaid|(?:parent_?)?id_?tag|auth_?id|contract_?id|visual_?number|card_?number|e?_?mail|"
    r"phone|api_?key|authorization|[a-z_-]*(?:token|secret|password|passwd|passphrase|cookie|credential)s?"
)
_PATTERNS = (
    # the value of a header, a JSON member, a query parameter or a keyword argument with a telling name
    (
        re.compile(
            rf"""(?ix) (?<![a-z0-9]) ( \\?["']? (?:{_FIELD}) \\?["']? \s* [:=] \s* )
            (?: \\?" (?:[^"\\]|\\.)* \\?" | ' [^']* ' | (?:token|basic|bearer|digest) \s+ \S+ | [^\s,;&)}}\]]+ )"""
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"(?i)\b(token|basic|bearer|digest)\s+[A-Za-z0-9+/=_.~-]{4,}"), rf"\1 {REDACTED}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"\b(?:(?:sk|rk|pk)_(?:live|test)|whsec)_[A-Za-z0-9_]+"), REDACTED),
    (re.compile(r"\b[a-z]+_[A-Za-z0-9]+_secret_[A-Za-z0-9]+"), REDACTED),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), REDACTED),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"), REDACTED),
    (re.compile(r"[^\s<>\"'=:,;()]+@[^\s<>\"'=:,;()]+\.[A-Za-z]{2,}"), REDACTED),
    (re.compile(r"\[parameters: [\s\S]*?\](?=\n|$)"), f"[parameters: {REDACTED}]"),
    # a card number as people write it
    (re.compile(r"(?<![\w.-])\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}(?![\w.-])"), REDACTED),
)

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


def is_secret_name(name: str) -> bool:
    """Whether a value under this name stays out of the logs, however the name is written (`id_token`, `idToken`)."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    if bare in _HARMLESS_NAMES:
        return False
    return bare in _SECRET_NAMES or any(part in bare for part in _SECRET_PARTS)


def redact_text(text: str) -> str:
    """The text without what looks like a credential, an e-mail address or the value of a telling field."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact(value: object, *, depth: int = 0) -> Plain:
    """A copy made of JSON values, with secrets replaced at any depth.

    Only plain values are shown: of any other object, bytes included, its type alone, because its `repr` may tell more
    than its name.
    """
    if depth > _DEEPEST:
        return "[too deep]"
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return redact(value.value, depth=depth + 1)
        case str():
            return redact_text(value)
        case Decimal() | UUID() | PurePath() | timedelta():
            return redact_text(str(value))
        case datetime() | date() | time():
            return value.isoformat()
        case BaseException():
            return redact_text(f"{type(value).__name__}: {value}")
        case Mapping():
            return redact_mapping(value, depth=depth)
        case list() | tuple() | Set():
            return [redact(item, depth=depth + 1) for item in value]
        case type():
            return value.__name__
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
    return f"<{type(value).__name__}>"


def redact_mapping(members: Mapping[str, object], *, depth: int = 0) -> dict[str, Plain]:
    """The same for an object's members: what stands under a telling name is replaced, None and booleans aside."""
    return {redact_text(str(name)): _member(str(name), value, depth) for name, value in members.items()}


def _member(name: str, value: object, depth: int) -> Plain:
    if value is None or isinstance(value, bool):
        return value
    return REDACTED if is_secret_name(name) else redact(value, depth=depth + 1)
