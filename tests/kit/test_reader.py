"""Single statements straight from the driver, on whichever database the run is about."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from kit.job_rows import JobRow
from kit.reader import SqliteReader
from kit.tx import Database

pytestmark = pytest.mark.anyio

ONE_TO = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {most}) SELECT x FROM n WHERE x >= ?"


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[tuple[SqliteReader, sqlite3.Connection]]:
    """A reader that has been connected, and a connection of somebody else's that keeps the whole file to itself."""
    path = str(tmp_path / "locked.db")
    reader = SqliteReader(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE t (x INTEGER)")
        other.execute("INSERT INTO t VALUES (7)")
        assert await reader.quick("SELECT x FROM t") == [(7,)]
        other.execute("BEGIN EXCLUSIVE")
        yield reader, other
        await reader.close()


async def test_both_ways_give_every_row(db: Database) -> None:
    for read in (db.reader.all, db.reader.quick):
        rows = await read(ONE_TO.format(most=5), 3)
        assert [row[0] for row in rows] == [3, 4, 5]


async def test_what_is_committed_is_read_at_once(db: Database) -> None:
    for number in range(3):
        async with db.tx() as tx:
            tx.enqueue("k", {"number": number})
        [[quick]] = await db.reader.quick("SELECT count(*) FROM job")
        [[other]] = await db.reader.all("SELECT count(*) FROM job")
        assert (quick, other) == (number + 1, number + 1)


async def test_values_are_bound_as_the_driver_takes_them(db: Database) -> None:
    async with db.tx() as tx:
        tx.enqueue("k", {}, run_at=datetime(2026, 3, 1, 13, tzinfo=UTC))
    column = JobRow.__table__.c.run_at  # type: ignore[attr-defined]
    for hour, expected in ((13, 1), (14, 0)):
        moment = db.bound(column, datetime(2026, 3, 1, hour, tzinfo=UTC))
        [[found]] = await db.reader.all("SELECT count(*) FROM job WHERE run_at >= ?", moment)
        assert found == expected


async def test_many_read_at_a_time(db: Database) -> None:
    found = await asyncio.gather(*(db.reader.all(ONE_TO.format(most=9), first) for first in range(1, 10)))
    assert [len(rows) for rows in found] == [9, 8, 7, 6, 5, 4, 3, 2, 1]


async def test_nothing_is_written_through_a_reader(locked: tuple[SqliteReader, sqlite3.Connection]) -> None:
    reader, other = locked
    other.execute("COMMIT")
    for write in (reader.all, reader.quick):
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await write("DELETE FROM t")


async def test_a_locked_database_holds_up_the_statement_and_nobody_else(
    locked: tuple[SqliteReader, sqlite3.Connection],
) -> None:
    reader, other = locked
    reading = asyncio.create_task(reader.quick("SELECT x FROM t"))
    for _ in range(5):  # the loop goes on: it would stand still for as long as the lock
        await asyncio.sleep(0.01)
    assert not reading.done()
    other.execute("COMMIT")
    async with asyncio.timeout(30):
        assert await reading == [(7,)]


async def test_a_statement_that_is_wrong_is_not_tried_again(locked: tuple[SqliteReader, sqlite3.Connection]) -> None:
    reader, other = locked
    other.execute("COMMIT")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await reader.quick("SELECT x FROM elsewhere")


async def test_a_new_file_has_pages_that_hold_several_objects(db: Database) -> None:
    if db.dialect == "sqlite":
        assert await db.reader.quick("PRAGMA page_size") == [(8192,)]


async def test_a_statement_that_was_given_up_or_cut_off_spoils_none_that_follows(db: Database) -> None:
    if db.dialect != "postgresql":  # SQLite has nobody who could hang up
        return
    given_up = asyncio.create_task(db.reader.all("SELECT pg_sleep(60)::text"))
    sleepers = text("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)::text'")

    async def sleeps() -> bool:
        async with db.read() as tx:  # one transaction sees the same activity however often it looks
            return bool((await tx.execute(sleepers)).scalar_one())

    async with asyncio.timeout(30):
        while not await sleeps():  # it still connects
            await asyncio.sleep(0.01)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    with pytest.raises(asyncpg.PostgresError):
        await db.reader.all("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(asyncpg.PostgresError):
        await db.reader.all("SELECT no_such_column")
    [[mine]] = await db.reader.all("SELECT pg_backend_pid()")
    async with db.tx() as tx:  # gone while it was idle, as when the server starts anew
        await tx.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
    async with asyncio.timeout(30):
        while not all(connection.is_closed() for connection in db.reader._connections._idle):  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
    [[other]] = await db.reader.all("SELECT pg_backend_pid()")
    assert other != mine
