"""Reading partners' lists: what we missed while one of us was away, and now and then everything.

Each partner has one lane: its lists are read one after the other, a slow partner keeps nobody else waiting, and no more
than a few partners are read at a time. A lane works for a short turn (`hub.parties.pull_turn`) and goes to the end of
the queue; where it stands is in the database (`hub.parties.pull_lane`).
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import col

from hub.parties import pulls
from hub.parties.clients import Clients
from hub.parties.directory import DOORBELL as PARTIES
from hub.parties.directory import Directory, Peer
from hub.parties.intake import Intake
from hub.parties.notices import Notices
from hub.parties.outbox import Refused
from hub.parties.pull_lane import Lane, LeaseLost, give_back
from hub.parties.pull_turn import PullEnded, Turn
from hub.parties.pulls import PullState
from kit.ids import uuid7
from kit.log import get
from kit.tx import Database
from ocpi.errors import PeerError

log = get(__name__)

_STATE: Any = PullState.__table__  # type: ignore[attr-defined]
_ANY_DUE = (
    "SELECT 1 FROM pull_state WHERE (wanted IS NOT NULL OR running IS NOT NULL) AND (retry_at IS NULL OR retry_at <= ?)"
    " AND (leased_until IS NULL OR leased_until <= ?) OR last_full_at < ? LIMIT 1"
)
"""What nearly every look finds nothing by, in the words of `kit.reader`: it need not keep the writer from others."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How pulls are done: how far a DELTA looks back behind the last sign of life, how big the pages are that we ask
    for, how many partners are read at a time, and how often a FULL pull is due."""

    overlap: timedelta
    full_every: timedelta
    page_limit: int = 100
    at_once: int = 8


class Puller:
    """Reads the lists of this deployment's partners; each process may have one."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        clients: Clients,
        notices: Notices,
        intakes: Mapping[str, Intake],
        pace: Pace,
        *,
        poll_s: float = 2.0,
    ) -> None:
        self._db = db
        self._directory = directory
        self._clients = clients
        self._notices = notices
        self._intakes = intakes
        self._pace = pace
        self._poll_s = poll_s
        self._name = uuid7()
        self._rung = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        for doorbell in (pulls.DOORBELL, PARTIES):
            db.doorbells.listen(doorbell, self._rung.set)

    async def run(self) -> None:
        """Read what is due, until cancelled."""
        try:
            while True:
                self._rung.clear()
                try:
                    await self.look()
                except Exception as error:
                    log.error("puller_cannot_look", error=type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_s):
                        await self._rung.wait()
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await give_back(self._db, self._name)

    async def look(self) -> None:
        """Give turns to the partners that have waited longest, as far as there is room."""
        now = self._db.clock.now()
        if not await self._is_any_due(now):
            return
        peers = (await self._directory.snapshot()).peers
        async with self._db.tx() as tx:
            await pulls.want_full(tx, now - self._pace.full_every)
        due = (
            select(PullState)
            .where(
                or_(col(PullState.wanted).is_not(None), col(PullState.running).is_not(None)),
                or_(col(PullState.retry_at).is_(None), col(PullState.retry_at) <= now),
                or_(col(PullState.leased_until).is_(None), col(PullState.leased_until) <= now),
            )
            .order_by(col(PullState.served_at).is_not(None), col(PullState.served_at), col(PullState.module))
        )
        async with self._db.read() as tx:
            states = await tx.all(due)
        for state in states:
            peer = peers.get(state.platform_id)
            if peer is None or not peer.is_connected or peer.id in self._running or state.module not in self._intakes:
                continue
            if len(self._running) >= self._pace.at_once:
                return
            task = asyncio.create_task(self._turn(peer, state.module))
            self._running[peer.id] = task
            task.add_done_callback(lambda _done, peer_id=peer.id: self._stopped(peer_id))  # type: ignore[misc]

    async def _is_any_due(self, now: datetime) -> bool:
        due, full = (self._db.bound(_STATE.c.retry_at, each) for each in (now, now - self._pace.full_every))
        return bool(await self._db.reader.all(_ANY_DUE, due, due, full))

    async def settle(self) -> None:
        """Read until nothing is due. For tests."""
        while True:
            await self.look()
            if not self._running:
                return
            await asyncio.gather(*self._running.values())

    def _stopped(self, platform_id: str) -> None:
        task = self._running.pop(platform_id)
        self._rung.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("pull_failed", platform_id=platform_id, error=type(error).__name__)

    async def _turn(self, peer: Peer, module: str) -> None:
        """Read some pages of one list, and note where it stands."""
        lane = await Lane.lease(self._db, self._name, peer.id, module, overlap=self._pace.overlap)
        if lane is None:
            return
        try:
            client, intake = self._clients.to(peer), self._intakes[module]
            await Turn(self._db, client, self._notices, intake, peer, lane, page_limit=self._pace.page_limit).run()
        except LeaseLost:
            log.warning("pull_lease_lost", module=module, platform_id=peer.id)
        except PullEnded as error:
            await lane.drop(str(error))
        except (PeerError, Refused) as error:
            await lane.pause(error)
