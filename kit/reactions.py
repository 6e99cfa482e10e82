"""Facts and who reacts to them: events, their subscribers, and the job rows that tie the two.

A reaction has one of two shapes. `on(Event, service)` runs `service(tx, event)` inside the transaction that also
deletes its job: its effect on the database happens exactly once. `call(Event, flow)` runs `flow(db, event)`, which may
call outside: at least once, so the flow is idempotent on what it does there.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel

from kit.bulk import Row
from kit.bulk_writer import Put, Statement
from kit.db import BigInt
from kit.log import correlation_id

if TYPE_CHECKING:
    from kit.tx import Database, Tx

READY = "ready"
DEAD = "dead"


@dataclass(frozen=True)
class Event:
    """A fact that a transaction records. Subclasses are frozen dataclasses whose fields are JSON values."""

    def replace_key(self) -> str | None:
        """Facts with the same key are one as long as they wait: the newest stands for all."""
        return None

    def lane(self) -> str | None:
        """Facts of one lane are reacted to one at a time, in order."""
        return None


EventT = TypeVar("EventT", bound=Event)
Handler = Callable[[Any, Any], Awaitable[None]]


class JobRow(SQLModel, table=True):
    """One durable thing to do: a reaction, a retry, a timer. Deleted when done; kept as `dead` when it gave up."""

    __tablename__ = "job"
    __table_args__ = (
        Index(
            "uq_job_replace_key",
            "kind",
            "replace_key",
            unique=True,
            sqlite_where=text("replace_key IS NOT NULL AND leased_by IS NULL AND state = 'ready'"),
            postgresql_where=text("replace_key IS NOT NULL AND leased_by IS NULL AND state = 'ready'"),
        ),
        Index("ix_job_due", "state", "run_at"),
        Index("ix_job_lane", "lane", "id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    kind: str = Field(max_length=200)
    lane: str | None = Field(default=None, max_length=200)
    replace_key: str | None = Field(default=None, max_length=200)
    payload: bytes = Field(sa_type=LargeBinary)
    state: str = Field(default=READY, max_length=8)
    run_at: datetime
    attempts: int = 0
    max_attempts: int
    leased_by: str | None = Field(default=None, max_length=64)
    leased_until: datetime | None = None
    last_error: str | None = Field(default=None, max_length=2000)
    correlation_id: str | None = Field(default=None, max_length=64)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job that the open transaction will write with its commit."""

    kind: str
    payload: Mapping[str, Any]
    lane: str | None = None
    replace_key: str | None = None
    run_at: datetime | None = None
    max_attempts: int = 12


@dataclass(frozen=True)
class Subscription:
    """A named handler of a job kind; `inside_tx` tells which of the two shapes it has."""

    kind: str
    handler: Handler
    inside_tx: bool
    decode: Callable[[Mapping[str, Any]], Any]
    max_attempts: int = 12


@dataclass(frozen=True)
class Schedule:
    """A job that comes back `every` so often, once for the whole deployment."""

    kind: str
    every: timedelta


@dataclass
class Reactions:
    """Who reacts to what. Filled once at start by the application, then only read."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    schedules: list[Schedule] = field(default_factory=list)
    _by_event: dict[type[Event], list[Subscription]] = field(default_factory=dict)

    def on(self, event: type[EventT], service: "Callable[[Tx, EventT], Awaitable[None]]") -> None:
        """React inside the transaction that completes the job: exactly once."""
        self._subscribe(event, service, inside_tx=True)

    def call(self, event: type[EventT], flow: "Callable[[Database, EventT], Awaitable[None]]") -> None:
        """React with a flow that calls outside: at least once."""
        self._subscribe(event, flow, inside_tx=False)

    def job(self, kind: str, flow: "Callable[[Database, Mapping[str, Any]], Awaitable[None]]") -> None:
        """Name a flow so that `Tx.enqueue(kind, payload)` can ask for it."""
        self._register(Subscription(kind, flow, inside_tx=False, decode=dict))

    def every(
        self, kind: str, interval: timedelta, flow: "Callable[[Database, Mapping[str, Any]], Awaitable[None]]"
    ) -> None:
        """Run a flow again and again, by one worker at a time; a failed run is simply due again after `interval`."""
        self.job(kind, flow)
        self.schedules.append(Schedule(kind, interval))

    def jobs_for(self, event: Event) -> list[JobRequest]:
        """One job for each subscriber of this event's type."""
        subscribers = self._by_event.get(type(event), ())
        if not subscribers:
            return []
        payload, lane, replace_key = asdict(event), event.lane(), event.replace_key()
        return [JobRequest(s.kind, payload, lane, replace_key, None, s.max_attempts) for s in subscribers]

    def _subscribe(
        self, event: type[Event], handler: Callable[[Any, Any], Awaitable[None]], *, inside_tx: bool
    ) -> None:
        kind = f"{event.__module__}.{event.__qualname__}:{_name(handler)}"
        subscription = Subscription(kind, handler, inside_tx, decode=lambda payload: event(**payload))
        self._register(subscription)
        self._by_event.setdefault(event, []).append(subscription)

    def _register(self, subscription: Subscription) -> None:
        if subscription.kind in self.subscriptions:
            raise ValueError(f"two handlers for the job kind {subscription.kind!r}")
        self.subscriptions[subscription.kind] = subscription


def _name(handler: Callable[..., Any]) -> str:
    return getattr(handler, "__name__", type(handler).__name__)


_KEYED_WHERE = "replace_key IS NOT NULL AND leased_by IS NULL AND state = 'ready'"
_KEYED_AGAIN = ("payload", "run_at", "attempts", "correlation_id")
"""What a job that waits under a key gets from a newer one."""
_COLUMNS = (
    *("kind", "lane", "replace_key", "payload", "state", "run_at", "attempts", "max_attempts"),
    *("correlation_id", "created_at"),
)
_PUT_PLAIN = Put(JobRow.__table__, _COLUMNS)  # type: ignore[attr-defined]
_PUT_KEYED = Put(JobRow.__table__, _COLUMNS, ("kind", "replace_key"), _KEYED_AGAIN, _KEYED_WHERE)  # type: ignore[attr-defined]


def jobs_batch(requests: Sequence[JobRequest], *, now: datetime) -> list[tuple[Statement, Sequence[Row]]]:
    """Job rows for a batch (`kit.bulk_writer`), replacing those that wait under the same key."""
    plain, keyed = _job_rows(requests, now)
    return [(statement, rows) for statement, rows in ((_PUT_PLAIN, plain), (_PUT_KEYED, keyed)) if rows]


def _job_rows(requests: Sequence[JobRequest], now: datetime) -> tuple[list[Row], list[Row]]:
    """Rows without a key, and the last one for each key."""
    correlation = correlation_id.get()
    rows = [_row(request, now, correlation) for request in requests]
    keyed = {(row["kind"], row["replace_key"]): row for row in rows if row["replace_key"] is not None}
    return [row for row in rows if row["replace_key"] is None], list(keyed.values())


async def write_jobs(session: AsyncSession, requests: Sequence[JobRequest], *, now: datetime) -> None:
    """Write job rows in the open transaction, replacing those that wait under the same key."""
    plain, keyed = _job_rows(requests, now)
    dialect = session.get_bind().dialect.name
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    if plain:
        await session.execute(insert(JobRow.__table__), plain)  # type: ignore[attr-defined]
    if keyed:
        statement = insert(JobRow.__table__)  # type: ignore[attr-defined]
        statement = statement.on_conflict_do_update(
            index_elements=["kind", "replace_key"],
            index_where=text(_KEYED_WHERE),
            set_={name: statement.excluded[name] for name in _KEYED_AGAIN},
        )
        await session.execute(statement, keyed)


def _row(request: JobRequest, now: datetime, correlation: str | None) -> dict[str, Any]:
    return {
        "kind": request.kind,
        "lane": request.lane,
        "replace_key": request.replace_key,
        "payload": orjson.dumps(dict(request.payload)),
        "state": READY,
        "run_at": request.run_at or now,
        "attempts": 0,
        "max_attempts": request.max_attempts,
        "correlation_id": correlation,
        "created_at": now,
    }
