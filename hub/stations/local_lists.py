"""Which cards a charger knows by itself: the list that we sent last, and what has to be sent to bring it up to date."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Text
from sqlmodel import Field, SQLModel

import kit.db  # noqa: F401 - sets the naming convention before the first table
from csms.operations import ListEntry, SendList
from kit.crypto import KeyRing
from kit.tx import Tx

_PURPOSE = "station-list"
_ENTRIES: TypeAdapter[list[ListEntry]] = TypeAdapter(list[ListEntry])

Entries = Mapping[str, ListEntry]
"""By casefolded token: chargers compare tokens without regard to case."""


class StationList(SQLModel, table=True):
    """The local list that a station was last sent. Version 0: what it has now is not known."""

    __tablename__ = "station_list"

    station_id: str = Field(primary_key=True, max_length=48, foreign_key="station.id")
    version: int
    sealed_entries: str = Field(sa_type=Text)
    updated_at: datetime


def by_token(entries: Sequence[ListEntry]) -> Entries:
    """Entries by token; the last of several with the same token counts."""
    return {entry.token.casefold(): entry for entry in entries}


def messages(known: Entries | None, wanted: Entries, *, version: int, chunk: int) -> tuple[SendList, ...]:
    """What to send to a station that has `version` now, so many entries at once: nothing when it has all.

    Only what differs, when it is known what the station has; else all. Each message has a version of its own.
    """
    if known is None:
        return _chunked([*wanted.values()], version, chunk, full=True)
    changed = [entry for token, entry in wanted.items() if known.get(token) != entry]
    gone = [replace(entry, status=None) for token, entry in known.items() if token not in wanted]
    return _chunked([*changed, *gone], version, chunk, full=False) if changed or gone else ()


def _chunked(entries: list[ListEntry], version: int, chunk: int, *, full: bool) -> tuple[SendList, ...]:
    """A list that is too long for one message begins as a full one and goes on with what differs from it."""
    size = max(1, chunk)
    parts = [tuple(entries[start : start + size]) for start in range(0, len(entries), size)] or [()]
    return tuple(SendList(version + 1 + at, full and at == 0, part) for at, part in enumerate(parts))


async def last_sent(tx: Tx, ring: KeyRing, station_id: str, version: int) -> Entries | None:
    """What the station has, when its version is that of what we sent last; None when it is not known."""
    row = await tx.get(StationList, station_id)
    if row is None or row.version != version or version == 0:
        return None
    return by_token(_ENTRIES.validate_json(ring.decrypt(_PURPOSE, row.sealed_entries)))


async def remember(tx: Tx, ring: KeyRing, station_id: str, version: int, entries: Entries) -> None:
    """What the station has now; version 0 before anything is sent, because it may arrive in part."""
    sealed = ring.encrypt(_PURPOSE, _ENTRIES.dump_json(list(entries.values())))
    row = await tx.get(StationList, station_id)
    if row is None:
        tx.add(StationList(station_id=station_id, version=version, sealed_entries=sealed, updated_at=tx.now))
    else:
        row.version, row.sealed_entries, row.updated_at = version, sealed, tx.now
