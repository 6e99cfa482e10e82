"""The events of a transaction on a line of time: what happened when, as far as a clock can be believed. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from csms.meters import (
    IMPORT_INTERVAL,
    IMPORT_POWER,
    IMPORT_REGISTER,
    STATE_OF_CHARGE,
    interval_wh,
    power_w,
    register_wh,
    soc_percent,
)
from csms.registers import ZERO
from csms.station import ChargingState, FactKind, TransactionFact

_BEGINNING_OF_OCPP = datetime(2012, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
_PHASE = {FactKind.STARTED: 0, FactKind.ENDED: 2, FactKind.ABANDONED: 3}


@dataclass(slots=True)  # a frozen one takes four times as long to make, and there is one for each message
class TransactionEvent:
    """A fact as it was received and given to one of our transactions. Nobody changes one.

    `timely` says whether the station's own time can be believed; otherwise the time of receipt stands for it. `at` is
    when it happened, as well as we know.
    """

    station_id: str
    transaction_id: int
    received_at: datetime
    fact: TransactionFact
    timely: bool = field(init=False, compare=False)
    at: datetime = field(init=False, compare=False)

    def __post_init__(self) -> None:
        at = self.fact.at
        self.timely = believable(at, self.received_at)
        self.at = at if at is not None and self.timely else self.received_at


class Point(NamedTuple):
    """One thing on the line: a reading, or a change of state. Points are compared field by field in this order."""

    phase: int
    """0 the start, 1 between, 2 the end."""
    at: datetime
    is_state: bool
    register: Decimal
    interval: Decimal
    key: str
    place: int
    state: ChargingState | None = None
    has_register: bool = False
    has_interval: bool = False
    timely: bool = True
    power_w: Decimal | None = None
    soc_percent: Decimal | None = None


def believable(at: datetime | None, received_at: datetime) -> bool:
    """Whether a clock that was set shows this time: not before there was OCPP-J, nor well ahead of ours."""
    return at is not None and _BEGINNING_OF_OCPP <= at <= received_at + _AHEAD


def telling_order(event: TransactionEvent) -> tuple[object, ...]:
    """The order in which a station tells what a transaction is: by its numbers, then by time."""
    fact = event.fact
    return (_PHASE.get(fact.kind, 1), fact.seq_no or 0, event.at, event.received_at, fact.key, fact.kind)


def points(event: TransactionEvent) -> Iterator[Point]:
    """What an event puts on the line. The register told at the start comes first and that of the end last."""
    fact = event.fact
    at, key = event.at, fact.key
    phase = _PHASE.get(fact.kind, 1)
    if fact.meter_wh is not None and fact.kind in (FactKind.STARTED, FactKind.ENDED):
        yield Point(phase, at, False, fact.meter_wh, ZERO, key, -1, None, True, False, event.timely)
    for place, reading in enumerate(fact.readings):
        told = {one.measurand for one in reading.samples}  # most readings tell one or two of the four
        register = register_wh(reading) if IMPORT_REGISTER in told else None
        interval = interval_wh(reading) if IMPORT_INTERVAL in told else None
        timely = believable(reading.at, event.received_at)
        yield Point(
            1,
            reading.at if timely and reading.at is not None else at,
            False,
            ZERO if register is None else register,
            ZERO if interval is None else interval,
            key,
            place,
            None,
            register is not None,
            interval is not None,
            timely,
            power_w(reading) if IMPORT_POWER in told else None,
            soc_percent(reading) if STATE_OF_CHARGE in told else None,
        )
    if fact.state is not None and fact.kind is not FactKind.ENDED:
        yield Point(phase, at, True, ZERO, ZERO, key, -1, fact.state)
