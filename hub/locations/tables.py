"""Rows of the locations room."""

from typing import ClassVar

from sqlalchemy import Index, UniqueConstraint, select
from sqlmodel import Field, SQLModel, col

from hub.parties.objects import OcpiObject
from kit.db import BigInt
from kit.tx import Tx


class Location(OcpiObject, table=True):
    """A location; its EVSEs and connectors live inside `doc`, as they travel."""

    __table_args__ = (
        UniqueConstraint("country_code", "party_id", "object_id"),
        Index("ix_location_object_id", "object_id"),  # commands name a location without its owner
    )
    module: ClassVar[str] = "locations"


class LocationEvse(SQLModel, table=True):
    """Where an EVSE is: a status change comes with the EVSE's uid alone."""

    __tablename__ = "location_evse"

    country_code: str = Field(primary_key=True, max_length=2)
    party_id: str = Field(primary_key=True, max_length=3)
    evse_uid: str = Field(primary_key=True, max_length=36)
    """Casefolded."""
    location_id: int = Field(sa_type=BigInt, foreign_key="location.id", index=True)


async def location_of_evse(tx: Tx, country_code: str, party_id: str, evse_uid: str) -> Location | None:
    """The location that an EVSE belongs to."""
    where = await tx.get(LocationEvse, (country_code, party_id, evse_uid.casefold()))
    return await tx.get(Location, where.location_id) if where else None


async def evses_of(tx: Tx, location: Location) -> dict[str, LocationEvse]:
    """The EVSE index of one location, by casefolded uid."""
    rows = await tx.all(select(LocationEvse).where(col(LocationEvse.location_id) == location.id))
    return {row.evse_uid: row for row in rows}
