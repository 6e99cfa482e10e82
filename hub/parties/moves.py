"""Moving cursors: what became of lanes, one transaction for all that got somewhere at the same moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, bindparam, update

from hub.parties import changes
from hub.parties.changes import Change, Cursor, Position
from hub.parties.lanes import LEASE, Lane, among, cursors, listed
from hub.parties.objects import ObjectKey
from hub.parties.outbox import Unreachable
from kit.bulk import Bulk, execute_bulk
from kit.jobs import backoff_s
from kit.tx import Database, Tx

REDELIVER = "parties.redeliver"
LONGEST_PAUSE_S = 60.0
OFFLINE_AFTER = 3
"""So many failed tries in a row make a partner OFFLINE."""

_cursor: Any = Cursor.__table__  # type: ignore[attr-defined]
_COLUMNS = ("xid", "seq", "leased_by", "leased_until", "failures", "retry_at", "last_error", "last_success_at")
_MOVE = (
    update(_cursor)
    .where(_cursor.c.platform_id == bindparam("of_platform"), _cursor.c.module == bindparam("of_module"))
    .values({**{name: bindparam(name) for name in _COLUMNS}, "delivered": _cursor.c.delivered + bindparam("newly")})
)


@dataclass(frozen=True, slots=True)
class Move:
    """How far a lane got: `delivered` objects were accepted, `refused` become jobs of their own.

    `failure` is what stopped it, and it `ends` when the process does, or the partner is gone.
    """

    lane: Lane
    reached: Position
    delivered: int = 0
    refused: tuple[Change, ...] = ()
    failure: Unreachable | None = None
    ends: bool = False

    @property
    def answered(self) -> bool:
        """Whether the partner answered anything at all."""
        return self.delivered > 0 or bool(self.refused)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move led to: where the lane goes on, None when it does not; and its failures in a row."""

    goes_on: Position | None
    failures: int = 0


class Moves:
    """Writes moves of lanes that the process called `name` has leased."""

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        self._name = name
        self._mine = cursors(among(db.dialect), _cursor.c.leased_by == name)
        self._bulk: Bulk | None = None

    async def write(self, moves: Sequence[Move]) -> list[Moved]:
        """Write them all, or none. A lane whose lease was lost stays where whoever took it has put it."""
        # A lane that something comes for after this look is found behind by the look that its doorbell brings about.
        heads = await changes.heads(self._db, sorted({move.lane.module for move in moves}))
        async with self._db.tx() as tx:
            leased = (await tx.execute(self._mine, {"lanes": listed(move.lane for move in moves)})).all()
            rows = {Lane(row.platform_id, row.module): row for row in leased}
            written: list[dict[str, Any]] = []
            results = []
            for move in moves:
                row = rows.get(move.lane)
                if row is None:
                    results.append(Moved(None))
                    continue
                written.append(self._row(tx, row, move, heads.get(move.lane.module, move.reached)))
                results.append(Moved(move.reached if written[-1]["leased_by"] else None, written[-1]["failures"]))
                for change in move.refused:
                    _offer_again(tx, move.lane, change)
            if written:
                await self._update(tx, written)
        return results

    async def _update(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
        if tx.db.dialect != "sqlite":
            await tx.execute(_MOVE, rows)
            return
        connection = await tx.session.connection()
        if self._bulk is None:
            self._bulk = Bulk(_MOVE, list(rows[0]), connection.dialect)
        await execute_bulk(connection, self._bulk, rows)

    def _row(self, tx: Tx, row: Row[Any], move: Move, head: Position) -> dict[str, Any]:
        stays = move.failure is None and not move.ends and move.reached < head
        moved: dict[str, Any] = {
            "of_platform": move.lane.platform_id,
            "of_module": move.lane.module,
            "xid": move.reached.xid,
            "seq": move.reached.seq,
            "leased_by": self._name if stays else None,
            "leased_until": tx.now + LEASE if stays else None,
            "newly": move.delivered,
        }
        if move.failure is None:
            return {**moved, "failures": 0, "retry_at": None, "last_error": None, "last_success_at": tx.now}
        failures = 1 if move.answered else row.failures + 1
        pause_s = move.failure.retry_after_s or min(backoff_s(failures), LONGEST_PAUSE_S)
        return {
            **moved,
            "failures": failures,
            "retry_at": tx.now + timedelta(seconds=pause_s),
            "last_error": str(move.failure)[:500],
            "last_success_at": tx.now if move.answered else row.last_success_at,
        }


def key_of(change: Change) -> ObjectKey:
    """The object that a change is about."""
    return ObjectKey(change.country_code, change.party_id, change.object_id)


def place_of(change: Change) -> Position:
    """Where a change stands in the log."""
    return Position(change.xid, change.seq or 0)


def _offer_again(tx: Tx, lane: Lane, change: Change) -> None:
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
