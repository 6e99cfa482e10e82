"""Rows of the stations room. What a station does now is in the CSMS's tables; this is who it is and where it stands."""

from datetime import datetime

from sqlalchemy import LargeBinary, func, select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.ids import uuid7
from kit.tx import Tx


class Station(SQLModel, table=True):
    """A charging station that may connect, and the location it belongs to."""

    id: str = Field(primary_key=True, max_length=48)
    folded_id: str = Field(max_length=48, unique=True)
    """Stations differ in how they spell themselves from one connection to the next; ids are compared casefolded."""
    password_digest: str = Field(max_length=64)
    country_code: str = Field(max_length=2)
    party_id: str = Field(max_length=3)
    location_id: str = Field(max_length=36)
    """OCPI id of the location, of the CPO party above."""
    created_at: datetime
    is_blocked: bool = False
    minimum_profile: int = 1
    """The lowest OCPP security profile that it may connect with: 1 password, 2 with TLS, 3 certificate."""
    seen_profile: int | None = None
    """The one that it connected with last."""
    next_password_digest: str | None = Field(default=None, max_length=64)
    """A password that takes the place of the other one as soon as the station has used it."""
    assume_protocol: str | None = Field(default=None, max_length=16)
    """WebSocket subprotocol for a station that offers none."""
    assume_upgrade: bool = False
    """Whether it forgets the header `Connection: Upgrade`."""
    ping_interval_s: int | None = None
    """0 sends no pings; None leaves it to the setting."""
    provisioned_digest: str | None = Field(default=None, max_length=64)
    """Of the values that it needs before it may work and that it was told last."""


class Applicant(SQLModel, table=True):
    """A station that nobody has registered, in quarantine: connected, told to wait, and shown to the operator."""

    __tablename__ = "station_applicant"

    id: str = Field(primary_key=True, max_length=48)
    folded_id: str = Field(max_length=48, unique=True)
    password_digest: str | None = Field(default=None, max_length=64)
    """Of the password that it first came with; whoever comes with another one is somebody else."""
    is_blocked: bool = False
    first_seen_at: datetime


class StationEvse(SQLModel, table=True):
    """Which EVSE of the location an EVSE of the station is."""

    __tablename__ = "station_evse"

    station_id: str = Field(primary_key=True, max_length=48, foreign_key="station.id")
    evse_id: int = Field(primary_key=True)
    """As the station numbers it, from 1; on OCPP 1.6 the connector's number."""
    evse_uid: str = Field(max_length=36, index=True)
    connector_id: str = Field(max_length=36)
    """OCPI id of the connector that a session here is reported with."""


class Recomputation(SQLModel, table=True):
    """That somebody had the record of a transaction made again, and what came of it. Never deleted."""

    __tablename__ = "transaction_recomputation"

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    transaction_id: int = Field(index=True)
    station_id: str = Field(max_length=64)
    key_id: str = Field(max_length=36)
    key_name: str = Field(max_length=100)
    reason: str = Field(max_length=500)
    at: datetime
    stored: bool
    before: bytes = Field(sa_type=LargeBinary)
    after: bytes = Field(sa_type=LargeBinary)


async def by_id(tx: Tx, station_id: str) -> Station | None:
    """The station with this id, however it is spelled."""
    return await tx.first(select(Station).where(col(Station.folded_id) == station_id.casefold()))


async def every(tx: Tx, *, offset: int, limit: int) -> list[Station]:
    """A page of the stations, by id."""
    return list(await tx.all(select(Station).order_by(col(Station.id)).offset(offset).limit(limit)))


async def evses_of(tx: Tx, station_id: str) -> list[StationEvse]:
    """The EVSEs of a station in its own order."""
    where = col(StationEvse.station_id) == station_id
    return list(await tx.all(select(StationEvse).where(where).order_by(col(StationEvse.evse_id))))


async def by_evse_uid(tx: Tx, country_code: str, party_id: str, evse_uid: str) -> StationEvse | None:
    """Which of our stations serves an EVSE of a location."""
    statement = (
        select(StationEvse)
        .join(Station, col(Station.id) == col(StationEvse.station_id))
        .where(
            col(Station.country_code) == country_code,
            col(Station.party_id) == party_id,
            func.lower(col(StationEvse.evse_uid)) == evse_uid.lower(),
        )
    )
    return await tx.first(statement)


async def applicant_by_id(tx: Tx, station_id: str) -> Applicant | None:
    """The station in quarantine with this id, however it is spelled."""
    return await tx.first(select(Applicant).where(col(Applicant.folded_id) == station_id.casefold()))


async def applicants(tx: Tx) -> list[Applicant]:
    """The stations in quarantine, the newest first."""
    return list(await tx.all(select(Applicant).order_by(col(Applicant.first_seen_at).desc(), col(Applicant.id))))


async def recomputations(tx: Tx, *, transaction_id: int | None, before: str | None, limit: int) -> list[Recomputation]:
    """Who had records made again, the newest first."""
    statement = select(Recomputation)
    if transaction_id is not None:
        statement = statement.where(col(Recomputation.transaction_id) == transaction_id)
    if before is not None:
        statement = statement.where(col(Recomputation.id) < before)
    return list(await tx.all(statement.order_by(col(Recomputation.id).desc()).limit(limit)))
