"""A tariff and the periods of a session as exact values. Pure.

Quantities are counted in the units that OCPI steps in, watt-hours and whole or fractional seconds, so that none of
them is a rounded fraction of an hour; prices stay per kWh and per hour, as OCPI states them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
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
    """What is priced (OCPI 2.2.1, mod_tariffs, TariffDimensionType)."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"

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
}


class Measure(StrEnum):
    """What restrictions may look at and a session does not always know."""

    POWER = "POWER"
    CURRENT = "CURRENT"


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

    @property
    def is_local(self) -> bool:
        """Whether the clock or the calendar on the charger's wall decides."""
        return bool(self.start_time or self.end_time or self.start_date or self.end_date or self.weekdays)


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
class Candidate:
    """A component with the element that it stands in, as the lookup of its dimension tries them in order."""

    element: int
    component: PriceComponent
    restrictions: Restrictions | None


@dataclass(frozen=True, slots=True)
class Tariff:
    """A tariff that can be priced. `valid_from` is inclusive, `valid_until` the moment after which it is over."""

    id: str
    currency: str
    elements: tuple[Element, ...]
    min_price: Amount | None = None
    max_price: Amount | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    lookup: dict[Dimension, tuple[Candidate, ...]] = field(init=False, repr=False, compare=False)
    """For each dimension that has a price, its components in the order of the elements."""

    def __post_init__(self) -> None:
        found: dict[Dimension, tuple[Candidate, ...]] = {}
        for index, element in enumerate(self.elements):
            for component in element.components:
                candidate = Candidate(index, component, element.restrictions)
                found[component.dimension] = (*found.get(component.dimension, ()), candidate)
        object.__setattr__(self, "lookup", found)

    @property
    def restrictions(self) -> Sequence[Restrictions]:
        """The restrictions of all elements that have any."""
        return [element.restrictions for element in self.elements if element.restrictions is not None]

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether a session that starts at this moment falls under the tariff."""
        if self.valid_from is not None and moment < self.valid_from:
            return False
        return self.valid_until is None or moment <= self.valid_until


@dataclass(frozen=True, slots=True)
class Period:
    """A part of a session, which lasts until the next one starts.

    `charging_s` is OCPI's TIME and `parking_s` its PARKING_TIME. `power_kw` and `current_a` are known to some sessions
    only, and needed by tariffs that are restricted to them.
    """

    start: datetime
    energy_wh: Decimal = NOTHING
    charging_s: Decimal = NOTHING
    parking_s: Decimal = NOTHING
    power_kw: Band | None = None
    current_a: Band | None = None

    def quantity(self, dimension: Dimension) -> Decimal:
        """Watt-hours or seconds of a dimension; nothing of FLAT, which is no quantity."""
        if dimension is Dimension.ENERGY:
            return self.energy_wh
        if dimension is Dimension.TIME:
            return self.charging_s
        return self.parking_s if dimension is Dimension.PARKING_TIME else NOTHING
