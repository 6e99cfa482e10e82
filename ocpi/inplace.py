"""Changes to a JSON object that leave every other byte as it is: numerals, spacing, order and unknown fields.

A hub passes on what it does not own. Parsing a body and writing it again would make `1.50` of it `1.5`, and would drop
the second of two fields of one name, which the receiver may be the one to read.
"""

import json
import re
from collections.abc import Mapping

import orjson

from ocpi.envelope import parse_json, unwrapped
from ocpi.errors import InvalidJson, InvalidParameters
from ocpi.types import JsonValue

_SPACE = re.compile(r"[ \t\n\r]*")
# Numbers are only stepped over, however many digits they have.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


_Place = tuple[int, int]
"""Where a value begins and where it ends."""


class JsonMembers:
    """The members of a JSON object, each with its place in the text.

    Raises `InvalidJson` for what is no JSON, `InvalidParameters` for JSON that is no object.
    """

    def __init__(self, raw: bytes) -> None:
        if not isinstance(parse_json(raw), dict):
            raise InvalidParameters("the body is no JSON object")
        self._text = raw.decode()
        try:
            self._places, self._doubled = _members(self._text)
        except (ValueError, IndexError, RecursionError):
            raise InvalidJson from None

    def raw(self, name: str) -> bytes | None:
        """The value of a member as it was written, None when it is absent.

        Raises `InvalidParameters` when there are several: two readers may take two different ones.
        """
        found = self._find(name)
        return self._text[found[0] : found[1]].encode() if found else None

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
        pieces, at = [], 0
        for name, place in sorted(((name, self._find(name)) for name in changes), key=lambda each: each[1] or (-1, -1)):
            if place is None:
                raise KeyError("no such member")
            pieces += [self._text[at : place[0]], orjson.dumps(changes[name]).decode()]
            at = place[1]
        return "".join((*pieces, self._text[at:])).encode()

    def _find(self, name: str) -> _Place | None:
        if name in self._doubled:
            raise InvalidParameters(f"/{name}: given more than once")
        return self._places.get(name)


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


def _members(text: str) -> tuple[dict[str, _Place], set[str]]:
    """The places of the members of the object that a text is, which has been checked to be JSON; and which come twice.

    Of a member that comes twice the place of the last.
    """
    found: dict[str, _Place] = {}
    doubled: set[str] = set()
    at = _after_space(text, _after_space(text, 0) + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        start = _after_space(text, _after_space(text, at) + 1)  # the colon is between
        _, end = _DECODER.raw_decode(text, start)
        if name in found:
            doubled.add(name)
        found[name] = start, end
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return found, doubled


def _after_space(text: str, at: int) -> int:
    if text[at] > " ":  # as nearly always
        return at
    match = _SPACE.match(text, at)
    return match.end() if match else at
