"""Lanes: how far each partner has been told of each module, and which process is at it.

A process leases all lanes that it finds behind the log at once, for a short time, and prolongs the lease of those that
it is at: when it dies, another one takes over within seconds. A lane that was told everything stays leased for what is
left of that time, so that of many changes in a row only the first has to lease it.

Whoever changes a platform and its cursors takes the platform's row first. Whoever changes several cursors takes them in
the order of their keys (`cursors`). So nobody waits for another in a circle.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Select, bindparam, or_, select, text, update

from hub.parties import changes
from hub.parties.changes import Cursor, Position
from kit.db import DialectName
from kit.reader import text_of
from kit.tx import Database, Tx

LEASE = timedelta(seconds=15)

_cursor: Any = Cursor.__table__  # type: ignore[attr-defined]
_KEY = (_cursor.c.platform_id, _cursor.c.module)


class Lane(NamedTuple):
    """One partner and one module: what a sender is responsible for."""

    platform_id: str
    module: str


class Leased(NamedTuple):
    """Where a lane stood when it was leased, and how often in a row it had failed."""

    position: Position
    failures: int


class Leases:
    """The lanes that one process, called `name`, is at."""

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        self._name = name
        self._has_leased = False
        # Built once: SQLAlchemy takes longer to build a statement than the database to run it.
        self._is_mine: ColumnElement[bool] = _cursor.c.leased_by == name
        is_over = _cursor.c.leased_until <= bindparam("now")
        is_free = or_(_cursor.c.leased_until.is_(None), is_over, self._is_mine)
        self._free = cursors(among(db.dialect), is_free, skip=True)
        self._mine = cursors(among(db.dialect), self._is_mine)
        lease = {"leased_by": name, "leased_until": bindparam("until")}
        self._lease = update(_cursor).where(among(db.dialect)).values(lease)

    async def behind(self, modules: Sequence[str]) -> dict[Lane, Leased | None]:
        """The lanes that have something to read, are due, and are no other process's.

        With where it stands for one that this process has leased already, and for long enough to go on with it.
        """
        now = self._db.clock.now()
        times = [self._db.bound(_cursor.c.leased_until, each) for each in (now + LEASE / 2, now, now)]
        statement = _behind(len(modules), self._db.dialect)
        enough, *due = times
        rows = await self._db.reader.all(statement, self._name, enough, *modules, *due, self._name)
        return {
            Lane(text_of(platform_id), text_of(module)): Leased(Position(xid, seq), failures) if is_mine else None
            for platform_id, module, xid, seq, failures, is_mine in rows
        }

    async def take(self, lanes: Collection[Lane]) -> dict[Lane, Leased]:
        """Lease the lanes that are still to be had, in one transaction."""
        async with self._db.tx() as tx:
            rows = await tx.rows(self._free, {"lanes": listed(lanes), "now": tx.now})
            leased = {
                Lane(platform_id, module): Leased(Position(xid, seq), failures)
                for platform_id, module, xid, seq, failures in rows
            }
            if leased:
                self._has_leased = True
                await tx.rows(self._lease, {"lanes": listed(leased), "until": tx.now + LEASE})
            return leased

    async def prolong(self, lanes: Collection[Lane]) -> None:
        """Prolong the leases of this process on these lanes."""
        async with self._db.tx() as tx:
            rows = (await tx.execute(self._mine, {"lanes": listed(lanes)})).all()
            held = [Lane(row.platform_id, row.module) for row in rows]
            if held:
                await tx.execute(self._lease, {"lanes": listed(held), "until": tx.now + LEASE})

    async def give_back(self) -> None:
        """Give every lease of this process back."""
        if not self._has_leased:
            return
        async with self._db.tx() as tx:
            if (await tx.execute(cursors(self._is_mine))).all():
                await tx.execute(update(_cursor).where(self._is_mine).values(leased_by=None, leased_until=None))


def cursors(*where: ColumnElement[bool], skip: bool = False) -> Select[Any]:
    """Cursors that fulfil all conditions, locked in the order of their keys; `skip` leaves out what others hold."""
    columns = (*_KEY, _cursor.c.xid, _cursor.c.seq, _cursor.c.failures)
    return select(*columns).where(*where).order_by(*_KEY).with_for_update(skip_locked=skip)


def among(dialect: DialectName) -> ColumnElement[bool]:
    """That a cursor is one of the lanes that are `listed` under `lanes`: one statement, however many they are."""
    if dialect == "sqlite":
        pairs = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:lanes)"
    else:
        pairs = "SELECT value ->> 0, value ->> 1 FROM json_array_elements(CAST(:lanes AS json))"
    is_among: Any = text(f"(platform_id, module) IN ({pairs})")
    return is_among  # type: ignore[no-any-return]


def listed(lanes: Iterable[Lane]) -> str:
    """Lanes as the one parameter of `among`."""
    return orjson.dumps([*map(tuple, lanes)]).decode()


@lru_cache
def _behind(modules: int, dialect: DialectName) -> str:
    """The statement for lanes behind the heads of so many modules, in the words of `kit.reader`.

    An idle process asks it every second and a busy one with each change: it is one trip, and nothing is built for it.
    """
    return (
        "SELECT lane.platform_id, lane.module, lane.xid, lane.seq, lane.failures,"  # noqa: S608
        " coalesce(lane.leased_by = ? AND lane.leased_until > ?, FALSE) FROM delivery_cursor lane"
        f" JOIN ({changes.heads_statement(modules, dialect)}) head ON head.module = lane.module"
        " WHERE (lane.xid, lane.seq) < (head.xid, head.seq) AND (lane.retry_at IS NULL OR lane.retry_at <= ?)"
        " AND (lane.leased_until IS NULL OR lane.leased_until <= ? OR lane.leased_by = ?)"
    )


async def lock_all(tx: Tx, platform_id: str) -> None:
    """Lock every cursor of a platform, whose own row is locked already."""
    await tx.execute(cursors(_cursor.c.platform_id == platform_id))


async def open_cursors(tx: Tx, platform_id: str, modules: Sequence[str]) -> None:
    """Give a newly registered partner its cursors at the present end of the log: what was before, it reads itself."""
    heads = await changes.heads(tx.db, modules)
    for module in modules:
        if await tx.get(Cursor, (platform_id, module)) is None:
            head = heads.get(module, Position(0, 0))
            tx.add(Cursor(platform_id=platform_id, module=module, xid=head.xid, seq=head.seq))


async def read_again(tx: Tx, lanes: Collection[Lane]) -> None:
    """Let senders begin the log anew: an agreement shows their partners what they were not told before.

    They get every object of the module that they may see, in its present state. Whoever is at it loses the lease, so
    that it cannot put the cursor back to where it was.
    """
    if not lanes:
        return
    theirs, names = among(tx.db.dialect), {"lanes": listed(lanes)}
    if (await tx.execute(cursors(theirs), names)).all():
        anew = {"xid": 0, "seq": 0, "leased_by": None, "leased_until": None, "retry_at": None}
        await tx.execute(update(_cursor).where(theirs).values(anew), names)
        tx.ring("changes")
