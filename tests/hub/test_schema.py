"""The schema that migrations make: the one of the code, on both databases, from every release."""

import asyncio
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

import hub.tables  # noqa: F401 - the tables of the code
from hub import schema
from kit import migrate
from kit.db import async_url
from tests.hub.released import released_schemas, version

FAILING = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO half (id) VALUES (1)")
    op.execute("SELECT * FROM nowhere")
"""
ENVIRONMENT = """
from alembic import context
from sqlalchemy import MetaData

from kit.migrate import run_online

run_online(context.config.attributes["url"], MetaData())
"""
DANGLING = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade():
    op.create_table("parent", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_table("child", sa.Column("parent_id", sa.Integer(), sa.ForeignKey("parent.id")))
    op.execute("INSERT INTO child (parent_id) VALUES (1)")
"""


def query(url: str, statement: str) -> list[str]:
    """The first column of a query, as text."""

    async def run() -> list[str]:
        engine = create_async_engine(async_url(url))
        try:
            async with engine.connect() as connection:
                return [str(row[0]) for row in await connection.execute(text(statement))]
        finally:
            await engine.dispose()

    return asyncio.run(run())


def definitions(url: str) -> str:
    """What the database says of our indexes and tables, in an order of its own."""
    if url.startswith("sqlite"):
        return "\n".join(query(url, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"))
    return "\n".join(query(url, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname"))


def scripts(directory: Path, migration: str) -> Path:
    """A folder with one migration."""
    (directory / "versions").mkdir(parents=True)
    (directory / "env.py").write_text(ENVIRONMENT)
    (directory / "versions" / "0001_first.py").write_text(migration)
    return directory


def test_who_gives_up_an_upgrade_finds_the_database_let_go_of(tmp_path: Path) -> None:
    log = tmp_path / "t.db-wal"

    async def give_up() -> bool:
        upgrading = asyncio.create_task(schema.upgrade(f"sqlite:///{tmp_path}/t.db"))
        while not log.exists() and not upgrading.done():
            await asyncio.sleep(0)
        upgrading.cancel()
        await asyncio.wait([upgrading])
        return upgrading.cancelled() and not log.exists()

    assert asyncio.run(give_up()), "no transaction goes on"


def test_the_migrations_make_the_tables_of_the_code(migrated_database_url: str) -> None:
    assert migrate.differences(migrated_database_url) == []


def test_there_is_one_newest_migration() -> None:
    assert len(migrate.heads(schema.SCRIPTS)) == 1


def test_every_migration_can_be_taken_back_and_made_again(database_url: str) -> None:
    migrate.upgrade(database_url, schema.SCRIPTS)
    made = definitions(database_url)
    migrate.downgrade(database_url, schema.SCRIPTS, revision="base")
    assert "uq_job_replace_key" not in definitions(database_url)
    migrate.upgrade(database_url, schema.SCRIPTS)
    assert definitions(database_url) == made


def test_an_index_of_some_rows_stays_one(migrated_database_url: str) -> None:
    found = definitions(migrated_database_url)
    [open_transactions] = [line for line in found.splitlines() if " ix_csms_transaction_open " in line]
    [replaced_jobs] = [line for line in found.splitlines() if " uq_job_replace_key " in line]
    assert "WHERE" in open_transactions
    assert "ended_at IS NULL" in open_transactions
    assert "UNIQUE" in replaced_jobs
    assert "replace_key IS NOT NULL" in replaced_jobs


def test_the_place_of_a_change_in_the_log_is_never_given_twice(migrated_database_url: str) -> None:
    if migrated_database_url.startswith("sqlite"):
        assert "seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT" in definitions(migrated_database_url)
    else:
        assert query(migrated_database_url, "SELECT pg_get_serial_sequence('change', 'seq')") != ["None"]


@pytest.mark.slow
def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        for started in [pool.submit(migrate.upgrade, database_url, schema.SCRIPTS) for _ in range(3)]:
            started.result()
    assert migrate.differences(database_url) == []


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="nowhere"):
        migrate.upgrade(database_url, scripts(tmp_path / "failing", FAILING))
    assert "half" not in definitions(database_url)
    migrate.upgrade(database_url, schema.SCRIPTS)
    assert migrate.differences(database_url) == []


def test_a_migration_that_breaks_references_is_rolled_back(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"refer|foreign key"):
        migrate.upgrade(database_url, scripts(tmp_path / "dangling", DANGLING))
    assert "parent" not in definitions(database_url)


def test_a_draft_holds_nothing_when_nothing_has_changed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    copied = tmp_path / "migrations"
    (copied / "versions").mkdir(parents=True)
    for path in [*schema.SCRIPTS.glob("*.*"), *schema.SCRIPTS.glob("versions/*.py")]:
        (copied / path.relative_to(schema.SCRIPTS)).write_text(path.read_text())
    migrate.upgrade(url, copied)
    draft = migrate.write_revision(url, copied, "nothing new").read_text()
    assert draft.count("pass\n") == 2
    assert "op." not in draft
    assert "###" not in draft


@pytest.mark.parametrize("released", released_schemas(), ids=lambda path: path.stem)
def test_an_upgrade_from_a_release_keeps_every_row(released: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as database:
        database.executescript(released.read_text())
        before = counts(database)
    database.close()
    migrate.upgrade(f"sqlite:///{path}", schema.SCRIPTS)
    assert migrate.differences(f"sqlite:///{path}") == [], (
        "tables have changed: draft a migration with `make migration`. While 0001 may still change (before its "
        "release), draft it anew and write the golden file again, as tests/hub/released.py says"
    )
    with sqlite3.connect(path) as database:
        after = counts(database)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    assert {name: after[name] for name in before} == before
    assert sum(before.values()) > 20


def test_this_release_has_its_golden_schema() -> None:
    assert version() in [path.stem for path in released_schemas()]


def counts(database: sqlite3.Connection) -> dict[str, int]:
    """Rows in each table of ours."""
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in names.fetchall()}
