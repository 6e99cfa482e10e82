"""How far we have read each partner's lists: one row for each partner and module, and who may ask for a pull.

A pull is FULL (the whole list; what is missing from it is gone) or DELTA (what changed since a time). Its place in the
list is kept with what was read of it, so that a process that dies costs a few pages.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlmodel import Field, SQLModel, col

from hub.parties.routing import DRIVER_MODULES, OWNER_ROLES
from kit.tx import Tx

FULL = "FULL"
DELTA = "DELTA"
DOORBELL = "pulls"

OWNERS = {**OWNER_ROLES, **dict.fromkeys(sorted(DRIVER_MODULES), frozenset({"CPO"}))}
"""The roles whose parties own objects of a module, and may write them here."""


class PullState(SQLModel, table=True):
    """What we have read of one list of one partner, and the pull that is under way."""

    __tablename__ = "pull_state"

    platform_id: str = Field(primary_key=True, max_length=36, foreign_key="platform.id")
    module: str = Field(primary_key=True, max_length=24)

    wanted: str | None = Field(default=None, max_length=8)
    """FULL or DELTA when a pull is due; null when there is nothing to do."""
    wanted_since: datetime | None = None
    """A DELTA has to look at least as far back as this."""

    running: str | None = Field(default=None, max_length=8)
    """FULL or DELTA while a pull is under way, also while it waits for its partner."""
    started_at: datetime | None = None
    date_from: datetime | None = None
    next_url: str | None = None
    """The page that comes next."""
    position: int = 0
    """Objects of the list that were read."""
    total: int | None = None
    """The length of the list, as the partner said last."""
    pages: int = 0
    received_bytes: int = 0
    stored: int = 0
    """Objects that were new or changed."""
    skipped: int = 0
    """Objects that were of no use, each with a log line."""
    removed: int = 0
    """Objects that were gone from the list."""

    leased_by: str | None = Field(default=None, max_length=64)
    leased_until: datetime | None = None
    served_at: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None
    last_error: str | None = Field(default=None, max_length=500)
    last_full_at: datetime | None = None
    """When the last FULL pull that came to its end began."""
    last_delta_at: datetime | None = None


def pullable(endpoints: Collection[str], roles: Collection[str]) -> list[str]:
    """The modules whose lists a partner has: endpoints as `SENDER/module`, and a role that owns such objects."""
    return [module for module, owners in OWNERS.items() if f"SENDER/{module}" in endpoints and owners & set(roles)]


async def open_pulls(tx: Tx, platform_id: str, modules: Collection[str]) -> None:
    """Make these the modules that are read from a partner that has just registered: each wholly, at once."""
    others = delete(PullState).where(col(PullState.platform_id) == platform_id, col(PullState.module).not_in(modules))
    await tx.execute(others)
    for module in modules:
        if await tx.get(PullState, (platform_id, module)) is None:
            tx.add(PullState(platform_id=platform_id, module=module, wanted=FULL))
    tx.ring(DOORBELL)


async def ask(
    tx: Tx, platform_id: str, kind: str, *, since: datetime | None = None, modules: Collection[str] | None = None
) -> int:
    """Have a partner's lists read as soon as it can be reached; the number of lists. An asked FULL stays one."""
    states = select(PullState).where(col(PullState.platform_id) == platform_id).with_for_update()
    found = [state for state in await tx.all(states) if modules is None or state.module in modules]
    for state in found:
        state.wanted = FULL if FULL in (state.wanted, kind) else kind
        state.wanted_since = min((each for each in (state.wanted_since, since) if each is not None), default=None)
        state.retry_at, state.failures = None, 0
    tx.ring(DOORBELL)
    return len(found)


async def states_of(tx: Tx, platform_id: str) -> list[PullState]:
    """What was read of a partner, by module."""
    of_platform = select(PullState).where(col(PullState.platform_id) == platform_id)
    return list(await tx.all(of_platform.order_by(col(PullState.module))))


async def want_full(tx: Tx, before: datetime) -> None:
    """Have each list read wholly whose last FULL pull began before this time."""
    due = (
        update(PullState)
        .where(col(PullState.last_full_at) < before, col(PullState.wanted).is_(None), col(PullState.running).is_(None))
        .values(wanted=FULL)
    )
    if (await tx.execute(due)).rowcount:
        tx.ring(DOORBELL)
