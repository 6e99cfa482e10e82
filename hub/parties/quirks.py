"""What partners do in their own way, although the specification says otherwise: one profile for each. Pure.

A profile holds what was found out, at the handshake or later, with when and how often; and what an operator has said,
which no finding changes any more. Whoever talks to a partner asks `Quirks.value` and behaves accordingly.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

Value = bool | int | str | None | tuple[str, ...]

QUIET = timedelta(minutes=10)
"""A finding that only repeats what is known is noted this seldom."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which partners differ: what a partner does that follows the specification, and what it means."""

    normal: Value
    meaning: str
    kind: type


KINDS: Mapping[str, Kind] = {
    "encode_token": Kind(True, "Takes the token as Base64; otherwise as it is.", bool),
    "slash_after_list": Kind(False, "Its lists have a slash at the end.", bool),
    "slash_after_child": Kind(False, "The URLs of its objects have a slash at the end.", bool),
    "link_usable": Kind(True, "The Link of its pages leads to the next page.", bool),
    "page_cap": Kind(None, "The most objects that it returns in a page.", int),
    "honours_date_from": Kind(True, "Its lists leave out what did not change since date_from.", bool),
    "honours_offset": Kind(True, "Its lists begin at the offset that was asked for.", bool),
    "omits_empty_data": Kind(False, "Leaves data out of the answer instead of an empty list.", bool),
    "wraps_results": Kind(False, "Sends and expects the results of commands in an envelope.", bool),
    "bad_token_status": Kind(401, "HTTP status of its answer to an unknown token.", int),
    "registers_again": Kind(False, "Answers a second POST of credentials with success and a new token.", bool),
    "routing_headers": Kind(True, "Sends the OCPI-from and OCPI-to headers.", bool),
    "stale_last_updated": Kind(False, "Changes objects without changing last_updated.", bool),
    "bumps_last_updated": Kind(False, "Changes last_updated of objects that did not change.", bool),
    "refuses_put": Kind((), "The modules whose objects it does not take by PUT; they go by PATCH.", tuple),
    "refuses_patch": Kind((), "The modules whose objects it does not take by PATCH.", tuple),
}


class NoSuchQuirk(ValueError):
    """A name that is not in `KINDS`, or a value that its quirk cannot have."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one quirk. `count` is how often it was noted; `pinned` when an operator has said it."""

    value: Value
    first_seen: datetime
    last_seen: datetime
    count: int = 1
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Quirks:
    """The profile of one partner."""

    findings: Mapping[str, Finding] = field(default_factory=dict)

    def value(self, name: str) -> Value:
        """How the partner is in this respect: as was said or found, or as the specification has it."""
        found = self.findings.get(name)
        return KINDS[name].normal if found is None else found.value

    def flag(self, name: str) -> bool:
        """`value` of a quirk that is yes or no."""
        return bool(self.value(name))

    def number(self, name: str) -> int | None:
        """`value` of a quirk that is a number."""
        value = self.value(name)
        return value if isinstance(value, int) else None

    def modules(self, name: str) -> tuple[str, ...]:
        """`value` of a quirk that is a list of modules."""
        value = self.value(name)
        return value if isinstance(value, tuple) else ()

    def learned(self, name: str, value: Value, at: datetime) -> "Quirks":
        """The profile after something was noticed. What an operator said stays; a list of modules grows.

        The normal case is worth a note only where something else was noted before: the partner has mended its ways.
        """
        checked, known = _checked(name, value), self.findings.get(name)
        if known is None:
            return self if checked == KINDS[name].normal else self._with(name, Finding(checked, at, at))
        if known.pinned:
            return self
        if isinstance(known.value, tuple) and isinstance(checked, tuple):
            checked = tuple(sorted({*known.value, *checked}))
        if checked == known.value:
            again = replace(known, last_seen=at, count=known.count + 1)
            return self if at - known.last_seen < QUIET else self._with(name, again)
        return self._with(name, Finding(checked, at, at))

    def pinned(self, name: str, value: Value, at: datetime) -> "Quirks":
        """The profile after an operator said how the partner is. Raises `NoSuchQuirk`."""
        known = self.findings.get(name)
        first, count = (known.first_seen, known.count) if known else (at, 0)
        return self._with(name, Finding(_checked(name, value), first, at, count, pinned=True))

    def unpinned(self, name: str) -> "Quirks":
        """The profile with one quirk left to be found out again. Raises `NoSuchQuirk`."""
        _kind(name)
        return Quirks({each: found for each, found in self.findings.items() if each != name})

    def as_json(self) -> dict[str, Any]:
        """The profile as it is stored."""
        return {name: asdict(found) for name, found in self.findings.items()}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> "Quirks":
        """A stored profile; what this version does not know of is left out."""
        return cls({name: _finding(name, found) for name, found in stored.items() if name in KINDS})

    def _with(self, name: str, found: Finding) -> "Quirks":
        return Quirks({**self.findings, name: found})


def _finding(name: str, stored: Mapping[str, Any]) -> Finding:
    times = {each: datetime.fromisoformat(stored[each]) for each in ("first_seen", "last_seen")}
    return Finding(_checked(name, stored["value"]), count=stored["count"], pinned=stored["pinned"], **times)


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise NoSuchQuirk(f"there is no quirk called {name}")
    return KINDS[name]


def _checked(name: str, value: Any) -> Value:
    kind = _kind(name)
    if kind.kind is tuple and isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return tuple(sorted(value))
    if value is None and kind.normal is None:
        return None
    if type(value) is not kind.kind or (isinstance(value, int) and not 0 <= value < 1_000_000):
        raise NoSuchQuirk(f"{name} cannot have that value")
    checked: Any = value  # of the kind that the table names
    return checked  # type: ignore[no-any-return]
