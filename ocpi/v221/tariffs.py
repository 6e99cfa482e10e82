"""Tariffs module: what a CPO charges (chapter Tariffs)."""

from typing import Annotated, ClassVar

from ocpi.types import (
    AT_LEAST_ONE,
    CiString2,
    CiString3,
    CiString36,
    DisplayText,
    Integer,
    LocalDate,
    Number,
    OcpiDateTime,
    OcpiEnum,
    OcpiModel,
    Price,
    String3,
    TimeOfDay,
    Url,
)
from ocpi.v221.locations import EnergyMix


class DayOfWeek(OcpiEnum):
    """A day of the week (tariffs, section DayOfWeek)."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class ReservationRestrictionType(OcpiEnum):
    """Whether an element prices a reservation or an expired one (tariffs, section ReservationRestrictionType)."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class TariffDimensionType(OcpiEnum):
    """What is priced (tariffs, section TariffDimensionType)."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TariffType(OcpiEnum):
    """When a tariff applies (tariffs, section TariffType)."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


class PriceComponent(OcpiModel):
    """How a quantity of one dimension becomes money (tariffs, section PriceComponent).

    `price` is per kWh or per hour without VAT, `vat` a percentage (absent: none applies, which differs from 0),
    `step_size` counts watt-hours or seconds.
    """

    type: TariffDimensionType
    price: Number
    vat: Number | None = None
    step_size: Integer


class TariffRestrictions(OcpiModel):
    """When a tariff element is active; all that are set must hold (tariffs, section TariffRestrictions).

    Times and dates are local to the location; currents are amperes over all phases, powers kW, durations seconds.
    """

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: LocalDate | None = None
    end_date: LocalDate | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: Integer | None = None
    max_duration: Integer | None = None
    day_of_week: list[DayOfWeek] | None = None
    reservation: ReservationRestrictionType | None = None


class TariffElement(OcpiModel):
    """Price components that share restrictions (tariffs, section TariffElement)."""

    price_components: Annotated[list[PriceComponent], AT_LEAST_ONE]
    restrictions: TariffRestrictions | None = None


class Tariff(OcpiModel):
    """A tariff of a CPO (tariffs, section Tariff)."""

    IDENTITY: ClassVar[tuple[str, ...]] = ("country_code", "party_id", "id")

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    currency: String3
    type: TariffType | None = None
    tariff_alt_text: list[DisplayText] | None = None
    tariff_alt_url: Url | None = None
    min_price: Price | None = None
    max_price: Price | None = None
    elements: Annotated[list[TariffElement], AT_LEAST_ONE]
    start_date_time: OcpiDateTime | None = None
    end_date_time: OcpiDateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: OcpiDateTime
