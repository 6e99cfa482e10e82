"""Rows of stations on their way to another security profile."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

import hub.stations.tables  # noqa: F401 - the table that the foreign keys lead to

PREPARING, WAITING, VERIFIED, FAILED = "preparing", "waiting", "verified", "failed"


class Upgrade(SQLModel, table=True):
    """The last upgrade of a station."""

    __tablename__ = "station_upgrade"

    station_id: str = Field(primary_key=True, max_length=48, foreign_key="station.id")
    profile: int
    state: str = Field(max_length=16)
    """preparing, waiting (the station was told and has not come back yet), verified, or failed."""
    detail: str | None = Field(default=None, max_length=255)
    tells_password: bool = False
    sealed_password: str | None = Field(default=None, sa_type=Text)
    """A new password, encrypted, until the station has used it: told again, also by a later upgrade, it is the same."""
    url_key: str | None = Field(default=None, max_length=50)
    slot: int | None = None
    interface: str = Field(default="Wired0", max_length=16)
    certificate_asked_at: datetime | None = None
    started_at: datetime
    finished_at: datetime | None = None
