"""Schema migrations by alembic, on either database.

The application owns the migration scripts; this module runs them. Alembic's commands are synchronous and open a loop
of their own, so the functions here are called from a thread or from the command line, never from a running loop.
"""

import asyncio
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from kit.db import async_url

_MIGRATION_LOCK = 0x504C5547


def configuration(url: str, scripts: Path) -> Config:
    """Alembic's configuration for a database URL and a folder of migration scripts."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def upgrade(url: str, scripts: Path, *, revision: str = "head") -> None:
    """Bring the database's schema up to a revision."""
    command.upgrade(configuration(url, scripts), revision)


def differences(url: str) -> list[object]:
    """What the tables of the code have that the database has not, or the other way round; empty when they agree."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, SQLModel.metadata))

    async def run() -> list[object]:
        engine = create_async_engine(async_url(url))
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
        if connection.dialect.name == "postgresql":
            # Processes of one deployment start together: the first migrates, the others wait and find it done.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()

    async def run() -> None:
        engine = create_async_engine(async_url(url))
        try:
            async with engine.begin() as connection:
                await connection.run_sync(migrate)
        finally:
            await engine.dispose()

    asyncio.run(run())
