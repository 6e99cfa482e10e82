"""The frame log: everything that passes between us and stations, written off the answer's path.

A session notes each frame and goes on; a spool gathers them and has them sealed, a chunk for each connection.
Heartbeats are counted, and logged for stations that are being traced only. Read it by `csms.frame_search`.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from csms.frame_chunks import IN, OUT, Noted, seal
from csms.log_tables import FrameChunk, Trace, TransactionFrameChunk
from csms.masking import Masker
from kit.bulk import Put
from kit.crypto import KeyRing
from kit.ids import first_id
from kit.log import get
from kit.retention import forget
from kit.spool import Spool
from kit.tx import Database

log = get(__name__)

TRACES = "csms.traces"
"""The doorbell that rings when a station is to be traced, or no longer."""
MOST_FRAMES = 256
"""In a chunk: it is read as a whole."""
MOST_BYTES = 2**18
LARGEST_FRAME = 2**16
"""Of a frame that tells of no transaction; the rest is cut off."""
_BATCH = 20_000
_GATHER_S = 5.0
"""A chunk costs about as much as a dozen frames: the more of a connection there are in one, the better."""
_OVERHEAD_BYTES = 300
"""What a frame takes in memory besides its bytes."""
_CHUNKS_AT_A_TIME = 20
_LOOK_AGAIN_S = 60.0
_CREDENTIALS = re.compile(rb"uthorizationKey|assword|pinCode|rivateKey")
"""Frames with one of these are masked before they are sealed: passwords of stations are kept nowhere."""


def _put(model: Any) -> Put:
    # A stop may come between the commit of a batch and the note of it: then it is written again.
    return Put(model.__table__, ("id", "station_id", "sealed"), ("id",), ("sealed",))


_PUT = (_put(FrameChunk), _put(TransactionFrameChunk))


class Tape:
    """The frames of one connection."""

    __slots__ = ("_count", "_log", "id_end", "protocol", "session_id", "station_id")

    def __init__(self, log: "FrameLog", station_id: str, session_id: str, protocol: str) -> None:
        self._log = log
        self._count = 0
        self.station_id = station_id
        self.session_id = session_id
        self.protocol = protocol
        self.id_end = blake2b(session_id.encode(), digest_size=3).hexdigest()

    def heard(self, data: bytes, action: str | None, correlation_id: str | None = None) -> None:
        """The station has sent this; the action of an answer is that of the request."""
        self._note(IN, data, action, correlation_id)

    def said(self, data: bytes, action: str | None, correlation_id: str | None = None) -> None:
        """We have sent this."""
        self._note(OUT, data, action, correlation_id)

    def _note(self, direction: str, data: bytes, action: str | None, correlation_id: str | None) -> None:
        frame_log = self._log
        if action == "Heartbeat" and not frame_log.is_traced(self.station_id):
            frame_log.heartbeats += direction is IN
            return
        self._count += 1
        noted = Noted(self._count, frame_log.now(), direction, action, data, correlation_id)
        frame_log.spool.put((self, noted), len(data) + _OVERHEAD_BYTES)


class FrameLog:
    """Takes frames and writes them. `on_drop` is told how many were dropped."""

    def __init__(
        self,
        db: Database,
        keys: KeyRing,
        masker: Masker,
        *,
        queue_bytes: int,
        on_drop: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._db = db
        self._keys = keys
        self._masker = masker
        self.now = db.clock.now
        self.spool: Spool[tuple[Tape, Noted]] = Spool(
            "frames",
            self._write,
            clock=db.clock,
            queue_bytes=queue_bytes,
            most=_BATCH,
            gather_s=_GATHER_S,
            on_drop=on_drop,
        )
        self.heartbeats = 0
        self._traced: Mapping[str, datetime] = {}
        self._rung = asyncio.Event()
        db.doorbells.listen(TRACES, self._rung.set)

    def tape(self, station_id: str, session_id: str, protocol: str) -> Tape:
        """Where the frames of a new connection are noted."""
        return Tape(self, station_id, session_id, protocol)

    def is_traced(self, station_id: str) -> bool:
        """Whether everything of this station is logged now."""
        until = self._traced.get(station_id)
        return until is not None and until > self.now()

    async def run(self) -> None:
        """Write, and keep up with who is traced, until cancelled; then write what waits."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.spool.run())
            group.create_task(self._follow_traces())

    async def flush(self) -> None:
        """Write everything that waits."""
        await self.spool.flush()

    async def look(self) -> None:
        """Read who is traced."""
        async with self._db.read() as tx:
            rows = await tx.all(select(Trace).where(col(Trace.until) > tx.now))
        self._traced = {row.station_id: row.until for row in rows}

    async def _follow_traces(self) -> None:
        while True:
            self._rung.clear()
            try:
                await self.look()
            except Exception as error:
                log.warning("traces_not_read", error=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await self._rung.wait()

    async def _write(self, batch: Sequence[tuple[Tape, Noted]]) -> None:
        by_tape: dict[Tape, list[Noted]] = {}
        for tape, noted in batch:
            by_tape.setdefault(tape, []).append(noted)
        rows: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
        made = 0
        for tape, frames in by_tape.items():
            for piece in _pieces(frames):
                try:
                    self._add_rows(tape, piece, *rows)
                except Exception as error:  # what cannot be put into a row must not keep the others out
                    log.error("frames_not_loggable", error=type(error).__name__)
                    self.spool.drop(len(piece))
                made += 1
                if made % _CHUNKS_AT_A_TIME == 0:  # others take their turn in between
                    await asyncio.sleep(0)
        await self._db.write([(_PUT[number], each) for number, each in enumerate(rows) if each])

    def _add_rows(
        self,
        tape: Tape,
        frames: Sequence[Noted],
        others: list[dict[str, Any]],
        about_transactions: list[dict[str, Any]],
    ) -> None:
        parts: tuple[list[Noted], list[Noted]] = ([], [])
        for noted in frames:
            if noted.is_about_transaction:
                parts[1].append(noted)
            else:
                parts[0].append(self._without_credentials(noted))
        first = frames[0]
        row = {
            "id": f"{first_id(first.at)}{first.place & 0xFFFF:04x}{tape.id_end}",
            "station_id": tape.station_id,
        }
        for part, target, most in zip(parts, (others, about_transactions), (LARGEST_FRAME, None), strict=True):
            if part:
                sealed = seal(self._keys, tape.session_id, tape.protocol, part, most=most)
                target.append({**row, "sealed": sealed})

    def _without_credentials(self, noted: Noted) -> Noted:
        if _CREDENTIALS.search(noted.data) is None:
            return noted
        return noted._replace(data=self._masker.frame(noted.action, noted.data))


def _pieces(frames: list[Noted]) -> Iterable[list[Noted]]:
    """Frames in chunks that are not too large."""
    piece: list[Noted] = []
    size = 0
    for noted in frames:
        if piece and (len(piece) >= MOST_FRAMES or size + len(noted.data) > MOST_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(noted)
        size += len(noted.data)
    if piece:
        yield piece


async def forget_frames(db: Database, *, frames: timedelta, about_transactions: timedelta) -> None:
    """Delete what is past its time, and traces that are over."""
    now = db.clock.now()
    for model, kept in ((FrameChunk, frames), (TransactionFrameChunk, about_transactions)):
        await forget(db, col(model.id), col(model.id) < first_id(now - kept))
    await forget(db, col(Trace.station_id), col(Trace.until) < now)
