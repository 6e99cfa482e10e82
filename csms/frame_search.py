"""Reading the frame log of one station: unsealed, filtered and masked, in pages.

Frames are sealed in chunks, so a filter is applied here and not by the database. One request opens so many chunks and
no more; `next` goes on from there, however little was found.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlmodel import col

from csms.frame_chunks import Kept, correlation_of, unseal
from csms.log_tables import FrameChunk, TransactionFrameChunk
from csms.masking import HIDDEN, Masker
from kit.crypto import CannotDecrypt, KeyRing
from kit.ids import first_id
from kit.tx import Database, Tx

MOST_CHUNKS = 400
_AT_A_TIME = 50
_KINDS = {2: "CALL", 3: "RESULT", 4: "ERROR", 5: "RESULT_ERROR", 6: "SEND"}
UNREADABLE = "UNREADABLE"
_ACTION = re.compile(r"[A-Za-z0-9_]{1,50}")
_FAILED = frozenset({"ERROR", "RESULT_ERROR", UNREADABLE})


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; None for anything. `since` is included, `until` is not."""

    action: str | None = None
    direction: str | None = None
    correlation_id: str | None = None
    failed: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it may be shown. `payload` is None for what is no JSON, and for what was too large."""

    id: str
    at: datetime
    station_id: str
    session_id: str
    protocol: str
    direction: str
    kind: str
    action: str | None
    message_id: str | None
    correlation_id: str | None
    bytes: int
    failed: bool
    error: str | None
    payload: Any


@dataclass(frozen=True, slots=True)
class Found:
    """A part of the log; `next` is where to go on, None at the end."""

    frames: Sequence[Frame]
    next: str | None


async def search(
    db: Database,
    keys: KeyRing,
    masker: Masker,
    station_id: str,
    wanted: Search,
    *,
    after: str | None = None,
    oldest_first: bool = False,
    limit: int = 50,
) -> Found:
    """Frames of a station in the order in which they passed, from the one after `after` on."""
    frames: list[Frame] = []
    position = after
    opened = 0
    while opened < MOST_CHUNKS:
        async with db.read() as tx:
            chunks, more = await _chunks(tx, station_id, wanted, position, oldest_first)
        for chunk_id, sealed in chunks:
            for frame_id, kept in _in_order(keys, station_id, chunk_id, sealed, position, oldest_first):
                position = frame_id
                frame = _shown(frame_id, kept, wanted, masker)
                if frame is None:
                    continue
                frames.append(frame)
                if len(frames) == limit:
                    return Found(frames, position)
            position = f"{chunk_id}-{'ffffffff' if oldest_first else '00000000'}"
        opened += len(chunks)
        if not more:
            return Found(frames, None)
        await asyncio.sleep(0)
    return Found(frames, position)


async def _chunks(
    tx: Tx, station_id: str, wanted: Search, position: str | None, oldest_first: bool
) -> tuple[list[tuple[str, list[str]]], bool]:
    """The next chunks, the one that `position` lies in included, each with its parts; whether there are more."""
    found: dict[str, list[str]] = {}
    full: list[str] = []
    for model in (FrameChunk, TransactionFrameChunk):
        key = col(model.id)
        statement = select(key, col(model.sealed)).where(col(model.station_id) == station_id)
        if position is not None:
            chunk_id = position.partition("-")[0]
            statement = statement.where(key >= chunk_id if oldest_first else key <= chunk_id)
        if wanted.until is not None:
            statement = statement.where(key < first_id(wanted.until))
        if wanted.since is not None:
            first = await _begun_before(tx, model, station_id, wanted.since)
            statement = statement.where(key >= (first or first_id(wanted.since)))
        order = key.asc() if oldest_first else key.desc()
        rows = (await tx.execute(statement.order_by(order).limit(_AT_A_TIME))).all()
        for chunk_id, sealed in (tuple(row) for row in rows):
            found.setdefault(chunk_id, []).append(sealed)
        if len(rows) == _AT_A_TIME:
            full.append(chunk_id)
    # Beyond the end of a full list only one of the two parts of a chunk may have been read.
    ids = sorted(found, reverse=not oldest_first)
    for edge in full:
        ids = [each for each in ids if (each <= edge if oldest_first else each >= edge)]
    return [(each, found[each]) for each in ids], bool(full)


async def _begun_before(tx: Tx, model: Any, station_id: str, moment: datetime) -> str | None:
    """The chunk that had begun at a moment may hold later frames."""
    statement = select(model.id).where(model.station_id == station_id, model.id < first_id(moment))
    return (await tx.execute(statement.order_by(model.id.desc()).limit(1))).scalar_one_or_none()


def _in_order(
    keys: KeyRing, station_id: str, chunk_id: str, sealed: list[str], position: str | None, oldest_first: bool
) -> list[tuple[str, Kept]]:
    frames: list[tuple[str, Kept]] = []
    for part in sealed:
        try:
            frames += [(f"{chunk_id}-{kept.place:08x}", kept) for kept in unseal(keys, station_id, part)]
        except CannotDecrypt:  # its key has left the ring
            continue
    frames.sort(key=lambda pair: pair[0], reverse=not oldest_first)
    if position is None:
        return frames
    return [pair for pair in frames if (pair[0] > position if oldest_first else pair[0] < position)]


def _shown(frame_id: str, kept: Kept, wanted: Search, masker: Masker) -> Frame | None:
    """The frame masked, None when it is not wanted."""
    if wanted.action is not None and kept.action != wanted.action:
        return None
    if wanted.direction is not None and kept.direction != wanted.direction:
        return None
    if (wanted.since is not None and kept.at < wanted.since) or (wanted.until is not None and kept.at >= wanted.until):
        return None
    try:
        message = orjson.loads(kept.data)
    except ValueError:
        message = None
    readable = isinstance(message, list) and len(message) > 2 and isinstance(message[1], str)
    kind = (_KINDS.get(message[0], UNREADABLE) if isinstance(message[0], int) else UNREADABLE) if readable else None
    kind = kind or (UNREADABLE if len(kept.data) == kept.size else "CUT")
    failed = kind in _FAILED
    if wanted.failed is not None and wanted.failed is not failed:
        return None
    message_id = message[1][:64] if readable else None
    correlation_id = kept.correlation_id or (correlation_of(kept.session_id, message[1]) if readable else None)
    if wanted.correlation_id is not None and wanted.correlation_id != correlation_id:
        return None
    error = payload = None
    if kind in ("ERROR", "RESULT_ERROR"):
        error = masker.text(": ".join(str(part)[:255] for part in message[2:4] if part))
    elif readable and kind != UNREADABLE:
        payload = masker.masked(kept.action, message[-1])
    return Frame(
        id=frame_id,
        at=kept.at,
        station_id=kept.station_id,
        session_id=kept.session_id,
        protocol=kept.protocol,
        direction=kept.direction,
        kind=kind,
        action=kept.action if kept.action is None or _ACTION.fullmatch(kept.action) else HIDDEN,
        message_id=message_id,
        correlation_id=correlation_id,
        bytes=kept.size,
        failed=failed,
        error=error,
        payload=payload,
    )
