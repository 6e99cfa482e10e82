"""The schema of the whole application: where its migrations are and how they run.

`make migration NAME="add drivers"` drafts the next migration: it compares the tables of the code with a database that
all present migrations have made.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from kit import migrate

SCRIPTS = Path(__file__).parent / "migrations"


async def upgrade(url: str) -> None:
    """Bring a database to the newest schema; a thread does it, since alembic has a loop of its own.

    A thread cannot be stopped: whoever gives up waiting learns so when it has let go of the database.
    """
    work = asyncio.ensure_future(asyncio.to_thread(migrate.upgrade, url, SCRIPTS))
    try:
        await asyncio.shield(work)
    finally:
        await asyncio.wait([work])


def draft(message: str) -> Path:
    """Write the next migration, to be read and completed by hand; its path."""
    with TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/drafted.db"
        if migrate.heads(SCRIPTS):
            migrate.upgrade(url, SCRIPTS)
        path = migrate.write_revision(url, SCRIPTS, message)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", path], check=True)  # noqa: S603 - our own tool
    subprocess.run([sys.executable, "-m", "ruff", "check", "--quiet", "--fix", path], check=True)  # noqa: S603
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{draft(' '.join(sys.argv[1:]))}\n")
