"""JSON of the driver API about quotes and starts. Amounts, energy and power are decimal strings, exact."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from hub.starts.lifecycle import StartState
from hub.starts.quote_tables import QuoteRow
from hub.starts.running import SoFar
from hub.starts.words import NextStep, told
from hub.tariffs.pricing import Line, Priced
from kit.money import round_to_minor

Json = dict[str, Any]
Cents = Annotated[Decimal, Field(description="In the currency's main unit, rounded to its minor unit.")]


class QuoteIn(BaseModel):
    """Which connector, and how much is wanted for the estimate."""

    model_config = ConfigDict(extra="forbid")

    location_id: str = Field(min_length=1, max_length=36)
    evse_uid: str = Field(min_length=1, max_length=36)
    connector_id: str | None = Field(None, max_length=36, description="The first one of the EVSE when absent.")
    cpo: str | None = Field(
        None, pattern=r"^[A-Za-z]{2}\*[A-Za-z0-9]{3}$", description="The operator, CC*PID, where ids are ambiguous."
    )
    energy_kwh: Decimal = Field(Decimal(20), gt=0, le=1000, max_digits=7, decimal_places=3)
    parking_minutes: int = Field(0, ge=0, le=7 * 24 * 60, description="How long the car stays when it is full.")


class LineOut(BaseModel):
    """One line of an estimate or a cost: what, how much of it, at which price."""

    kind: str = Field(description="ENERGY, TIME, PARKING_TIME, FLAT, …, or MIN_PRICE and MAX_PRICE.")
    volume: Decimal
    unit: str
    unit_price: Decimal = Field(description="Without VAT.")
    vat_percent: Decimal | None
    excl_vat: Decimal
    incl_vat: Decimal

    @classmethod
    def of(cls, line: Line) -> Self:
        """From a line of a price."""
        return cls(
            kind=line.kind.value,
            volume=line.volume,
            unit=line.unit,
            unit_price=line.unit_price,
            vat_percent=line.vat_percent,
            excl_vat=line.amount.excl_vat,
            incl_vat=line.amount.incl_vat,
        )


class EstimateOut(BaseModel):
    """What a session of the asked size would cost."""

    energy_kwh: Decimal
    charging_minutes: Decimal = Field(description="At the connector's full power.")
    parking_minutes: int
    total: Cents
    lines: Sequence[LineOut]

    @classmethod
    def of(cls, asked: QuoteIn, charging_s: Decimal, priced: Priced) -> Self:
        """From a price."""
        return cls(
            energy_kwh=asked.energy_kwh,
            charging_minutes=(charging_s / 60).quantize(Decimal("0.1")),
            parking_minutes=asked.parking_minutes,
            total=priced.payable().to_decimal(),
            lines=[LineOut.of(line) for line in priced.lines],
        )


class QuoteOut(BaseModel):
    """A price that is promised until `expires_at`. Present `id` and `signature` to start."""

    id: str
    signature: str
    cpo: str
    location_id: str
    evse_uid: str
    connector_id: str
    currency: str
    tariff: Json = Field(description="The OCPI Tariff that the session will be priced by, whatever it is by then.")
    estimate: EstimateOut
    made_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: QuoteRow, signature: str, estimate: EstimateOut) -> Self:
        """From a stored quote."""
        quote = row.quote()
        return cls(
            id=row.id,
            signature=signature,
            cpo=quote.place["cpo"],
            location_id=row.location_id,
            evse_uid=row.evse_uid,
            connector_id=row.connector_id,
            currency=row.currency,
            tariff=quote.tariff,
            estimate=estimate,
            made_at=row.made_at,
            expires_at=row.expires_at,
        )


class DriverStartIn(BaseModel):
    """Begin with a quote."""

    model_config = ConfigDict(extra="forbid")

    quote_id: str = Field(min_length=1, max_length=36)
    signature: str = Field(min_length=1, max_length=128)


class DriverStartOut(BaseModel):
    """An attempt to charge, and the session that came of it."""

    id: str
    state: str
    code: str = Field(description="What happened, for programs.")
    message: str = Field(description="The same in the driver's language.")
    next_step: NextStep
    quote_id: str | None
    location_id: str | None
    evse_uid: str | None
    session_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    energy_kwh: Decimal | None
    power_kw: Decimal | None
    currency: str | None
    cost: Cents | None = Field(description="With VAT, so far or in the end; by the quoted price.")
    created_at: datetime
    expires_at: datetime = Field(description="Until when a car has to be plugged in.")

    @classmethod
    def of(cls, found: SoFar, language: str) -> Self:
        """From a start and its session."""
        start, course = found.start, found.course
        words = told(StartState(start.state), start.reason, language)
        currency = found.quote.currency if found.quote else None
        incl_vat = Decimal(str(found.costs.total["incl_vat"])) if found.costs else None
        return cls(
            id=start.id,
            state=start.state,
            code=words.code,
            message=words.message,
            next_step=words.next_step,
            quote_id=found.quote.id if found.quote else None,
            location_id=start.location_id,
            evse_uid=start.evse_uid,
            session_id=start.session_id,
            started_at=found.started_at,
            ended_at=found.ended_at,
            energy_kwh=course.energy_wh.scaleb(-3) if course else None,
            power_kw=found.power_w.scaleb(-3) if found.power_w is not None else None,
            currency=currency,
            cost=round_to_minor(incl_vat, currency).to_decimal() if incl_vat is not None and currency else None,
            created_at=start.created_at,
            expires_at=start.expires_at,
        )
