"""Lanes: how far each partner has been told of each module, and which process is at it.

A process leases all lanes that it finds behind the log at once, for a short time, and prolongs the lease as long as it
lives: when it dies, another one takes over within seconds.

Whoever changes a platform and its cursors takes the platform's row first. Whoever changes several cursors takes them in
the order of their keys (`locked`). So nobody waits for another in a circle.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, literal, or_, select, tuple_, update

from hub.parties import changes
from hub.parties.changes import Cursor, Position
from kit.tx import Database, Tx

LEASE = timedelta(seconds=15)

_cursor: Any = Cursor.__table__  # type: ignore[attr-defined]
_KEY = (_cursor.c.platform_id, _cursor.c.module)


@dataclass(frozen=True, slots=True)
class Lane:
    """One partner and one module: what a sender is responsible for."""

    platform_id: str
    module: str


@dataclass(frozen=True, slots=True)
class Leased:
    """Where a lane stood when it was leased, and how often in a row it had failed."""

    position: Position
    failures: int


class Leases:
    """The lanes that one process, called `name`, is at."""

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        self._name = name

    async def behind(self, modules: Collection[str]) -> list[Lane]:
        """The lanes that have something to read, are due, and are no other process's."""
        async with self._db.read() as tx:
            heads = await changes.heads(tx, sorted(modules))
            if not heads:
                return []
            place = tuple_(_cursor.c.xid, _cursor.c.seq)
            is_behind = or_(
                *(
                    and_(_cursor.c.module == module, place < tuple_(literal(head.xid), literal(head.seq)))
                    for module, head in heads.items()
                )
            )
            is_due = or_(_cursor.c.retry_at.is_(None), _cursor.c.retry_at <= tx.now)
            rows = await tx.execute(select(*_KEY).where(is_behind, is_due, self._is_free(tx.now)))
            return [Lane(row.platform_id, row.module) for row in rows]

    async def take(self, lanes: Sequence[Lane]) -> dict[Lane, Leased]:
        """Lease the lanes that are still to be had, in one transaction."""
        async with self._db.tx() as tx:
            rows = await locked(tx, of(lanes), self._is_free(tx.now), skip=True)
            leased = {
                Lane(row.platform_id, row.module): Leased(Position(row.xid, row.seq), row.failures) for row in rows
            }
            if leased:
                lease = {"leased_by": self._name, "leased_until": tx.now + LEASE}
                await tx.execute(update(_cursor).where(of(leased)).values(lease))
            return leased

    async def prolong(self) -> None:
        """Prolong every lease of this process."""
        async with self._db.tx() as tx:
            if await locked(tx, self._is_mine()):
                await tx.execute(update(_cursor).where(self._is_mine()).values(leased_until=tx.now + LEASE))

    async def give_back(self) -> None:
        """Give every lease of this process back."""
        async with self._db.tx() as tx:
            if await locked(tx, self._is_mine()):
                await tx.execute(update(_cursor).where(self._is_mine()).values(leased_by=None, leased_until=None))

    def _is_mine(self) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = _cursor.c.leased_by == self._name
        return mine

    def _is_free(self, now: datetime) -> ColumnElement[bool]:
        return or_(_cursor.c.leased_until.is_(None), _cursor.c.leased_until <= now, self._is_mine())


async def locked(tx: Tx, *where: ColumnElement[bool], skip: bool = False) -> Sequence[Row[Any]]:
    """The cursors that fulfil all conditions, locked in the order of their keys; `skip` leaves out what others hold."""
    columns = (*_KEY, _cursor.c.xid, _cursor.c.seq, _cursor.c.failures, _cursor.c.last_success_at)
    rows = await tx.execute(select(*columns).where(*where).order_by(*_KEY).with_for_update(skip_locked=skip))
    return rows.all()


def of(lanes: Collection[Lane]) -> ColumnElement[bool]:
    """That a cursor is one of these lanes'."""
    by_module: dict[str, list[str]] = {}
    for lane in lanes:
        by_module.setdefault(lane.module, []).append(lane.platform_id)
    return or_(*(and_(_cursor.c.module == module, _cursor.c.platform_id.in_(ids)) for module, ids in by_module.items()))


async def lock_all(tx: Tx, platform_id: str) -> None:
    """Lock every cursor of a platform, whose own row is locked already."""
    await locked(tx, _cursor.c.platform_id == platform_id)


async def open_cursors(tx: Tx, platform_id: str, modules: Sequence[str]) -> None:
    """Give a newly registered partner its cursors at the present end of the log: what was before, it reads itself."""
    heads = await changes.heads(tx, modules)
    for module in modules:
        if await tx.get(Cursor, (platform_id, module)) is None:
            head = heads.get(module, Position(0, 0))
            tx.add(Cursor(platform_id=platform_id, module=module, xid=head.xid, seq=head.seq))


async def read_again(tx: Tx, lanes: Collection[Lane]) -> None:
    """Let senders begin the log anew: an agreement shows their partners what they were not told before.

    They get every object of the module that they may see, in its present state. Whoever is at it loses the lease, so
    that it cannot put the cursor back to where it was.
    """
    if lanes and await locked(tx, of(lanes)):
        anew = {"xid": 0, "seq": 0, "leased_by": None, "leased_until": None, "retry_at": None}
        await tx.execute(update(_cursor).where(of(lanes)).values(anew))
        tx.ring("changes")
