"""What a session costs by a tariff (OCPI 2.2.1, mod_tariffs and mod_cdrs), line by line and exact. Pure.

For each dimension the first element counts that has a price for it and is active when the period starts. A period is
priced as a whole: cut periods first (`hub.tariffs.cuts`) where a session of ours crosses a change of price.

No amount is rounded to the currency here. Shares of an hour need not end, so the running total of each dimension is
kept to `DECIMALS` places and a line is the step from one running total to the next: lines always add up to the totals,
and splitting a period changes neither.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, localcontext
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.tariffs.model import (
    NOTHING,
    Amount,
    Band,
    Candidate,
    CannotPrice,
    Dimension,
    Element,
    InvalidTariff,
    Measure,
    Period,
    PriceComponent,
    Restrictions,
    Tariff,
    UnsupportedTariff,
)
from hub.tariffs.parsing import parse_periods, parse_tariff
from hub.tariffs.restrictions import Moment, active
from kit.money import Money, round_to_minor

__all__ = [
    "Amount",
    "Band",
    "CannotPrice",
    "Dimension",
    "Element",
    "InvalidTariff",
    "Limit",
    "Line",
    "Measure",
    "Period",
    "PriceComponent",
    "Priced",
    "Restrictions",
    "Tariff",
    "UnsupportedTariff",
    "cost_fields",
    "parse_periods",
    "parse_tariff",
    "price",
]

DECIMALS = 15

_EXACT = Context(prec=80)
_PLACES = Decimal(1).scaleb(-DECIMALS)
_FOUR_PLACES = Decimal("0.0001")
_PERCENT = Decimal(100)
_METERED = (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME)
_COST_FIELDS = {
    "total_fixed_cost": Dimension.FLAT,
    "total_energy_cost": Dimension.ENERGY,
    "total_time_cost": Dimension.TIME,
    "total_parking_cost": Dimension.PARKING_TIME,
}


class Limit(StrEnum):
    """A line that a limit on the whole price adds."""

    MIN_PRICE = "MIN_PRICE"
    MAX_PRICE = "MAX_PRICE"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the explanation of a price.

    `volume` counts `unit`s and includes `step_added`, what `step_size` rounded up; both are shown to `DECIMALS` places,
    the amount is reckoned from the exact quantity. `period` and `element` are indexes, None for a limit.
    """

    kind: Dimension | Limit
    period: int | None
    element: int | None
    volume: Decimal
    step_added: Decimal
    unit: str
    unit_price: Decimal
    vat_percent: Decimal | None
    amount: Amount


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


def price(tariff: Tariff, periods: Sequence[Period], *, currency: str, time_zone: str | None) -> Priced:
    """Price the periods of one session, in order. `time_zone` is the location's IANA name.

    Raises `CannotPrice` for a session in another currency, for energy that flowed back, and where the tariff looks at
    something that the session does not tell.
    """
    if currency.upper() != tariff.currency:
        raise CannotPrice("the session is in another currency than the tariff")
    if any(period.quantity(dimension) < 0 for period in periods for dimension in _METERED):
        raise CannotPrice("energy or time below zero has no price")
    with localcontext(_EXACT):
        found = list(moments(periods, zone(time_zone)))
        lines = list(_flat_line(tariff, found))
        for dimension in _METERED:
            lines += _metered_lines(dimension, _quantities(tariff, dimension, periods, found))
        costs = {dimension: _sum(line for line in lines if line.kind is dimension) for dimension in tariff.lookup}
        before = _sum(lines)
        lines += _limit_lines(tariff, before)
        return Priced(tariff.currency, _sum(lines), costs, tuple(lines))


def cost_fields(priced: Priced) -> dict[str, dict[str, int | float]]:
    """The cost fields of an OCPI CDR: `total_cost`, and the cost of each dimension that the tariff prices.

    Numbers have the four decimals of OCPI (types, number), half up.
    """
    fields = {"total_cost": _price_field(priced.total)}
    for name, dimension in _COST_FIELDS.items():
        if dimension in priced.costs:
            fields[name] = _price_field(priced.costs[dimension])
    return fields


def zone(time_zone: str | None) -> ZoneInfo | None:
    """The time zone of a location. Raises `CannotPrice` for a name that nobody knows."""
    try:
        return None if time_zone is None else ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CannotPrice("the time zone of the location is not known") from None


def moments(periods: Sequence[Period], tz: ZoneInfo | None) -> Iterator[Moment]:
    """What restrictions see at the start of each period."""
    used_wh = NOTHING
    for period in periods:
        yield moment_at(period, period.start, used_wh, began=periods[0].start, tz=tz)
        used_wh += period.energy_wh


def moment_at(period: Period, at: datetime, used_wh: Decimal, *, began: datetime, tz: ZoneInfo | None) -> Moment:
    """What restrictions see at a moment inside a period of a session that began at `began`."""
    elapsed = at - began
    elapsed_s = Decimal(elapsed.days * 86_400 + elapsed.seconds) + Decimal(elapsed.microseconds).scaleb(-6)
    local = None if tz is None else at.astimezone(tz).replace(tzinfo=None)
    return Moment(local, used_wh, elapsed_s, period.power_kw, period.current_a)


@dataclass(slots=True)
class _Quantity:
    """Watt-hours or seconds of one period, the component that prices them, and what step_size added."""

    period: int
    candidate: Candidate
    exact: Decimal
    step_added: Decimal = NOTHING


def _quantities(
    tariff: Tariff, dimension: Dimension, periods: Sequence[Period], found: Sequence[Moment]
) -> list[_Quantity]:
    """What is billed of a dimension: what has no price costs nothing and does not count for the step either."""
    billed = []
    for index, (period, moment) in enumerate(zip(periods, found, strict=True)):
        exact = period.quantity(dimension)
        candidate = active(tariff, dimension, moment) if exact else None
        if candidate is not None:
            billed.append(_Quantity(index, candidate, exact))
    if billed and not (dimension is Dimension.TIME and _parks(tariff, periods, found)):
        _step_up(billed)
    return billed


def _parks(tariff: Tariff, periods: Sequence[Period], found: Sequence[Moment]) -> bool:
    """Whether any parking is billed: then parking alone is stepped up and charging time stays exact (mod_cdrs)."""
    return any(
        period.parking_s and active(tariff, Dimension.PARKING_TIME, moment) is not None
        for period, moment in zip(periods, found, strict=True)
    )


def _step_up(billed: Sequence[_Quantity]) -> None:
    """Round the session's total up to the step of the last component; the excess is billed at that one's price."""
    last = billed[-1]
    step_size = last.candidate.component.step_size
    if step_size:
        total = sum((each.exact for each in billed), NOTHING)
        steps = (total / step_size).to_integral_value(ROUND_CEILING)
        last.step_added = steps * step_size - total


def _metered_lines(dimension: Dimension, billed: Sequence[_Quantity]) -> Iterator[Line]:
    owed, written = Amount(), Amount()
    for each in billed:
        component, quantity = each.candidate.component, each.exact + each.step_added
        cost = component.price * quantity
        owed += Amount(cost, _with_vat(cost, component.vat_percent))
        reached = Amount(_share(owed.excl_vat, dimension), _share(owed.incl_vat, dimension))
        yield Line(
            kind=dimension,
            period=each.period,
            element=each.candidate.element,
            volume=_share(quantity, dimension),
            step_added=_share(each.step_added, dimension),
            unit=dimension.unit,
            unit_price=component.price,
            vat_percent=component.vat_percent,
            amount=reached - written,
        )
        written = reached


def _flat_line(tariff: Tariff, found: Sequence[Moment]) -> Iterator[Line]:
    """A flat fee is owed once, by the first period in which one is active."""
    for index, moment in enumerate(found):
        candidate = active(tariff, Dimension.FLAT, moment)
        if candidate is not None:
            fee, vat = candidate.component.price, candidate.component.vat_percent
            yield Line(
                kind=Dimension.FLAT,
                period=index,
                element=candidate.element,
                volume=Decimal(1),
                step_added=NOTHING,
                unit=Dimension.FLAT.unit,
                unit_price=fee,
                vat_percent=vat,
                amount=Amount(fee, _with_vat(fee, vat)),
            )
            return


def _limit_lines(tariff: Tariff, total: Amount) -> Iterator[Line]:
    """The limits apply without and with VAT on their own (mod_tariffs, notes on min_price and max_price)."""
    if (least := tariff.min_price) is not None:
        lifted = Amount(max(total.excl_vat, least.excl_vat), max(total.incl_vat, least.incl_vat))
        yield from _limit_line(Limit.MIN_PRICE, lifted - total)
        total = lifted
    if (most := tariff.max_price) is not None:
        capped = Amount(min(total.excl_vat, most.excl_vat), min(total.incl_vat, most.incl_vat))
        yield from _limit_line(Limit.MAX_PRICE, capped - total)


def _limit_line(limit: Limit, change: Amount) -> Iterator[Line]:
    if change != Amount():
        yield Line(limit, None, None, Decimal(1), NOTHING, Dimension.FLAT.unit, change.excl_vat, None, change)


def _with_vat(cost: Decimal, vat_percent: Decimal | None) -> Decimal:
    return cost if vat_percent is None else cost * (_PERCENT + vat_percent) / _PERCENT


def _share(quantity: Decimal, dimension: Dimension) -> Decimal:
    shown = (quantity / dimension.per_unit).quantize(_PLACES, ROUND_HALF_EVEN).normalize()
    return shown.quantize(Decimal(1)) if shown == shown.to_integral_value() else shown


def _sum(lines: Sequence[Line] | Iterator[Line]) -> Amount:
    return sum((line.amount for line in lines), Amount())


def _price_field(amount: Amount) -> dict[str, int | float]:
    return {"excl_vat": _json_number(amount.excl_vat), "incl_vat": _json_number(amount.incl_vat)}


def _json_number(number: Decimal) -> int | float:
    rounded = number.quantize(_FOUR_PLACES, ROUND_HALF_UP)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)
