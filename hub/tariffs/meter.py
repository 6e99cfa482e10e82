"""The price of a running session, brought forward by one reading at a time. Pure.

A reading costs the same however long the session has lasted: nothing that was counted is looked at again. The price is
that of `hub.tariffs.pricing.price` for the same readings, to the last digit.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from hub.tariffs.cuts import cut_period, is_alike, merged
from hub.tariffs.model import (
    NOTHING,
    Amount,
    Band,
    Candidate,
    CannotPrice,
    Period,
    Reservation,
    StepReading,
    Tariff,
)
from hub.tariffs.pricing import Priced, check_currency, check_period, priced_of
from hub.tariffs.restrictions import Moment, first_match, moment_at, zone
from hub.tariffs.tally import EXACT, Tally


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known at a moment: the energy since the session began, and how the time since the last reading was.

    `parked` means that the vehicle did not ask for power; `power_kw` and `current_a` are those of that time.
    """

    at: datetime
    energy_wh: Decimal
    parked: bool = False
    power_kw: Band | None = None
    current_a: Band | None = None


class Meter:
    """What a session costs that began at `began`. It keeps a line and a period for each change of price, no reading.

    `reserved` is the time for which the charger was kept for it before. Raises `CannotPrice` like `price`.
    """

    def __init__(
        self,
        tariff: Tariff,
        *,
        began: datetime,
        currency: str,
        time_zone: str | None,
        reserved: Period | None = None,
        steps: StepReading = StepReading.PARKING,
    ) -> None:
        check_currency(tariff, currency)
        self._tariff, self._tz, self._began = tariff, zone(time_zone), began
        reservation = Reservation.USED if reserved is not None else None
        self._tally = Tally(tariff, reservation=reservation, steps=steps, merged=True)
        self._at, self._energy_wh, self._pieces = began, NOTHING, 0
        self._kept: list[Period] = []
        self._prices: list[Candidate | None] = []
        self._is_cut = any(restrictions.has_bounds for restrictions in tariff.restrictions)
        if reserved is not None:
            self._add(reserved, reserved.reserved_until, began=reserved.start)

    def read(self, reading: Reading) -> None:
        """Count what happened since the last reading. Raises `CannotPrice` for one that is older, or with less."""
        elapsed = reading.at - self._at
        elapsed_s = Decimal(elapsed.days * 86_400 + elapsed.seconds)
        if elapsed.microseconds:
            elapsed_s += Decimal(elapsed.microseconds).scaleb(-6)
        energy_wh = reading.energy_wh - self._energy_wh
        if elapsed_s < 0 or energy_wh < 0:
            raise CannotPrice("a reading comes after the last one, and tells no less")
        if reading.parked:
            period = Period(self._at, energy_wh, NOTHING, elapsed_s, reading.power_kw, reading.current_a)
        else:
            period = Period(self._at, energy_wh, elapsed_s, NOTHING, reading.power_kw, reading.current_a)
        self._add(period, reading.at, began=self._began)
        self._at, self._energy_wh = reading.at, reading.energy_wh

    def fork(self) -> "Meter":
        """Another one that begins with all of this: to look at what a reading would make of it."""
        other = copy(self)
        other._tally, other._kept = self._tally.fork(), [*self._kept]
        return other

    def with_idle_fee(self, tariff: Tariff, *, ended_at: datetime) -> "Meter":
        """Another one in which parking costs what it does by `tariff`: this meter's own, which has no price for it, and
        PARKING_TIME elements, as `hub.tariffs.idle` makes them of an idle fee. The session lasted until `ended_at`."""
        other = copy(self)
        other._tariff, other._tally, other._kept = tariff, self._tally.fork(tariff), []
        used_wh, ends = NOTHING, [*(period.start for period in self._kept[1:]), ended_at]
        with localcontext(EXACT):
            for period, end in zip(self._kept, ends, strict=True):
                pieces: Iterable[Period] = (period,)
                if period.parking_s:
                    pieces = cut_period(tariff, period, end, used_wh, began=self._began, tz=self._tz)
                for piece in pieces:
                    moment = moment_at(tariff, piece, piece.start, used_wh, began=self._began, tz=self._tz)
                    parked = Period(piece.start, parking_s=piece.parking_s)
                    other._tally.add(other._pieces, parked, moment)
                    other._pieces += 1
                    other._kept.append(piece)
                    used_wh += piece.energy_wh
        return other

    @property
    def periods(self) -> tuple[Period, ...]:
        """The session in periods as a CDR lists them: a new one for each change of price, and of parking."""
        return tuple(self._kept)

    def total(self) -> Amount:
        """What the session costs so far, limits included."""
        with localcontext(EXACT):
            return self._tally.total()

    def priced(self) -> Priced:
        """The same with its lines, neighbours at one price together."""
        with localcontext(EXACT):
            return priced_of(self._tariff, self._tally)

    def _add(self, period: Period, end: datetime, *, began: datetime) -> None:
        check_period(period)
        with localcontext(EXACT):
            used_wh = self._energy_wh
            pieces: Iterable[Period] = (period,)
            if self._is_cut:
                pieces = cut_period(self._tariff, period, end, used_wh, began=began, tz=self._tz)
            for piece in pieces:
                moment = moment_at(self._tariff, piece, piece.start, used_wh, began=began, tz=self._tz)
                self._tally.add(self._pieces, piece, moment)
                self._keep(piece, moment)
                self._pieces += 1
                used_wh += piece.energy_wh

    def _keep(self, piece: Period, moment: Moment) -> None:
        lookup = self._tariff.lookup.values()
        prices = [first_match(candidates, moment) for candidates in lookup] if self._is_cut else []
        if self._kept and prices == self._prices and is_alike(self._kept[-1], piece):
            self._kept[-1] = merged(self._kept[-1], piece)
        else:
            self._kept.append(piece)
        self._prices = prices
