"""Rows of the starts room."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, LargeBinary, func, literal, or_, select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from hub.drivers.tables import PaymentMethod
from hub.starts.lifecycle import StartState
from kit.ids import uuid7
from kit.tx import Tx


class Start(SQLModel, table=True):
    """One attempt to charge. Without a station it is at a partner's charger."""

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    method: str = Field(max_length=8)
    state: str = Field(max_length=12, index=True)
    reason: str | None = Field(default=None, max_length=200)
    """Why it was refused or failed, in words for an operator."""

    station_id: str | None = Field(default=None, max_length=48)
    evse_id: int | None = None
    country_code: str | None = Field(default=None, max_length=2)
    party_id: str | None = Field(default=None, max_length=3)
    """The CPO party that the charger belongs to."""
    location_id: str | None = Field(default=None, max_length=36)
    evse_uid: str | None = Field(default=None, max_length=36)
    connector_id: str | None = Field(default=None, max_length=36)

    uid_digest: str = Field(max_length=64)
    cdr_token: bytes | None = Field(default=None, sa_type=LargeBinary)
    """The CdrToken that the session will carry; null while nobody has vouched for the token."""
    auth_method: str | None = Field(default=None, max_length=16)
    authorization_reference: str | None = Field(default=None, max_length=36, index=True)

    remote_start_id: int | None = Field(default=None, unique=True)
    """The number that our command gives the charger, by which its transaction is recognised."""
    power_limit: bytes | None = Field(default=None, sa_type=LargeBinary)
    """What the session may draw at most, as JSON of the operator API."""
    session_id: str | None = Field(default=None, max_length=36)
    """The OCPI id of the session that came of it."""

    asked_by: str | None = Field(default=None, max_length=36)
    """The platform whose START_SESSION it is."""
    response_url: str | None = Field(default=None, max_length=255)
    driver_id: str | None = Field(default=None, max_length=36, index=True)
    """The driver whose app asked."""
    guest_digest: str | None = Field(default=None, max_length=64)
    """Keyed digest of the token that a guest has for this start alone."""
    guest_language: str | None = Field(default=None, max_length=2)
    payment: str | None = Field(default=None, max_length=8)
    """How it is paid (`hub.drivers.tables.PaymentMethod`); null where the eMSP's own system knows."""
    hold_id: str | None = Field(default=None, max_length=36)
    """What is put aside for it."""
    stop_asked_at: datetime | None = None
    """When the session was asked to end because what is put aside is nearly used up."""
    correlation_id: str | None = Field(default=None, max_length=255)

    @property
    def is_prepaid(self) -> bool:
        """Whether money is put aside for it: on a card, or in a wallet under the start's id."""
        return self.hold_id is not None or self.payment == PaymentMethod.WALLET

    created_at: datetime
    updated_at: datetime
    expires_at: datetime


OPEN = [state.value for state in StartState if state.is_open]
HOPELESS = [StartState.FAILED.value, StartState.EXPIRED.value]
FORGOTTEN = timedelta(hours=24)
"""So long past its end an attempt explains no session any more."""


async def locked(tx: Tx, start_id: str) -> Start | None:
    """The attempt as it is now, which nobody else changes until this transaction ends."""
    return await tx.first(select(Start).where(col(Start.id) == start_id).with_for_update())


async def waiting_at(
    tx: Tx, station_id: str, evse_id: int | None, uid_digests: list[str], *, to_claim: bool = False
) -> Start | None:
    """The newest attempt with this token at this station that has no session yet; locked when it is to get one.

    A tap before the plug went in does not know its EVSE: such an attempt fits any EVSE of the station.
    """
    statement = (
        select(Start)
        .where(
            col(Start.station_id) == station_id,
            col(Start.uid_digest).in_(uid_digests),
            *_waits(tx),
            or_(col(Start.evse_id).is_(None), col(Start.evse_id) == evse_id, literal(evse_id is None)),
        )
        .order_by(col(Start.id).desc())
        .limit(1)
    )
    return await tx.first(statement.with_for_update() if to_claim else statement)


async def told_at(tx: Tx, station_id: str, evse_id: int | None, uid_digests: list[str]) -> Start | None:
    """The newest attempt from afar with this token that this station was told of, unless its session is over."""
    statement = (
        select(Start)
        .where(
            col(Start.station_id) == station_id,
            col(Start.uid_digest).in_(uid_digests),
            col(Start.remote_start_id).is_not(None),
            col(Start.state).in_([StartState.COMMANDED.value, StartState.CHARGING.value, *HOPELESS]),
            col(Start.expires_at) > tx.now - FORGOTTEN,
            or_(col(Start.evse_id).is_(None), col(Start.evse_id) == evse_id, literal(evse_id is None)),
        )
        .order_by(col(Start.id).desc())
        .limit(1)
    )
    return await tx.first(statement)


def _waits(tx: Tx) -> tuple[ColumnElement[bool], ...]:
    """That an attempt has no session, and may still get one."""
    return (
        col(Start.session_id).is_(None),
        col(Start.state).in_(OPEN + HOPELESS),
        col(Start.expires_at) > tx.now - FORGOTTEN,
    )


async def by_remote_start_id(tx: Tx, station_id: str, remote_start_id: int) -> Start | None:
    """The attempt whose command gave this charger this number; locked."""
    where = (col(Start.remote_start_id) == remote_start_id, col(Start.station_id) == station_id)
    return await tx.first(select(Start).where(*where).with_for_update())


async def waiting_at_evse(
    tx: Tx, country_code: str, party_id: str, evse_uid: str, uid_digests: list[str]
) -> Start | None:
    """The newest attempt with this token at a partner's EVSE that has no session yet. It is locked: it may get one now.

    An attempt that named no EVSE fits any of the CPO's.
    """
    statement = (
        select(Start)
        .where(
            col(Start.station_id).is_(None),
            col(Start.country_code) == country_code,
            col(Start.party_id) == party_id,
            or_(col(Start.evse_uid).is_(None), func.lower(col(Start.evse_uid)) == evse_uid.lower()),
            col(Start.uid_digest).in_(uid_digests),
            *_waits(tx),
        )
        .order_by(col(Start.id).desc())
        .limit(1)
        .with_for_update()
    )
    return await tx.first(statement)


async def asked_before(tx: Tx, asked_by: str, response_url: str, uid_digests: list[str]) -> list[Start]:
    """The attempts of a partner with this token that are not over and report to the same URL."""
    where = (
        col(Start.asked_by) == asked_by,
        col(Start.response_url) == response_url,
        col(Start.uid_digest).in_(uid_digests),
        col(Start.state).in_([*OPEN, StartState.CHARGING.value]),
    )
    return list(await tx.all(select(Start).where(*where)))


async def of_session(tx: Tx, country_code: str, party_id: str, session_id: str) -> Start | None:
    """The attempt that a CPO's session came of, locked: ids of sessions are unique within their CPO alone."""
    where = (
        col(Start.session_id) == session_id,
        col(Start.country_code) == country_code,
        col(Start.party_id) == party_id,
    )
    return await tx.first(select(Start).where(*where).with_for_update())


async def of_reference(tx: Tx, country_code: str, party_id: str, reference: str) -> Start | None:
    """The attempt at a CPO's charger whose authorization has this reference, locked."""
    where = (
        col(Start.authorization_reference) == reference,
        col(Start.country_code) == country_code,
        col(Start.party_id) == party_id,
    )
    return await tx.first(select(Start).where(*where).order_by(col(Start.id)).limit(1).with_for_update())


async def of_driver(tx: Tx, driver_id: str, *, offset: int, limit: int) -> tuple[list[Start], int]:
    """A page of a driver's attempts, newest first, and how many there are."""
    theirs = col(Start.driver_id) == driver_id
    rows = await tx.all(select(Start).where(theirs).order_by(col(Start.id).desc()).offset(offset).limit(limit))
    return list(rows), (await tx.execute(select(func.count()).select_from(Start).where(theirs))).scalar_one()


async def overdue(tx: Tx, *, limit: int = 200) -> list[Start]:
    """Attempts that wait for a session past their time; those that somebody is busy with are left for the next look."""
    where = (col(Start.state).in_(OPEN), col(Start.expires_at) <= tx.now)
    return list(await tx.all(select(Start).where(*where).limit(limit).with_for_update(skip_locked=True)))
