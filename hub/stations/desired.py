"""Which configuration a station is to have, and what of it is to be changed. Pure.

A key is a configuration key of OCPP 1.6, or `Component.Variable` of 2.x. Of two rows with the same key the more
specific one counts: that of the station, then of its location, of its model, of its vendor, and at last of all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Protocol


class Version(StrEnum):
    """Whose keys a row names."""

    OCPP_16 = "1.6"
    OCPP_2 = "2"


class Row(Protocol):
    """What somebody wants: for whom, and which value. Patterns know `*` and `?`; `*` is for all."""

    version: str
    vendor: str
    model: str
    location_id: str | None
    station_id: str | None
    key: str
    value: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """The station that it is about."""

    station_id: str
    location_id: str
    vendor: str
    model: str
    version: Version


class Outcome(StrEnum):
    """What came of a wanted value."""

    AS_WANTED = "as_wanted"
    REBOOT_NEEDED = "reboot_needed"
    """The station takes it over at its next start."""
    REJECTED = "rejected"
    UNKNOWN_KEY = "unknown_key"
    DRIFT = "drift"
    """It was accepted, and still the station says something else."""
    UNREAD = "unread"
    """The station did not say what it has."""
    TOLD = "told"
    """It was accepted by a model that is better not asked what it has."""


def version_of(protocol: str | None) -> Version:
    """By WebSocket subprotocol."""
    return Version.OCPP_2 if protocol and protocol.startswith("ocpp2") else Version.OCPP_16


def wanted(rows: Iterable[Row], subject: Subject) -> dict[str, Row]:
    """The row that counts for each key."""
    found: dict[str, tuple[tuple[bool, ...], Row]] = {}
    for row in rows:
        rank = _rank(row)
        if _is_meant(row, subject) and (row.key not in found or found[row.key][0] <= rank):
            found[row.key] = (rank, row)
    return {key: row for key, (_, row) in sorted(found.items())}


def digest(rows: Mapping[str, Row]) -> str | None:
    """The same for the same values that a station needs before it may work; None when there are none."""
    required = sorted((row.key, row.value) for row in rows.values() if row.is_required)
    return sha256(repr(required).encode()).hexdigest() if required else None


def is_same(one: str, other: str) -> bool:
    """Whether two values mean the same: stations change case, spaces, and how they write numbers and lists."""
    return _plain(one) == _plain(other)


def judge(want: str, actual: str | None, answer: str | None, *, is_read: bool = True) -> Outcome:
    """What came of a value: `answer` is the station's word to the change, None without one.

    Without `is_read` nobody asked the station what it has.
    """
    if answer == "RebootRequired":
        return Outcome.REBOOT_NEEDED
    if answer in ("NotSupported", "UnknownComponent", "UnknownVariable"):
        return Outcome.UNKNOWN_KEY
    if actual is not None and is_same(want, actual):
        return Outcome.AS_WANTED
    if answer == "Rejected":
        return Outcome.REJECTED
    if not is_read and answer == "Accepted":
        return Outcome.TOLD
    return Outcome.UNREAD if actual is None else Outcome.DRIFT


def _is_meant(row: Row, subject: Subject) -> bool:
    return (
        row.version == subject.version
        and row.station_id in (None, subject.station_id)
        and row.location_id in (None, subject.location_id)
        and fnmatchcase(subject.vendor.casefold(), row.vendor.casefold())
        and fnmatchcase(subject.model.casefold(), row.model.casefold())
    )


def _rank(row: Row) -> tuple[bool, ...]:
    return (row.station_id is not None, row.location_id is not None, row.model != "*", row.vendor != "*")


def _plain(value: str) -> str:
    parts = [part.strip().casefold() for part in value.split(",")]
    return ",".join(part.removesuffix(".0") for part in parts)
