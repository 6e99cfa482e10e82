"""A running session costs what all of its readings together make, to the last digit, whatever came when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from csms.record import TransactionEvent, reduce_with_curve
from csms.station import ChargingState, FactKind, Reading, Sample, TransactionFact
from hub.sessions.costs import Costs, Terms, price_periods
from hub.sessions.course import course_of
from hub.sessions.documents import Reserved, after_reserved
from hub.sessions.metered import Metered, OutOfStep
from hub.tariffs import meter as meters

Json = dict[str, Any]

BEGAN = datetime(2026, 3, 28, 20, 30, tzinfo=UTC)
"""The clocks are changed in this night."""
ZONE = "Europe/Amsterdam"
REGISTER = "Energy.Active.Import.Register"


def element(*prices: tuple[str, float, int], **restrictions: Any) -> Json:
    components = [{"type": kind, "price": price, "vat": 21, "step_size": step} for kind, price, step in prices]
    return {"price_components": components, **({"restrictions": restrictions} if restrictions else {})}


def tariff(*elements: Json, **more: Any) -> Json:
    return {"id": "T", "currency": "EUR", "elements": list(elements), **more}


IDLE = {"price": 24, "vat": 21, "grace": 600, "max_price": 9, "free_from": "23:00", "free_until": "01:00"}
TARIFFS = [
    tariff(element(("FLAT", 0.35, 1), ("ENERGY", 0.42, 1))),
    tariff(element(("ENERGY", 0.3, 1000), ("TIME", 1.5, 60), ("PARKING_TIME", 2.4, 300))),
    tariff(
        element(("ENERGY", 0.3, 1), start_time="22:00", end_time="06:00"),
        element(("ENERGY", 0.55, 1), ("TIME", 1, 1), max_kwh=4),
        element(("ENERGY", 0.6, 1), ("PARKING_TIME", 6, 60), min_duration=3600),
        min_price={"excl_vat": 1, "incl_vat": 1.21},
        max_price={"excl_vat": 12, "incl_vat": 14.52},
    ),
    tariff(element(("FLAT", 0.35, 1), ("ENERGY", 0.42, 1), ("TIME", 0.6, 60)), idle_fee=IDLE),
    tariff(element(("ENERGY", 0.3, 1), max_kwh=3), element(("ENERGY", 0.6, 1)), idle_fee={"price": 12, "grace": 0}),
    tariff(
        element(("FLAT", 2, 1), ("TIME", 4, 300), reservation="RESERVATION", start_time="06:00", end_time="21:00"),
        element(("FLAT", 1, 1), ("TIME", 2, 60), reservation="RESERVATION", max_duration=1800),
        element(("FLAT", 9, 1), ("TIME", 9, 1), reservation="RESERVATION_EXPIRES"),
        element(("ENERGY", 0.3, 1), ("PARKING_TIME", 6, 60), max_duration=3600),
        element(("FLAT", 0.35, 1), ("ENERGY", 0.42, 1), ("TIME", 0.6, 60)),
    ),
    tariff(element(("TIME", 3, 1), reservation="RESERVATION"), element(("ENERGY", 0.42, 1)), idle_fee=IDLE),
]
RESERVED = [
    None,
    Reserved(BEGAN - timedelta(minutes=52, seconds=7), BEGAN),
    Reserved(BEGAN - timedelta(hours=3), BEGAN - timedelta(minutes=20, microseconds=333_333)),
]
"""Before the session: nothing, until it began, and until it ran out a while before."""


@dataclass
class Hub:
    """One session in memory, made again from what is stored when it is out of step; and all of it from scratch."""

    told: list[TransactionEvent]
    metered: Metered | None = None
    made_again: int = 0

    def tell(self, fact: TransactionFact, at: datetime) -> None:
        said = TransactionEvent("CS", 1, at, fact)
        self.told.append(said)
        if self.metered is not None:
            try:
                self.metered.forget()
                self.metered.follow(said)
            except OutOfStep:
                self.metered = None

    def costs(self, terms: Terms, now: datetime) -> Costs | None:
        for _ in range(2):
            if self.metered is None:
                self.made_again += 1
                self.metered = Metered(*reduce_with_curve(self.told))
            try:
                return self.metered.costs(terms, now=now)
            except OutOfStep:
                self.metered = None
        return self.from_scratch(terms, now)

    def from_scratch(self, terms: Terms, now: datetime) -> Costs | None:
        record, curve = reduce_with_curve(self.told)
        course = course_of(record, now=now, curve=curve)
        stretches = after_reserved(terms.reserved, course.stretches)
        return price_periods(terms.tariff, stretches, terms.currency, terms.time_zone, curve=curve)


def started(at: datetime) -> TransactionFact:
    return TransactionFact(FactKind.STARTED, "start", at, meter_wh=Decimal(100), state=ChargingState.CHARGING)


def metered(at: datetime, wh: int, key: str) -> TransactionFact:
    reading = Reading(at, (Sample(REGISTER, Decimal(100 + wh), "Wh"),))
    return TransactionFact(FactKind.METERED, key, at, readings=(reading,))


def turned(at: datetime, state: ChargingState, key: str) -> TransactionFact:
    return TransactionFact(FactKind.STATE, key, at, state=state)


def same(one: Costs | None, other: Costs | None) -> bool:
    assert one is not None
    assert other is not None
    return (one.total_excl_vat, one.cdr_fields) == (other.total_excl_vat, other.cdr_fields)


steps = st.lists(
    st.tuples(
        st.integers(1, 2400),
        st.sampled_from([0, 0, 1, 250, 900, 4000]),
        st.sampled_from([None, None, None, *ChargingState]),
        st.sampled_from([0, 0, 0, 0, 0, -1500, 30, -1]),
        st.sampled_from([0, 0, 7, 600]),
    ),
    min_size=1,
    max_size=14,
)
"""Seconds until something is said, watt-hours since, a change of state instead, how wrong the time is that the reading
tells, and how much later somebody looks."""


@given(
    steps,
    st.lists(st.tuples(st.sampled_from(TARIFFS), st.sampled_from(RESERVED)), min_size=1, max_size=2),
    st.booleans(),
)
def test_a_running_session_costs_what_it_costs_from_scratch(
    told: Sequence[tuple[int, int, ChargingState | None, int, int]],
    priced_by: list[tuple[Json, Reserved | None]],
    looks_always: bool,
) -> None:
    terms = [Terms(each, "EUR", ZONE, reserved) for each, reserved in priced_by]
    hub, at, energy_wh = Hub([]), BEGAN, 0
    hub.tell(started(at), at)
    for number, (lasted_s, more_wh, state, wrong_s, looks_after_s) in enumerate(told):
        at, energy_wh = at + timedelta(seconds=lasted_s), energy_wh + more_wh
        if state is None:
            hub.tell(metered(at + timedelta(seconds=wrong_s), energy_wh, f"{number}"), at)
        else:
            hub.tell(turned(at, state, f"{number}"), at)
        if looks_always or number % 3 == 2 or number == len(told) - 1:
            at += timedelta(seconds=looks_after_s)
            for each in terms:
                assert same(hub.costs(each, at), hub.from_scratch(each, at))
    event(f"made again {min(hub.made_again, 5)} times")


@pytest.mark.parametrize("chosen", TARIFFS)
def test_what_comes_in_order_is_counted_once(chosen: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 readings with a look after each: nothing is made again, and each is counted in two pieces at the most."""
    counted: list[meters.Reading] = []
    read = meters.Meter.read

    def counting(meter: meters.Meter, reading: meters.Reading) -> None:
        counted.append(reading)
        read(meter, reading)

    monkeypatch.setattr(meters.Meter, "read", counting)
    terms, hub = Terms(chosen, "EUR", ZONE), Hub([])
    hub.tell(started(BEGAN), BEGAN)
    for minute in range(1, 201):
        at = BEGAN + timedelta(minutes=minute)
        hub.tell(metered(at, 150 * min(minute, 150), f"{minute}"), at)
        if minute == 150:
            hub.tell(turned(at, ChargingState.SUSPENDED_EV, "full"), at)
        hub.costs(terms, at + timedelta(seconds=20))
    assert hub.made_again == 1
    assert len(counted) <= 2 * 201 + 2
    assert same(hub.costs(terms, at), hub.from_scratch(terms, at))


def test_a_running_session_shows_the_periods_of_its_cdr() -> None:
    terms, hub = Terms(TARIFFS[2], "EUR", ZONE), Hub([])
    hub.tell(started(BEGAN), BEGAN)
    for minute in range(1, 120):
        at = BEGAN + timedelta(minutes=minute)
        hub.tell(metered(at, 100 * minute, f"{minute}"), at)
        hub.costs(terms, at)
    shown, whole = hub.costs(terms, at), hub.from_scratch(terms, at)
    assert shown is not None
    assert whole is not None
    assert list(shown.stretches) == list(whole.stretches)
    assert len(shown.stretches) > 2


def test_a_reservation_before_a_session_is_the_first_of_its_periods() -> None:
    terms, hub = Terms(TARIFFS[5], "EUR", ZONE, RESERVED[1]), Hub([])
    hub.tell(started(BEGAN), BEGAN)
    for minute in range(1, 90):
        at = BEGAN + timedelta(minutes=minute)
        hub.tell(metered(at, 100 * minute, f"{minute}"), at)
        hub.costs(terms, at)
    shown, whole = hub.costs(terms, at), hub.from_scratch(terms, at)
    assert shown is not None
    assert whole is not None
    assert list(shown.stretches) == list(whole.stretches)
    waited = [stretch for stretch in shown.stretches if stretch.reserved]
    assert waited == list(shown.stretches[: len(waited)])
    assert (waited[0].start, waited[-1].end) == (BEGAN - timedelta(minutes=52, seconds=7), BEGAN)
    # A fee of 2, 22:07 minutes at 4 an hour until 21:00, 7:53 at 2 until half an hour is over, and then nothing.
    assert shown.cdr_fields["total_reservation_cost"] == {"excl_vat": 3.7372, "incl_vat": 4.522}


def test_a_tariff_that_cannot_be_priced_costs_nothing_that_we_know() -> None:
    by_power = tariff(element(("ENERGY", 0.3, 1), max_power=50))
    hub = Hub([])
    hub.tell(started(BEGAN), BEGAN)
    assert hub.costs(Terms(by_power, "EUR", ZONE), BEGAN) is None
    assert hub.costs(Terms(TARIFFS[0], "USD", ZONE), BEGAN) is None
    assert hub.costs(Terms(TARIFFS[2], "EUR", "Nowhere/At_All"), BEGAN) is None
