"""The message log: everything that passes between us and partners over OCPI, written off the answer's path.

Whoever serves or sends hands an exchange over and goes on; a spool (`kit.spool`) gathers them and has them written.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from time import monotonic
from typing import Any

from sqlmodel import col

from hub.parties.directory import Directory
from hub.parties.message_log_entries import Noted, entry_of, note_sent, note_served
from hub.parties.message_log_rows import Places, Row, Writer
from hub.parties.message_log_tables import Message, MessageContent
from hub.parties.presented import Presented
from kit.bulk import Put
from kit.bulk_writer import Refused
from kit.crypto import KeyRing
from kit.http import Exchanged
from kit.ids import first_id
from kit.log import correlation_id, get
from kit.retention import forget
from kit.spool import Spool
from kit.tx import Database
from ocpi.call import Served

log = get(__name__)

addressee: ContextVar[str | None] = ContextVar("addressee", default=None)
"""The platform that requests go to which bear no credentials of a registered partner yet: the handshake sets it."""

TURN_S = 0.001
"""So long rows are made in one go: others take their turn in between."""
OVERHEAD_BYTES = 2_000
"""What an exchange takes in memory besides its bodies."""
FORGET_BATCH = 2_000
CLOCKS_APART_S = 0.05
"""So far the monotonic clock and the time of day may drift apart before they are compared anew."""


def _put(model: Any) -> Put:
    # A stop may come between the commit of a batch and the note of it: then it is written again.
    return Put(model.__table__, tuple(model.__table__.c.keys()), ("id",))


_MESSAGES, _CONTENTS = _put(Message), _put(MessageContent)


class MessageLog:
    """Takes exchanges and writes them. `on_drop` is told how many were dropped."""

    def __init__(
        self,
        db: Database,
        keys: KeyRing,
        directory: Directory,
        presented: Presented,
        *,
        body_bytes: int,
        queue_bytes: int,
        on_drop: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._db = db
        self._keys = keys
        self._directory = directory
        self._presented = presented
        self._body_bytes = body_bytes
        self._spool: Spool[Noted] = Spool(
            "messages", self._write, clock=db.clock, queue_bytes=queue_bytes, on_drop=on_drop
        )
        self._process = secrets.token_hex(3)
        self._count = 0
        self._epoch_s = 0.0
        self._places: Places | None = None

    @property
    def dropped(self) -> int:
        """How many exchanges were not logged."""
        return self._spool.dropped

    def received(self, served: Served) -> None:
        """A partner's request and our answer."""
        noted = note_served(served, self._body_bytes)
        self._put(noted, served.raw, served.answer)

    def sent(self, exchanged: Exchanged) -> None:
        """Our request to a partner and its answer. The partner is who the credentials are for."""
        headers = exchanged.headers
        platform_id = self._presented.owner(headers.get("authorization")) or addressee.get()
        correlation = headers.get("x-correlation-id") or correlation_id.get()
        noted = note_sent(exchanged, platform_id, correlation, self._body_bytes)
        self._put(noted, exchanged.body, exchanged.answer)

    async def run(self) -> None:
        """Write until cancelled; then write what waits."""
        await self._spool.run()

    async def flush(self) -> None:
        """Write everything that waits."""
        await self._spool.flush()

    async def _write(self, batch: Sequence[Noted]) -> None:
        snapshot = await self._directory.snapshot()
        if self._places is None or self._places.snapshot is not snapshot:
            self._places = Places(snapshot)
        writer = Writer(self._keys, self._places, self._body_bytes)
        self._compare_clocks()
        messages: list[Row] = []
        contents: list[Row] = []
        turn_ends_s = monotonic() + TURN_S
        for noted in batch:
            try:
                message, content = writer.rows(entry_of(noted, self._id))
            except Exception as error:  # one that cannot be put into a row must not keep the others out
                log.error("message_not_loggable", error=type(error).__name__)
                self._spool.drop(1)
                continue
            messages.append(message)
            if content is not None:
                contents.append(content)
            if monotonic() > turn_ends_s:
                await asyncio.sleep(0)
                turn_ends_s = monotonic() + TURN_S
        try:
            await self._insert(messages, contents)
        except Refused:
            await self._insert_singly(messages, contents)

    async def _insert_singly(self, messages: Sequence[Row], contents: Sequence[Row]) -> None:
        """Write what the database takes of a batch that it has refused: one message must not keep the others out."""
        content_of = {content["id"]: content for content in contents}
        for message in messages:
            content = content_of.get(message["id"])
            try:
                await self._insert([message], [] if content is None else [content])
            except Refused as error:
                log.error("message_not_loggable", error=type(error).__name__)
                self._spool.drop(1)

    async def _insert(self, messages: Sequence[Row], contents: Sequence[Row]) -> None:
        await self._db.write([(put, rows) for put, rows in ((_MESSAGES, messages), (_CONTENTS, contents)) if rows])

    def _put(self, noted: Noted, request: bytes, response: bytes) -> None:
        self._spool.put(noted, len(request) + len(response) + OVERHEAD_BYTES)

    def _compare_clocks(self) -> None:
        """Find how far the monotonic clock is from the time of day; as long as both run alike, ids go by the former."""
        epoch_s = self._db.clock.now().timestamp() - monotonic()
        if abs(epoch_s - self._epoch_s) > CLOCKS_APART_S:
            self._epoch_s = epoch_s

    def _id(self, moment_s: float) -> str:
        """An id for what began at a moment on the monotonic clock."""
        self._count = (self._count + 1) & 0xFFFF
        moment_us = max(0, round((self._epoch_s + moment_s) * 1_000_000))
        return f"{moment_us:014x}{self._count:04x}{self._process}"


def forgetter(messages: timedelta, contents: timedelta) -> Callable[[Database, Mapping[str, Any]], Awaitable[None]]:
    """The flow that deletes what is past its time."""

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        for model, kept in ((Message, messages), (MessageContent, contents)):
            key = col(model.id)
            await forget(db, key, key < first_id(db.clock.now() - kept), batch=FORGET_BATCH)

    return flow
