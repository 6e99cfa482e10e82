"""One partner's list as a row that a process holds for a while: where the reading of it stands.

What is known of a pull is written with the objects it read, by whoever holds the lease; `wanted` is left to those who
ask for pulls.
"""

from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import select, update
from sqlmodel import col

from hub.parties.pulls import FULL, PullState
from hub.parties.routing import DRIVER_MODULES
from hub.parties.tables import Platform
from kit.jobs import backoff_s
from kit.log import get
from kit.tx import Database, Tx
from ocpi.errors import PeerUnreachable

log = get(__name__)

LEASE = timedelta(seconds=60)
GIVE_UP_AFTER = 6
"""So many failures in a row end a pull; the next one begins anew."""
LONGEST_PAUSE_S = 600.0


class LeaseLost(Exception):
    """Another process has taken the lane over."""


class Lane:
    """A leased list; `state` is what this process knows of its pull."""

    def __init__(self, db: Database, holder: str, state: PullState) -> None:
        self._db = db
        self._holder = holder
        self.state = state

    @classmethod
    async def lease(
        cls, db: Database, holder: str, platform_id: str, module: str, *, overlap: timedelta
    ) -> Self | None:
        """The list with a pull under way; None when there is nothing to do or another process is at it."""
        async with db.tx() as tx:
            state = await _locked(tx, platform_id, module)
            if state is None or (state.leased_until and state.leased_until > tx.now and state.leased_by != holder):
                return None
            if state.running is None:
                if state.wanted is None:
                    return None
                await _begin(tx, state, overlap)
            state.leased_by, state.leased_until, state.served_at = holder, tx.now + LEASE, tx.now
            return cls(db, holder, state)

    async def keep(self, tx: Tx) -> None:
        """Write how far the pull is, and hold the list for longer. Raises `LeaseLost`."""
        await self._write(tx, leased_until=tx.now + LEASE)

    async def release(self) -> None:
        """Let go; the pull goes on with the next turn. Raises `LeaseLost`."""
        async with self._db.tx() as tx:
            await self._let_go(tx)

    async def finish(self, note: str | None) -> None:
        """The list was read to its end. Raises `LeaseLost`."""
        state = self.state
        async with self._db.tx() as tx:
            if state.running == FULL:
                state.last_full_at = state.started_at
            else:
                state.last_delta_at = state.started_at
            state.running, state.next_url, state.last_error, state.retry_at = None, None, note, None
            await self._let_go(tx)

    async def drop(self, reason: str) -> None:
        """End the pull as a failure; it is due again when somebody wants it, or in its time."""
        state = self.state
        log.warning("pull_ended_early", module=state.module, platform_id=state.platform_id, reason=reason)
        async with self._db.tx() as tx:
            state.last_error, state.running, state.next_url, state.failures = reason[:500], None, None, 0
            if state.last_full_at is None:
                state.wanted, state.retry_at = FULL, tx.now + timedelta(seconds=LONGEST_PAUSE_S)
            await self._let_go(tx)

    async def pause(self, error: Exception) -> None:
        """The partner did not give the page: again later, from the same place; or anew after too many tries."""
        state = self.state
        retry_after_s = error.retry_after_s if isinstance(error, PeerUnreachable) else None
        if state.failures + 1 >= GIVE_UP_AFTER and not isinstance(error, PeerUnreachable):
            return await self.drop(str(error))
        async with self._db.tx() as tx:
            state.failures += 1
            pause_s = min(retry_after_s or backoff_s(state.failures), LONGEST_PAUSE_S)
            state.last_error, state.retry_at = str(error)[:500], tx.now + timedelta(seconds=pause_s)
            await self._let_go(tx)

    async def _let_go(self, tx: Tx) -> None:
        await self._write(tx, leased_by=None, leased_until=None)

    async def _write(self, tx: Tx, **changes: Any) -> None:
        values = {name: getattr(self.state, name) for name in _OWN_COLUMNS} | changes
        if self.state.running is None and self.state.wanted is not None:
            values["wanted"] = self.state.wanted
        mine = (
            col(PullState.platform_id) == self.state.platform_id,
            col(PullState.module) == self.state.module,
            col(PullState.leased_by) == self._holder,
        )
        if (await tx.execute(update(PullState).where(*mine).values(values))).rowcount != 1:
            raise LeaseLost


async def give_back(db: Database, holder: str) -> None:
    """Let go of every list that a process holds."""
    async with db.tx() as tx:
        mine = update(PullState).where(col(PullState.leased_by) == holder)
        await tx.execute(mine.values(leased_by=None, leased_until=None))


async def _begin(tx: Tx, state: PullState, overlap: timedelta) -> None:
    """Start the pull that is wanted; what is wanted while it is under way comes after it."""
    state.date_from = await _date_from(tx, state, overlap)
    state.running = FULL if state.date_from is None else state.wanted
    state.wanted, state.wanted_since, state.started_at, state.next_url = None, None, tx.now, None
    state.position = state.pages = state.received_bytes = state.stored = state.skipped = state.removed = 0


async def _date_from(tx: Tx, state: PullState, overlap: timedelta) -> datetime | None:
    """From when on the pull looks; None for the whole list. Sessions and CDRs are nobody's whole list: theirs are
    read since the last time, or since we know the partner."""
    if state.wanted == FULL and state.module not in DRIVER_MODULES:
        return None
    platform = await tx.get(Platform, state.platform_id)
    known = platform.created_at if platform and state.module in DRIVER_MODULES else None
    last = [each for each in (state.last_full_at, state.last_delta_at) if each is not None]
    safe = state.last_full_at if state.wanted == FULL else max(last, default=None)
    moments = [each for each in (safe or known, state.wanted_since) if each is not None]
    return min(moments) - overlap if moments and (safe or known) else None


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
