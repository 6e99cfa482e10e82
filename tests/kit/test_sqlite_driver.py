"""One trip for a statement, and all that a cursor tells of it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from kit.clock import SystemClock
from kit.tx import Database

pytestmark = pytest.mark.anyio

INSERT = text("INSERT INTO t (x) VALUES (:x)")


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/driver.db", clock=SystemClock())
    async with database.tx() as tx:
        await tx.execute(text("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER UNIQUE)"))
    yield database
    await database.close()


@pytest.fixture
async def trips(db: Database) -> list[str]:
    """The trips that the writer makes from now on, each by the name of what it has done."""
    made: list[str] = []
    async with db.tx() as tx:
        driver: Any = (await tx.connection.get_raw_connection()).driver_connection
    execute = driver._execute

    async def noted(work: Any, *arguments: Any) -> Any:
        made.append(work.__name__)
        return await execute(work, *arguments)

    driver._execute = noted
    return made


async def test_a_statement_takes_one_trip_to_the_thread_and_so_does_a_commit(db: Database, trips: list[str]) -> None:
    async with db.tx() as tx:
        await tx.execute(INSERT, [{"x": 1}, {"x": 2}])
        assert len(trips) == 1
        assert (await tx.execute(text("SELECT x FROM t ORDER BY x"))).scalars().all() == [1, 2]
        assert len(trips) == 2
    assert trips[2:] == ["commit"]


async def test_nothing_is_rolled_back_where_nothing_was_done(db: Database, trips: list[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.tx() as tx:
            await tx.connection.begin()
            raise ZeroDivisionError
    assert trips == []


async def test_what_was_done_before_an_error_is_undone(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.tx() as tx:
            await tx.execute(INSERT, {"x": 1})
            raise ZeroDivisionError
    async with db.read() as tx:
        assert (await tx.execute(text("SELECT count(*) FROM t"))).scalar_one() == 0


async def test_where_a_transaction_cannot_begin_no_statement_is_run_outside_of_one(db: Database) -> None:
    path = db.url.removeprefix("sqlite:///")
    async with db.tx() as tx:
        await tx.execute(text("PRAGMA busy_timeout=1"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ZeroDivisionError):
            async with db.tx() as tx:
                with pytest.raises(OperationalError):
                    await tx.execute(INSERT, {"x": 1})
                other.execute("ROLLBACK")
                await tx.execute(INSERT, {"x": 2})
                raise ZeroDivisionError
    async with db.read() as tx:
        assert (await tx.execute(text("SELECT count(*) FROM t"))).scalar_one() == 0


async def test_rows_their_number_and_the_last_id_are_told(db: Database) -> None:
    async with db.tx() as tx:
        assert (await tx.execute(INSERT, {"x": 7})).lastrowid == 1
        await tx.execute(INSERT, [{"x": 8}, {"x": 9}])
        assert (await tx.execute(text("UPDATE t SET x = x + 10"))).rowcount == 3
        returned = await tx.execute(text("DELETE FROM t WHERE x > 17 RETURNING x"))
        assert sorted(returned.scalars()) == [18, 19]
        found = await tx.execute(text("SELECT id, x FROM t"))
        assert list(found.keys()) == ["id", "x"]
        assert found.one() == (1, 17)


async def test_errors_are_those_of_sqlalchemy_and_the_transaction_goes_on(db: Database) -> None:
    async with db.tx() as tx:
        await tx.execute(INSERT, {"x": 1})
        with pytest.raises(IntegrityError):
            await tx.execute(INSERT, {"x": 1})
        with pytest.raises(OperationalError):
            await tx.execute(text("SELECT x FROM elsewhere"))
        assert (await tx.execute(text("SELECT count(*) FROM t"))).scalar_one() == 1


async def test_a_task_that_is_cancelled_in_a_statement_leaves_the_connection_usable(db: Database) -> None:
    endless = text("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) SELECT * FROM n")

    async def write() -> None:
        async with db.tx() as tx:
            await tx.execute(INSERT, {"x": 1})
            await tx.execute(endless)

    task = asyncio.create_task(write())
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with db.tx() as tx:
        await tx.execute(INSERT, {"x": 1})
    async with db.read() as tx:
        assert (await tx.execute(text("SELECT count(*) FROM t"))).scalar_one() == 1
