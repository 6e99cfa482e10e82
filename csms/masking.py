"""What of an OCPP payload may be shown and searched: the pure rules.

Tokens of drivers become a keyed digest, the same wherever they appear, so that a case can be followed without knowing
the card. Passwords, keys, signatures and what tells of a person become `***`. What was masked once in a message is
masked wherever else it stands in it.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

from kit.redact import is_secret_name, redact_text, scrubbed

HIDDEN = "***"
_DEEPEST = 40
_SHORTEST = 4
"""Shorter values are masked where they stand, but not sought elsewhere: they would be found in every word."""

Digest = Callable[[str], str]
Found = dict[str, str]
"""What was masked in a message, and by what."""

_DIGESTED = frozenset(
    {
        *("idtag", "parentidtag", "idtoken", "groupidtoken", "additionalidtoken", "evccid", "emaid", "contractid"),
        *("vin", "licenseplate", "rfid", "uid", "masterpassgroupid"),
    }
)
_HIDDEN_NAMES = frozenset(
    {
        *("signedmeterdata", "signedmetervalue", "publickey", "exirequest", "exiresponse", "authorizationkey"),
        *("customeridentifier", "company", "address1", "address2", "vatnumber", "vatcompany", "emailaddress"),
        *("simpin", "privatekey", "paymentbrand", "pspref", "swappedbyname"),
    }
)
_FREE_TEXTS = frozenset({"info", "techinfo", "vendorerrorcode", "data", "additionalinfo"})
_UID = re.compile(r"(?<![0-9A-Za-z-])(?:[0-9A-Fa-f]{20}|[0-9A-Fa-f]{14}|[0-9A-Fa-f]{8})(?![0-9A-Za-z-])")
"""What looks like the UID of a card: four, seven or ten bytes. Stations write them into texts as well."""
_VALUES = ("value", "attributeValue", "actualValue")
_MASKED = re.compile(r"#[0-9a-f]{16}")
_QUERY = re.compile(r"(?i)([a-z][a-z0-9+.-]*://[^\s?\"]*)\?[^\s\"]+")
_TEXT_AT_RISK = re.compile(r"[@:=?{\[]|OCMF")


class Masker:
    """Masks payloads. `digest` makes a short text of a value, the same each time, that nobody can turn back."""

    def __init__(self, digest: Digest) -> None:
        self._digest = digest

    def masked(self, action: str | None, value: Any) -> Any:
        """A copy of a payload, of a request or an answer, without what must not be shown."""
        found: Found = {}
        shown = self._value(value, found, 0, hidden=action == "NotifyCustomerInformation")
        if any(len(text) >= _SHORTEST for text in found):
            shown = orjson.loads(scrubbed(orjson.dumps(shown).decode(), found))
        return shown

    def text(self, text: str) -> str:
        """A free text, as in the description of an error, without what looks like a card or a credential."""
        return redact_text(_UID.sub(lambda match: self._digested(match[0], {}), text))

    def frame(self, action: str | None, data: bytes) -> bytes:
        """A whole frame, its payload masked; what cannot be read is not shown at all."""
        try:
            frame = orjson.loads(data)
            frame[-1] = self.masked(action, frame[-1])
            return orjson.dumps(frame)
        except (ValueError, LookupError, TypeError):
            return HIDDEN.encode()

    def _value(self, value: Any, found: Found, depth: int, *, hidden: bool = False) -> Any:
        if depth > _DEEPEST:
            return HIDDEN
        if isinstance(value, dict):
            secret = _tells_a_secret(value)
            return {
                name: self._member(name, each, found, depth, hidden=hidden or (secret and name in _VALUES))
                if not (secret and name == "variableAttribute")
                else self._attributes(each)
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [self._value(each, found, depth + 1, hidden=hidden) for each in value]
        return self._text(value, found, depth) if isinstance(value, str) else value

    def _member(self, name: str, value: Any, found: Found, depth: int, *, hidden: bool) -> Any:
        if value is None or isinstance(value, bool):
            return value
        kind = kind_of(name)
        if kind == "digest" and isinstance(value, list) and depth <= _DEEPEST:
            return [self._member(name, each, found, depth + 1, hidden=hidden) for each in value]
        if isinstance(value, dict | list) and not (kind is HIDDEN or hidden):
            return self._value(value, found, depth + 1)
        if hidden and isinstance(value, int | float):
            return value if name in ("requestId", "seqNo", "id") else HIDDEN
        if hidden and name not in ("generatedAt", "customData"):
            return _hide(value, found)
        if kind == "digest":
            return self._digested(value if isinstance(value, str) else str(value), found)
        if kind is HIDDEN:
            return _hide(value, found)
        if not isinstance(value, str):
            return value
        shown = self._text(value, found, depth)
        return self.text(shown) if name.lower() in _FREE_TEXTS else shown

    def _attributes(self, attributes: Any) -> Any:
        """The attributes of a variable that is a secret: everything but their values."""
        if not isinstance(attributes, list):
            return HIDDEN
        return [
            {name: HIDDEN if name == "value" else each for name, each in one.items()} if isinstance(one, dict) else one
            for one in attributes
        ]

    def _digested(self, text: str, found: Found) -> str:
        if _MASKED.fullmatch(text) or not text:
            return text
        mask = f"#{self._digest(text.casefold())}"
        found[text] = mask
        return mask

    def _text(self, text: str, found: Found, depth: int) -> str:
        """A text: JSON in it is masked as such, signed meter data is not shown, credentials in URLs go."""
        if not _TEXT_AT_RISK.search(text):
            return text
        if text.startswith("OCMF|"):
            return HIDDEN
        if text[:1] in ("{", "["):
            try:
                return orjson.dumps(self._value(orjson.loads(text), found, depth + 1)).decode()
            except ValueError:
                pass
        return redact_text(_QUERY.sub(rf"\1?{HIDDEN}", text))


@lru_cache(4096)
def kind_of(name: str) -> str | None:
    """What becomes of a member by its name: `digest`, hidden, or None for what stays."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    if bare in _DIGESTED:
        return "digest"
    if bare in _HIDDEN_NAMES or (is_secret_name(name) and not bare.endswith(("info", "tokens"))):
        return HIDDEN
    return None


def is_secret_setting(name: str) -> bool:
    """Whether the value of a configuration key or variable of this name is never shown nor stored."""
    return kind_of(name) is not None


def _tells_a_secret(value: dict[str, Any]) -> bool:
    """Whether the object pairs the name of a secret with its value, as settings and signed samples do."""
    variable = value.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else value.get("key")
    if isinstance(name, str) and is_secret_setting(name):
        return True
    return value.get("format") == "SignedData" or value.get("mutability") == "WriteOnly"


def _hide(value: Any, found: Found) -> str:
    if isinstance(value, str) and value:
        found[value] = HIDDEN
    return HIDDEN
