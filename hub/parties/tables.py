"""Rows of the parties room: platforms, the tokens that they present, the parties on them, what those agreed."""

from datetime import datetime

from sqlalchemy import LargeBinary, delete, select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.ids import uuid7
from kit.tx import Tx

INVITED = "INVITED"
"""A token A is out; the partner has not registered yet."""
CONNECTED = "CONNECTED"
OFFLINE = "OFFLINE"
SUSPENDED = "SUSPENDED"
"""Unregistered, or shut out by an operator. Nothing is sent or accepted."""


class Platform(SQLModel, table=True):
    """A system on the other end of one OCPI connection. Many parties can live on it."""

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    name: str = Field(max_length=100)
    status: str = Field(default=INVITED, max_length=16)
    allowed_roles: bytes = Field(default=b"[]", sa_type=LargeBinary)
    """JSON list of `[role, country_code, party_id]` that the invitation is bound to; empty allows any free party."""
    version: str | None = Field(default=None, max_length=8)
    versions_url: str | None = Field(default=None, max_length=255)
    endpoints: bytes = Field(default=b"{}", sa_type=LargeBinary)
    """JSON object: `"SENDER/locations"` to URL, as the partner's version details gave them."""
    credentials_token: str | None = None
    """The token that we present to this partner, encrypted."""
    quirks: bytes = Field(default=b"{}", sa_type=LargeBinary)
    """JSON: what was learned of the partner's ways and what an operator has said of them; see `hub.parties.quirks`."""
    last_seen_at: datetime | None = None
    created_at: datetime


class PlatformToken(SQLModel, table=True):
    """A token that a platform presents to us, kept as a keyed digest."""

    __tablename__ = "platform_token"

    digest: str = Field(primary_key=True, max_length=64)
    platform_id: str = Field(max_length=36, foreign_key="platform.id", index=True)
    registers: bool = False
    """True for token A: good for versions and credentials only."""
    valid_until: datetime | None = None
    """Set when the token was replaced: it lives on for a short grace, in case our answer was lost."""
    created_at: datetime


class PartyRow(SQLModel, table=True):
    """A role of a party. `platform_id` is null for our own parties."""

    __tablename__ = "party"

    country_code: str = Field(primary_key=True, max_length=2)
    party_id: str = Field(primary_key=True, max_length=3)
    role: str = Field(primary_key=True, max_length=16)
    platform_id: str | None = Field(default=None, max_length=36, foreign_key="platform.id", index=True)
    business_name: str = Field(max_length=100)
    last_updated: datetime


class PartyBehind(SQLModel, table=True):
    """A party that a partner hub can reach for us, as the hub says (OCPI's hubclientinfo)."""

    __tablename__ = "party_behind"

    country_code: str = Field(primary_key=True, max_length=2)
    party_id: str = Field(primary_key=True, max_length=3)
    role: str = Field(primary_key=True, max_length=16)
    platform_id: str = Field(max_length=36, foreign_key="platform.id", index=True)
    """The hub's platform."""
    status: str = Field(max_length=16)
    """CONNECTED, OFFLINE, PLANNED or SUSPENDED."""
    last_updated: datetime


class AgreementRow(SQLModel, table=True):
    """A term between a CPO and an eMSP; see `hub.parties.agreements.Term`, whose words its columns use."""

    __tablename__ = "agreement"

    cpo: str = Field(primary_key=True, max_length=6)
    emsp: str = Field(primary_key=True, max_length=6)
    module: str = Field(default="", primary_key=True, max_length=24)
    """Empty for an agreement about everything."""
    object_id: str = Field(default="", primary_key=True, max_length=80)
    allowed: bool
    updated_at: datetime


async def platforms(tx: Tx) -> list[Platform]:
    """Every platform, oldest first."""
    return list(await tx.all(select(Platform).order_by(col(Platform.id))))


async def parties_of(tx: Tx, platform_id: str) -> list[PartyRow]:
    """The parties that live on a platform."""
    return list(await tx.all(select(PartyRow).where(col(PartyRow.platform_id) == platform_id)))


async def retire_replaced(tx: Tx, platform_id: str) -> None:
    """End the tokens that a newer one replaced (OCPI 2.2.1, 7.2.3)."""
    replaced = col(PlatformToken.valid_until).is_not(None)
    await tx.execute(delete(PlatformToken).where(col(PlatformToken.platform_id) == platform_id, replaced))
