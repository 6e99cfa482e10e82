"""Schema migrations by alembic, on either database.

The application owns the migration scripts; this module runs them. Alembic's commands are synchronous and open a loop
of their own, so the functions here are called from a thread or from the command line, never from a running loop.
"""

import asyncio
import re
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData
from sqlmodel import SQLModel

from kit.db import open_migration_engine

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7025231)"
"""Processes that start together would all find the schema old; the number is ours alone in the database."""


class BrokenReferences(RuntimeError):
    """A migration on SQLite left rows that refer to rows which are not there; it was rolled back."""


def configuration(url: str, scripts: Path) -> Config:
    """Alembic's configuration for a database URL and a folder of migration scripts."""
    config = Config(stdout=StringIO())  # what alembic does is not what a command prints
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def upgrade(url: str, scripts: Path, *, revision: str = "head") -> None:
    """Bring the database's schema up to a revision: all the way, or not at all."""
    command.upgrade(configuration(url, scripts), revision)


def downgrade(url: str, scripts: Path, *, revision: str) -> None:
    """Take the database's schema back to a revision; `base` is before the first one."""
    command.downgrade(configuration(url, scripts), revision)


def heads(scripts: Path) -> list[str]:
    """The newest revisions; more than one when two scripts follow the same one."""
    return list(ScriptDirectory(str(scripts)).get_heads())


def write_revision(url: str, scripts: Path, message: str) -> Path:
    """Write the script that brings a database which is up to date with `scripts` to the tables of the code.

    It is a draft: what moves data has to be added by hand.
    """
    number = len(list((scripts / "versions").glob("*.py"))) + 1
    made = command.revision(configuration(url, scripts), message, autogenerate=True, rev_id=f"{number:04}")
    assert made is not None  # noqa: S101 - only hooks that we do not use make it a list
    assert not isinstance(made, list)  # noqa: S101
    path = Path(made.path)
    path.write_text(re.sub(r" *# ### .* ###\n", "", path.read_text("utf-8")), "utf-8")
    return path


def differences(url: str) -> list[object]:
    """What the tables of the code have that the database has not, or the other way round; empty when they agree."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, SQLModel.metadata))

    async def run() -> list[object]:
        engine = open_migration_engine(url)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(compare)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def run_online(url: str, metadata: MetaData) -> None:
    """What a migration environment does: run the pending scripts in one transaction on `url`."""
    from alembic import context

    def migrate(connection: Connection) -> None:
        sqlite = connection.dialect.name == "sqlite"
        if not sqlite:
            connection.exec_driver_sql(_ONE_AT_A_TIME)
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=sqlite,
            compare_type=True,
            transactional_ddl=True,  # alembic doubts it of SQLite, where the old driver mode committed before DDL
        )
        with context.begin_transaction():
            context.run_migrations()
        if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise BrokenReferences("a migration left rows that refer to rows which are not there")

    async def run() -> None:
        engine = open_migration_engine(url)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(migrate)
        finally:
            await engine.dispose()

    asyncio.run(run())
