"""Telling partners what changed: one sender for each partner and module, reading the change log at its own pace.

What many senders do at the same moment is done once for all: lanes are leased together (`hub.parties.lanes`), the log
and the objects behind it are read together (`hub.parties.unread`), and cursors move together (`hub.parties.moves`).
Between reading and moving each sender is alone with its partner, and sends one object after the other.

A partner that cannot be reached stops its own senders only, which come back with growing patience; an object that a
partner refuses becomes a job of its own (`hub.parties.redelivery`) and blocks nothing behind it. CDRs are posted once
by id: what was accepted is remembered with the `Location` that came back.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from hub.parties.changes import Changed, Position
from hub.parties.directory import DOORBELL as PARTIES
from hub.parties.directory import Directory, Peer
from hub.parties.lanes import LEASE, Lane, Leased, Leases
from hub.parties.moves import OFFLINE_AFTER, Move, Moved, Moves, key_of, place_of
from hub.parties.outbox import Outgoing, Refused, Sender, Source, Unreachable, remember_receipt
from hub.parties.reachability import note_reached, note_unreachable
from hub.parties.unread import Portion, Reader, Unread
from kit.batches import Batches
from kit.ids import uuid7
from kit.log import bind_correlation, get
from kit.room import Room
from kit.tx import Database

log = get(__name__)

FAREWELL_S = 3.0
"""So long may an object that is on its way take to arrive when the process is asked to end: the answer to a CDR has to
be remembered, or the CDR would be sent again."""
GATHER_S = 0.05
"""So long is waited for the answers of other partners before cursors move: a move costs as much for one as for many."""
AT_ONCE = 100
"""Objects on their way at once."""
DOUBTFUL_AT_ONCE = 20
"""Of these to partners that did not answer last time, who wait among themselves: they hold up nobody who answers."""


class Deliverer:
    """Runs the senders of this process until cancelled."""

    def __init__(
        self, db: Database, directory: Directory, sources: Mapping[str, Source], send: Sender, *, poll_s: float = 1.0
    ) -> None:
        self._db = db
        self._directory = directory
        self._modules = sorted(sources)
        self._send = send
        self._poll_s = poll_s
        name = uuid7()
        self._leases = Leases(db, name)
        self._unread: Batches[Reader, Portion] = Batches(Unread(db, directory, sources).read)
        self._moves: Batches[Move, Moved] = Batches(Moves(db, name).write, gather_s=GATHER_S)
        self._room = Room(AT_ONCE)
        self._room_for_doubtful = Room(DOUBTFUL_AT_ONCE)
        self._rung = asyncio.Event()
        self._running: dict[Lane, asyncio.Task[None]] = {}
        self._passed_over: set[Lane] = set()
        """Lanes that a look found behind while their senders were at it."""
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
        at_work = set(self._running)
        behind = await self._leases.behind(self._modules)
        peers = (await self._directory.snapshot()).peers
        self._passed_over.update(lane for lane in behind if lane in self._running)
        due = [lane for lane in behind if lane not in self._running and _is_registered(peers.get(lane.platform_id))]
        # Where a sender has just been, the cursor may have moved since it was read.
        held = {lane: leased for lane in due if (leased := behind[lane]) is not None and lane not in at_work}
        others = [lane for lane in due if lane not in held]
        for lane, leased in (held | (await self._leases.take(others) if others else {})).items():
            task = self._running[lane] = asyncio.create_task(self._pump(lane, leased))
            task.add_done_callback(partial(self._stopped, lane))

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
        await self._unread.close()
        await self._moves.close()
        await self._leases.give_back()

    async def _keep_leases(self) -> None:
        """Prolong the leases of the senders at work before a third of the time is over, until cancelled."""
        while True:
            await self._db.clock.sleep(LEASE.total_seconds() / 3)
            if not self._running:
                continue
            try:
                await self._leases.prolong(self._running)
            except Exception as error:
                log.error("leases_not_kept", error=type(error).__name__)

    def _stopped(self, lane: Lane, task: asyncio.Task[None]) -> None:
        del self._running[lane]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("sender_failed", module=lane.module, platform_id=lane.platform_id, error=type(error).__name__)
        elif lane in self._passed_over:  # something may have come after the sender had looked for the last time
            self._rung.set()
        self._passed_over.discard(lane)

    async def _pump(self, lane: Lane, leased: Leased) -> None:
        position: Position | None = leased.position
        room = self._room_for_doubtful if leased.failures else self._room
        while position is not None:
            peer = (await self._directory.snapshot()).peers.get(lane.platform_id)
            if self._ending or peer is None or not peer.is_registered:
                await self._moves.result(Move(lane, position, ends=True))
                return
            portion = await self._unread.result(Reader(lane, peer, position))
            move = await self._deliver(lane, peer, position, portion, room)
            moved = await self._moves.result(move)
            if move.failure is not None or not peer.is_connected:
                await self._note(peer, move, moved)
            position = moved.goes_on

    async def _deliver(self, lane: Lane, peer: Peer, before: Position, portion: Portion, room: Room) -> Move:
        """Send a portion object by object; how far that went."""
        reached, delivered = before, 0
        refused: list[Changed] = []
        for change, outgoing in portion.objects:
            if not room.taken():
                await room.wait()
            try:
                if self._ending:
                    return Move(lane, reached, delivered, tuple(refused), ends=True)
                with bind_correlation(change.correlation_id):
                    await self._send_one(lane, peer, change, outgoing)
            except Unreachable as error:
                log.warning("partner_unreachable", module=lane.module, platform_id=peer.id, reason=str(error))
                return Move(lane, reached, delivered, tuple(refused), failure=error)
            except Refused as error:
                log.warning("object_refused", module=lane.module, platform_id=peer.id, reason=str(error))
                refused.append(change)
            else:
                delivered += 1
            finally:
                room.leave()
            reached = place_of(change)
        return Move(lane, portion.reached, delivered, tuple(refused))

    async def _send_one(self, lane: Lane, peer: Peer, change: Changed, outgoing: Outgoing) -> None:
        location = await self._send(peer, lane.module, outgoing, to=change.audience)
        if outgoing.once:
            async with self._db.tx() as tx:
                remember_receipt(tx, lane.platform_id, lane.module, key_of(change), location)

    async def _note(self, peer: Peer, move: Move, moved: Moved) -> None:
        """Let a partner be CONNECTED or OFFLINE when that is news. Its row is taken apart from those of cursors."""
        if move.failure is not None and moved.failures >= OFFLINE_AFTER:
            async with self._db.tx() as tx:
                await note_unreachable(tx, peer.id)
        elif move.failure is None and move.answered:
            async with self._db.tx() as tx:
                await note_reached(tx, peer.id)


def _is_registered(peer: Peer | None) -> bool:
    return peer is not None and peer.is_registered
