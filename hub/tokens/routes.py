"""Learned routes, inside one transaction: which eMSP allowed a card that nobody has stored."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from hub.tokens.tables import TokenRoute, object_ids
from kit.crypto import KeyRing
from kit.tx import Database, Tx


async def learned(tx: Tx, ring: KeyRing, uid: str, token_type: str) -> str | None:
    """The eMSP, `CC*PID`, that allowed this card not too long ago, or None."""
    row = await tx.first(
        select(TokenRoute).where(
            col(TokenRoute.digest).in_(object_ids(ring, uid, token_type)), col(TokenRoute.expires_at) > tx.now
        )
    )
    return f"{row.country_code}*{row.party_id}" if row else None


async def learn(tx: Tx, ring: KeyRing, uid: str, token_type: str, emsp: str, *, kept: timedelta) -> None:
    """Remember the eMSP that has just allowed this card, for so long."""
    country_code, _, party_id = emsp.partition("*")
    current, *older = object_ids(ring, uid, token_type)
    if older:
        await tx.execute(delete(TokenRoute).where(col(TokenRoute.digest).in_(older)))
    values = {
        "country_code": country_code,
        "party_id": party_id,
        "last_success_at": tx.now,
        "expires_at": tx.now + kept,
    }
    # One statement: two chargers may learn the same card at once.
    insert = postgresql.insert if tx.db.dialect == "postgresql" else sqlite.insert
    statement = insert(TokenRoute).values(digest=current, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=values))


async def forget_expired(db: Database, payload: Mapping[str, Any]) -> None:
    """Delete the routes past their time; done by the clock."""
    async with db.tx() as tx:
        await tx.execute(delete(TokenRoute).where(col(TokenRoute.expires_at) <= tx.now))
