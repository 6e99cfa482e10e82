"""A tariff and the periods of a session as exact values. Pure.

Quantities are counted in the units that OCPI steps in, watt-hours and whole or fractional seconds, so that none of
them is a rounded fraction of an hour; prices stay per kWh and per hour, as OCPI states them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from kit.errors import InvalidInput

NOTHING = Decimal(0)


class InvalidTariff(InvalidInput):
    """The tariff says something that cannot be meant."""

    code, title = "invalid_tariff", "The tariff is not valid"


class UnsupportedTariff(InvalidInput):
    """The tariff asks for something that is not priced here, so that publishing it would misprice sessions."""

    code, title = "unsupported_tariff", "The tariff cannot be priced"


class CannotPrice(InvalidInput):
    """The session lacks what this tariff needs to know: a time zone, the power, its currency."""

    code, title = "cannot_price", "The session cannot be priced with this tariff"


class Dimension(StrEnum):
    """What is priced (OCPI 2.2.1, mod_tariffs, TariffDimensionType).

    In an element with a reservation restriction, TIME and FLAT are the time and the fee of a reservation: other things
    than those of a session, and never mixed with them. Here they have names of their own.
    """

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"
    RESERVATION_FLAT = "RESERVATION_FLAT"
    RESERVATION_TIME = "RESERVATION_TIME"

    @property
    def unit(self) -> str:
        """What a price is for."""
        return _UNITS[self][0]

    @property
    def per_unit(self) -> int:
        """How many watt-hours or seconds such a unit has."""
        return _UNITS[self][1]


_UNITS = {
    Dimension.ENERGY: ("kWh", 1000),
    Dimension.FLAT: ("session", 1),
    Dimension.PARKING_TIME: ("h", 3600),
    Dimension.TIME: ("h", 3600),
    Dimension.RESERVATION_FLAT: ("reservation", 1),
    Dimension.RESERVATION_TIME: ("h", 3600),
}


class Reservation(StrEnum):
    """What became of a reservation: the driver came, or it ran out."""

    USED = "used"
    EXPIRED = "expired"


class StepReading(StrEnum):
    """What `step_size` rounds up when a session has both charging and parking time (docs/tariffs.md).

    PARKING: the parking alone, wherever it stands. LAST: whichever of both came last.
    """

    PARKING = "parking"
    LAST = "last"


class Measure(StrEnum):
    """What restrictions may look at and a session does not always know."""

    POWER = "POWER"
    CURRENT = "CURRENT"
    OCCUPANCY = "OCCUPANCY"


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """How a quantity of one dimension becomes money.

    `price` is per `dimension.unit`, without VAT. `vat_percent` is None when no VAT applies at all, which is not 0 %.
    `step_size` counts watt-hours or seconds; with 0 or 1 of what cannot be split further nothing is rounded up.
    """

    dimension: Dimension
    price: Decimal
    vat_percent: Decimal | None
    step_size: int

    @property
    def has_steps(self) -> bool:
        """Whether `step_size` means anything: a fee has no steps."""
        return self.dimension not in (Dimension.FLAT, Dimension.RESERVATION_FLAT)


@dataclass(frozen=True, slots=True)
class Band:
    """The least and the most of a power or a current over a stretch of time. In a restriction `most` is exclusive."""

    least: Decimal | None = None
    most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Restrictions:
    """When an element is active: all that is set must hold. Times, dates and days are local to the charger.

    `max_…`, `end_time` and `end_date` are exclusive. An `end_time` of 00:00 is the end of the day.
    """

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    weekdays: frozenset[int] = frozenset()
    """0 is Monday; empty for every day."""
    min_energy_wh: Decimal | None = None
    max_energy_wh: Decimal | None = None
    min_duration_s: int | None = None
    max_duration_s: int | None = None
    power_kw: Band | None = None
    current_a: Band | None = None
    reservation: Reservation | None = None
    """The element prices a reservation, not a session: any (USED), or one that ran out (EXPIRED)."""
    is_local: bool = field(init=False, repr=False, compare=False)
    """Whether the clock or the calendar on the charger's wall decides."""
    has_bounds: bool = field(init=False, repr=False, compare=False)
    """Whether the element ever rests: not when it only says that it is for reservations."""

    def __post_init__(self) -> None:
        wall = (self.start_time, self.end_time, self.start_date, self.end_date)
        local = bool(self.weekdays) or any(each is not None for each in wall)
        metered = (self.min_energy_wh, self.max_energy_wh, self.min_duration_s, self.max_duration_s)
        measured = (self.power_kw, self.current_a)
        object.__setattr__(self, "is_local", local)
        object.__setattr__(self, "has_bounds", local or any(each is not None for each in (*metered, *measured)))


@dataclass(frozen=True, slots=True)
class Element:
    """Price components that share restrictions; None when they always apply."""

    components: tuple[PriceComponent, ...]
    restrictions: Restrictions | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """A cost in major units of a currency, exact, without and with VAT."""

    excl_vat: Decimal = NOTHING
    incl_vat: Decimal = NOTHING

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.excl_vat + other.excl_vat, self.incl_vat + other.incl_vat)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.excl_vat - other.excl_vat, self.incl_vat - other.incl_vat)


@dataclass(frozen=True, slots=True)
class Limits:
    """The least or the most that a session costs. Without `incl_vat`, the total with VAT changes in proportion."""

    excl_vat: Decimal
    incl_vat: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A component with the element that it stands in, as the lookup of its dimension tries them in order."""

    element: int
    component: PriceComponent
    restrictions: Restrictions | None


Lookup = Mapping[Dimension, tuple[Candidate, ...]]


@dataclass(frozen=True, slots=True)
class Tariff:
    """A tariff that can be priced."""

    id: str
    currency: str
    elements: tuple[Element, ...]
    min_price: Limits | None = None
    max_price: Limits | None = None
    kind: str | None = None
    """OCPI's TariffType; None for a tariff of all sessions."""
    lookup: Lookup = field(init=False, repr=False, compare=False)
    """For each dimension that has a price, its components in the order in which they are tried."""
    expired_fees: tuple[Candidate, ...] = field(init=False, repr=False, compare=False)
    """The fees that a reservation adds when it runs out."""
    expired_times: tuple[Candidate, ...] = field(init=False, repr=False, compare=False)
    """What prices the time of such a reservation; its own components go before those of any reservation."""
    is_local: bool = field(init=False, repr=False, compare=False)
    """Whether any price depends on the clock or the calendar on the wall."""
    by_power: bool = field(init=False, repr=False, compare=False)
    """Whether any price depends on the power."""

    def __post_init__(self) -> None:
        found: dict[Dimension, tuple[Candidate, ...]] = {}
        fees: tuple[Candidate, ...] = ()
        times: tuple[Candidate, ...] = ()
        for index, element in enumerate(self.elements):
            restrictions = element.restrictions
            reservation = restrictions.reservation if restrictions else None
            for component in element.components:
                dimension = component.dimension
                bounds = restrictions if restrictions and restrictions.has_bounds else None
                candidate = Candidate(index, component, bounds)
                if reservation is Reservation.EXPIRED and dimension is Dimension.RESERVATION_FLAT:
                    fees = (*fees, candidate)
                elif reservation is Reservation.EXPIRED:
                    times = (*times, candidate)
                else:
                    found[dimension] = (*found.get(dimension, ()), candidate)
        object.__setattr__(self, "lookup", found)
        object.__setattr__(self, "is_local", any(each.is_local for each in self.restrictions))
        object.__setattr__(self, "by_power", any(each.power_kw is not None for each in self.restrictions))
        object.__setattr__(self, "expired_fees", fees)
        object.__setattr__(self, "expired_times", (*times, *found.get(Dimension.RESERVATION_TIME, ())))

    @property
    def restrictions(self) -> Sequence[Restrictions]:
        """The restrictions of all elements that have any."""
        return [element.restrictions for element in self.elements if element.restrictions is not None]


@dataclass(frozen=True, slots=True)
class Period:
    """A part of a session, which lasts until the next one starts.

    `charging_s` is OCPI's TIME, `parking_s` its PARKING_TIME and `reserved_s` its RESERVATION_TIME. `power_kw` and
    `current_a` are known to some sessions only, and needed by tariffs that are restricted to them.
    """

    start: datetime
    energy_wh: Decimal = NOTHING
    charging_s: Decimal = NOTHING
    parking_s: Decimal = NOTHING
    power_kw: Band | None = None
    current_a: Band | None = None
    reserved_s: Decimal = NOTHING

    @property
    def is_reservation(self) -> bool:
        """Whether the driver has not come yet."""
        return bool(self.reserved_s) and not (self.energy_wh or self.charging_s or self.parking_s)

    @property
    def reserved_until(self) -> datetime:
        """When the time of the reservation was over, to the microsecond."""
        return self.start + timedelta(microseconds=int(self.reserved_s.scaleb(6)))

    def quantity(self, dimension: Dimension) -> Decimal:
        """Watt-hours or seconds of a dimension; nothing of a fee, which is no quantity."""
        if dimension is Dimension.ENERGY:
            return self.energy_wh
        if dimension is Dimension.TIME:
            return self.charging_s
        if dimension is Dimension.PARKING_TIME:
            return self.parking_s
        return self.reserved_s if dimension is Dimension.RESERVATION_TIME else NOTHING
