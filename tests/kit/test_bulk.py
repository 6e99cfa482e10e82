"""Rows inserted in one trip, and texts looked for by one parameter."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from kit.db import among, each_of, texts
from kit.job_rows import JobRow
from kit.tx import Database

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


KINDS = ["plain", "it's", "two\nlines", "Köln 🚗", '"quoted"', "", "plain "]


def job(number: int, kind: str) -> dict[str, object]:
    at = NOON + timedelta(milliseconds=number // 2)
    return {
        "kind": kind,
        "payload": b"{%d}" % number,
        "state": "dead",
        "run_at": at,
        "attempts": number,
        "max_attempts": 1,
        "created_at": NOON,
    }


async def test_rows_come_back_as_they_went_in(db: Database) -> None:
    rows = [job(number, kind) for number, kind in enumerate(KINDS)]
    table = JobRow.__table__  # type: ignore[attr-defined]
    async with db.tx() as tx:
        await tx.insert(table, rows)
        await tx.insert(table, [])
    async with db.read() as tx:
        stored = await tx.all(select(JobRow).order_by(col(JobRow.id)))
    assert [{name: getattr(each, name) for name in rows[0]} for each in stored] == rows


async def test_inserted_rows_go_with_their_transaction(db: Database) -> None:
    with pytest.raises(RuntimeError, match="boom"):
        async with db.tx() as tx:
            await tx.insert(JobRow.__table__, [job(1, "gone")])  # type: ignore[attr-defined]
            raise RuntimeError("boom")
    async with db.read() as tx:
        assert list(await tx.all(select(JobRow))) == []


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_a_row_that_breaks_a_constraint_is_told_alike_wherever_it_comes(db: Database, before: int) -> None:
    table = JobRow.__table__  # type: ignore[attr-defined]
    async with db.tx() as tx:
        await tx.insert(table, [{"id": 1, **job(1, "there")}])
    with pytest.raises(IntegrityError):
        async with db.tx() as tx:
            for number in range(before):
                await tx.insert(table, [{"id": 10 + number, **job(number, "undone")}])
            await tx.insert(table, [{"id": 1, **job(1, "twice")}])
    async with db.tx() as tx:  # the connection is good for the next one
        assert await tx.all(select(col(JobRow.kind))) == ["there"]


async def test_any_number_of_texts_is_looked_for_at_once(db: Database) -> None:
    async with db.tx() as tx:
        await tx.insert(JobRow.__table__, [job(number, kind) for number, kind in enumerate(KINDS)])  # type: ignore[attr-defined]
    async with db.read() as tx:
        for wanted in (KINDS[1:5], [], ["nobody"], [*KINDS, *(f"other {n}" for n in range(40_000))]):
            theirs = select(col(JobRow.kind)).where(among(col(JobRow.kind), "kinds", db.dialect))
            found = (await tx.execute(theirs, {"kinds": texts(wanted, db.dialect)})).scalars()
            assert sorted(found) == sorted(set(wanted) & set(KINDS))


async def test_rows_that_are_there_already_get_the_new_values(db: Database) -> None:
    table = JobRow.__table__  # type: ignore[attr-defined]
    async with db.tx() as tx:
        await tx.insert(table, [{"id": number, **job(number, "old")} for number in (1, 2, 3)])
        await tx.insert(table, [{"id": number, **job(number, "new")} for number in (2, 4)], replace=True)
    async with db.read() as tx:
        stored = await tx.all(select(JobRow).order_by(col(JobRow.id)))
    assert [(row.id, row.kind) for row in stored] == [(1, "old"), (2, "new"), (3, "old"), (4, "new")]


async def test_rows_are_changed_by_their_id(db: Database) -> None:
    table = JobRow.__table__  # type: ignore[attr-defined]
    later = NOON + timedelta(days=1)
    async with db.tx() as tx:
        await tx.insert(table, [{"id": number, **job(number, "old")} for number in (1, 2, 3)])
        await tx.change(
            table, [{"id": number, "kind": f"new {number}", "lane": None, "run_at": later} for number in (1, 3)]
        )
        await tx.change(table, [])
    async with db.read() as tx:
        stored = await tx.all(select(JobRow).order_by(col(JobRow.id)))
    assert [(each.kind, each.run_at == later, each.attempts) for each in stored] == [
        ("new 1", True, 1),
        ("old", False, 2),
        ("new 3", True, 3),
    ]


async def test_rows_that_say_the_same_are_left_alone(db: Database) -> None:
    table = JobRow.__table__  # type: ignore[attr-defined]
    rows = [{"id": number, "lane": None, **job(number, "old")} for number in (1, 2)]
    async with db.tx() as tx:
        await tx.insert(table, rows)
    version = "xmin::text" if db.dialect == "postgresql" else "(SELECT total_changes())"
    seen = text(f"SELECT {version} FROM job WHERE id = 1")
    async with db.tx() as tx:
        before = (await tx.execute(seen)).scalar_one()
        await tx.insert(table, rows, replace=True)
        assert (await tx.execute(seen)).scalar_one() == before
        await tx.insert(table, [{**rows[0], "lane": "new"}], replace=True)
        assert (await tx.execute(seen)).scalar_one() != before


async def test_reserved_ids_are_nobody_elses(db: Database) -> None:
    table = JobRow.__table__  # type: ignore[attr-defined]
    async with db.tx() as tx:
        await tx.insert(table, [job(0, "before")])
        reserved = await tx.reserve_ids(table, 3)
        await tx.insert(table, [{"id": row_id, **job(row_id, "reserved")} for row_id in reserved])
        await tx.insert(table, [job(0, "after")])
    async with db.read() as tx:
        stored = await tx.all(select(JobRow).order_by(col(JobRow.id)))
    assert [row.kind for row in stored] == ["before", "reserved", "reserved", "reserved", "after"]
    assert [row.id for row in stored[1:4]] == list(reserved)


async def test_texts_become_a_table_in_their_order(db: Database) -> None:
    async with db.read() as tx:
        for wanted in (KINDS, [], ["b", "a", "b"]):
            table = each_of("wanted", db.dialect)
            found = await tx.execute(select(table.c.value), {"wanted": texts(wanted, db.dialect)})
            assert [value for (value,) in found] == wanted


async def test_rows_of_a_statement_that_is_built_once_are_of_the_types_of_their_columns(db: Database) -> None:
    columns = JobRow.__table__.c  # type: ignore[attr-defined]
    is_late = (columns.run_at > bindparam("from")).label("is_late")
    found = select(columns.kind, columns.run_at, is_late).where(columns.max_attempts == bindparam("most"))
    renamed = update(JobRow).where(columns.kind == bindparam("old")).values(kind=bindparam("new"), lane="quick")
    async with db.tx() as tx:
        tx.add(JobRow(**job(1, "added")))
        wanted = {"from": NOON - timedelta(days=1), "most": 1}
        for _ in range(2):
            [row] = await tx.rows(found, wanted)
            assert tuple(row) == ("added", NOON, True)
        assert list(await tx.rows(renamed, {"old": "added", "new": "renamed"})) == []
    async with db.read() as tx:
        assert [tuple(row) for row in await tx.rows(select(columns.kind, columns.lane), {})] == [("renamed", "quick")]
