"""Rows of the sessions room."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import LargeBinary, or_, select
from sqlmodel import Field, SQLModel, col

from hub.parties.objects import OcpiObject, object_indexes
from kit.db import BigInt, DecimalText, EnergyWh
from kit.tx import Tx


class Session(OcpiObject, table=True):
    """A charging session, ours or a partner's. At our own chargers it follows the CSMS's transaction record."""

    __table_args__ = object_indexes("session")
    module: ClassVar[str] = "sessions"

    status: str = Field(max_length=16)
    started_at: datetime = Field(index=True)
    ended_at: datetime | None = None
    energy_wh: Decimal = Field(sa_type=EnergyWh)
    currency: str = Field(max_length=3)
    total_cost: Decimal | None = Field(default=None, sa_type=DecimalText)
    """Excluding VAT, in the currency's main unit, unrounded."""
    transaction_id: int | None = Field(default=None, sa_type=BigInt, unique=True)
    """The CSMS's transaction; null at partners' chargers."""
    start_id: str | None = Field(default=None, max_length=36, index=True)
    facts: bytes | None = Field(default=None, sa_type=LargeBinary)
    """What was frozen at the start, as JSON: location, tariff, token; null for partners' sessions."""
    review: str | None = Field(default=None, max_length=200)
    """Why a person should look at it before it becomes money; null when nothing is doubtful."""


class Cdr(OcpiObject, table=True):
    """A charge detail record. Immutable once stored."""

    __table_args__ = object_indexes("cdr")
    module: ClassVar[str] = "cdrs"

    session_id: str | None = Field(default=None, max_length=36, index=True)
    """The OCPI id of its session, in the spelling of keys."""
    is_credit: bool = False
    """Whether it takes another CDR back, in whole."""
    credit_of: str | None = Field(default=None, max_length=39, index=True)
    """The CDR that a credit takes back, in the spelling of keys; null where it names none."""
    energy_wh: Decimal = Field(sa_type=EnergyWh)
    currency: str = Field(max_length=3)
    total_cost: Decimal = Field(sa_type=DecimalText)
    """Excluding VAT, in the currency's main unit, as the CPO states it."""
    priced_cost: Decimal | None = Field(default=None, sa_type=DecimalText)
    """What we make of a partner's CDR with its own tariff; null when it names none."""


class CdrDispute(SQLModel, table=True):
    """Other content that a CPO sent under the id of a CDR that is stored: kept for a person, never put in its place."""

    __tablename__ = "cdr_dispute"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    cdr_id: int = Field(sa_type=BigInt, foreign_key="cdr.id", index=True)
    doc: bytes = Field(sa_type=LargeBinary)
    received_at: datetime


async def disputes_of(tx: Tx, cdr_id: int) -> Sequence[CdrDispute]:
    """What was sent in contradiction to a CDR, oldest first."""
    return await tx.all(select(CdrDispute).where(col(CdrDispute.cdr_id) == cdr_id).order_by(col(CdrDispute.id)))


async def cdrs_beside(tx: Tx, cdr: Cdr) -> Sequence[Cdr]:
    """The CDRs that belong together with this one, in the order in which they came: of its session, and credits."""
    owner = (col(Cdr.country_code) == cdr.country_code, col(Cdr.party_id) == cdr.party_id)
    session_id, ids = cdr.session_id, {cdr.object_id}
    if cdr.credit_of is not None:
        ids.add(cdr.credit_of)
        if session_id is None:
            session_id = await tx.first(select(col(Cdr.session_id)).where(*owner, col(Cdr.object_id) == cdr.credit_of))
    if session_id is not None:
        ids.update(await tx.all(select(col(Cdr.object_id)).where(*owner, col(Cdr.session_id) == session_id)))
    together = or_(col(Cdr.object_id).in_(ids), col(Cdr.credit_of).in_(ids))
    return await tx.all(select(Cdr).where(*owner, together).order_by(col(Cdr.id)))


async def cdrs_of_session(tx: Tx, country_code: str, party_id: str, session_id: str) -> Sequence[Cdr]:
    """The CDRs that name a CPO's session, in the order in which they came."""
    where = (
        col(Cdr.country_code) == country_code,
        col(Cdr.party_id) == party_id,
        col(Cdr.session_id) == session_id.casefold(),
    )
    return await tx.all(select(Cdr).where(*where).order_by(col(Cdr.id)))


async def own_session(tx: Tx, session_id: str) -> Session | None:
    """The session with this id at one of our own stations."""
    where = (col(Session.object_id) == session_id.casefold(), col(Session.platform_id).is_(None))
    return await tx.first(select(Session).where(*where))


async def with_id(tx: Tx, session_id: str) -> list[Session]:
    """Every stored session with this id, our own first: ids are unique only within their owner."""
    rows = await tx.all(select(Session).where(col(Session.object_id) == session_id.casefold()))
    return sorted(rows, key=lambda row: row.platform_id is not None)


async def by_transaction(tx: Tx, transaction_id: int) -> Session | None:
    """The session of a transaction at one of our own stations."""
    return await tx.first(select(Session).where(col(Session.transaction_id) == transaction_id))
