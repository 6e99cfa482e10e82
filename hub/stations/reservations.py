"""Reservations at our own chargers: what is kept for whom, under which number the charger knows it.

An operator makes one by an operation, a partner by RESERVE_NOW, under an id of its own: two partners may choose the
same one, and the same partner's again replaces it (OCPI 2.2.1, commands, section ReserveNow).

A number stands for one reservation, of one token, for ever: by it a charger may tell much later which of them a session
has used.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index, Text, UniqueConstraint, delete, select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from csms.commands import CancelReservation, CommandOutcome, CommandStatus, Reserve
from csms.station import TokenType
from csms.words import LARGEST_INT32
from kit.crypto import KeyRing
from kit.tx import Tx

TOLD_LATE = timedelta(minutes=15)
KEPT_AFTER_EXPIRY = timedelta(days=30)
_PURPOSE = "station-reservation"


_UNKNOWN = (CommandStatus.TIMED_OUT, CommandStatus.DISCONNECTED)
"""The charger may hold what it was asked for."""


class ReservationState(StrEnum):
    """Where a reservation is. One that is held ends by itself at its time."""

    ASKED = "asked"
    HELD = "held"
    USED = "used"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Nobody came, and what that costs has been billed."""

    @property
    def is_open(self) -> bool:
        """Whether the charger may hold it."""
        return self in (ReservationState.ASKED, ReservationState.HELD)


class StationReservation(SQLModel, table=True):
    """A place that a charger keeps for a token. EVSE 0 is any of the station."""

    __tablename__ = "station_reservation"
    __table_args__ = (
        UniqueConstraint("platform_id", "emsp", "reservation_id"),
        Index("ix_station_reservation_station", "station_id", "expires_at"),
    )

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """What the charger calls it."""
    station_id: str = Field(max_length=48, foreign_key="station.id")
    evse_id: int
    sealed_token: str = Field(sa_type=Text)
    token_type: str = Field(max_length=16)
    expires_at: datetime
    state: str = Field(max_length=10)
    platform_id: str | None = Field(default=None, max_length=36)
    """Where the partner lives that asked for it."""
    emsp: str | None = Field(default=None, max_length=6)
    """`CC*PID`."""
    reservation_id: str | None = Field(default=None, max_length=36)
    """What the partner calls it, casefolded; null once it calls another one so."""
    authorization_reference: str | None = Field(default=None, max_length=36)
    """The eMSP's, which comes back in the CDR."""
    created_at: datetime
    """Since when the place is kept."""
    cancelled_at: datetime | None = None
    """When the charger gave it back."""
    cdr_id: str | None = Field(default=None, max_length=36)
    """The CDR that was issued because nobody came."""
    used_by: int | None = None
    """The CSMS's transaction that used it: the first that began under it."""
    used_at: datetime | None = None
    """When that began."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """A reservation that is about to be asked for. `instead_of` is the number of another driver's, to be given back
    before."""

    row: StationReservation
    instead_of: int | None = None


def make(
    tx: Tx,
    ring: KeyRing,
    *,
    station_id: str,
    evse_id: int,
    token: str,
    token_type: TokenType,
    expires_at: datetime,
    number: int | None = None,
) -> StationReservation:
    """Note a reservation that is about to be asked for."""
    row = StationReservation(
        number=number or secrets.randbelow(LARGEST_INT32) + 1,
        station_id=station_id,
        evse_id=evse_id,
        sealed_token=ring.encrypt(_PURPOSE, token.encode()),
        token_type=token_type,
        expires_at=expires_at,
        state=ReservationState.ASKED,
        created_at=tx.now,
    )
    tx.add(row)
    return row


async def keep_for_partner(
    tx: Tx,
    ring: KeyRing,
    *,
    station_id: str,
    evse_id: int,
    token: str,
    expires_at: datetime,
    platform_id: str,
    emsp: str,
    reservation_id: str,
    authorization_reference: str | None,
    anywhere: bool,
) -> Keeping | None:
    """Note a partner's reservation. The one of the same id is replaced, and stays where it is when it may be anywhere;
    None when it would have to move to another charger, which would leave two of them.

    The same driver's goes on under its number, from when it was made. Another's ends, and so the id gets a new number,
    as after one that is over.
    """
    known = await of_partner(tx, platform_id=platform_id, emsps=(emsp,), reservation_id=reservation_id)
    is_open = known is not None and ReservationState(known.state).is_open and known.expires_at > tx.now
    if known is not None and is_open:
        if anywhere:
            station_id, evse_id = known.station_id, known.evse_id
        if known.station_id != station_id:
            return None
        if is_of(ring, known, token):
            if known.state == ReservationState.ASKED:
                known.created_at = tx.now  # nobody knows of anything that was kept before
            known.evse_id, known.expires_at, known.state = evse_id, expires_at, ReservationState.ASKED
            known.authorization_reference = authorization_reference or known.authorization_reference
            return Keeping(known)
    if known is not None:
        known.reservation_id = None
        await tx.flush()
    row = make(
        tx,
        ring,
        station_id=station_id,
        evse_id=evse_id,
        token=token,
        token_type=TokenType.RFID,
        expires_at=expires_at,
    )
    row.platform_id, row.emsp, row.reservation_id = platform_id, emsp, reservation_id.casefold()
    row.authorization_reference = authorization_reference
    return Keeping(row, known.number if known is not None and is_open else None)


def reserve_command(ring: KeyRing, row: StationReservation) -> Reserve:
    """What the charger is told."""
    return Reserve(row.number, token_uid(ring, row), TokenType(row.token_type), row.expires_at, evse_id=row.evse_id)


def cancel_command(row: StationReservation) -> CancelReservation:
    """What the charger is told."""
    return CancelReservation(row.number)


async def settle(tx: Tx, number: int, outcome: CommandOutcome, *, cancels: bool) -> None:
    """What came of asking for a reservation, or of giving it back: refused, the charger does not know it."""
    row = await tx.first(select(StationReservation).where(col(StationReservation.number) == number).with_for_update())
    if row is None:
        return
    if cancels and outcome.ok and row.cancelled_at is None:
        row.cancelled_at = tx.now
    if not ReservationState(row.state).is_open:
        return
    if cancels:
        row.state = ReservationState.CANCELLED if outcome.payload is not None else row.state
    elif outcome.ok:
        row.state = ReservationState.HELD
    elif outcome.status not in _UNKNOWN:
        row.state = ReservationState.REFUSED


async def unused(tx: Tx, *, limit: int = 100) -> Sequence[StationReservation]:
    """Reservations that were held and that nobody came for, locked; those that somebody is busy with are left out.

    A charger may tell late of whoever came in time.
    """
    past = col(StationReservation.expires_at) <= tx.now - TOLD_LATE
    where = (col(StationReservation.state) == ReservationState.HELD, past)
    return await tx.all(select(StationReservation).where(*where).limit(limit).with_for_update(skip_locked=True))


def token_uid(ring: KeyRing, row: StationReservation) -> str:
    """The token that a place is kept for."""
    return ring.decrypt(_PURPOSE, row.sealed_token).decode()


def is_of(ring: KeyRing, row: StationReservation, uid: str) -> bool:
    """Whether a place is kept for this token."""
    return token_uid(ring, row).casefold() == uid.casefold()


async def of_number(tx: Tx, station_id: str, number: int) -> StationReservation | None:
    """What a charger calls so, locked."""
    where = (col(StationReservation.number) == number, col(StationReservation.station_id) == station_id)
    return await tx.first(select(StationReservation).where(*where).with_for_update())


async def standing(tx: Tx, ring: KeyRing, station_id: str, evse_id: int | None, uid: str) -> StationReservation | None:
    """The reservation by which a place is kept for this token now: that EVSE, or any of the station."""
    for row in await current(tx, station_id):
        fits = row.evse_id == 0 or evse_id in (None, row.evse_id)
        if fits and row.state == ReservationState.HELD and is_of(ring, row, uid):
            return row
    return None


async def of_partner(
    tx: Tx, *, platform_id: str, emsps: Sequence[str], reservation_id: str
) -> StationReservation | None:
    """The reservation that parties of a platform have made under an id; locked. The newest, if there are several."""
    statement = (
        select(StationReservation)
        .where(
            col(StationReservation.platform_id) == platform_id,
            col(StationReservation.emsp).in_(emsps),
            col(StationReservation.reservation_id) == reservation_id.casefold(),
        )
        .order_by(col(StationReservation.created_at).desc())
        .with_for_update()
    )
    return await tx.first(statement)


async def current(tx: Tx, station_id: str) -> Sequence[StationReservation]:
    """A station's reservations that are not past their time, whatever became of them, the next to end first."""
    where = (col(StationReservation.station_id) == station_id, col(StationReservation.expires_at) > tx.now)
    return await tx.all(select(StationReservation).where(*where).order_by(col(StationReservation.expires_at)))


async def forget_past(tx: Tx) -> None:
    """Forget the reservations that are long over."""
    past = col(StationReservation.expires_at) < tx.now - KEPT_AFTER_EXPIRY
    await tx.execute(delete(StationReservation).where(past))
