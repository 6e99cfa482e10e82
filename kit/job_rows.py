"""Job rows: one for each durable thing to do, written by the transaction that causes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from kit.bulk import Put, Row
from kit.db import BigInt
from kit.log import correlation_id

READY = "ready"
DEAD = "dead"


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


_KEYED_WHERE = "replace_key IS NOT NULL AND leased_by IS NULL AND state = 'ready'"
_KEYED_AGAIN = ("payload", "run_at", "attempts", "correlation_id")
"""What a job that waits under a key gets from a newer one."""
_COLUMNS = (
    *("kind", "lane", "replace_key", "payload", "state", "run_at", "attempts", "max_attempts"),
    *("correlation_id", "created_at"),
)
_PUT_PLAIN = Put(JobRow.__table__, _COLUMNS)  # type: ignore[attr-defined]
_PUT_KEYED = Put(JobRow.__table__, _COLUMNS, ("kind", "replace_key"), _KEYED_AGAIN, _KEYED_WHERE)  # type: ignore[attr-defined]


def jobs_batch(requests: Sequence[JobRequest], *, now: datetime) -> list[tuple[Put, Sequence[Row]]]:
    """Job rows for a transaction or a batch, replacing those that wait under the same key."""
    plain, keyed = _job_rows(requests, now)
    return [(statement, rows) for statement, rows in ((_PUT_PLAIN, plain), (_PUT_KEYED, keyed)) if rows]


def _job_rows(requests: Sequence[JobRequest], now: datetime) -> tuple[list[Row], list[Row]]:
    """Rows without a key, and the last one for each key."""
    correlation = correlation_id.get()
    rows = [_row(request, now, correlation) for request in requests]
    keyed = {(row["kind"], row["replace_key"]): row for row in rows if row["replace_key"] is not None}
    return [row for row in rows if row["replace_key"] is None], list(keyed.values())


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
