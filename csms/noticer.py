"""Stores what a station tells and nobody else keeps: notices and variables (`csms.notices`), by the group commit."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from csms.log_tables import Notice, StationVariable
from csms.masking import HIDDEN, Masker
from csms.notices import SECURITY, Part, Variable, answered, newest_report, part_of, reported
from csms.words import clean
from csms.writer import Conflict, Op, Unstorable, Writer
from kit.bulk import Row
from kit.clock import Clock
from kit.ids import first_id
from kit.log import get
from kit.retention import forget
from kit.tx import Database, Tx

log = get("csms.noticer")

_REPORT_PARTS = 2_000


class Noticer:
    """Keeps notices masked. Without a masker nothing of a token is shown, not even a digest.

    Of one station at most so many variables are kept; what is told of others is in the notice alone.
    """

    def __init__(
        self, db: Database, writer: Writer, clock: Clock, masker: Masker | None = None, *, most_variables: int
    ) -> None:
        self._db = db
        self._writer = writer
        self._clock = clock
        self._most_variables = most_variables
        self._variables: dict[str, int] = {}
        """How many variables there are at most of stations that have told some, by station."""
        self._masker = masker or Masker(lambda text: HIDDEN)
        self._process = secrets.token_hex(3)
        self._count = 0

    async def told(self, station_id: str, action: str, payload: Mapping[str, Any]) -> None:
        """A request of the station; returns when it is stored."""
        now = self._clock.now()
        rows = [(Op.NOTICE, self._notice_row(station_id, action, payload, now))]
        rows += _variable_rows(station_id, reported(action, payload), now)
        if action == SECURITY:
            log.warning("csms security event", station_id=station_id, event_type=clean(payload.get("type"), 50))
        await self._store(station_id, rows)

    async def answered(
        self, station_id: str, action: str, request: Mapping[str, Any], answer: Mapping[str, Any]
    ) -> None:
        """The station has answered a request of ours; what it tells of variables is stored."""
        rows = _variable_rows(station_id, answered(action, request, answer), self._clock.now())
        if rows:
            await self._store(station_id, rows)

    async def _store(self, station_id: str, rows: list[tuple[Op, Row]]) -> None:
        told = sum(op is not Op.NOTICE for op, _ in rows)
        try:
            if told and self._variables.get(station_id, self._most_variables) + told > self._most_variables:
                rows = await self._fitting(station_id, rows)
            self._variables[station_id] = self._variables.get(station_id, 0) + told
            await self._writer.submit(rows)
        except (Conflict, Unstorable) as error:
            # The station could not do better by sending it again.
            log.error("csms notice not stored", station_id=station_id, error=type(error).__name__)

    async def _fitting(self, station_id: str, rows: list[tuple[Op, Row]]) -> list[tuple[Op, Row]]:
        """The rows without variables that are new and too many; all when that cannot be known now."""
        try:
            async with self._db.read() as tx:
                known = await _places_of(tx, station_id)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("csms variables not counted", station_id=station_id, error=type(error).__name__)
            return rows
        self._variables[station_id] = len(known)
        room, fitting = self._most_variables - len(known), []
        for op, row in rows:
            is_new = op is not Op.NOTICE and tuple(row[name] for name in StationVariable.KEY) not in known
            if not is_new or room > 0:
                fitting.append((op, row))
            room -= is_new
        if room < 0:
            log.warning("csms variables not kept", station_id=station_id, count=-room)
        return fitting

    def _notice_row(self, station_id: str, action: str, payload: Mapping[str, Any], now: datetime) -> Row:
        self._count = (self._count + 1) & 0xFFFF
        part = part_of(payload)
        return {
            "id": f"{first_id(now)}{self._count:04x}{self._process}",
            "station_id": station_id,
            "action": action,
            "at": now,
            "is_security": action == SECURITY,
            "request_id": part.request_id,
            "seq_no": part.seq_no,
            "more": part.more,
            "doc": orjson.dumps(self._masker.masked(action, payload)),
        }


@dataclass(frozen=True, slots=True)
class Search:
    """Which notices are looked for; None for any. `since` is included, `until` is not."""

    action: str | None = None
    is_security: bool | None = None
    request_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


async def notices_of(tx: Tx, station_id: str, wanted: Search, *, before: str | None, limit: int) -> Sequence[Notice]:
    """Notices of a station, the newest first."""
    statement = select(Notice).where(col(Notice.station_id) == station_id)
    equal = {"action": wanted.action, "is_security": wanted.is_security, "request_id": wanted.request_id}
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(Notice, name) == value)
    if wanted.since is not None:
        statement = statement.where(col(Notice.id) >= first_id(wanted.since))
    if wanted.until is not None:
        statement = statement.where(col(Notice.id) < first_id(wanted.until))
    if before is not None:
        statement = statement.where(col(Notice.id) < before)
    return await tx.all(statement.order_by(col(Notice.id).desc()).limit(limit))


async def report_of(tx: Tx, station_id: str, action: str, request_id: int) -> Sequence[Notice]:
    """The parts of the newest report under this request id, in order."""
    wanted = Search(action=action, request_id=request_id)
    newest_first = await notices_of(tx, station_id, wanted, before=None, limit=_REPORT_PARTS)
    return [newest_first[place] for place in newest_report([part(notice) for notice in newest_first])]


def part(notice: Notice) -> Part:
    """Where a stored notice stands in its report."""
    return Part(notice.request_id, notice.seq_no, notice.more)


async def variables_of(
    tx: Tx, station_id: str, *, component: str | None, variable: str | None, offset: int, limit: int
) -> tuple[Sequence[StationVariable], int]:
    """Variables of a station by their names, and how many there are in all."""
    where = [col(StationVariable.station_id) == station_id]
    if component is not None:
        where.append(func.lower(col(StationVariable.component)) == component.lower())
    if variable is not None:
        where.append(func.lower(col(StationVariable.variable)) == variable.lower())
    order = [col(getattr(StationVariable, name)) for name in StationVariable.KEY]
    rows = await tx.all(select(StationVariable).where(*where).order_by(*order).offset(offset).limit(limit))
    total = (await tx.execute(select(func.count()).select_from(StationVariable).where(*where))).scalar_one()
    return rows, int(total)


async def _places_of(tx: Tx, station_id: str) -> set[tuple[Any, ...]]:
    columns = [col(getattr(StationVariable, name)) for name in StationVariable.KEY]
    found = await tx.execute(select(*columns).where(col(StationVariable.station_id) == station_id))
    return {tuple(row) for row in found.all()}


def forgetter(kept: Any) -> Callable[[Database, Mapping[str, Any]], Any]:
    """The flow that deletes notices past their time."""

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        await forget(db, col(Notice.id), col(Notice.id) < first_id(db.clock.now() - kept))

    return flow


def _variable_rows(station_id: str, variables: Sequence[Variable], now: datetime) -> list[tuple[Op, Row]]:
    return [
        (
            Op.VARIABLE_DESCRIBED if variable.described else Op.VARIABLE_READ,
            {
                "station_id": station_id,
                **variable.place._asdict(),
                "value": variable.value,
                "mutability": variable.mutability,
                "characteristics": variable.characteristics,
                "at": now,
            },
        )
        for variable in variables
    ]
