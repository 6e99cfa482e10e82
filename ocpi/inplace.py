"""Changes to a JSON object that leave every other byte as it is: numerals, spacing, order and unknown fields.

A hub passes on what it does not own. Parsing a body and writing it again would make `1.50` of it `1.5`, and would drop
the second of two fields of one name, which the receiver may be the one to read.
"""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from ocpi.envelope import parse_json, unwrapped
from ocpi.errors import InvalidJson, InvalidParameters
from ocpi.types import JsonValue

_SPACE = re.compile(r"[ \t\n\r]*")
# Numbers are only stepped over, however many digits they have.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


class _Member(NamedTuple):
    name: str
    start: int
    end: int


class JsonMembers:
    """The members of a JSON object, each with its place in the text.

    Raises `InvalidJson` for what is no JSON, `InvalidParameters` for JSON that is no object.
    """

    def __init__(self, raw: bytes) -> None:
        if not isinstance(parse_json(raw), dict):
            raise InvalidParameters("the body is no JSON object")
        self._text = raw.decode()
        try:
            self._members = _members(self._text)
        except (ValueError, IndexError, RecursionError):
            raise InvalidJson from None

    def raw(self, name: str) -> bytes | None:
        """The value of a member as it was written, None when it is absent.

        Raises `InvalidParameters` when there are several: two readers may take two different ones.
        """
        found = self._find(name)
        return self._text[found.start : found.end].encode() if found else None

    def value(self, name: str) -> JsonValue:
        """The value of a member, None when it is absent. Raises `InvalidParameters` when there are several."""
        raw = self.raw(name)
        value: JsonValue = orjson.loads(raw) if raw is not None else None
        return value

    def text(self, name: str) -> str:
        """The value of a member that must be a string. Raises `InvalidParameters` when it is none."""
        value = self.value(name)
        if not isinstance(value, str):
            raise InvalidParameters(f"/{name}: a string is required")
        return value

    def with_texts(self, changes: Mapping[str, str]) -> bytes:
        """The whole text with other strings as the values of some members, which must exist."""
        found = sorted(((self._find(name), text) for name, text in changes.items()), key=_place)
        pieces, at = [], 0
        for member, text in found:
            if member is None:
                raise KeyError("no such member")
            pieces += [self._text[at : member.start], orjson.dumps(text).decode()]
            at = member.end
        return "".join((*pieces, self._text[at:])).encode()

    def _find(self, name: str) -> _Member | None:
        found = [member for member in self._members if member.name == name]
        if len(found) > 1:
            raise InvalidParameters(f"/{name}: given more than once")
        return found[0] if found else None


def bare(raw: bytes) -> bytes:
    """A request body that some peers wrap in an envelope and should not: what is inside, byte by byte.

    See `ocpi.envelope.unwrapped`. Raises `InvalidJson`, or `InvalidParameters` for a body that is no object.
    """
    value = parse_json(raw)
    if unwrapped(value) is value:
        if not isinstance(value, dict):
            raise InvalidParameters("the body is no JSON object")
        return raw
    return JsonMembers(raw).raw("data") or raw


def _place(change: tuple[_Member | None, str]) -> int:
    return change[0].start if change[0] else -1


def _members(text: str) -> list[_Member]:
    """The members of the object that a text is; the text has been checked to be JSON."""
    found: list[_Member] = []
    at = _after_space(text, _after_space(text, 0) + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        start = _after_space(text, _after_space(text, at) + 1)  # the colon is between
        _, end = _DECODER.raw_decode(text, start)
        found.append(_Member(name, start, end))
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return found


def _after_space(text: str, at: int) -> int:
    if text[at] > " ":  # as nearly always
        return at
    match = _SPACE.match(text, at)
    return match.end() if match else at
