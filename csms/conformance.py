"""How stations keep to the schemas: each breach is counted, by station, action, place and rule.

Nothing waits for it: breaches are gathered and added to their counts a few seconds later. A station has so many rows
and no more; what else it does wrong is counted together.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlmodel import col

from csms.log_tables import Breach
from csms.schemas import Fault, SchemaViolation, Violation
from csms.store import upsert
from kit.db import among, texts
from kit.spool import Spool
from kit.tx import Database, Tx

MOST_ROWS = 200
"""Of one station."""
OTHERS = "others"
"""The rule under which the rest is counted."""
_GATHER_S = 5.0
_BATCH = 5_000
_QUEUE_BYTES = 2**23
_BYTES = 400
"""What one breach takes in memory."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LONGEST_PATH = 255


class Key(NamedTuple):
    """What a count is of. `refused`: the message could not be accepted. `is_answer`: it answered a call of ours."""

    station_id: str
    action: str
    path: str
    rule: str
    refused: bool
    is_answer: bool


class Conformance:
    """Takes breaches and counts them. `on_drop` is told how many were not counted."""

    def __init__(self, db: Database, *, on_drop: Callable[[int], None] = lambda count: None) -> None:
        self._db = db
        table: Any = Breach.__table__  # type: ignore[attr-defined]
        insert = upsert(db.dialect)(table)
        self._add = insert.on_conflict_do_update(
            index_elements=list(Key._fields),
            set_={"count": table.c.count + insert.excluded.count, "last_at": insert.excluded.last_at},
        )
        self._spool: Spool[tuple[Key, datetime]] = Spool(
            "breaches",
            self._write,
            clock=db.clock,
            queue_bytes=_QUEUE_BYTES,
            most=_BATCH,
            gather_s=_GATHER_S,
            on_drop=on_drop,
        )

    def tolerated(
        self, station_id: str, action: str, violations: Iterable[Violation], *, is_answer: bool = False
    ) -> None:
        """A message broke its schema in ways that do no harm."""
        for violation in violations:
            self._note(station_id, action, violation.path, violation.rule, refused=False, is_answer=is_answer)

    def refused(self, station_id: str, action: str, violation: SchemaViolation, *, is_answer: bool = False) -> None:
        """A message could not be accepted."""
        path = violation.place.path if violation.place is not None else ""
        if violation.fault is Fault.OUT_OF_RANGE:
            path = path or violation.description.partition(":")[0]
        rule = violation.place.rule if violation.place is not None else violation.fault.value
        self._note(station_id, action, path, rule, refused=True, is_answer=is_answer)

    def not_understood(self, station_id: str, action: str | None) -> None:
        """A message was no frame (then it has no action), or of an action that stations do not send."""
        self._note(station_id, action or "", "", "action" if action else "frame", refused=True, is_answer=False)

    async def run(self) -> None:
        """Count until cancelled; then count what waits."""
        await self._spool.run()

    async def flush(self) -> None:
        """Count everything that waits."""
        await self._spool.flush()

    def _note(self, station_id: str, action: str, path: str, rule: str, *, refused: bool, is_answer: bool) -> None:
        key = Key(station_id, _word(action), shown_path(path), rule[:32], refused, is_answer)
        self._spool.put((key, self._db.clock.now()), _BYTES)

    async def _write(self, batch: Sequence[tuple[Key, datetime]]) -> None:
        counts: dict[Key, tuple[int, datetime, datetime]] = {}
        for key, at in batch:
            count, first_at, _ = counts.get(key, (0, at, at))
            counts[key] = (count + 1, first_at, at)
        async with self._db.tx() as tx:
            counts = _bounded(counts, await _known(tx, {key.station_id for key in counts}))
            rows = [
                {**key._asdict(), "count": count, "first_at": first_at, "last_at": last_at}
                for key, (count, first_at, last_at) in sorted(counts.items())
            ]
            await tx.execute(self._add, rows)


async def breaches_of(tx: Tx, station_id: str) -> Sequence[Breach]:
    """What a station has done wrong, the most frequent first."""
    order = (col(Breach.count).desc(), col(Breach.action), col(Breach.path), col(Breach.rule))
    return await tx.all(select(Breach).where(col(Breach.station_id) == station_id).order_by(*order))


def shown_path(path: str) -> str:
    """A place in a payload without the numbers of list items, and without names that may be values."""
    parts = ["*" if part.isdigit() else _word(part) for part in path.split("/")] if path else []
    return "/".join(parts)[:_LONGEST_PATH]


async def _known(tx: Tx, station_ids: set[str]) -> dict[str, set[Key]]:
    columns = [col(getattr(Breach, name)) for name in Key._fields]
    dialect = tx.db.dialect
    theirs = select(*columns).where(among(col(Breach.station_id), "stations", dialect))
    rows = await tx.execute(theirs, {"stations": texts(sorted(station_ids), dialect)})
    known: dict[str, set[Key]] = {station_id: set() for station_id in station_ids}
    for key in (Key(*tuple(row)) for row in rows):
        known[key.station_id].add(key)
    return known


def _bounded(
    counts: dict[Key, tuple[int, datetime, datetime]], known: dict[str, set[Key]]
) -> dict[Key, tuple[int, datetime, datetime]]:
    """The counts, those beyond the most rows of a station together in one."""
    bounded: dict[Key, tuple[int, datetime, datetime]] = {}
    for key, (count, first_at, last_at) in counts.items():
        rows = known[key.station_id]
        if key not in rows and len(rows) >= MOST_ROWS:
            key = Key(key.station_id, "", "", OTHERS, False, False)
            before = bounded.get(key)
            if before is not None:
                count, first_at = count + before[0], before[1]
        rows.add(key)
        bounded[key] = (count, first_at, last_at)
    return bounded


def _word(name: str) -> str:
    return name if not name or _NAME.fullmatch(name) else "?"
