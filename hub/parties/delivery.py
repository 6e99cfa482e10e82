"""Telling partners what changed: one sender for each partner and module, reading the change log at its own pace.

A sender takes the lease of its cursor, sends each changed object once in its present state, and moves the cursor on.
The lease is short and prolonged as long as the process lives: when it dies, another one takes over within seconds.
A partner that cannot be reached stops its own senders only, which come back with growing patience; an object that a
partner refuses becomes a job of its own and blocks nothing behind it. CDRs are posted once by id: what was accepted
is remembered with the `Location` that came back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from hub.parties import changes, clientinfo, pulls
from hub.parties.agreements import EVERYTHING, Agreements, Visible
from hub.parties.changes import Change, Cursor, Position
from hub.parties.directory import DOORBELL as PARTIES
from hub.parties.directory import Directory, Peer
from hub.parties.objects import ObjectKey
from hub.parties.outbox import Outgoing, Refused, Sender, Source, Unreachable, remember_receipt, was_received
from hub.parties.routing import OPPOSITE_ROLES
from hub.parties.tables import CONNECTED, OFFLINE, Platform
from kit.ids import uuid7
from kit.jobs import GiveUp, Retry, backoff_s
from kit.log import bind_correlation, get
from kit.tx import Database, Tx

log = get(__name__)

REDELIVER = "parties.redeliver"
BATCH = 50
LEASE = timedelta(seconds=15)
FAREWELL_S = 3.0
"""So long may an object that is on its way take to arrive when the process is asked to end: the answer to a CDR has to
be remembered, or the CDR would be sent again."""
LONGEST_PAUSE_S = 60.0
OFFLINE_AFTER = 3
"""So many failed tries in a row make a partner OFFLINE."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One partner and one module: what a sender is responsible for."""

    platform_id: str
    module: str


class Deliverer:
    """Runs the senders of this process until cancelled."""

    def __init__(
        self, db: Database, directory: Directory, sources: Mapping[str, Source], send: Sender, *, poll_s: float = 1.0
    ) -> None:
        self._db = db
        self._directory = directory
        self._sources = sources
        self._send = send
        self._poll_s = poll_s
        self._name = uuid7()
        self._rung = asyncio.Event()
        self._running: dict[Lane, asyncio.Task[None]] = {}
        self._ending = False
        for doorbell in ("changes", PARTIES):
            db.doorbells.listen(doorbell, self._rung.set)

    async def run(self) -> None:
        """Start a sender wherever a partner has something to be told, until cancelled.

        A database that is away for a while is waited for.
        """
        keeper = asyncio.create_task(self._keep_leases())
        try:
            while True:
                self._rung.clear()
                try:
                    await self.look()
                except Exception as error:
                    log.error("deliverer_cannot_look", error=type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_s):
                        await self._rung.wait()
        finally:
            keeper.cancel()
            await self._end()

    async def look(self) -> None:
        """Start the senders that have something to do and are not at it already."""
        async with self._db.read() as tx:
            cursors = await tx.all(select(Cursor))
            heads = await changes.heads(tx, sorted({cursor.module for cursor in cursors}))
        snapshot = await self._directory.snapshot()
        now = self._db.clock.now()
        for cursor in cursors:
            lane, peer = Lane(cursor.platform_id, cursor.module), snapshot.peers.get(cursor.platform_id)
            head = heads.get(cursor.module)
            if lane in self._running or peer is None or not peer.is_registered or head is None:
                continue
            if Position(cursor.xid, cursor.seq) >= head or (cursor.retry_at and cursor.retry_at > now):
                continue
            if cursor.leased_until and cursor.leased_until > now and cursor.leased_by != self._name:
                continue
            task = asyncio.create_task(self._pump(lane, peer))
            self._running[lane] = task
            task.add_done_callback(lambda _done, lane=lane: self._stopped(lane))  # type: ignore[misc]

    async def settle(self) -> None:
        """Run senders until none has anything to do. For tests."""
        while True:
            await self.look()
            if not self._running:
                return
            await asyncio.gather(*self._running.values())

    async def _end(self) -> None:
        """Let each sender finish the object at hand, and give the leases back."""
        self._ending = True
        tasks = list(self._running.values())
        if tasks:
            await asyncio.wait(tasks, timeout=FAREWELL_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            async with self._db.tx() as tx:
                await tx.execute(
                    update(Cursor).where(col(Cursor.leased_by) == self._name).values(leased_by=None, leased_until=None)
                )

    async def _keep_leases(self) -> None:
        """Prolong the leases of the senders at work before a third of the time is over, until cancelled."""
        while True:
            await self._db.clock.sleep(LEASE.total_seconds() / 3)
            if not self._running:
                continue
            try:
                async with self._db.tx() as tx:
                    await tx.execute(
                        update(Cursor).where(col(Cursor.leased_by) == self._name).values(leased_until=tx.now + LEASE)
                    )
            except Exception as error:
                log.error("leases_not_kept", error=type(error).__name__)

    def _stopped(self, lane: Lane) -> None:
        task = self._running.pop(lane)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("sender_failed", module=lane.module, platform_id=lane.platform_id, error=type(error).__name__)

    async def _pump(self, lane: Lane, peer: Peer) -> None:
        position = await self._lease(lane)
        while position is not None:
            batch, reached = await self._read(lane, peer, position)
            try:
                for change, outgoing in batch:
                    if self._ending:
                        return
                    with bind_correlation(change.correlation_id):
                        await self._deliver(lane, peer, change, outgoing)
            except Unreachable as error:
                await self._pause(lane, error)
                return
            position = await self._advance(lane, position, reached, delivered=len(batch))

    async def _lease(self, lane: Lane) -> Position | None:
        """The cursor's position when the lease was to be had; None when another process holds it."""
        async with self._db.tx() as tx:
            cursor = await _locked_cursor(tx, lane)
            if cursor is None or (
                cursor.leased_until and cursor.leased_until > tx.now and cursor.leased_by != self._name
            ):
                return None
            cursor.leased_by, cursor.leased_until = self._name, tx.now + LEASE
            return Position(cursor.xid, cursor.seq)

    async def _read(self, lane: Lane, peer: Peer, after: Position) -> tuple[list[tuple[Change, Outgoing]], Position]:
        """The next objects for this partner in their present state, and the position that they lead to."""
        async with self._db.read() as tx:
            agreements = await self._directory.agreements(tx)
            visible = visible_to(peer, lane.module, agreements)
            head = (await changes.heads(tx, [lane.module])).get(lane.module, after)
            found: Sequence[Change] = []
            if receives(peer, lane.module):
                audience = [party.key for party in peer.parties]
                found = await changes.read_between(
                    tx, lane.module, after, head, platform_id=peer.id, audience=audience, limit=BATCH
                )
            batch = []
            for change in found:
                owner = f"{change.country_code}*{change.party_id}"
                if not visible.shows(owner, change.object_id) or not clientinfo.may_be_told(peer, agreements, change):
                    continue
                outgoing = await self._sources[lane.module](tx, key_of(change), removed=change.removed)
                if outgoing is None:
                    continue
                if outgoing.once and await was_received(tx, lane.platform_id, lane.module, key_of(change)):
                    continue
                batch.append((change, outgoing))
        reached = Position(found[-1].xid, found[-1].seq or 0) if len(found) == BATCH else max(head, after)
        return batch, reached

    async def _deliver(self, lane: Lane, peer: Peer, change: Change, outgoing: Outgoing) -> None:
        try:
            location = await self._send(peer, lane.module, outgoing, to=change.audience)
        except Refused as error:
            log.warning("object_refused", module=lane.module, platform_id=peer.id, reason=str(error))
            async with self._db.tx() as tx:
                payload = {"platform_id": peer.id, "module": lane.module, "audience": change.audience}
                key = key_of(change)
                tx.enqueue(
                    REDELIVER,
                    {**payload, "key": [key.country_code, key.party_id, key.object_id]},
                    replace_key=f"{peer.id}:{lane.module}:{key.country_code}*{key.party_id}:{key.object_id}",
                )
            return
        if outgoing.once:
            async with self._db.tx() as tx:
                remember_receipt(tx, lane.platform_id, lane.module, key_of(change), location)

    async def _advance(self, lane: Lane, before: Position, reached: Position, *, delivered: int) -> Position | None:
        """Move the cursor; the new position, or None when the end was reached and the lease given back, or lost."""
        async with self._db.tx() as tx:
            head = (await changes.heads(tx, [lane.module])).get(lane.module, reached)
            done = reached >= head
            moved = await tx.execute(
                update(Cursor)
                .where(*_is(lane), col(Cursor.leased_by) == self._name)
                .values(
                    xid=reached.xid,
                    seq=reached.seq,
                    leased_by=None if done else self._name,
                    leased_until=None if done else tx.now + LEASE,
                    failures=0,
                    retry_at=None,
                    last_error=None,
                    last_success_at=tx.now,
                    delivered=Cursor.delivered + delivered,
                )
            )
            if delivered:
                await note_reached(tx, lane.platform_id)
        return None if done or moved.rowcount != 1 else reached

    async def _pause(self, lane: Lane, error: Unreachable) -> None:
        async with self._db.tx() as tx:
            cursor = await _locked_cursor(tx, lane)
            if cursor is None or cursor.leased_by != self._name:
                return
            cursor.failures += 1
            pause_s = error.retry_after_s or min(backoff_s(cursor.failures), LONGEST_PAUSE_S)
            cursor.retry_at = tx.now + timedelta(seconds=pause_s)
            cursor.leased_by, cursor.leased_until = None, None
            cursor.last_error = str(error)[:500]
            if cursor.failures >= OFFLINE_AFTER:
                await note_unreachable(tx, lane.platform_id)
        log.warning("partner_unreachable", module=lane.module, platform_id=lane.platform_id, reason=str(error))


def redeliver(
    directory: Directory, sources: Mapping[str, Source], send: Sender
) -> Callable[[Database, Mapping[str, Any]], Awaitable[None]]:
    """The flow that tries an object again that a partner refused, in its state by then, until it gives up."""

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        peer = (await directory.snapshot()).peers.get(payload["platform_id"])
        if peer is None or not peer.is_registered:
            raise GiveUp("the partner is gone")
        module, key = payload["module"], ObjectKey(*payload["key"])
        async with db.read() as tx:
            outgoing = await sources[module](tx, key, removed=False)
            visible = visible_to(peer, module, await directory.agreements(tx))
        if outgoing is None or not visible.shows(f"{key.country_code}*{key.party_id}", key.object_id):
            return
        try:
            location = await send(peer, module, outgoing, to=payload["audience"])
        except Unreachable as error:
            raise Retry(str(error), after_s=error.retry_after_s) from error
        if outgoing.once:
            async with db.tx() as tx:
                remember_receipt(tx, peer.id, module, key, location)

    return flow


async def open_cursors(tx: Tx, platform_id: str, modules: Sequence[str]) -> None:
    """Give a newly registered partner its cursors at the present end of the log: what was before, it reads itself."""
    heads = await changes.heads(tx, modules)
    for module in modules:
        if await tx.get(Cursor, (platform_id, module)) is None:
            head = heads.get(module, Position(0, 0))
            tx.add(Cursor(platform_id=platform_id, module=module, xid=head.xid, seq=head.seq))


async def read_again(tx: Tx, platform_id: str, module: str) -> None:
    """Let a partner's sender begin the log anew: an agreement shows the partner what it was not told before.

    It gets every object of the module that it may see, in its present state. Whoever is at it loses the lease, so that
    it cannot put the cursor back to where it was.
    """
    await tx.execute(
        update(Cursor)
        .where(*_is(Lane(platform_id, module)))
        .values(xid=0, seq=0, leased_by=None, leased_until=None, retry_at=None)
    )
    tx.ring("changes")


async def note_reached(tx: Tx, platform_id: str, *, we_were_away_after: timedelta | None = None) -> None:
    """The partner answers or speaks: it is CONNECTED, and whatever waited for it need not wait longer.

    When it was away we read what we missed. So we do when we were: nobody was heard of for `we_were_away_after`.
    """
    platform = await tx.first(select(Platform).where(col(Platform.id) == platform_id).with_for_update())
    if platform is None or platform.status not in (CONNECTED, OFFLINE):
        return
    was_away, seen = platform.status == OFFLINE, platform.last_seen_at or platform.created_at
    if was_away or we_were_away_after is not None:
        platform.last_seen_at = tx.now
    if was_away or (we_were_away_after is not None and tx.now - seen > we_were_away_after):
        await pulls.ask(tx, platform_id, pulls.DELTA, since=seen)
    if was_away:
        platform.status = CONNECTED
        await tx.execute(update(Cursor).where(col(Cursor.platform_id) == platform_id).values(retry_at=None, failures=0))
        await clientinfo.tell(tx, platform_id)
        tx.ring(PARTIES)


async def note_unreachable(tx: Tx, platform_id: str) -> None:
    """The partner does not answer any more: it is OFFLINE until it does, or speaks to us."""
    changed = await tx.execute(
        update(Platform)
        .where(col(Platform.id) == platform_id, col(Platform.status) == CONNECTED)
        .values(status=OFFLINE)
    )
    if changed.rowcount:
        await clientinfo.tell(tx, platform_id)
        tx.ring(PARTIES)


AUDIENCE_ROLES = {
    "locations": ("EMSP", "NSP", "NAP", "OTHER"),
    "tariffs": ("EMSP", "NSP", "NAP", "OTHER"),
    "sessions": ("EMSP",),
    "cdrs": ("EMSP",),
    "tokens": ("CPO",),
    clientinfo.MODULE: clientinfo.ROLES,
}
"""Which roles an object of a module is for."""
SHARED_MODULES = frozenset(OPPOSITE_ROLES)
"""What is told to all who have an agreement with the owner; the rest has one receiver, who is owed it."""


def receives(peer: Peer, module: str) -> bool:
    """Whether a partner is to be told of a module: it has the role for it and a Receiver endpoint."""
    return f"RECEIVER/{module}" in peer.endpoints and peer.party_with(*AUDIENCE_ROLES[module]) is not None


def visible_to(peer: Peer, module: str, agreements: Agreements) -> Visible:
    """What of a module a partner may be told. What it got while an agreement held it keeps; it just hears no more."""
    if module not in SHARED_MODULES:
        return EVERYTHING
    return agreements.visible_owners(module, peer.keys_with(AUDIENCE_ROLES[module]))


def key_of(change: Change) -> ObjectKey:
    """The object that a change is about."""
    return ObjectKey(change.country_code, change.party_id, change.object_id)


def _is(lane: Lane) -> tuple[Any, Any]:
    return col(Cursor.platform_id) == lane.platform_id, col(Cursor.module) == lane.module


async def _locked_cursor(tx: Tx, lane: Lane) -> Cursor | None:
    return await tx.first(select(Cursor).where(*_is(lane)).with_for_update())
