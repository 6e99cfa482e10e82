"""What a session costs by a tariff (OCPI 2.2.1, mod_tariffs and mod_cdrs), line by line and exact. Pure.

For each dimension the first element counts that has a price for it and is active when the period starts. A period is
priced as a whole: cut periods first (`hub.tariffs.cuts`) where a session of ours crosses a change of price. The rules
and where OCPI leaves room stand in docs/tariffs.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

from hub.tariffs.model import (
    Amount,
    Band,
    CannotPrice,
    Dimension,
    Element,
    InvalidTariff,
    Limits,
    Measure,
    Period,
    PriceComponent,
    Reservation,
    Restrictions,
    StepReading,
    Tariff,
    UnsupportedTariff,
)
from hub.tariffs.parsing import parse_tariff
from hub.tariffs.periods import parse_periods
from hub.tariffs.restrictions import moments, zone
from hub.tariffs.tally import DECIMALS, EXACT, Limit, Line, Tally, total_of
from kit.money import Money, round_to_minor

__all__ = [
    "DECIMALS",
    "Amount",
    "Band",
    "CannotPrice",
    "Dimension",
    "Element",
    "InvalidTariff",
    "Limit",
    "Limits",
    "Line",
    "Measure",
    "Period",
    "PriceComponent",
    "Priced",
    "Reservation",
    "Restrictions",
    "StepReading",
    "Tariff",
    "UnsupportedTariff",
    "cost_fields",
    "parse_periods",
    "parse_tariff",
    "price",
    "price_in_turns",
]

_FOUR_PLACES = Decimal("0.0001")
_METERED = (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.RESERVATION_TIME)
_COST_FIELDS = {
    "total_fixed_cost": (Dimension.FLAT,),
    "total_energy_cost": (Dimension.ENERGY,),
    "total_time_cost": (Dimension.TIME,),
    "total_parking_cost": (Dimension.PARKING_TIME,),
    "total_reservation_cost": (Dimension.RESERVATION_FLAT, Dimension.RESERVATION_TIME),
}


@dataclass(frozen=True, slots=True)
class Priced:
    """What a session costs. `costs` has the dimensions that the tariff prices; limits count in `total` alone."""

    currency: str
    total: Amount
    costs: Mapping[Dimension, Amount]
    lines: tuple[Line, ...]

    def payable(self) -> Money:
        """The total with VAT in whole minor units: the one rounding, for posting."""
        return round_to_minor(self.total.incl_vat, self.currency)


def price(
    tariff: Tariff,
    periods: Sequence[Period],
    *,
    currency: str,
    time_zone: str | None,
    reservation: Reservation | None = None,
    steps: StepReading = StepReading.PARKING,
) -> Priced:
    """Price the periods of one session, in order. `time_zone` is the location's IANA name.

    `reservation` says what became of one; where it is None, reservation time without any charging or parking after it
    is that of a reservation that ran out. Raises `CannotPrice` for a session in another currency, for energy that
    flowed back, and where the tariff looks at something that the session does not tell.
    """
    check_currency(tariff, currency)
    with localcontext(EXACT):
        tally = Tally(tariff, reservation=reservation or outcome(periods), steps=steps)
        for index, (period, moment) in enumerate(zip(periods, moments(tariff, periods, zone(time_zone)), strict=True)):
            check_period(period)
            tally.add(index, period, moment)
        return priced_of(tariff, tally)


def price_in_turns(
    turns: Sequence[tuple[Tariff, Period]],
    *,
    currency: str,
    time_zone: str | None,
    reservation: Reservation | None = None,
    steps: StepReading = StepReading.PARKING,
) -> Priced:
    """Price a session that changed from one tariff to another: each of its periods with the tariff of that period.

    What restrictions look at counts through the whole session. The flat fee is that of the first tariff, steps are
    those of the last, and the limits of each bound what it prices. Raises `CannotPrice` like `price`.
    """
    periods = [period for _, period in turns]
    tariffs = {id(tariff): tariff for tariff, _ in turns if tariff.elements}
    order = list(tariffs)
    reservation = reservation or outcome(periods)
    lines: list[Line] = []
    costs: dict[Dimension, Amount] = {}
    with localcontext(EXACT):
        for key, tariff in tariffs.items():
            check_currency(tariff, currency)
            is_first, is_last = key == order[0], key == id(_last_of(turns))
            kept = reservation if is_first else None
            tally = Tally(tariff, reservation=kept, steps=steps, owes_flat=is_first, is_stepped=is_last)
            seen = zip(turns, moments(tariff, periods, zone(time_zone)), strict=True)
            for index, ((theirs, period), moment) in enumerate(seen):
                check_period(period)
                if id(theirs) == key:
                    tally.add(index, period, moment)
            part = priced_of(tariff, tally)
            lines += part.lines
            for dimension, amount in part.costs.items():
                costs[dimension] = costs.get(dimension, Amount()) + amount
        return Priced(currency.upper(), total_of(lines), costs, tuple(lines))


def _last_of(turns: Sequence[tuple[Tariff, Period]]) -> Tariff:
    return next(tariff for tariff, _ in reversed(turns) if tariff.elements)


def priced_of(tariff: Tariff, tally: Tally) -> Priced:
    """What was tallied, with its lines. Under `EXACT`."""
    lines = tuple(tally.lines())
    costs = {dimension: Amount() for dimension in tariff.lookup}
    for dimension in {line.kind for line in lines if isinstance(line.kind, Dimension)}:
        costs[dimension] = total_of(line for line in lines if line.kind is dimension)
    return Priced(tariff.currency, total_of(lines), costs, lines)


def check_currency(tariff: Tariff, currency: str) -> None:
    """Raises `CannotPrice` for a session in another currency than the tariff's."""
    if currency.upper() != tariff.currency:
        raise CannotPrice("the session is in another currency than the tariff")


def check_period(period: Period) -> None:
    """Raises `CannotPrice` for energy or time below zero."""
    if period.energy_wh < 0 or period.charging_s < 0 or period.parking_s < 0 or period.reserved_s < 0:
        raise CannotPrice("energy or time below zero has no price")


def outcome(periods: Sequence[Period]) -> Reservation | None:
    """What became of the reservation that the periods begin with; None when there was none."""
    if not any(period.reserved_s for period in periods):
        return None
    return Reservation.EXPIRED if all(period.is_reservation for period in periods) else Reservation.USED


def cost_fields(priced: Priced, *, all_of_them: bool = False) -> dict[str, dict[str, int | float]]:
    """The cost fields of an OCPI CDR: `total_cost`, and the cost of what the tariff prices, or `all_of_them`.

    Numbers have the four decimals of OCPI (types, number), half up.
    """
    fields = {"total_cost": _price_field(priced.total)}
    for name, dimensions in _COST_FIELDS.items():
        costs = [priced.costs[each] for each in dimensions if each in priced.costs]
        if costs or all_of_them:
            fields[name] = _price_field(sum(costs, Amount()))
    return fields


def _price_field(amount: Amount) -> dict[str, int | float]:
    return {"excl_vat": _json_number(amount.excl_vat), "incl_vat": _json_number(amount.incl_vat)}


def _json_number(number: Decimal) -> int | float:
    rounded = number.quantize(_FOUR_PLACES, ROUND_HALF_UP)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)
