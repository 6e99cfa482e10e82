"""Rows of the locations room."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import Select, bindparam, select
from sqlmodel import Field, SQLModel, col

from hub.parties.changes import by_owner
from hub.parties.objects import OcpiObject, object_indexes
from kit.db import BigInt, DialectName, among, texts
from kit.tx import Tx


class Location(OcpiObject, table=True):
    """A location; its EVSEs and connectors live inside `doc`, as they travel."""

    __table_args__ = object_indexes("location")
    module: ClassVar[str] = "locations"


class LocationEvse(SQLModel, table=True):
    """Where an EVSE is: a status change comes with the EVSE's uid alone."""

    __tablename__ = "location_evse"
    __table_args__ = {"sqlite_with_rowid": False}

    country_code: str = Field(primary_key=True, max_length=2)
    party_id: str = Field(primary_key=True, max_length=3)
    evse_uid: str = Field(primary_key=True, max_length=36)
    """Casefolded."""
    location_id: int = Field(sa_type=BigInt, foreign_key="location.id")


async def location_of_evse(
    tx: Tx, country_code: str, party_id: str, evse_uid: str, *, to_change: bool = False
) -> Location | None:
    """The location that an EVSE belongs to; `to_change` as in `hub.parties.objects.look_up_many`."""
    where = await tx.get(LocationEvse, (country_code, party_id, evse_uid.casefold()))
    if where is None:
        return None
    location = select(Location).where(col(Location.id) == where.location_id)
    if to_change:
        location = location.with_for_update(key_share=True).execution_options(populate_existing=True)
    return await tx.first(location)


EvseKey = tuple[str, str, str]
"""Country code, party id, and the EVSE's uid casefolded."""


async def locations_of_evses(tx: Tx, keys: Sequence[EvseKey]) -> dict[EvseKey, int]:
    """The locations that EVSEs are stored under; those that are nowhere are left out."""
    found: dict[EvseKey, int] = {}
    dialect = tx.db.dialect
    for (country_code, party_id), uids in by_owner(keys):
        owner = {"country_code": country_code, "party_id": party_id}
        rows = await tx.rows(_placed(dialect), {**owner, "uids": texts(uids, dialect)})
        found |= {(country_code, party_id, uid): location_id for uid, location_id in rows}
    return found


@lru_cache
def _placed(dialect: DialectName) -> Select[Any]:
    columns = LocationEvse.__table__.c  # type: ignore[attr-defined]
    return select(columns.evse_uid, columns.location_id).where(
        columns.country_code == bindparam("country_code"),
        columns.party_id == bindparam("party_id"),
        among(columns.evse_uid, "uids", dialect),
    )


async def place_evses(tx: Tx, where: Mapping[EvseKey, int]) -> None:
    """EVSEs belong to these locations now, wherever they were before."""
    rows = [
        {"country_code": key[0], "party_id": key[1], "evse_uid": key[2], "location_id": location_id}
        for key, location_id in sorted(where.items())  # one order for all, or two could wait for each other
    ]
    await tx.insert(LocationEvse.__table__, rows, replace=True)  # type: ignore[attr-defined]
