"""Reservations that go through the hub have an id of ours towards the CPO: two eMSPs may choose the same one.

OCPI leaves it to the receiver to keep the reservations of two senders apart (commands, section ReserveNow); a CPO
behind a hub has one sender, the hub. The same reservation keeps its id, so that RESERVE_NOW again replaces it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import UniqueConstraint, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col

from kit.ids import uuid7
from kit.tx import Tx
from ocpi.headers import Party

KEPT_AFTER_EXPIRY = timedelta(days=30)
LONGEST = timedelta(days=3650)
"""A reservation that claims to stand longer is remembered for so long."""


class RelayedReservation(SQLModel, table=True):
    """One reservation of an eMSP at a CPO."""

    __tablename__ = "relayed_reservation"
    __table_args__ = (UniqueConstraint("platform_id", "emsp", "reservation_id", "cpo"),)

    cpo_reservation_id: str = Field(primary_key=True, max_length=36)
    """What the CPO calls it."""
    platform_id: str = Field(max_length=36, foreign_key="platform.id")
    """Where the eMSP lives."""
    emsp: str = Field(max_length=6)
    """`CC*PID`."""
    reservation_id: str = Field(max_length=36)
    """What the eMSP calls it, casefolded."""
    cpo: str = Field(max_length=6)
    """`CC*PID`."""
    keep_until: datetime = Field(index=True)


async def mapped(
    tx: Tx, *, platform_id: str, emsp: Party, reservation_id: str, cpo: Party, expires_at: datetime
) -> str:
    """The id towards the CPO; a new one for a new reservation."""
    insert = postgresql.insert if tx.db.dialect == "postgresql" else sqlite.insert
    keep_until = min(expires_at, tx.now + LONGEST) + KEPT_AFTER_EXPIRY
    statement = (
        insert(RelayedReservation)
        .values(
            cpo_reservation_id=uuid7(),
            platform_id=platform_id,
            emsp=emsp.key,
            reservation_id=reservation_id.casefold(),
            cpo=cpo.key,
            keep_until=keep_until,
        )
        .on_conflict_do_update(
            index_elements=["platform_id", "emsp", "reservation_id", "cpo"], set_={"keep_until": keep_until}
        )
        .returning(col(RelayedReservation.cpo_reservation_id))
    )
    return str((await tx.execute(statement)).scalar_one())


async def known(tx: Tx, *, platform_id: str, emsps: Sequence[str], reservation_id: str) -> list[RelayedReservation]:
    """The reservations that parties of a platform (`CC*PID`) have made under an id, one for each CPO."""
    return list(
        await tx.all(
            select(RelayedReservation).where(
                col(RelayedReservation.platform_id) == platform_id,
                col(RelayedReservation.emsp).in_(emsps),
                col(RelayedReservation.reservation_id) == reservation_id.casefold(),
            )
        )
    )


async def forget_past(tx: Tx) -> None:
    """Forget the reservations that are long over."""
    await tx.execute(delete(RelayedReservation).where(col(RelayedReservation.keep_until) < tx.now))
