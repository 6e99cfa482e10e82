"""The schema of the whole application: where its migrations are and how they run."""

import asyncio
from pathlib import Path

from kit import migrate

SCRIPTS = Path(__file__).parent / "migrations"


async def upgrade(url: str) -> None:
    """Bring a database to the newest schema; a thread does it, since alembic has a loop of its own."""
    await asyncio.to_thread(migrate.upgrade, url, SCRIPTS)
