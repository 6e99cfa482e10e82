"""Rows of the certificates that stations show: our own CA, and what it has issued."""

from datetime import datetime

from sqlalchemy import Text, func, select
from sqlmodel import Field, SQLModel, col

import hub.stations.tables  # noqa: F401 - the table that the foreign keys lead to
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

    fingerprint: str = Field(primary_key=True, max_length=64)
    """SHA-256 of the certificate, hexadecimal."""
    station_id: str = Field(max_length=48, foreign_key="station.id", index=True)
    is_ours: bool
    issued_at: datetime
    expires_at: datetime = Field(index=True)
    installed_at: datetime | None = None
    """When the station took it; None for one of another CA."""
    used_at: datetime | None = None
    """When the station last came in with it, as far as it is written down."""
    replaced_at: datetime | None = None
    """When the station first came in with a newer one."""
    revoked_at: datetime | None = None
    warned_at: datetime | None = None


async def by_fingerprint(tx: Tx, fingerprint: str) -> Certificate | None:
    """A certificate."""
    return await tx.get(Certificate, fingerprint)


async def certificates(
    tx: Tx, *, expiring_before: datetime | None, offset: int, limit: int
) -> tuple[list[Certificate], int]:
    """A page of the certificates, the next to expire first, and how many there are."""
    where = [col(Certificate.expires_at) < expiring_before] if expiring_before is not None else []
    order = (col(Certificate.expires_at), col(Certificate.fingerprint))
    rows = await tx.all(select(Certificate).where(*where).order_by(*order).offset(offset).limit(limit))
    total = (await tx.execute(select(func.count()).select_from(Certificate).where(*where))).scalar_one()
    return list(rows), int(total)
