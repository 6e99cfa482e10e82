"""The group commit: handlers queue rows and await the commit of the batch that carries them.

There is no timer: while one batch commits, the next one gathers. A batch is one multi-row statement for each kind of
row. When it fails its members are tried one by one, so that a row that cannot be stored harms nobody else; while the
database is away everything waits, and no message is refused for it.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextvars import Context
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from sqlalchemy import Table, select

from csms.log_tables import Notice, StationVariable
from csms.store import reserve_numbers
from csms.tables import Connector, Station, Transaction, TransactionMessage
from kit.bulk import Change, Put, Row, Statement
from kit.bulk_writer import AlreadyThere
from kit.clock import Clock
from kit.log import get
from kit.tx import Database, Event

log = get("csms.writer")

_LARGEST_BATCH = 500
_NUMBERS_AT_ONCE = 100
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0
_HEALTHY_FAILURES = 4


class Op(IntEnum):
    """The kinds of row, in the order in which they are written."""

    STATION_BOOTED = 0
    STATION_CONNECTED = 1
    STATION_DISCONNECTED = 2
    STATION_SEEN = 3
    CONNECTOR = 4
    TRANSACTION_OPENED = 5
    TRANSACTION_CHANGED = 6
    TRANSACTION_AUTHORIZED = 7
    MESSAGE = 8
    NOTICE = 9
    VARIABLE_DESCRIBED = 10
    VARIABLE_READ = 11


_KEYS: dict[Op, tuple[str, ...]] = {
    Op.STATION_BOOTED: ("station_id",),
    Op.STATION_CONNECTED: ("station_id",),
    Op.STATION_DISCONNECTED: ("station_id",),
    Op.STATION_SEEN: ("station_id",),
    Op.CONNECTOR: ("station_id", "evse_id", "connector_id"),
    Op.TRANSACTION_CHANGED: ("id",),
    Op.TRANSACTION_AUTHORIZED: ("id",),
    Op.VARIABLE_DESCRIBED: StationVariable.KEY,
    Op.VARIABLE_READ: StationVariable.KEY,
}
"""Rows of which the last one in a batch stands for all with its key."""


class Conflict(Exception):
    """A row of a write exists already: another process was faster."""


class Unstorable(Exception):
    """The database is well but does not take this write."""


@dataclass(slots=True)
class _Write:
    rows: list[tuple[Op, Row]]
    events: tuple[Event, ...]
    done: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Writer:
    """The one place where the central system writes."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._queue: deque[_Write] = deque()
        self._task: asyncio.Task[None] | None = None
        self._numbers = iter(range(0))
        self._numbering = asyncio.Lock()

    def submit(self, rows: list[tuple[Op, Row]], events: tuple[Event, ...] = ()) -> "asyncio.Future[None]":
        """Queue rows and facts; the future is done when they are committed, or holds `Conflict` or `Unstorable`."""
        write = _Write(rows, events)
        self._queue.append(write)
        if self._task is None:
            # An empty context: the task outlives the caller and must not carry its correlation id or transaction.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())
        return write.done

    async def next_number(self) -> int:
        """A transaction number that nobody else gets, a positive 32-bit integer."""
        async with self._numbering:
            number = next(self._numbers, None)
            if number is None:
                first = await self._reserve()
                self._numbers = iter(range(first, first + _NUMBERS_AT_ONCE))
                number = next(self._numbers)
            return number

    async def close(self) -> None:
        """Wait until everything that is queued is stored."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _reserve(self) -> int:
        failures = 0
        while True:
            try:
                async with self._db.tx() as tx:
                    return await reserve_numbers(tx, _NUMBERS_AT_ONCE)
            except Exception as error:
                failures += 1
                await self._pause(failures, error)

    async def _run(self) -> None:
        try:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), _LARGEST_BATCH))]
                try:
                    await self._commit(batch)
                except Exception as error:
                    log.warning("csms batch not stored", writes=len(batch), error=type(error).__name__)
                    for write in batch:
                        await self._commit_alone(write)
                else:
                    for write in batch:
                        _resolve(write, None)
        finally:
            self._task = None

    async def _commit(self, batch: Iterable[_Write]) -> None:
        rows: dict[Op, list[Row]] = {}
        latest: dict[Op, dict[tuple[Any, ...], Row]] = {}
        events: list[Event] = []
        for write in batch:
            for op, row in write.rows:
                if (keys := _KEYS.get(op)) is None:
                    rows.setdefault(op, []).append(row)
                else:
                    latest.setdefault(op, {})[tuple([row[key] for key in keys])] = row
            events += write.events
        for op, by_key in latest.items():
            rows[op] = list(by_key.values())
        await self._db.write([(_STATEMENTS[op], rows[op]) for op in sorted(rows)], events)

    async def _commit_alone(self, write: _Write) -> None:
        """Store one write however long it takes, unless it is the write that is at fault."""
        failures = healthy = 0
        while True:
            try:
                await self._commit([write])
                return _resolve(write, None)
            except AlreadyThere as error:
                return _resolve(write, Conflict(type(error).__name__))
            except Exception as error:
                failures += 1
                healthy += await self._is_healthy()
                if healthy >= _HEALTHY_FAILURES:
                    return _resolve(write, Unstorable(type(error).__name__))
                await self._pause(failures, error)

    async def _is_healthy(self) -> bool:
        try:
            async with self._db.tx() as tx:
                await tx.execute(select(1))
        except Exception:
            return False
        return True

    async def _pause(self, failures: int, error: Exception) -> None:
        wait_s = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2 ** min(failures, 10))
        log.warning("csms waits for the database", failures=failures, wait_s=wait_s, error=type(error).__name__)
        await self._clock.sleep(wait_s)


def _resolve(write: _Write, error: Exception | None) -> None:
    if write.done.done():
        return
    if error is None:
        write.done.set_result(None)
    else:
        write.done.set_exception(error)


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


_STATION = ("station_id", "protocol", "vendor", "model")
"""What a row of a station needs, whatever it is written for."""
_BOOT = ("vendor", "model", "serial", "firmware", "boot_reason", "booted_at", "last_seen_at")
_RECORD = (
    *("evse_id", "connector_id", "token", "token_type", "remote_start_id", "reservation_id", "started_at", "ended_at"),
    *("energy_wh", "state", "stop_reason", "needs_review", "doc"),
)
_VERDICT = ("authorization_status", "authorization_reference")
_DESCRIBED = ("value", "mutability", "characteristics", "at")


def _station(*told: str) -> Put:
    columns = tuple(dict.fromkeys((*_STATION, *told)))
    return Put(_table(Station), columns, ("station_id",), told)


_STATEMENTS: dict[Op, Statement] = {
    Op.STATION_BOOTED: _station(*_BOOT),
    Op.STATION_CONNECTED: _station("protocol", "connected_at", "last_seen_at"),
    Op.STATION_DISCONNECTED: _station("disconnected_at", "last_seen_at"),
    Op.STATION_SEEN: _station("last_seen_at"),
    Op.CONNECTOR: Put(
        _table(Connector),
        (*_KEYS[Op.CONNECTOR], "status", "error", "info", "at"),
        _KEYS[Op.CONNECTOR],
        ("status", "error", "info", "at"),
    ),
    Op.TRANSACTION_OPENED: Put(_table(Transaction), ("id", "station_id", "reference", "origin", *_VERDICT, *_RECORD)),
    Op.TRANSACTION_CHANGED: Change(_table(Transaction), _RECORD),
    Op.TRANSACTION_AUTHORIZED: Change(_table(Transaction), _VERDICT),
    Op.MESSAGE: Put(
        _table(TransactionMessage),
        ("station_id", "transaction_id", "key", "kind", "received_at", "doc"),
        ("station_id", "key"),
    ),
    Op.NOTICE: Put(
        _table(Notice),
        ("id", "station_id", "action", "at", "is_security", "request_id", "seq_no", "more", "doc"),
        ("id",),
    ),
    Op.VARIABLE_DESCRIBED: Put(
        _table(StationVariable), (*StationVariable.KEY, *_DESCRIBED), StationVariable.KEY, _DESCRIBED
    ),
    Op.VARIABLE_READ: Put(
        _table(StationVariable), (*StationVariable.KEY, *_DESCRIBED), StationVariable.KEY, ("value", "at")
    ),
}
