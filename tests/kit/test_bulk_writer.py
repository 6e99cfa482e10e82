"""Batches straight to the driver: all or nothing, on both databases."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Table, make_url
from sqlmodel import select

from kit.bulk import Change, Put
from kit.bulk_writer import AlreadyThere, Refused
from kit.job_rows import JobRow
from kit.tx import Database, NestedTx

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLE: Table = JobRow.__table__  # type: ignore[attr-defined]
COLUMNS = ("id", "kind", "lane", "payload", "state", "run_at", "attempts", "max_attempts", "created_at")
NEW = Put(TABLE, COLUMNS)
MERGED = Put(TABLE, COLUMNS, ("id",), ("kind", "attempts"))
ONCE = Put(TABLE, COLUMNS, ("id",))
COUNTED = Change(TABLE, ("attempts", "lane"))


def job(number: int, kind: str = "plain", attempts: int = 0) -> dict[str, object]:
    times = {"run_at": NOON, "created_at": NOON}
    row: dict[str, object] = {"id": number, "kind": kind, "lane": None, "payload": b"{}", "state": "dead"}
    return {**row, "attempts": attempts, "max_attempts": 1, **times}


async def stored(db: Database) -> list[tuple[int | None, str, str | None, int]]:
    async with db.read() as tx:
        rows = await tx.all(select(JobRow).order_by(JobRow.id))  # type: ignore[arg-type]
    assert all(row.run_at == NOON and row.payload == b"{}" for row in rows)
    return [(row.id, row.kind, row.lane, row.attempts) for row in rows]


def changed_at(db: Database) -> int:
    return Path(str(make_url(db.url).database)).stat().st_mtime_ns


async def test_rows_are_inserted_merged_kept_and_changed_by_one_commit(db: Database) -> None:
    await db.write([(NEW, [job(1), job(2, "it's"), job(3, "Köln 🚗")])])
    await db.write(
        [
            (MERGED, [job(1, "newer", 5), job(4, "four")]),
            (ONCE, [job(2, "unheard"), job(5, "five")]),
            (COUNTED, [{"id": 3, "attempts": 7, "lane": "left"}, {"id": 99, "attempts": 1, "lane": None}]),
        ]
    )
    assert await stored(db) == [
        (1, "newer", None, 5),
        (2, "it's", None, 0),
        (3, "Köln 🚗", "left", 7),
        (4, "four", None, 0),
        (5, "five", None, 0),
    ]


async def test_a_row_that_is_there_refuses_the_whole_batch_and_the_next_one_is_written(db: Database) -> None:
    await db.write([(NEW, [job(1)])])
    with pytest.raises(AlreadyThere):
        await db.write([(NEW, [job(2), job(1)])])
    for refused in (job(3, attempts=2**80), job(3, kind="\ud800")):
        with pytest.raises(Refused):
            await db.write([(NEW, [refused])])
    await db.write([(NEW, [job(4)])])
    assert [number for number, *_ in await stored(db)] == [1, 4]


async def test_a_batch_inside_a_transaction_is_refused(db: Database) -> None:
    async with db.tx():
        with pytest.raises(NestedTx):
            await db.write([(NEW, [job(1)])])


async def test_many_small_commits_reach_the_file_of_a_sqlite_database_before_its_log_is_full(db: Database) -> None:
    if db.dialect != "sqlite":
        return
    before = changed_at(db)
    for number in range(110):  # a page or two each, of the thousand that fill the log
        await db.write([(NEW, [job(number)])])
    async with asyncio.timeout(30):
        while changed_at(db) == before:
            await asyncio.sleep(0.01)
    assert len(await stored(db)) == 110
