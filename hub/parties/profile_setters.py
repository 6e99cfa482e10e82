"""Who set the charging profile of a session: the CPO tells that party when the active profile changes.

The CPO's message names the session and nobody else (charging profiles, section Receiver sending an updated
ActiveChargingProfile), and the setter need not be the driver's eMSP: it may be a smart charging service provider.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col

from kit.tx import Tx
from ocpi.headers import Party

KEPT = timedelta(days=30)
"""Longer than any session lasts."""


class ProfileSetter(SQLModel, table=True):
    """The party that has last set the profile of a CPO's session."""

    __tablename__ = "profile_setter"

    cpo: str = Field(primary_key=True, max_length=6)
    """`CC*PID`."""
    session_id: str = Field(primary_key=True, max_length=36)
    """Casefolded."""
    setter: str = Field(max_length=6)
    """`CC*PID`."""
    set_at: datetime = Field(index=True)


async def remember(tx: Tx, *, cpo: Party, session_id: str, setter: Party) -> None:
    """A CPO has accepted a party's profile for a session."""
    insert = postgresql.insert if tx.db.dialect == "postgresql" else sqlite.insert
    changed = {"setter": setter.key, "set_at": tx.now}
    statement = insert(ProfileSetter).values(cpo=cpo.key, session_id=session_id.casefold(), **changed)
    await tx.execute(statement.on_conflict_do_update(index_elements=["cpo", "session_id"], set_=changed))


async def setters(tx: Tx, cpos: Sequence[str], session_id: str) -> set[Party]:
    """Who has set profiles of the session with this id at any of these CPOs (`CC*PID`)."""
    rows = await tx.all(
        select(ProfileSetter).where(
            col(ProfileSetter.cpo).in_(cpos), col(ProfileSetter.session_id) == session_id.casefold()
        )
    )
    return {Party(*row.setter.split("*", 1)) for row in rows}


async def forget_past(tx: Tx) -> None:
    """Forget the setters of sessions that are long over."""
    await tx.execute(delete(ProfileSetter).where(col(ProfileSetter.set_at) < tx.now - KEPT))
