"""Reading partners' lists: what we missed while one of us was away, and now and then everything.

Each partner has one lane: its lists are read one after the other, a slow partner keeps nobody else waiting, and no more
than a few partners are read at a time. A lane works for a short turn and goes to the end of the queue. Each page is one
request and one transaction, which stores its objects and the place in the list; so memory stays flat and a process that
dies costs one page.

What is missing from a whole list is gone, but only when the list was read to an end that agrees with the partner's own
count, without a fault on the way, and only what was there before the pull began: the rest may have come meanwhile.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import col

from hub.parties import pulls
from hub.parties.clients import Clients
from hub.parties.directory import DOORBELL as PARTIES
from hub.parties.directory import Directory, Peer
from hub.parties.intake import Intake, Taken, sort_page
from hub.parties.notices import Notices
from hub.parties.objects import ObjectKey
from hub.parties.outbox import Refused
from hub.parties.pulls import FULL, PullState
from hub.parties.routing import DRIVER_MODULES
from hub.parties.tables import Platform
from kit.ids import uuid7
from kit.jobs import backoff_s
from kit.log import get
from kit.tx import Database, Tx
from ocpi.client import PartnerClient
from ocpi.crawl import Crawl, SamePageAgain
from ocpi.datetimes import format_datetime
from ocpi.endpoint import Interface
from ocpi.errors import PeerError, PeerRefused, PeerUnintelligible, PeerUnreachable
from ocpi.paging import Page, with_query
from ocpi.types import JsonValue

log = get(__name__)

LEASE = timedelta(seconds=60)
TURN_S = 10.0
TURN_PAGES = 100
REMOVED_AT_ONCE = 200
GIVE_UP_AFTER = 6
"""So many failures in a row end a pull; the next one begins anew."""
LONGEST_PAUSE_S = 600.0
MOST_PAGES = 50_000
MOST_BYTES = 8 * 2**30
LONGEST = timedelta(hours=12)


class PullEnded(Exception):
    """The pull cannot go on; what was read stays."""


class LeaseLost(Exception):
    """Another process has taken the lane over."""


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
            await self._give_back()

    async def look(self) -> None:
        """Give turns to the partners that have waited longest, as far as there is room."""
        now, peers = self._db.clock.now(), (await self._directory.snapshot()).peers
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

    async def settle(self) -> None:
        """Read until nothing is due. For tests."""
        while True:
            await self.look()
            if not self._running:
                return
            await asyncio.gather(*self._running.values())

    async def plan(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Have lists read wholly whose last full pull is too long ago."""
        async with db.tx() as tx:
            await pulls.want_full(tx, tx.now - self._pace.full_every)

    def _stopped(self, platform_id: str) -> None:
        task = self._running.pop(platform_id)
        self._rung.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("pull_failed", platform_id=platform_id, error=type(error).__name__)

    async def _give_back(self) -> None:
        async with self._db.tx() as tx:
            mine = update(PullState).where(col(PullState.leased_by) == self._name)
            await tx.execute(mine.values(leased_by=None, leased_until=None))

    async def _turn(self, peer: Peer, module: str) -> None:
        """Read some pages of one list, and note where it stands."""
        state = await self._lease(peer, module)
        if state is None:
            return
        try:
            client = self._clients.to(peer)
            walk = self._walk(client, peer, state)
            await self._pages(client, peer, state, walk)
            if walk.next_url is None:
                await self._finish(client, peer, state, walk)
            else:
                await self._release(state)
        except LeaseLost:
            log.warning("pull_lease_lost", module=module, platform_id=peer.id)
        except PullEnded as error:
            await self._drop(state, str(error))
        except (PeerError, Refused) as error:
            await self._pause(state, error)

    async def _lease(self, peer: Peer, module: str) -> PullState | None:
        """The list's state with a pull under way, leased; None when there is nothing to do or another process is."""
        async with self._db.tx() as tx:
            state = await _locked(tx, peer.id, module)
            if state is None or (state.leased_until and state.leased_until > tx.now and state.leased_by != self._name):
                return None
            if state.running is None:
                if state.wanted is None:
                    return None
                await self._begin(tx, state)
            state.leased_by, state.leased_until, state.served_at = self._name, tx.now + LEASE, tx.now
            return state

    async def _begin(self, tx: Tx, state: PullState) -> None:
        """Start the pull that is wanted; what is wanted while it is under way comes after it."""
        state.date_from = await self._date_from(tx, state)
        state.running = FULL if state.date_from is None else state.wanted
        state.wanted, state.wanted_since, state.started_at, state.next_url = None, None, tx.now, None
        state.position = state.pages = state.received_bytes = state.stored = state.skipped = state.removed = 0

    async def _date_from(self, tx: Tx, state: PullState) -> datetime | None:
        """From when on the pull looks; None for the whole list. Sessions and CDRs are nobody's whole list: theirs are
        read since the last time, or since we know the partner."""
        if state.wanted == FULL and state.module not in DRIVER_MODULES:
            return None
        platform = await tx.get(Platform, state.platform_id)
        known = platform.created_at if platform and state.module in DRIVER_MODULES else None
        last = [each for each in (state.last_full_at, state.last_delta_at) if each is not None]
        safe = state.last_full_at if state.wanted == FULL else max(last, default=None)
        moments = [each for each in (safe or known, state.wanted_since) if each is not None]
        return min(moments) - self._pace.overlap if moments and (safe or known) else None

    def _walk(self, client: PartnerClient, peer: Peer, state: PullState) -> Crawl:
        """Where the crawl is, from the row."""
        limit = min(self._pace.page_limit, peer.quirks.number("page_cap") or self._pace.page_limit)
        if not peer.quirks.flag("honours_offset"):  # one page is all that can be had: the whole list, if it may be
            limit = max(limit, state.total or limit)
        url = with_query(client.url(state.module, Interface.SENDER), limit=limit)
        if state.date_from is not None:
            url = with_query(url, date_from=format_datetime(state.date_from))
        links = peer.quirks.flag("link_usable")
        if state.next_url is None:
            return Crawl(url, follow_links=links)
        return Crawl(url, state.next_url, state.position, state.total, follow_links=links)

    async def _pages(self, client: PartnerClient, peer: Peer, state: PullState, walk: Crawl) -> None:
        clock = self._db.clock
        began, count = clock.monotonic(), 0
        while walk.next_url is not None and count < TURN_PAGES and clock.monotonic() - began < TURN_S:
            page = await self._fetch(client, state, walk)
            try:
                is_used = walk.take(page)
            except SamePageAgain as error:
                self._notices.learned(peer.id, "honours_offset", False)
                raise PullEnded(str(error)) from error
            self._learn_of_page(peer, page, walk)
            count += 1
            await self._store(peer, state, walk, page if is_used else Page([]), page.size)
            if state.pages > MOST_PAGES or state.received_bytes > MOST_BYTES:
                raise PullEnded("the list is too long")
            if state.started_at is not None and clock.now() - state.started_at > LONGEST:
                raise PullEnded("the list took too long")

    async def _fetch(self, client: PartnerClient, state: PullState, walk: Crawl) -> Page[JsonValue]:
        assert walk.next_url is not None  # noqa: S101 - `_pages` has looked
        try:
            return await client.page(state.module, walk.next_url)
        except (PeerRefused, PeerUnintelligible):
            if not walk.detour():
                raise
            return await client.page(state.module, walk.next_url)

    async def _store(self, peer: Peer, state: PullState, walk: Crawl, page: Page[JsonValue], size: int) -> None:
        """Store a page and the place after it by one commit. Raises `LeaseLost`."""
        intake = self._intakes[state.module]
        found = sort_page(page.items, peer, state.module, intake.wire)
        async with self._db.tx() as tx:
            taken = await intake.store(tx, found.good, peer.id) if found.good else Taken()
            faults = [*found.faults, *taken.refused]
            state.next_url, state.position, state.total = walk.next_url, walk.offset or 0, walk.total
            state.pages, state.received_bytes = state.pages + 1, state.received_bytes + size
            state.stored, state.skipped = state.stored + taken.changed, state.skipped + len(faults)
            state.failures = 0
            await self._write(tx, state, leased_until=tx.now + LEASE)
        for fault in faults[:5]:
            log.warning("pulled_object_skipped", module=state.module, platform_id=peer.id, reason=fault)
        if taken.is_stale:
            self._notices.learned(peer.id, "stale_last_updated", True)
        if taken.is_bumped:
            self._notices.learned(peer.id, "bumps_last_updated", True)

    def _learn_of_page(self, peer: Peer, page: Page[JsonValue], walk: Crawl) -> None:
        if page.omits_data:
            self._notices.learned(peer.id, "omits_empty_data", True)
        if page.cap is not None and 0 < page.cap < self._pace.page_limit:
            self._notices.learned(peer.id, "page_cap", page.cap)
        if walk.link_failed or walk.link_worked:
            self._notices.learned(peer.id, "link_usable", walk.link_worked)

    async def _finish(self, client: PartnerClient, peer: Peer, state: PullState, walk: Crawl) -> None:
        intake = self._intakes[state.module]
        note = None
        if state.running == FULL and state.date_from is None and intake.remove is not None:
            if not walk.is_whole or state.skipped:
                note = "the list did not add up: nothing was taken for gone"
            elif state.last_full_at is not None:  # before its first list we have only what it has told us since it came
                await self._remove_missing(state, intake)
            if walk.offset:
                await self._probe_date_from(client, peer, state.module)
        async with self._db.tx() as tx:
            if state.running == FULL:
                state.last_full_at = state.started_at
            else:
                state.last_delta_at = state.started_at
            state.running, state.next_url, state.last_error, state.retry_at = None, None, note, None
            await self._write(tx, state, leased_by=None, leased_until=None)
        log.info("pulled", module=state.module, platform_id=peer.id, stored=state.stored, removed=state.removed)

    async def _remove_missing(self, state: PullState, intake: Intake) -> None:
        model = intake.model
        missing = (
            select(col(model.country_code), col(model.party_id), col(model.object_id))
            .where(col(model.platform_id) == state.platform_id, col(model.seen_at) < state.started_at)
            .limit(REMOVED_AT_ONCE)
        )
        while True:
            async with self._db.tx() as tx:
                rows: Any = await tx.execute(missing)
                keys = [ObjectKey(*row) for row in rows]
                if not keys or intake.remove is None:
                    return
                await intake.remove(tx, keys, state.platform_id)
                state.removed += len(keys)
                await self._write(tx, state, leased_until=tx.now + LEASE)

    async def _probe_date_from(self, client: PartnerClient, peer: Peer, module: str) -> None:
        """Ask for what changes after tomorrow: whoever answers with anything does not look at `date_from`."""
        url = client.url(module, Interface.SENDER)
        tomorrow = format_datetime(self._db.clock.now() + timedelta(days=1))
        with suppress(PeerError):
            page = await client.page(module, with_query(url, date_from=tomorrow, limit=1))
            self._notices.learned(peer.id, "honours_date_from", not page.items)

    async def _release(self, state: PullState) -> None:
        async with self._db.tx() as tx:
            await self._write(tx, state, leased_by=None, leased_until=None)

    async def _drop(self, state: PullState, reason: str) -> None:
        """End the pull as a failure; it is due again when somebody wants it, or in its time."""
        log.warning("pull_ended_early", module=state.module, platform_id=state.platform_id, reason=reason)
        async with self._db.tx() as tx:
            state.last_error, state.running, state.next_url, state.failures = reason[:500], None, None, 0
            if state.last_full_at is None:
                state.wanted, state.retry_at = FULL, tx.now + timedelta(seconds=LONGEST_PAUSE_S)
            await self._write(tx, state, leased_by=None, leased_until=None)

    async def _pause(self, state: PullState, error: Exception) -> None:
        """The partner did not give the page: again later, from the same place; or anew after too many tries."""
        retry_after_s = error.retry_after_s if isinstance(error, PeerUnreachable) else None
        if state.failures + 1 >= GIVE_UP_AFTER and not isinstance(error, PeerUnreachable):
            return await self._drop(state, str(error))
        async with self._db.tx() as tx:
            state.failures += 1
            pause_s = min(retry_after_s or backoff_s(state.failures), LONGEST_PAUSE_S)
            state.last_error, state.retry_at = str(error)[:500], tx.now + timedelta(seconds=pause_s)
            await self._write(tx, state, leased_by=None, leased_until=None)

    async def _write(self, tx: Tx, state: PullState, **changes: Any) -> None:
        """Write what this process knows of the pull. `wanted` is left to others while one is under way."""
        values = {name: getattr(state, name) for name in _OWN_COLUMNS} | changes
        if state.running is None and state.wanted is not None:
            values["wanted"] = state.wanted
        mine = (
            col(PullState.platform_id) == state.platform_id,
            col(PullState.module) == state.module,
            col(PullState.leased_by) == self._name,
        )
        if (await tx.execute(update(PullState).where(*mine).values(values))).rowcount != 1:
            raise LeaseLost


_OWN_COLUMNS = (
    "running",
    "next_url",
    "position",
    "total",
    "pages",
    "received_bytes",
    "stored",
    "skipped",
    "removed",
    "failures",
    "retry_at",
    "last_error",
    "last_full_at",
    "last_delta_at",
)


async def _locked(tx: Tx, platform_id: str, module: str) -> PullState | None:
    lane = (col(PullState.platform_id) == platform_id, col(PullState.module) == module)
    return await tx.first(select(PullState).where(*lane).with_for_update())
