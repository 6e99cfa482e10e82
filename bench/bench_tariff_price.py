"""Prices: a CDR of 8 periods by a tariff of 6 elements, and 10,000 running sessions with a new reading each.

`tariff_price` is what reading and writing the same CDR and tariff as JSON costs, divided by what pricing them costs:
from the JSON values to the cost fields with their lines, parsing into the engine's types included. `tariff_live` is
what a reading costs in a session with few readings behind it, divided by what it costs in one with many.
`tariff_live_again` is what pricing such a session all over costs, divided by what its next reading costs.
`tariff_running` is the same as `tariff_live` for a whole session of the hub, from the charger's message to the cost
that the partner, the driver and the charger are told.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bench.harness import tell
from bench.tariffs import ZONE, cdr, tariff, texts
from csms.record import TransactionEvent, reduce_with_curve
from csms.station import ChargingState, FactKind, Sample, TransactionFact
from csms.station import Reading as MeterReading
from hub.sessions.costs import Terms
from hub.sessions.metered import Metered
from hub.tariffs.cdr import cost_document, price_cdr
from hub.tariffs.meter import Meter, Reading
from hub.tariffs.pricing import Period as PricedPeriod
from hub.tariffs.pricing import parse_tariff, price

ROUNDS = 7
REPEATED = 400
LIVE_ROUNDS = 5
SESSIONS = 10_000
FEW, MANY = 2, 200
TARGET = 1 / 6
LIVE_TARGET = 0.8
AGAIN_TARGET = 10.0
RUNNING_TARGET = 0.6

_BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
_BETWEEN = timedelta(seconds=60)
_STEP_WH = Decimal("123.4")


def _cpu_us(work: Callable[[], object], times: int) -> float:
    before = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - before) / times * 1e6


def _json_work() -> None:
    for text, value in zip(_TEXTS, _VALUES, strict=True):
        json.loads(text)
        json.dumps(value)


def _pricing() -> None:
    cost_document(price_cdr([_VALUES[1]], _VALUES[0], time_zone=ZONE))


_TEXTS, _VALUES = texts(), (cdr(), tariff())


def _bench_price() -> None:
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare.append(_cpu_us(_json_work, REPEATED))
        ours.append(_cpu_us(_pricing, REPEATED))
    bare_us, ours_us = min(bare), min(ours)
    print(f"tariff_price: {ours_us:.1f} us of CPU for a CDR, JSON {bare_us:.1f} us", file=sys.stderr)
    tell("tariff_price", bare_us / ours_us, TARGET)


def _running(readings: int, sessions: int) -> list[Meter]:
    parsed = parse_tariff(_VALUES[1])
    meters = [Meter(parsed, began=_BEGAN, currency="EUR", time_zone=ZONE) for _ in range(sessions)]
    for number in range(1, readings + 1):
        for meter in meters:
            meter.read(Reading(_BEGAN + number * _BETWEEN, number * _STEP_WH))
    return meters


def _next_reading_us(meters: list[Meter], readings: int) -> float:
    reading = Reading(_BEGAN + (readings + 1) * _BETWEEN, (readings + 1) * _STEP_WH)
    gc.collect()
    gc.disable()  # what it has to look through is how many sessions there are, not how long they are
    try:
        before = time.process_time()
        for meter in meters:
            meter.read(reading)
            meter.total()
        return (time.process_time() - before) / len(meters) * 1e6
    finally:
        gc.enable()


def _from_scratch_us(readings: int) -> float:
    parsed = parse_tariff(_VALUES[1])
    periods = [
        PricedPeriod(_BEGAN + number * _BETWEEN, _STEP_WH, charging_s=Decimal(60)) for number in range(readings + 1)
    ]
    return _cpu_us(lambda: price(parsed, periods, currency="EUR", time_zone=ZONE), 20)


def _bench_live() -> None:
    few = _next_reading_us(_running(FEW, SESSIONS), FEW)
    # Many readings behind as many sessions would be a bench of patience: some of them tell as much.
    fewer = SESSIONS // 20
    pairs = [
        (_next_reading_us(_running(FEW, fewer), FEW), _next_reading_us(_running(MANY, fewer), MANY))
        for _ in range(LIVE_ROUNDS)
    ]
    short_us, long_us = (min(each) for each in zip(*pairs, strict=True))
    again_us = _from_scratch_us(MANY)
    print(
        f"tariff_live: {SESSIONS} sessions with a reading each in {few * SESSIONS / 1e6:.2f} s of CPU;"
        f" a reading after {FEW} others {short_us:.1f} us, after {MANY} {long_us:.1f} us, all over {again_us:.1f} us",
        file=sys.stderr,
    )
    tell("tariff_live", short_us / long_us, LIVE_TARGET)
    tell("tariff_live_again", again_us / long_us, AGAIN_TARGET)


def _said(number: int) -> TransactionEvent:
    at = _BEGAN + number * _BETWEEN
    if number == 0:
        start = TransactionFact(FactKind.STARTED, "0", at, meter_wh=Decimal(0), state=ChargingState.CHARGING)
        return TransactionEvent("CS", 1, at, start)
    sample = Sample("Energy.Active.Import.Register", number * _STEP_WH, "Wh")
    reading = MeterReading(at, (sample,))
    return TransactionEvent("CS", 1, at, TransactionFact(FactKind.METERED, str(number), at, readings=(reading,)))


def _sessions(messages: int, count: int) -> list[Metered]:
    said = [_said(number) for number in range(messages)]
    terms = Terms(_VALUES[1], "EUR", ZONE)
    found = []
    for _ in range(count):
        session = Metered(*reduce_with_curve(said))
        session.costs(terms, now=said[-1].at)
        session.forget()
        found.append(session)
    return found


def _next_message_us(sessions: list[Metered], messages: int) -> float:
    terms, said = sessions[0].terms[0], _said(messages)
    gc.collect()
    gc.disable()
    try:
        before = time.process_time()
        for session in sessions:
            session.follow(said)
            session.costs(terms, now=said.at)
        return (time.process_time() - before) / len(sessions) * 1e6
    finally:
        gc.enable()


def _bench_running() -> None:
    all_us = _next_message_us(_sessions(FEW, SESSIONS), FEW)
    fewer = SESSIONS // 20
    pairs = [
        (_next_message_us(_sessions(FEW, fewer), FEW), _next_message_us(_sessions(MANY, fewer), MANY))
        for _ in range(LIVE_ROUNDS)
    ]
    short_us, long_us = (min(each) for each in zip(*pairs, strict=True))
    print(
        f"tariff_running: {SESSIONS} sessions with a message each in {all_us * SESSIONS / 1e6:.2f} s of CPU;"
        f" a message after {FEW} others {short_us:.1f} us, after {MANY} {long_us:.1f} us",
        file=sys.stderr,
    )
    tell("tariff_running", short_us / long_us, RUNNING_TARGET)


if __name__ == "__main__":
    _bench_price()
    _bench_live()
    _bench_running()
