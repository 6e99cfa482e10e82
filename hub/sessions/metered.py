"""A running session at our own charger, brought forward by one message at a time: its record and what it costs. Pure.

A message costs the same however many came before: readings are counted when the next one comes and then forgotten.
What it costs is what `price_periods` makes of everything that was said so far.
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from csms.record import Reached, TransactionEvent, TransactionRecord, apply_with_curve
from hub.sessions.costs import Costs, Terms, costs_of, period_of
from hub.sessions.course import ZERO, resumed, split, stretches
from hub.sessions.documents import Stretch
from hub.tariffs.idle import FIELD, expanded
from hub.tariffs.meter import Meter, Reading
from hub.tariffs.pricing import parse_tariff
from kit.errors import InvalidInput


class OutOfStep(Exception):
    """What was counted is not the beginning of what is known now: it has to be counted again from what is stored."""


class Metered:
    """The session of a transaction that runs. `curve` is its energy at each reading so far."""

    def __init__(self, record: TransactionRecord, curve: Sequence[Reached]) -> None:
        self.record = record
        self._waiting: deque[Reached] = deque(curve)
        self._at, self._energy_wh = record.started_at, ZERO
        self._priced: list[_PricedBy] = []
        self._past: list[Stretch] | None = []
        """What has been counted, as long as nothing has been forgotten: for a tariff that is asked for only now."""

    @property
    def terms(self) -> Sequence[Terms]:
        """What it is priced by."""
        return [each.terms for each in self._priced]

    def follow(self, event: TransactionEvent) -> None:
        """Take one more message. Raises `OutOfStep` for one that belongs before others, or that ends the session."""
        found = apply_with_curve(self.record, event)
        if found is None or found[0].ended_at is not None:
            raise OutOfStep
        self.record, added = found
        self._waiting.extend(added)

    def costs(self, terms: Terms, *, now: datetime) -> Costs | None:
        """What it costs until `now`; None where the tariff cannot price it. Raises `OutOfStep`."""
        tail = self._settle(now)
        return self._by(terms).costs(tail, stretches(self.record, tail.end))

    def _settle(self, now: datetime) -> Stretch:
        """Count what no message can change any more; what is left lasts from the last reading, or change, until now."""
        end = max(now, self.record.started_at)
        rest = resumed(stretches(self.record, end), self._at, self._energy_wh)
        if rest is None:
            raise OutOfStep
        pieces, fits = split(rest, self._waiting, before_wh=self._energy_wh)
        if not fits:
            raise OutOfStep
        *settled, tail = pieces
        for piece in settled:
            self._energy_wh += piece.energy_wh
            for each in self._priced:
                each.read(piece.end, self._energy_wh, parked=piece.parked)
        if self._past is not None:
            self._past += settled
        self._at = tail.start
        while self._waiting and self._waiting[0].at <= self._at:
            self._waiting.popleft()
        return tail

    def forget(self) -> None:
        """Keep no reading any longer."""
        self._past = None

    def _by(self, terms: Terms) -> "_PricedBy":
        for each in self._priced:
            if each.terms == terms:
                return each
        if self._past is None:
            raise OutOfStep
        made = _PricedBy(terms, self.record.started_at)
        energy_wh = ZERO
        for piece in self._past:
            energy_wh += piece.energy_wh
            made.read(piece.end, energy_wh, parked=piece.parked)
        self._priced.append(made)
        return made


class _PricedBy:
    """The meter of one tariff; without one where that cannot be priced."""

    def __init__(self, terms: Terms, began: datetime) -> None:
        self.terms = terms
        self._plain = {name: value for name, value in terms.tariff.items() if name != FIELD}
        self._energy_wh = ZERO
        self._meter: Meter | None = None
        try:
            self._meter = Meter(
                parse_tariff(self._plain),
                began=began,
                currency=terms.currency,
                time_zone=terms.time_zone,
                reserved=period_of(terms.reserved.stretch()) if terms.reserved is not None else None,
            )
        except InvalidInput:
            return

    def read(self, at: datetime, energy_wh: Decimal, *, parked: bool) -> None:
        if self._meter is None:
            return
        try:
            self._meter.read(Reading(at, energy_wh, parked))
        except InvalidInput:
            self._meter = None
        self._energy_wh = energy_wh

    def costs(self, tail: Stretch, whole: Sequence[Stretch]) -> Costs | None:
        """With a last stretch that will be another one next time. `whole` is the session in few stretches."""
        if self._meter is None:
            return None
        terms, meter, plain = self.terms, self._meter.fork(), self._plain
        try:
            meter.read(Reading(tail.end, self._energy_wh + tail.energy_wh, tail.parked))
            if FIELD in terms.tariff:
                periods = [period_of(stretch) for stretch in whole]
                plain = expanded(terms.tariff, periods, ended_at=tail.end, time_zone=terms.time_zone)
                meter = meter.with_idle_fee(parse_tariff(plain), ended_at=tail.end)
        except InvalidInput:
            return None
        return costs_of(meter.priced(), meter.periods, plain, ended_at=tail.end)
