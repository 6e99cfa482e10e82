"""One hub for the tests of a module: what each of them leaves in the database and in memory is put back after it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete, exists, insert, literal, select, true, update
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel, col

from hub.app import Hub
from hub.parties.counts import COUNTS
from hub.parties.directory import DOORBELL as PARTIES
from hub.parties.message_log_tables import Message, MessageContent
from hub.parties.pulls import PullState
from hub.parties.tables import Platform
from kit.job_rows import READY, JobRow
from kit.tx import Database, Tx
from payments.documents.tables import DocumentRow, SeriesRow
from payments.ledger.tables import LedgerEntry, LedgerTransfer
from simulators.partner.partner import Partner
from simulators.partner.state import MODULES, Link, State
from tests.journeys.network import Network, eventually
from tests.journeys.peers import hub_with

JOBS: Table = JobRow.__table__  # type: ignore[attr-defined]
NOT_KEPT = (JobRow.__tablename__, Message.__tablename__, MessageContent.__tablename__)

LEFT_ALONE = (
    LedgerEntry.__tablename__,
    LedgerTransfer.__tablename__,
    DocumentRow.__tablename__,
    SeriesRow.__tablename__,
)
"""Nobody deletes from the ledger, nor documents; no other row refers to them."""


@dataclass
class Shared:
    """A hub with partners as each test finds it: its rows, and what each partner knows of it."""

    network: Network
    rows: Mapping[Table, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    links: Mapping[Partner, Link] = field(default_factory=dict)

    async def remember(self) -> None:
        """Let tests find it as it is now, with nothing under way; lists that could not be read are left alone."""
        hub = self.network.up.hub
        await eventually(lambda: has_told_and_asked(hub))
        async with hub.db.tx() as tx:
            await tx.execute(update(PullState).values(wanted=None, running=None, retry_at=None, failures=0))
        await hub.messages.flush()
        partners = self.network.partners.values()
        self.links = {partner: replace(link) for partner in partners if (link := partner.state.link)}
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name not in (*NOT_KEPT, *LEFT_ALONE)]
        async with hub.db.read() as tx:
            found = {table: [dict(row) for row in (await tx.execute(select(table))).mappings()] for table in tables}
        self.rows = {table: rows for table, rows in found.items() if rows}
        await self.put_back()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Network]:
        """The network for one test. What the test has started ends with it, and then all is put back."""
        async with AsyncExitStack() as stack:
            yield replace(self.network, stack=stack)
        await self.put_back()

    async def put_back(self) -> None:
        """Let what is under way come to its end, and make everything again as it was."""
        hub = self.network.up.hub
        for partner in self.links:
            await behave(partner)
        await eventually(lambda: self._is_over(hub))
        for partner, link in self.links.items():
            reset(partner.state, link)
        await hub.messages.flush()
        async with hub.db.tx() as tx:
            # On PostgreSQL whoever still writes something for a partner is waited for, or comes too late for it.
            await tx.execute(select(Platform.id).order_by(col(Platform.id)).with_for_update())
            for table in await _filled(tx):
                schedules = [each.kind for each in hub.db.reactions.schedules]
                await tx.execute(delete(table).where(JOBS.c.kind.not_in(schedules) if table is JOBS else true()))
            for table, rows in self.rows.items():
                await tx.execute(insert(table), rows)
            tx.ring(PARTIES)
            for module in MODULES:
                tx.ring(f"{module}/{COUNTS}")
        forget(hub)

    async def _is_over(self, hub: Hub) -> bool:
        for session in (each for partner in self.links for each in partner.state.sessions.values()):
            session["status"] = "COMPLETED"  # nobody charges on at a partner's charger
        return await has_told(hub)


async def behave(partner: Partner) -> None:
    """Let a partner be there, without faults and delays."""
    for fault in list(partner.faults.values):
        partner.faults.switch_off(fault)
    partner.state.authorize_delay_s = 0
    partner.charging_s, partner.billing_error = 1.0, Decimal(0)
    await partner.come_back()


def reset(state: State, link: Link) -> None:
    """Let a partner know nothing but its registration."""
    fresh = State(link=replace(link))
    for each in fields(State):
        held = getattr(state, each.name)
        if isinstance(held, dict | list | set):
            held.clear()  # in place: others hold it, too
        else:
            setattr(state, each.name, getattr(fresh, each.name))


@asynccontextmanager
async def sharing(
    directory: Path, database_url: str, *, partners: Sequence[str] = (), **settings: Any
) -> AsyncIterator[Shared]:
    """A hub for many tests. `partners`, as `CPO:BE*CPO`, have registered with it."""
    async with hub_with(directory, database_url, **settings) as network:
        for role, _, party in (each.partition(":") for each in partners):
            network.partners[role, party] = await network.partner(role, party)
        shared = Shared(network)
        await shared.remember()
        yield shared


def forget(hub: Hub) -> None:
    """Empty what the hub keeps in memory of partners and stations, and what no doorbell empties."""
    authorizer = hub.starter.authorizer
    authorizer._asker._circuits.clear()
    authorizer._misses._full_at.clear()
    hub.live_sessions._metered.clear()
    hub.notices.take()


async def is_idle(hub: Hub) -> bool:
    """Whether no job, sender or pull is under way, none is about to be, and no partner carries a command out."""
    under_way = hub.worker._running or hub.deliverer._running or hub.puller._running
    return not under_way and not _carried_out() and not await _has_due_job(hub.db)


async def has_told(hub: Hub) -> bool:
    """Whether also every partner that can be told something now has been told it."""
    peers = (await hub.directory.snapshot()).peers
    behind = await hub.deliverer._leases.behind(hub.deliverer._modules)
    return not any(lane.platform_id in peers for lane in behind) and await is_idle(hub)


async def has_told_and_asked(hub: Hub) -> bool:
    """Whether also each has been asked for its lists."""
    if not await has_told(hub):
        return False
    due = col(PullState.wanted).is_not(None) | col(PullState.running).is_not(None)
    async with hub.db.read() as tx:
        return await tx.first(select(PullState).where(due, col(PullState.retry_at).is_(None))) is None


async def _filled(tx: Tx) -> list[Table]:
    """The tables that have rows, each before those that it refers to."""
    tables = [table for table in reversed(SQLModel.metadata.sorted_tables) if table.name not in LEFT_ALONE]
    has_rows = (await tx.execute(select(*(exists(select(literal(1)).select_from(table)) for table in tables)))).one()
    return [table for table, filled in zip(tables, has_rows, strict=True) if filled]


def _carried_out() -> bool:
    """Whether a simulated partner still carries out a command."""
    coroutines = (task.get_coro() for task in asyncio.all_tasks())
    return any(getattr(each, "__qualname__", "") == "Chargers.carry_out" for each in coroutines)


async def _has_due_job(db: Database) -> bool:
    """Whether a job can be taken now: it is due, and none of its lane waits before it."""
    earlier = aliased(JobRow)
    blocked = select(earlier).where(
        col(earlier.lane) == col(JobRow.lane), col(earlier.state) == READY, col(earlier.id) < col(JobRow.id)
    )
    async with db.read() as tx:
        due = select(JobRow).where(col(JobRow.state) == READY, col(JobRow.run_at) <= tx.now, ~blocked.exists())
        return await tx.first(due) is not None
