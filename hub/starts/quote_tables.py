"""Rows of quotes: what was promised to whom, and which start it was used for."""

from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import LargeBinary, delete, select
from sqlmodel import Field, SQLModel, col

from hub.starts.quotes import Quote, exchange_of
from hub.stations.service import Place
from kit.db import BigInt
from kit.ids import uuid7
from kit.money import Money
from kit.tx import Tx

Json = dict[str, Any]

KEPT_UNUSED = timedelta(days=7)
"""So long a price that nobody used can still be shown to somebody who asks about it."""


class QuoteRow(SQLModel, table=True):
    """A quote. `used_by` is the one start that may have it."""

    __tablename__ = "quote"

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    payer: str = Field(max_length=48)
    station_id: str | None = Field(default=None, max_length=48)
    evse_id: int | None = None
    country_code: str = Field(max_length=2)
    party_id: str = Field(max_length=3)
    location_id: str = Field(max_length=36)
    evse_uid: str = Field(max_length=36)
    connector_id: str = Field(max_length=36)
    currency: str = Field(max_length=3)
    time_zone: str | None = Field(default=None, max_length=255)
    tariff: bytes = Field(sa_type=LargeBinary)
    exchange: bytes | None = Field(default=None, sa_type=LargeBinary)
    """The rate by which it is paid in another currency, as JSON; null where it is not."""
    hold_minor: int = Field(sa_type=BigInt)
    """What is put aside when it is paid by card."""
    made_at: datetime
    expires_at: datetime = Field(index=True)
    used_by: str | None = Field(default=None, max_length=36, unique=True)

    @property
    def hold(self) -> Money:
        """What is put aside when it is paid by card."""
        return Money(self.hold_minor, self.quote().pay_currency)

    def place(self) -> Place:
        """Where it holds."""
        return Place(self.country_code, self.party_id, self.location_id, self.evse_uid, self.connector_id)

    def quote(self) -> Quote:
        """The promise."""
        return Quote(
            id=self.id,
            payer=self.payer,
            place={
                "cpo": f"{self.country_code}*{self.party_id}",
                "location_id": self.location_id,
                "evse_uid": self.evse_uid,
                "connector_id": self.connector_id,
            },
            tariff=orjson.loads(self.tariff),
            currency=self.currency,
            time_zone=self.time_zone,
            made_at=self.made_at,
            expires_at=self.expires_at,
            exchange=exchange_of(orjson.loads(self.exchange)) if self.exchange else None,
        )


async def locked_quote(tx: Tx, quote_id: str) -> QuoteRow | None:
    """A quote that nobody else uses until this transaction ends."""
    return await tx.first(select(QuoteRow).where(col(QuoteRow.id) == quote_id).with_for_update())


async def move_to(tx: Tx, start_id: str, evse_uid: str, connector_id: str, tariff: Json | None) -> None:
    """A tap at a charger with several connectors holds for the one that is plugged in, with the tariff there."""
    row = await of_start(tx, start_id)
    if row is None or tariff is None or (row.evse_uid, row.connector_id) == (evse_uid, connector_id):
        return
    if tariff["currency"].upper() == row.currency:
        row.evse_uid, row.connector_id, row.tariff = evse_uid, connector_id, orjson.dumps(tariff)


async def of_start(tx: Tx, start_id: str) -> QuoteRow | None:
    """The quote that a start began with."""
    return await tx.first(select(QuoteRow).where(col(QuoteRow.used_by) == start_id))


async def forget_unused(tx: Tx) -> None:
    """Forget the prices that nobody used in time."""
    over = (col(QuoteRow.used_by).is_(None), col(QuoteRow.expires_at) < tx.now - KEPT_UNUSED)
    await tx.execute(delete(QuoteRow).where(*over))
