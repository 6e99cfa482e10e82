"""Rows of the tokens room."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import select
from sqlmodel import Field, SQLModel, col

from hub.parties.objects import ObjectKey, OcpiObject, object_indexes
from kit.crypto import KeyRing
from kit.tx import Tx

_PURPOSE = "token-uid"


class Token(OcpiObject, table=True):
    """A driver's token. Its key is a keyed digest of uid and type: the uid itself stands in `doc` alone."""

    __table_args__ = object_indexes("token")
    module: ClassVar[str] = "tokens"

    uid_digest: str = Field(max_length=64, index=True)
    """Keyed digest of the casefolded uid: what a tap is looked up by."""
    driver_id: str | None = Field(default=None, max_length=36, index=True)
    """The driver of ours who is charged for it; null for a token that stands alone, and for partners'."""


class TokenRoute(SQLModel, table=True):
    """Which eMSP allowed a card that nobody has stored: it is asked first when the card comes again."""

    __tablename__ = "token_route"

    digest: str = Field(primary_key=True, max_length=64)
    """Keyed digest of uid and type, as in `object_ids`; the uid itself is nowhere."""
    country_code: str = Field(max_length=2)
    party_id: str = Field(max_length=3)
    last_success_at: datetime
    expires_at: datetime = Field(index=True)


def uid_digests(ring: KeyRing, uid: str) -> list[str]:
    """The digests that this uid may be stored under, the current key's first."""
    return ring.digests(_PURPOSE, uid.casefold())


def object_ids(ring: KeyRing, uid: str, token_type: str) -> list[str]:
    """The ids that a token may be stored under, the current key's first.

    uid and type are unique together within an eMSP (OCPI 2.2.1, mod_tokens).
    """
    return ring.digests("token-key", f"{uid.casefold()}\n{token_type}")


async def stored_ids(tx: Tx, object_ids: Sequence[str]) -> set[ObjectKey]:
    """The tokens that are stored under any of these ids, whoever owns them."""
    columns = (col(Token.country_code), col(Token.party_id), col(Token.object_id))
    found: Any = await tx.execute(select(*columns).where(col(Token.object_id).in_(object_ids)))
    return {ObjectKey(*row) for row in found}


async def our_own(tx: Tx) -> Sequence[Token]:
    """The tokens of our own drivers, in the order of their ids."""
    return await tx.all(select(Token).where(col(Token.platform_id).is_(None)).order_by(col(Token.object_id)))


async def by_uid(tx: Tx, ring: KeyRing, uid: str) -> list[Token]:
    """Every stored token with this uid, our own drivers' first."""
    rows = await tx.all(select(Token).where(col(Token.uid_digest).in_(uid_digests(ring, uid))).order_by(col(Token.id)))
    return sorted(rows, key=lambda row: row.platform_id is not None)
