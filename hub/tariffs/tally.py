"""The arithmetic of a price: what is billed of each dimension, steps, VAT, and the limits on the whole. Pure.

No amount is rounded to the currency here. Shares of an hour need not end, so the running total of each dimension is
kept to `DECIMALS` places and a line is the step from one running total to the next: lines always add up to the totals,
and splitting a period changes neither.
"""

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from hub.tariffs.model import (
    NOTHING,
    Amount,
    Candidate,
    Dimension,
    Limits,
    Period,
    PriceComponent,
    Reservation,
    StepReading,
    Tariff,
)
from hub.tariffs.restrictions import Moment, first_match

DECIMALS = 15
EXACT = Context(prec=80)

_PLACES = Decimal(1).scaleb(-DECIMALS)
_ONE = Decimal(1)
_PERCENT = Decimal(100)
_HOUR_S = Decimal(3600)
_METERED = (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME)
_TIMES = frozenset({Dimension.TIME, Dimension.PARKING_TIME})


class Limit(StrEnum):
    """A line that a limit on the whole price adds."""

    MIN_PRICE = "MIN_PRICE"
    MAX_PRICE = "MAX_PRICE"


_PER_UNIT: dict[Dimension | Limit, Decimal] = {
    dimension: Decimal(dimension.per_unit) for dimension in Dimension if dimension.per_unit != 1
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the explanation of a price.

    `quantity` counts watt-hours, seconds or fees, and includes `stepped`, what `step_size` rounded up. `period` and
    `element` are indexes, None for a limit; so is `component`, which has the price, the VAT and the step.
    """

    kind: Dimension | Limit
    period: int | None
    element: int | None
    component: PriceComponent | None
    quantity: Decimal
    stepped: Decimal
    amount: Amount

    @property
    def volume(self) -> Decimal:
        """The quantity in `unit`s, to `DECIMALS` places; the amount is reckoned from the exact quantity."""
        return _in_units(self.quantity, self.kind)

    @property
    def step_added(self) -> Decimal:
        """What `step_size` added to the volume."""
        return _in_units(self.stepped, self.kind)

    @property
    def unit(self) -> str:
        """What the volume counts."""
        return self.kind.unit if isinstance(self.kind, Dimension) else Dimension.FLAT.unit

    @property
    def unit_price(self) -> Decimal:
        """The price of a unit without VAT; of a limit, what it changes."""
        return self.component.price if self.component else self.amount.excl_vat

    @property
    def vat_percent(self) -> Decimal | None:
        """The rate of VAT; None where there is none, and for a limit, which has a sum with VAT of its own."""
        return self.component.vat_percent if self.component else None


@dataclass(slots=True)
class _Run:
    """Watt-hours or seconds that one component prices: of one period, or of neighbours."""

    period: int
    candidate: Candidate
    quantity: Decimal


@dataclass(slots=True)
class _Billed:
    """What is billed of one dimension so far. `excl` and `incl` are prices times quantities, not yet per unit."""

    runs: list[_Run]
    quantity: Decimal = NOTHING
    excl: Decimal = NOTHING
    incl: Decimal = NOTHING

    def copy(self) -> "_Billed":
        """The same, to be counted on by itself: only the last run ever grows."""
        runs = [*self.runs[:-1], *(replace(run) for run in self.runs[-1:])]
        return _Billed(runs, self.quantity, self.excl, self.incl)


@dataclass(frozen=True, slots=True)
class _Fee:
    dimension: Dimension
    period: int
    candidate: Candidate


class Tally:
    """Counts the periods of one session, in order, under `EXACT`. Adding costs the same however many came before.

    With `merged`, neighbours at the same price share a line, as a running session shows it. Of a session that changes
    its tariff, each has a tally: the first alone `owes_flat`, and the last alone `is_stepped` (mod_cdrs, step_size).
    """

    def __init__(
        self,
        tariff: Tariff,
        *,
        reservation: Reservation | None,
        steps: StepReading,
        merged: bool = False,
        owes_flat: bool = True,
        is_stepped: bool = True,
    ) -> None:
        self._tariff, self._reservation, self._steps, self._merged = tariff, reservation, steps, merged
        self._is_stepped = is_stepped
        self._metered = [(each, tariff.lookup[each]) for each in _METERED if each in tariff.lookup]
        self._flat = tariff.lookup.get(Dimension.FLAT, ()) if owes_flat else ()
        self._fees: list[_Fee] = []
        self._billed: dict[Dimension, _Billed] = {}
        self._last_time: Dimension | None = None
        self._has_session = self._owes_flat = self._has_reserved = False

    def fork(self, tariff: Tariff | None = None) -> "Tally":
        """Another one that begins with all of this. With a `tariff`, what comes is counted by that one, fees excepted:
        of this one's components it has all."""
        other = copy(self)
        other._fees = [*self._fees]
        other._billed = {dimension: billed.copy() for dimension, billed in self._billed.items()}
        if tariff is not None:
            other._tariff, other._flat = tariff, ()
            other._metered = [(each, tariff.lookup[each]) for each in _METERED if each in tariff.lookup]
        return other

    def add(self, index: int, period: Period, moment: Moment) -> None:
        """Count one more period. What has no price costs nothing and does not count for the step either."""
        if period.reserved_s or (self._reservation and not self._has_reserved):
            self._reserve(index, period, moment)
        if period.is_reservation:
            return
        self._has_session = True
        if not self._owes_flat and self._flat:
            self._owes_flat = self._owe(Dimension.FLAT, index, first_match(self._flat, moment))
        for dimension, candidates in self._metered:
            quantity = period.quantity(dimension)
            candidate = first_match(candidates, moment) if quantity else None
            if candidate is not None:
                self._bill(dimension, index, candidate, quantity)
                if dimension is not Dimension.ENERGY:
                    self._last_time = dimension

    def total(self) -> Amount:
        """What all of it costs, limits included. It costs the same however many periods there were."""
        return self._limited(self._subtotal())[-1]

    def lines(self) -> list[Line]:
        """The explanation: fees, then energy, time, parking and the reservation, then the limits."""
        lines = [self._fee_line(fee) for fee in self._fees if fee.dimension is Dimension.FLAT]
        for dimension in (*_METERED, Dimension.RESERVATION_TIME):
            if dimension in self._billed:
                lines += self._metered_lines(dimension)
        lines += [self._fee_line(fee) for fee in self._fees if fee.dimension is not Dimension.FLAT]
        if self._tariff.min_price is None and self._tariff.max_price is None:
            return lines
        before, lifted, capped = self._limited(total_of(lines))
        for limit, change in ((Limit.MIN_PRICE, lifted - before), (Limit.MAX_PRICE, capped - lifted)):
            if change != Amount():
                lines.append(Line(limit, None, None, None, _ONE, NOTHING, change))
        return lines

    def _reserve(self, index: int, period: Period, moment: Moment) -> None:
        """Reservation time, and once the fees of a reservation. What ran out costs its own fee on top, and its own
        price of time in place of the ordinary one (mod_tariffs, ReservationRestrictionType)."""
        tariff, expired = self._tariff, self._reservation is Reservation.EXPIRED
        if not self._has_reserved:
            self._has_reserved = True
            fees = tariff.lookup.get(Dimension.RESERVATION_FLAT, ())
            self._owe(Dimension.RESERVATION_FLAT, index, first_match(fees, moment))
            if expired:
                self._owe(Dimension.RESERVATION_FLAT, index, first_match(tariff.expired_fees, moment))
        if not period.reserved_s:
            return
        times = tariff.expired_times if expired else tariff.lookup.get(Dimension.RESERVATION_TIME, ())
        candidate = first_match(times, moment)
        if candidate is not None:
            self._bill(Dimension.RESERVATION_TIME, index, candidate, period.reserved_s)

    def _owe(self, dimension: Dimension, index: int, candidate: Candidate | None) -> bool:
        if candidate is not None:
            self._fees.append(_Fee(dimension, index, candidate))
        return candidate is not None

    def _bill(self, dimension: Dimension, index: int, candidate: Candidate, quantity: Decimal) -> None:
        billed = self._billed.get(dimension)
        if billed is None:
            billed = self._billed[dimension] = _Billed([])
        runs = billed.runs
        if self._merged and runs and runs[-1].candidate is candidate:
            runs[-1].quantity += quantity
        else:
            runs.append(_Run(index, candidate, quantity))
        cost = candidate.component.price * quantity
        billed.quantity += quantity
        billed.excl += cost
        billed.incl += _with_vat(cost, candidate.component.vat_percent)

    def _step_added(self, dimension: Dimension) -> Decimal:
        """What rounds the session's total up to the step of the last component, at whose price it is billed.

        Charging and parking time are rounded once between them (mod_cdrs, step_size).
        """
        billed = self._billed[dimension]
        step_size = billed.runs[-1].candidate.component.step_size
        if not step_size or not self._is_stepped or self._is_left_exact(dimension):
            return NOTHING
        steps = (billed.quantity / step_size).to_integral_value(ROUND_CEILING)
        return steps * step_size - billed.quantity

    def _is_left_exact(self, dimension: Dimension) -> bool:
        if (
            dimension is Dimension.RESERVATION_TIME
            or not {Dimension.TIME, Dimension.PARKING_TIME} <= self._billed.keys()
        ):
            return False
        stepped = self._last_time if self._steps is StepReading.LAST else Dimension.PARKING_TIME
        return dimension is not stepped

    def _subtotal(self) -> Amount:
        total = Amount()
        for fee in self._fees:
            total += _fee_amount(fee.candidate)
        for dimension, billed in self._billed.items():
            component = billed.runs[-1].candidate.component
            added = component.price * self._step_added(dimension)
            incl = billed.incl + _with_vat(added, component.vat_percent)
            total += Amount(_share(billed.excl + added, dimension), _share(incl, dimension))
        return total

    def _metered_lines(self, dimension: Dimension) -> Iterator[Line]:
        runs = self._billed[dimension].runs
        excl = incl = written_excl = written_incl = NOTHING
        for run in runs:
            component, quantity, stepped = run.candidate.component, run.quantity, NOTHING
            if run is runs[-1]:
                stepped = self._step_added(dimension)
                quantity += stepped
            cost = component.price * quantity
            excl += cost
            incl += _with_vat(cost, component.vat_percent)
            now_excl, now_incl = _share(excl, dimension), _share(incl, dimension)
            amount = Amount(now_excl - written_excl, now_incl - written_incl)
            yield Line(dimension, run.period, run.candidate.element, component, quantity, stepped, amount)
            written_excl, written_incl = now_excl, now_incl

    def _fee_line(self, fee: _Fee) -> Line:
        candidate = fee.candidate
        amount = _fee_amount(candidate)
        return Line(fee.dimension, fee.period, candidate.element, candidate.component, _ONE, NOTHING, amount)

    def _limited(self, total: Amount) -> tuple[Amount, Amount, Amount]:
        """The total, the total lifted to the least, and that capped to the most.

        Both limits apply without and with VAT on their own (mod_tariffs, notes on min_price and max_price). The least
        is that of a session: a reservation alone does not owe it.
        """
        least, most = self._tariff.min_price, self._tariff.max_price
        lifted = total
        if least is not None and self._has_session:
            lifted = Amount(max(total.excl_vat, least.excl_vat), _limited_incl(total, least, is_least=True))
        capped = lifted
        if most is not None:
            capped = Amount(min(lifted.excl_vat, most.excl_vat), _limited_incl(lifted, most, is_least=False))
        return total, lifted, capped


def _limited_incl(total: Amount, limit: Limits, *, is_least: bool) -> Decimal:
    if limit.incl_vat is not None:
        return (max if is_least else min)(total.incl_vat, limit.incl_vat)
    reached = (max if is_least else min)(total.excl_vat, limit.excl_vat)
    if reached == total.excl_vat:
        return total.incl_vat
    return (total.incl_vat * reached / total.excl_vat).quantize(_PLACES, ROUND_HALF_EVEN) if total.excl_vat else reached


def _fee_amount(candidate: Candidate) -> Amount:
    fee = candidate.component.price
    return Amount(fee, _with_vat(fee, candidate.component.vat_percent))


def _with_vat(cost: Decimal, vat_percent: Decimal | None) -> Decimal:
    return cost if vat_percent is None else cost * (_PERCENT + vat_percent) / _PERCENT


def total_of(lines: Iterable[Line]) -> Amount:
    """What lines add up to. Under `EXACT`."""
    excl = incl = NOTHING
    for line in lines:
        excl += line.amount.excl_vat
        incl += line.amount.incl_vat
    return Amount(excl, incl)


def _share(cost: Decimal, dimension: Dimension) -> Decimal:
    """Prices times watt-hours or seconds, per unit."""
    per_unit = cost.scaleb(-3) if dimension is Dimension.ENERGY else cost / _HOUR_S
    return per_unit.quantize(_PLACES, ROUND_HALF_EVEN)


def _in_units(quantity: Decimal, kind: Dimension | Limit) -> Decimal:
    """A quantity as it is shown, without zeros that say nothing."""
    per_unit = _PER_UNIT.get(kind) if isinstance(kind, Dimension) else None
    return plain(EXACT.quantize(EXACT.divide(quantity, per_unit), _PLACES)) if per_unit and quantity else quantity


def plain(number: Decimal) -> Decimal:
    """A number without zeros that say nothing, and without an exponent."""
    shown = number.normalize()
    return shown.quantize(_ONE) if shown == shown.to_integral_value() else shown
