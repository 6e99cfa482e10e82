"""The migration environment: every table of the application, on the database that the caller named."""

from alembic import context
from sqlmodel import SQLModel

import hub.tables  # noqa: F401 - every table registers itself
from kit.migrate import run_online

run_online(context.config.attributes["url"], SQLModel.metadata)
