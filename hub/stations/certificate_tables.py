"""Rows of the certificates that stations show: our own CA, and what it has issued."""

from datetime import datetime

from sqlalchemy import Text, select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.tx import Tx


class Authority(SQLModel, table=True):
    """Our own CA for stations: its certificate, and its private key under the key ring."""

    __tablename__ = "station_authority"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """1: there is one."""
    certificate: str = Field(sa_type=Text)
    sealed_key: str = Field(sa_type=Text)
    created_at: datetime


class Certificate(SQLModel, table=True):
    """A certificate of a station: one that we issued, or one of another CA that it has shown."""

    __tablename__ = "station_certificate"

    serial: str = Field(primary_key=True, max_length=64)
    """Hexadecimal, without leading zeros, in capitals."""
    station_id: str = Field(max_length=48, foreign_key="station.id", index=True)
    is_ours: bool
    issued_at: datetime
    expires_at: datetime = Field(index=True)
    used_at: datetime | None = None
    """When the station first came with it."""
    revoked_at: datetime | None = None
    warned_at: datetime | None = None


def serial_text(serial: str) -> str:
    """A serial number as it is kept."""
    return serial.upper().lstrip("0") or "0"


async def by_serial(tx: Tx, serial: str) -> Certificate | None:
    """A certificate by its serial number."""
    return await tx.get(Certificate, serial_text(serial))


async def is_revoked(tx: Tx, serial: str) -> bool:
    """Whether a certificate was taken back."""
    found = await by_serial(tx, serial)
    return found is not None and found.revoked_at is not None


async def certificates(tx: Tx, *, expiring_before: datetime | None = None, limit: int = 1000) -> list[Certificate]:
    """What is not revoked, the next to expire first."""
    statement = select(Certificate).where(col(Certificate.revoked_at).is_(None))
    if expiring_before is not None:
        statement = statement.where(col(Certificate.expires_at) < expiring_before)
    return list(await tx.all(statement.order_by(col(Certificate.expires_at)).limit(limit)))
