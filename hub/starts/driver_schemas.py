"""JSON of the driver API about quotes and starts. Amounts, energy and power are decimal strings, exact."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from hub.drivers.tables import PaymentMethod
from hub.parties.schemas import PARTY
from hub.starts.lifecycle import StartState
from hub.starts.quote_tables import QuoteRow
from hub.starts.quotes import exchange_document
from hub.starts.quoting import Promised
from hub.starts.running import SoFar
from hub.starts.words import NextStep, told
from hub.tariffs.pricing import Line
from kit.money import Money
from payments.hold_lifecycle import HoldState
from payments.wallet_rules import EarmarkState

Json = dict[str, Any]
Cents = Annotated[Decimal, Field(description="In the currency's main unit, rounded to its minor unit.")]


class QuoteIn(BaseModel):
    """Which connector, and how much is wanted for the estimate."""

    model_config = ConfigDict(extra="forbid")

    location_id: str = Field(min_length=1, max_length=36)
    evse_uid: str = Field(min_length=1, max_length=36)
    connector_id: str | None = Field(None, max_length=36, description="The first one of the EVSE when absent.")
    cpo: str | None = Field(None, pattern=PARTY, description="The operator, CC*PID, where ids are ambiguous.")
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
    to_pay: Cents = Field(description="The total in `pay_currency`, spread included.")
    lines: Sequence[LineOut]

    @classmethod
    def of(cls, asked: QuoteIn, promised: Promised) -> Self:
        """From a price."""
        return cls(
            energy_kwh=asked.energy_kwh,
            charging_minutes=(promised.charging_s / 60).quantize(Decimal("0.1")),
            parking_minutes=asked.parking_minutes,
            total=promised.estimate.payable().to_decimal(),
            to_pay=promised.row.quote().to_pay(promised.estimate.payable()).to_decimal(),
            lines=[LineOut.of(line) for line in promised.estimate.lines],
        )


class ExchangeOut(BaseModel):
    """A rate by which a price becomes what is paid: it stays as it is told here, whatever rates do meanwhile."""

    base: str
    quote: str
    rate: Decimal = Field(description="What one `base` costs in `quote`.")
    rate_date: date
    rate_source: str
    spread_percent: Decimal = Field(description="What comes on top of the rate.")


class QuoteOut(BaseModel):
    """A price that is promised until `expires_at`. Present `id` and `signature` to start."""

    id: str
    signature: str
    cpo: str
    location_id: str
    evse_uid: str
    connector_id: str
    currency: str = Field(description="Of the tariff and the estimate.")
    pay_currency: str = Field(description="In which it is held and paid.")
    exchange: ExchangeOut | None = Field(description="Where that is another currency.")
    tariff: Json = Field(description="The OCPI Tariff that the session will be priced by, whatever it is by then.")
    estimate: EstimateOut
    hold: Cents = Field(description="What is put aside when it is paid by card; the rest is given back.")
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
            pay_currency=quote.pay_currency,
            exchange=ExchangeOut(**exchange_document(quote.exchange)) if quote.exchange else None,
            tariff=quote.tariff,
            estimate=estimate,
            hold=row.hold.to_decimal(),
            made_at=row.made_at,
            expires_at=row.expires_at,
        )


_AS_HOLD = {
    EarmarkState.KEPT: HoldState.HELD,
    EarmarkState.SPENT: HoldState.CAPTURED,
    EarmarkState.RELEASED: HoldState.VOIDED,
}
"""What is put aside in a wallet, in the words for a card: apps show both alike."""


class DriverStartIn(BaseModel):
    """Begin with a quote."""

    model_config = ConfigDict(extra="forbid")

    quote_id: str = Field(min_length=1, max_length=36)
    signature: str = Field(min_length=1, max_length=128)
    payment: PaymentMethod | None = Field(None, description="The driver's usual way when absent; a guest pays by card.")
    card_id: str | None = Field(None, max_length=64, description="A saved card; without one the app asks for it.")
    language: str = Field("en", pattern="^[a-z]{2}$", description="Of a guest; a driver's is known.")


class PaymentOut(BaseModel):
    """How a start is paid, and how far that is: what is put aside on a card or in a wallet."""

    method: str
    state: str | None = Field(description="Of the hold: REQUESTED, NEEDS_ACTION, HELD, CAPTURED, VOIDED, …")
    currency: str | None
    held: Cents | None
    captured: Cents | None
    owed: Cents | None = Field(description="What was not covered and is still to pay: one of `GET debts`.")
    client_secret: str | None = Field(description="For the provider's form in the app, while it is wanted.")


class DriverStartOut(BaseModel):
    """An attempt to charge, and the session that came of it."""

    id: str
    method: str = Field(description="APP, GUEST, RFID for a card, VEHICLE for a vehicle that announced itself.")
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
    payment: PaymentOut | None
    created_at: datetime
    expires_at: datetime = Field(description="Until when a car has to be plugged in.")

    @classmethod
    def of(cls, found: SoFar, language: str, client_secret: str | None = None) -> Self:
        """From a start and its session."""
        start, course = found.start, found.course
        words = told(StartState(start.state), start.reason, language)
        cost = found.to_pay
        return cls(
            id=start.id,
            method=start.method,
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
            currency=found.quote.quote().pay_currency if found.quote else None,
            cost=cost.to_decimal() if cost is not None else None,
            payment=_payment(found, client_secret),
            created_at=start.created_at,
            expires_at=start.expires_at,
        )


class VehicleOut(BaseModel):
    """A vehicle that announced itself to the charger of a session."""

    uid_end: str = Field(description="The end of its address.")
    seen_at: datetime


class GuestStartOut(DriverStartOut):
    """A guest's start, with the secret that is the only way back to it."""

    token: str


def _payment(found: SoFar, client_secret: str | None) -> PaymentOut | None:
    start, hold, earmark = found.start, found.hold, found.earmark
    if start.payment is None:
        return None
    owed = found.debt.amount.to_decimal() if found.debt else None
    if earmark is not None:
        return PaymentOut(
            method=start.payment,
            state=_AS_HOLD[EarmarkState(earmark.state)],
            currency=earmark.currency,
            held=earmark.amount.to_decimal(),
            captured=earmark.spent.to_decimal(),
            owed=owed,
            client_secret=None,
        )
    return PaymentOut(
        method=start.payment,
        state=hold.state if hold else None,
        currency=hold.currency if hold else None,
        held=hold.amount.to_decimal() if hold else None,
        captured=Money(hold.captured_minor, hold.currency).to_decimal() if hold else None,
        owed=owed,
        client_secret=client_secret,
    )
