"""What may be written into a log line, and what is replaced: the pure rules behind `kit.log`."""

import re
from collections.abc import Mapping, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from urllib.parse import quote
from uuid import UUID

import orjson

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

# A name and its separator, as in JSON, a header, a query or a keyword argument; and the value that follows.
_NAMED = re.compile(r"""(?<![A-Za-z0-9_-])([A-Za-z][A-Za-z0-9_-]*+)\\?["']?\s*[:=]\s*""")
_VALUE = re.compile(
    r"""(?ix) \\?" (?:[^"\\]|\\.)* (?:\\?"|\Z) | ' [^']* (?:'|\Z) | [\[({] [^\])}]* [\])}]?
    | (?:token|basic|bearer|digest) \s+ \S+ | [^\s,;&)}\]"']+"""
)
_HEADERS = frozenset({"authorization", "proxyauthorization", "cookie", "setcookie"})
_HEADER_VALUE = re.compile(r"""[^"'\\\[({\r\n][^"\r\n]*""")
_PATTERNS = (
    (re.compile(r"(?i)\b(token|basic|bearer|digest)\s+[A-Za-z0-9+/=_.~-]{4,}"), rf"\1 {REDACTED}"),
    (re.compile(r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)[^\s/@]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"\b(?:(?:sk|rk|pk)_(?:live|test)|whsec)_[A-Za-z0-9_]+"), REDACTED),
    (re.compile(r"\b[a-z]+_[A-Za-z0-9]+_secret_[A-Za-z0-9]+"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), REDACTED),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"), REDACTED),
    (re.compile(r"(?<![^\s<>\"'=:,;()@])[^\s<>\"'=:,;()@]++@[^\s<>\"'=:,;()@]+\.[A-Za-z]{2,}"), REDACTED),
    (re.compile(r"\[parameters: [\s\S]*?(?:\](?=\n)|\Z)"), f"[parameters: {REDACTED}]"),
    # a card number as people write it
    (re.compile(r"(?<![\w.-])\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}(?![\w.-])"), REDACTED),
)

_WORD = r"v?[0-9]{1,2}(?:\.[0-9]{1,2}){0,2}|[A-Z]+_[A-Z_]+|(?![a-f]+(?:/|\Z))[a-z][a-z_.-]{0,30}"
_PATH_WORD = re.compile(_WORD)
_PATH_OF_WORDS = re.compile(f"(?:{_WORD})?(?:/(?:{_WORD})?)*")

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


def is_secret_name(name: str) -> bool:
    """Whether a value under this name stays out of the logs, however the name is written (`id_token`, `idToken`)."""
    bare = _bare(name)
    if bare in _HARMLESS_NAMES:
        return False
    return bare in _SECRET_NAMES or any(part in bare for part in _SECRET_PARTS)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def redact_text(text: str) -> str:
    """The text without what looks like a credential, an e-mail address or the value of a telling field."""
    text = _redact_named(text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _redact_named(text: str) -> str:
    kept: list[str] = []
    done = searched = 0
    while (named := _NAMED.search(text, searched)) is not None:
        searched = named.end()
        if is_secret_name(named[1]) and (value := _value_of(named[1], text, searched)) is not None:
            kept += (text[done:searched], REDACTED)
            done = searched = value.end()
    return "".join((*kept, text[done:]))


def _value_of(name: str, text: str, start: int) -> re.Match[str] | None:
    unquoted = _HEADER_VALUE.match(text, start) if _bare(name) in _HEADERS else None
    return unquoted or _VALUE.match(text, start)


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


def redact_path(path: str) -> str:
    """A URL's path for a log line: its fixed words and version numbers, a star for whatever may be an identifier.

    Identifiers in paths can be RFID UIDs and tokens. A word is lower case and not made of the letters a to f alone.
    """
    if _PATH_OF_WORDS.fullmatch(path):
        return path
    return "/".join([part if not part or _PATH_WORD.fullmatch(part) else "*" for part in path.split("/")])


def scrubbed(text: str, found: Mapping[str, str]) -> str:
    """The text without any value that was masked elsewhere in the message, however it is written."""
    folded = text.casefold()
    for value, mask in found.items():
        for spelling in _spellings(value):
            if spelling in folded:
                text = re.sub(re.escape(spelling), lambda _, mask=mask: mask, text, flags=re.IGNORECASE)  # type: ignore[misc]
    return text


def _spellings(value: str) -> tuple[str, ...]:
    """How a value may stand in a JSON text or a URL, in lower case."""
    folded = value.casefold()
    if folded.isascii() and folded.isalnum():
        return (folded,)
    escaped = (quote(value, safe=""), orjson.dumps(value).decode()[1:-1])
    return (folded, *(each.casefold() for each in escaped))
