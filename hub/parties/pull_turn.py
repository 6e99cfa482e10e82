"""One turn of reading a partner's list: some pages, and the end of the list.

A page is one request. What pages hold is stored together, some hundreds of objects or what came within a moment by one
transaction with the place after them; so memory stays flat, and a process that dies costs no more than that.

What is missing from a whole list is gone, but only when the list was read to an end that agrees with the partner's own
count, without a fault on the way, and only what was there before the pull began: the rest may have come meanwhile.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from hub.parties.directory import Peer
from hub.parties.intake import Intake, Taken, sort_page
from hub.parties.notices import Notices
from hub.parties.objects import ObjectKey
from hub.parties.outbox import Refused
from hub.parties.pull_lane import Lane
from hub.parties.pulls import FULL
from kit.log import get
from kit.tx import Database
from ocpi.client import PartnerClient
from ocpi.crawl import Crawl, SamePageAgain
from ocpi.datetimes import format_datetime
from ocpi.endpoint import Interface
from ocpi.errors import PeerError, PeerRefused, PeerUnintelligible
from ocpi.paging import Page, with_query
from ocpi.types import JsonValue

log = get(__name__)

TURN_S = 10.0
TURN_PAGES = 250
STORED_AT_ONCE = 2_000
STORED_AT_ONCE_BYTES = 8 * 2**20
LONGEST_UNSTORED_S = 2.0
REMOVED_AT_ONCE = 200
MOST_PAGES = 50_000
MOST_BYTES = 8 * 2**30
LONGEST = timedelta(hours=12)


class PullEnded(Exception):
    """The pull cannot go on; what was read stays."""


class Turn:
    """Some pages of one list of one partner."""

    def __init__(
        self,
        db: Database,
        client: PartnerClient,
        notices: Notices,
        intake: Intake,
        peer: Peer,
        lane: Lane,
        *,
        page_limit: int,
    ) -> None:
        self._db = db
        self._client = client
        self._notices = notices
        self._intake = intake
        self._peer = peer
        self._lane = lane
        self._page_limit = page_limit
        self._module = lane.state.module
        self._walk = self._begin()
        self._unstored: list[JsonValue] = []
        self._unstored_bytes = self._unstored_pages = 0
        self._unstored_since = db.clock.monotonic()
        self._place = (lane.state.next_url, lane.state.position, lane.state.total)

    async def run(self) -> None:
        """Read for a while, and let go of the list. Raises `PullEnded`, `LeaseLost`, PeerError, `Refused`."""
        try:
            await self._pages()
        except (PullEnded, PeerError, Refused):
            await self._store()
            raise
        if self._walk.next_url is not None:
            await self._lane.release()
        else:
            await self._finish()

    def _begin(self) -> Crawl:
        """Where the crawl is, from the row."""
        state, quirks = self._lane.state, self._peer.quirks
        limit = min(self._page_limit, quirks.number("page_cap") or self._page_limit)
        if not quirks.flag("honours_offset"):  # one page is all that can be had: the whole list, if it may be
            limit = max(limit, state.total or limit)
        url = with_query(self._client.url(self._module, Interface.SENDER), limit=limit)
        if state.date_from is not None:
            url = with_query(url, date_from=format_datetime(state.date_from))
        links = quirks.flag("link_usable")
        if state.next_url is None:
            return Crawl(url, follow_links=links)
        return Crawl(url, state.next_url, state.position, state.total, follow_links=links)

    async def _pages(self) -> None:
        clock, walk = self._db.clock, self._walk
        began, count = clock.monotonic(), 0
        while walk.next_url is not None and count < TURN_PAGES and clock.monotonic() - began < TURN_S:
            page = await self._fetch()
            try:
                is_used = walk.take(page)
            except SamePageAgain as error:
                self._notices.learned(self._peer.id, "honours_offset", False)
                raise PullEnded(str(error)) from error
            self._learn_of(page)
            count += 1
            self._hold(page, is_used=is_used)
            if self._is_enough():
                await self._store()
            self._look_at_bounds()
        await self._store()

    async def _fetch(self) -> Page[JsonValue]:
        walk = self._walk
        assert walk.next_url is not None  # noqa: S101 - `_pages` has looked
        try:
            return await self._client.page(self._module, walk.next_url)
        except (PeerRefused, PeerUnintelligible):
            if not walk.detour():
                raise
            return await self._client.page(self._module, walk.next_url)

    def _learn_of(self, page: Page[JsonValue]) -> None:
        if page.omits_data:
            self._notices.learned(self._peer.id, "omits_empty_data", True)
        if page.cap is not None and 0 < page.cap < self._page_limit:
            self._notices.learned(self._peer.id, "page_cap", page.cap)
        if self._walk.link_failed or self._walk.link_worked:
            self._notices.learned(self._peer.id, "link_usable", self._walk.link_worked)

    def _hold(self, page: Page[JsonValue], *, is_used: bool) -> None:
        if not self._unstored_pages:
            self._unstored_since = self._db.clock.monotonic()
        if is_used:
            self._unstored += page.items
        self._unstored_pages += 1
        self._unstored_bytes += page.size
        self._place = (self._walk.next_url, self._walk.offset or 0, self._walk.total)

    def _is_enough(self) -> bool:
        return (
            len(self._unstored) >= STORED_AT_ONCE
            or self._unstored_bytes >= STORED_AT_ONCE_BYTES
            or self._db.clock.monotonic() - self._unstored_since >= LONGEST_UNSTORED_S
        )

    def _look_at_bounds(self) -> None:
        state = self._lane.state
        if state.pages + self._unstored_pages > MOST_PAGES or state.received_bytes + self._unstored_bytes > MOST_BYTES:
            raise PullEnded("the list is too long")
        if state.started_at is not None and self._db.clock.now() - state.started_at > LONGEST:
            raise PullEnded("the list took too long")

    async def _store(self) -> None:
        """Store what was read and the place after it by one commit. Raises `LeaseLost`."""
        if not self._unstored_pages:
            return
        state = self._lane.state
        found = sort_page(self._unstored, self._peer, self._module, self._intake.wire)
        async with self._db.tx() as tx:
            taken = await self._intake.store(tx, found.good, self._peer.id) if found.good else Taken()
            faults = [*found.faults, *taken.refused]
            state.next_url, state.position, state.total = self._place
            state.pages += self._unstored_pages
            state.received_bytes += self._unstored_bytes
            state.stored, state.skipped = state.stored + taken.changed, state.skipped + len(faults)
            state.failures = 0
            await self._lane.keep(tx)
        self._unstored, self._unstored_bytes, self._unstored_pages = [], 0, 0
        for fault in faults[:5]:
            log.warning("pulled_object_skipped", module=self._module, platform_id=self._peer.id, reason=fault)
        if taken.is_stale:
            self._notices.learned(self._peer.id, "stale_last_updated", True)
        if taken.is_bumped:
            self._notices.learned(self._peer.id, "bumps_last_updated", True)

    async def _finish(self) -> None:
        state, walk = self._lane.state, self._walk
        note = None
        if state.running == FULL and state.date_from is None and self._intake.remove is not None:
            if not walk.is_whole or state.skipped:
                note = "the list did not add up: nothing was taken for gone"
            elif state.last_full_at is not None:  # before its first list we have only what it has told us since it came
                await self._remove_missing()
            if walk.offset:
                await self._probe_date_from()
        await self._lane.finish(note)
        log.info("pulled", module=self._module, platform_id=self._peer.id, stored=state.stored, removed=state.removed)

    async def _remove_missing(self) -> None:
        state, model = self._lane.state, self._intake.model
        missing = (
            select(col(model.country_code), col(model.party_id), col(model.object_id))
            .where(col(model.platform_id) == state.platform_id, col(model.seen_at) < state.started_at)
            .limit(REMOVED_AT_ONCE)
        )
        while True:
            async with self._db.tx() as tx:
                rows: Any = await tx.execute(missing)
                keys = [ObjectKey(*row) for row in rows]
                if not keys or self._intake.remove is None:
                    return
                await self._intake.remove(tx, keys, state.platform_id)
                state.removed += len(keys)
                await self._lane.keep(tx)

    async def _probe_date_from(self) -> None:
        """Ask for what changes after tomorrow: whoever answers with anything does not look at `date_from`."""
        url = self._client.url(self._module, Interface.SENDER)
        tomorrow = format_datetime(self._db.clock.now() + timedelta(days=1))
        with suppress(PeerError):
            page = await self._client.page(self._module, with_query(url, date_from=tomorrow, limit=1))
            self._notices.learned(self._peer.id, "honours_date_from", not page.items)
