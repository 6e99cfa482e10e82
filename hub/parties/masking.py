"""What of a message may stand in the searchable log: the pure rules.

Card numbers and contract ids become a keyed digest, the same wherever they appear, so that a case can be followed
without knowing the card; secrets, signatures and what tells of a person become `***`. What was masked once in a message
is masked wherever else it stands in it: in its URL, in a text, in the answer.

A place is no person: names and addresses of locations stay, and so do the uids of EVSEs.
"""

import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from kit.redact import is_secret_name, redact_path

HIDDEN = "***"
DEEPEST = 40
SHORTEST = 4
"""Shorter values are masked where they stand, but not sought elsewhere: they would be found in every word."""

_NESTED = (dict, list)

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
Digest = Callable[[str], str]
Found = dict[str, str]
"""What was masked in a message, and by what."""


class Kind(Enum):
    """What becomes of a member."""

    KEPT = 0
    DIGEST = 1
    HIDDEN = 2
    PERSON = 3
    PLACE = 4
    URL = 5
    PLACE_KEEPS = 6
    """A name or an address: kept of a place, hidden of anybody else."""
    PLACE_OR_DIGEST = 7
    """`uid`: of an EVSE it is public, of a token it is the card."""


_DIGESTED = frozenset(
    {"contractid", "visualnumber", "groupid", "authid", "emaid", "evccid", "rfid", "idtag", "vin", "licenseplate"}
)
_SIGNED = frozenset({"signeddata", "signedvalues", "plaindata", "publickey", "signature", "challenge"})
_PLACES = frozenset({"evses", "location", "cdrlocation", "operator", "suboperator", "owner", "businessdetails"})
_PERSONS = ("driver", "customer", "cardholder", "person", "surname")
_OF_A_PLACE = frozenset({"address", "street", "postalcode", "city"})
_PLACE_MODULES = frozenset({"locations", "tariffs"})
_SHOWN_QUERY = frozenset(
    {"type", "date_from", "date_to", "offset", "limit", "country_code", "party_id", "token_type", "duration"}
)
_SHOWN_FIELD = rf"(?:{'|'.join(sorted(_SHOWN_QUERY))})=[A-Za-z0-9:._-]*"
_SHOWN_AS_IT_IS = re.compile(f"{_SHOWN_FIELD}(?:&{_SHOWN_FIELD})*")
"""The query of nearly every list: nothing to decode and nothing to mask."""
_PLAIN_URL = re.compile(r"(https?://[a-z0-9.-]+)(?::[0-9]{1,5})?(/[A-Za-z0-9/._~%-]*)?(?:\?[!-~]*)?")
"""A URL that every reader takes apart alike."""
_COUNTRY, _PARTY = re.compile(r"[A-Za-z]{2}"), re.compile(r"[A-Za-z0-9]{3}")


class Masker:
    """Masks messages, and remembers the masks as long as it lives.

    `digest` makes a short text of a value, the same each time, that nobody can turn back.
    """

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        self._masks: dict[str, str] = {}

    def body(self, value: Json, module: str | None, found: Found) -> Json:
        """A copy of a body; what was masked is added to `found`."""
        return self._value(value, module in _PLACE_MODULES, False, found, 0)

    def target(self, path: str, query: str, module: str | None, known: bool, found: Found) -> str:
        """A path below an endpoint's URL and its query, for the log. `known`: whether the path is one of OCPI's."""
        shown = self._path(path, module, found) if known else redact_path(path)
        return f"{shown}?{self._query(query)}" if query else shown

    def _path(self, path: str, module: str | None, found: Found) -> str:
        if module != "tokens":
            return path if module in ("locations", "sessions", "cdrs", "tariffs") else redact_path(path)
        segments = path.strip("/").split("/")
        shown = list(segments)
        for place, segment in enumerate(segments):
            is_owner = len(segments) == 3 and (_COUNTRY, _PARTY, None)[place]
            if segment and segment != "authorize" and not (is_owner and is_owner.fullmatch(segment)):
                shown[place] = self._digested(unquote(segment), found)
        return "/".join(shown)

    def _query(self, query: str) -> str:
        if _SHOWN_AS_IT_IS.fullmatch(query):
            return query
        try:
            fields = parse_qsl(query, keep_blank_values=True, max_num_fields=50)
        except ValueError:
            return HIDDEN
        return "&".join(
            f"{redact_word(name)}={quote(value, safe=':') if name in _SHOWN_QUERY else HIDDEN}"
            for name, value in fields
        )

    def _value(self, value: Json, place: bool, person: bool, found: Found, depth: int) -> Json:
        if isinstance(value, dict):
            if depth > DEEPEST:
                return HIDDEN
            return {
                name: each  # what most members are, without a call
                if not person and kind_of(name) is Kind.KEPT and not isinstance(each, _NESTED)
                else self._member(name, each, place, person, found, depth)
                for name, each in value.items()
            }
        if isinstance(value, list):
            if depth > DEEPEST:
                return HIDDEN
            return [self._value(each, place, person, found, depth + 1) for each in value]
        return _hidden(value, found) if person else value

    def _member(self, name: str, value: Json, place: bool, person: bool, found: Found, depth: int) -> Json:
        kind = kind_of(name)
        if value is None or isinstance(value, bool) or (kind is Kind.KEPT and not person):
            simple = not isinstance(value, dict | list)
            return value if simple else self._value(value, place, person, found, depth + 1)
        if place and kind in (Kind.PLACE_KEEPS, Kind.PLACE_OR_DIGEST):
            kind = Kind.KEPT
        if kind in (Kind.DIGEST, Kind.PLACE_OR_DIGEST):
            return self._digested_all(value, found)
        if isinstance(value, dict | list) and kind is not Kind.HIDDEN:
            return self._value(
                value,
                place or kind is Kind.PLACE,
                person or kind in (Kind.PERSON, Kind.PLACE_KEEPS),
                found,
                depth + 1,
            )
        if isinstance(value, dict | list) and _bare(name) not in _SIGNED:
            return self._token(value, person, found, depth + 1)
        if kind is Kind.URL and isinstance(value, str):
            return shown_url(value)
        return value if kind in (Kind.KEPT, Kind.PLACE) and not person else _hidden(value, found)

    def _token(self, value: Json, person: bool, found: Found, depth: int) -> Json:
        """An object under a secret's name, whose members say what they are; a bare value says nothing else."""
        if isinstance(value, list) and depth <= DEEPEST:
            return [self._token(each, person, found, depth + 1) for each in value]
        return self._value(value, False, person, found, depth) if isinstance(value, dict) else _hidden(value, found)

    def _digested_all(self, value: Json, found: Found) -> Json:
        if isinstance(value, list):
            return [self._digested_all(each, found) for each in value]
        return HIDDEN if isinstance(value, dict) else self._digested(str(value), found)

    def _digested(self, text: str, found: Found) -> str:
        mask = self._masks.get(text)
        if mask is None:
            mask = self._masks[text] = f"#{self._digest(text.casefold())}"
        if len(text) >= SHORTEST:
            found[text] = mask
        return mask


def shown_url(url: str) -> str:
    """A URL as far as it tells nothing: its host, the words of its path, no query."""
    plain = _PLAIN_URL.fullmatch(url)
    if plain is not None:
        return f"{plain[1]}{redact_path(plain[2] or '')}"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return HIDDEN
    return f"{parts.scheme}://{host}{redact_path(parts.path)}"


@lru_cache(4096)
def kind_of(name: str) -> Kind:
    """What becomes of a member by its name, however it is written."""
    bare = _bare(name)
    if bare == "uid":
        return Kind.PLACE_OR_DIGEST
    if bare in _DIGESTED:
        return Kind.DIGEST
    if bare in _SIGNED:
        return Kind.HIDDEN
    if bare in _PLACES:
        return Kind.PLACE
    if bare in _OF_A_PLACE:
        return Kind.PLACE_KEEPS
    if bare.endswith("url"):
        return Kind.URL
    if any(part in bare for part in _PERSONS):
        return Kind.PERSON
    return Kind.HIDDEN if is_secret_name(name) else Kind.KEPT


def redact_word(name: str) -> str:
    """A parameter's name, unless it may be a value in the wrong place."""
    return name if re.fullmatch(r"[a-z_]{1,30}", name) else HIDDEN


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _hidden(value: Json, found: Found) -> Json:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) >= SHORTEST:
        found[value] = HIDDEN
    return HIDDEN
