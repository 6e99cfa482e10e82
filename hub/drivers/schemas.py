"""JSON of the operator API about drivers."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from auth.tables import DriverKey
from hub.drivers.tables import Driver, PaymentMethod
from hub.parties.schemas import PARTY


class DriverIn(BaseModel):
    """A driver to be."""

    model_config = ConfigDict(extra="forbid")

    reference: str | None = Field(
        None, min_length=1, max_length=100, description="What you call this driver: a customer number, no name."
    )
    language: str = Field("en", pattern="^[a-z]{2}$", description="ISO 639-1, of what the driver is told.")
    payment: PaymentMethod = Field(PaymentMethod.INVOICE, description="How this driver's sessions are paid.")
    currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="In which the driver pays, where a rate is known; else the tariff's."
    )
    emsp: str | None = Field(None, pattern=PARTY, description="Our eMSP party as CC*PID.")


class DriverChange(BaseModel):
    """What changes about a driver; what is absent stays."""

    model_config = ConfigDict(extra="forbid")

    language: str | None = Field(None, pattern="^[a-z]{2}$")
    payment: PaymentMethod | None = None
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="Of prices that are told from now on.")
    blocked: bool | None = Field(None, description="A blocked driver starts nothing; what runs goes on.")


class DriverOut(BaseModel):
    """A driver."""

    id: str
    reference: str | None
    language: str
    payment: str
    currency: str | None
    contract_id: str
    blocked: bool
    created_at: datetime

    @classmethod
    def of(cls, driver: Driver) -> Self:
        """From a stored driver."""
        return cls(
            id=driver.id,
            reference=driver.reference,
            language=driver.language,
            payment=driver.payment,
            currency=driver.currency,
            contract_id=driver.contract_id,
            blocked=driver.blocked_at is not None,
            created_at=driver.created_at,
        )


class DriverKeyIn(BaseModel):
    """A key for a driver's app."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, description="Where it is used: `phone`, for instance.")


class DriverKeyOut(BaseModel):
    """A driver's key, without what makes it one."""

    id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: DriverKey) -> Self:
        """From a stored key."""
        return cls(id=row.id, name=row.name, created_at=row.created_at, revoked_at=row.revoked_at)


class NewDriverKey(DriverKeyOut):
    """A driver's key, the only time that it can be read."""

    key: str
