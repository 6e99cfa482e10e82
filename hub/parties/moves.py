"""Moving cursors: what became of lanes, one transaction for all that got somewhere at the same moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, update

from hub.parties import changes
from hub.parties.changes import Changed, Cursor, Position
from hub.parties.lanes import LEASE, Lane, among, cursors, listed
from hub.parties.objects import ObjectKey
from hub.parties.outbox import Unreachable
from kit.jobs import backoff_s
from kit.tx import Database, Tx

REDELIVER = "parties.redeliver"
LONGEST_PAUSE_S = 60.0
OFFLINE_AFTER = 3
"""So many failed tries in a row make a partner OFFLINE."""

_cursor: Any = Cursor.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Move:
    """How far a lane got: `delivered` objects were accepted, `refused` become jobs of their own.

    `failure` is what stopped it, and it `ends` when the process does, or the partner is gone.
    """

    lane: Lane
    reached: Position
    delivered: int = 0
    refused: tuple[Changed, ...] = ()
    failure: Unreachable | None = None
    ends: bool = False

    @property
    def answered(self) -> bool:
        """Whether the partner answered anything at all."""
        return self.delivered > 0 or bool(self.refused)


class Moved(NamedTuple):
    """What a move led to: where the lane goes on, None when it does not; and its failures in a row."""

    goes_on: Position | None
    failures: int = 0


class _Place(NamedTuple):
    """What becomes of a cursor, column by column; those of many lanes are mostly alike."""

    xid: int
    seq: int
    newly: int
    """Objects that were accepted."""
    leased_by: str | None
    leased_until: datetime | None
    failures: int
    retry_at: datetime | None
    last_error: str | None
    answered_at: datetime | None
    """When the partner has answered; None leaves what was there."""


class Moves:
    """Writes moves of lanes that the process called `name` has leased."""

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        self._name = name
        self._mine = cursors(among(db.dialect), _cursor.c.leased_by == name)
        last = _cursor.c.last_success_at
        columns = ("xid", "seq", "leased_by", "leased_until", "failures", "retry_at", "last_error")
        values: dict[str, Any] = {column: bindparam(column) for column in columns}
        values["delivered"] = _cursor.c.delivered + bindparam("newly")
        values["last_success_at"] = func.coalesce(bindparam("answered_at", type_=last.type), last)
        self._move = update(_cursor).where(among(db.dialect)).values(values)
        mine = self._mine.subquery()
        theirs = (_cursor.c.platform_id == mine.c.platform_id, _cursor.c.module == mine.c.module)
        self._advance = (
            update(_cursor)
            .where(*theirs)
            .values(values)
            .returning(*(_cursor.c[key] for key in ("platform_id", "module")))
        )

    async def write(self, moves: Sequence[Move]) -> list[Moved]:
        """Write them all, or none. A lane whose lease was lost stays where whoever took it has put it."""
        # A lane that something comes for after this look is found behind by the look that its doorbell brings about.
        heads = await changes.heads(self._db, sorted({move.lane.module for move in moves}))
        if all(move.failure is None and not move.refused for move in moves):
            return await self._advanced(moves, heads)
        places: dict[_Place, list[Lane]] = {}
        async with self._db.tx() as tx:
            rows = await tx.rows(self._mine, {"lanes": listed(move.lane for move in moves)})
            failures = {Lane(platform_id, module): failures for platform_id, module, _, _, failures in rows}
            results = []
            for move in moves:
                before = failures.get(move.lane)
                if before is None:
                    results.append(Moved(None))
                    continue
                place = self._place(tx.now, move, before)
                places.setdefault(place, []).append(move.lane)
                results.append(Moved(move.reached if _goes_on(move, heads) else None, place.failures))
                for change in move.refused:
                    _offer_again(tx, move.lane, change)
            for place, lanes in places.items():
                await tx.rows(self._move, {**place._asdict(), "lanes": listed(lanes)})
        return results

    async def _advanced(self, moves: Sequence[Move], heads: Mapping[str, Position]) -> list[Moved]:
        """Write moves of lanes that nothing came in the way of, which need not be looked at before: nearly all."""
        now = self._db.clock.now()
        places: dict[_Place, list[Lane]] = {}
        for move in moves:
            places.setdefault(self._place(now, move, 0), []).append(move.lane)
        rows = [{**place._asdict(), "lanes": listed(lanes)} for place, lanes in places.items()]
        [found] = await self._db.write([(self._advance, rows)])
        moved = {Lane(platform_id, module) for platform_id, module in found}
        return [Moved(move.reached if _goes_on(move, heads) and move.lane in moved else None) for move in moves]

    def _place(self, now: datetime, move: Move, failures: int) -> _Place:
        xid, seq = move.reached
        if move.failure is None:
            by, until = (None, None) if move.ends else (self._name, now + LEASE)
            return _Place(xid, seq, move.delivered, by, until, 0, None, None, now)
        failures = 1 if move.answered else failures + 1
        pause_s = move.failure.retry_after_s or min(backoff_s(failures), LONGEST_PAUSE_S)
        retry_at, error = now + timedelta(seconds=pause_s), str(move.failure)[:500]
        return _Place(xid, seq, move.delivered, None, None, failures, retry_at, error, now if move.answered else None)


def _goes_on(move: Move, heads: Mapping[str, Position]) -> bool:
    if move.ends or move.failure is not None:
        return False
    return move.reached < heads.get(move.lane.module, move.reached)


def key_of(change: Changed) -> ObjectKey:
    """The object that a change is about."""
    return ObjectKey(change.country_code, change.party_id, change.object_id)


def place_of(change: Changed) -> Position:
    """Where a change stands in the log."""
    return Position(change.xid, change.seq)


def _offer_again(tx: Tx, lane: Lane, change: Changed) -> None:
    key = key_of(change)
    tx.enqueue(
        REDELIVER,
        {
            "platform_id": lane.platform_id,
            "module": lane.module,
            "audience": change.audience,
            "key": [key.country_code, key.party_id, key.object_id],
        },
        replace_key=f"{lane.platform_id}:{lane.module}:{key.country_code}*{key.party_id}:{key.object_id}",
    )
