"""The record of a transaction: the same in whatever order it is told, and never more energy than was delivered."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.record import Review, TransactionEvent, TransactionRecord, apply, reduce, reduce_with_curve
from csms.station import ChargingState, FactKind, Reading, Sample, TokenType, TransactionFact

T0 = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
REGISTER = "Energy.Active.Import.Register"


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def reading(seconds: float | None, wh: int | str, measurand: str = REGISTER, unit: str = "Wh") -> Reading:
    at = None if seconds is None else after(seconds)
    return Reading(at, (Sample(measurand, Decimal(wh), unit),))


def event(kind: FactKind, seconds: float | None, received: float | None = None, **told: object) -> TransactionEvent:
    at = None if seconds is None else after(seconds)
    received_at = after(seconds or 0) if received is None else after(received)
    key = str(told.pop("key", f"{kind}{seconds}{received}{told}"))
    return TransactionEvent("CP1", 1, received_at, TransactionFact(kind, key, at, **told))  # type: ignore[arg-type]


def start(wh: int | None = 1000, seconds: float | None = 0, **told: object) -> TransactionEvent:
    register = None if wh is None else Decimal(wh)
    told = {"token": "TAG", "token_type": TokenType.RFID, "evse_id": 1, "connector_id": 1, **told}
    return event(FactKind.STARTED, seconds, meter_wh=register, state=ChargingState.CHARGING, **told)


def meter(seconds: float | None, wh: int, **told: object) -> TransactionEvent:
    return event(FactKind.METERED, seconds, readings=(reading(seconds, wh),), **told)


def end(wh: int | None, seconds: float, **told: object) -> TransactionEvent:
    register = None if wh is None else Decimal(wh)
    return event(FactKind.ENDED, seconds, meter_wh=register, stop_reason="Local", **told)


def test_a_plain_transaction_has_the_difference_of_its_registers() -> None:
    record = reduce([start(), meter(60, 1200), meter(120, 1500), end(1700, 180)])
    assert record.energy_wh == 700
    assert (record.started_at, record.ended_at) == (after(0), after(180))
    assert (record.token, record.evse_id, record.stop_reason) == ("TAG", 1, "Local")
    assert record.review == frozenset()
    assert not record.needs_review


def test_the_curve_tells_the_energy_at_each_reading_whose_time_can_be_believed() -> None:
    told = [end(1700, 180), meter(120, 1500), meter(60, 1200), meter(None, 1300, received=90), start()]
    record, curve = reduce_with_curve(told)
    assert record == reduce(told)
    assert [(each.at, each.energy_wh) for each in curve] == [
        (after(0), 0),
        (after(60), 200),
        (after(120), 500),
        (after(180), 700),
    ]


def test_nothing_at_all_is_no_transaction() -> None:
    with pytest.raises(ValueError, match="at least one"):
        reduce([])


def test_a_register_that_starts_again_counts_what_was_delivered_before_and_after() -> None:
    record = reduce([start(), meter(600, 2000), meter(1200, 100), meter(1800, 600), end(900, 2400)])
    assert record.energy_wh == 1000 + 500 + 300
    assert record.review == {Review.REGISTER_FELL}
    assert record.needs_review


def test_an_end_below_the_start_is_no_negative_energy() -> None:
    record = reduce([start(50_000), end(100, 600)])
    assert record.energy_wh == 0
    assert record.review == {Review.REGISTER_FELL}


def test_an_end_one_watt_hour_below_the_start_is_rounding() -> None:
    record = reduce([start(269_456), end(269_455, 600)])
    assert record.energy_wh == 0
    assert record.review == {Review.REGISTER_FELL_SLIGHTLY}
    assert not record.needs_review


def test_one_stray_low_reading_is_not_counted_when_the_register_returns() -> None:
    record = reduce([start(50_000), meter(60, 50_100), meter(120, 7), meter(180, 50_300)])
    assert record.energy_wh == 300
    assert Review.REGISTER_FELL in record.review


def test_samples_in_another_unit_than_the_registers_are_not_counted() -> None:
    samples = [meter(60 * number, 50_000 + number // 4) for number in range(1, 9)]
    record = reduce([start(50_000_000), *samples, end(50_002_000, 600)])
    assert record.energy_wh == 2000
    assert record.review == {Review.REGISTER_FELL}


def test_a_jump_without_a_clock_is_measured_against_any_vehicle() -> None:
    record = reduce(
        [start(0, None, received=0), meter(None, 5_000_000, received=60), meter(None, 5_000_300, received=99)]
    )
    assert record.energy_wh == 300
    assert record.review == {Review.REGISTER_JUMPED, Review.CLOCK_UNSURE}


def test_a_jump_that_no_charger_can_deliver_is_no_energy() -> None:
    record = reduce([start(0), meter(10, 800_000), meter(70, 800_500)])
    assert record.energy_wh == 500
    assert record.review == {Review.REGISTER_JUMPED}


def test_readings_after_the_end_change_nothing_and_are_noticed() -> None:
    ended = [start(), meter(60, 1200), end(1500, 120)]
    record = reduce([*ended, meter(180, 2500)])
    assert record.energy_wh == 500
    assert record.ended_at == after(120)
    assert record.review == {Review.ENERGY_AFTER_END}
    assert reduce([*ended, meter(180, 1500)]).review == frozenset()


def test_a_transaction_without_a_start_begins_with_what_is_known() -> None:
    record = reduce([meter(60, 1200), end(1500, 120)])
    assert record.started_at == after(60)
    assert record.energy_wh == 300
    assert Review.MISSING_START in record.review


def test_an_abandoned_transaction_ends_with_its_last_reading() -> None:
    record = reduce([start(), meter(60, 1200), event(FactKind.ABANDONED, 5000)])
    assert record.ended_at == after(60)
    assert record.energy_wh == 200
    assert record.review == {Review.NEVER_ENDED}


def test_a_late_end_takes_the_place_of_our_own_conclusion() -> None:
    record = reduce([start(), meter(60, 1200), event(FactKind.ABANDONED, 5000), end(1900, 300, received=9000)])
    assert record.ended_at == after(300)
    assert record.energy_wh == 900
    assert record.review == frozenset()


def test_a_station_without_a_clock_is_taken_in_order_of_receipt() -> None:
    said = "1970"
    events = [
        start(1000, None, received=0, key=said),
        meter(None, 1200, received=60),
        end(1500, -1.7e9, received=120),
    ]
    record = reduce(events)
    assert (record.started_at, record.ended_at) == (after(0), after(120))
    assert record.energy_wh == 500
    assert record.review == {Review.CLOCK_UNSURE}


def test_missing_sequence_numbers_are_noticed_at_the_end() -> None:
    def told(kind: FactKind, number: int, wh: int) -> TransactionEvent:
        readings = (reading(number * 60, wh),)
        return event(kind, number * 60, seq_no=number, readings=readings, meter_wh=Decimal(wh))

    events = [told(FactKind.STARTED, 0, 0), told(FactKind.UPDATED, 1, 10), told(FactKind.ENDED, 4, 90)]
    assert reduce(events).review == {Review.MESSAGES_MISSING}
    events += [told(FactKind.UPDATED, 2, 20), told(FactKind.UPDATED, 3, 30)]
    assert reduce(events).review == frozenset()


def test_intervals_count_when_there_is_no_register() -> None:
    def interval(seconds: float, wh: int) -> TransactionEvent:
        return event(FactKind.METERED, seconds, readings=(reading(seconds, wh, "Energy.Active.Import.Interval"),))

    record = reduce([start(None), interval(60, 100), interval(120, 150), end(None, 180)])
    assert record.energy_wh == 250
    assert record.review == {Review.ENERGY_FROM_INTERVALS}
    assert not record.needs_review


def test_a_transaction_without_any_meter_is_for_a_person_to_see() -> None:
    assert Review.NO_ENERGY in reduce([start(None), end(None, 60)]).review


def test_periods_tell_the_state_and_the_energy_until_then() -> None:
    suspended = event(FactKind.STATE, 90, state=ChargingState.SUSPENDED_EV)
    again = event(FactKind.STATE, 150, state=ChargingState.CHARGING)
    record = reduce([start(), meter(60, 1200), suspended, meter(120, 1200), again, meter(180, 1500), end(1600, 200)])
    assert [(p.state, p.from_at, p.energy_wh) for p in record.periods] == [
        (ChargingState.CHARGING, after(0), 0),
        (ChargingState.SUSPENDED_EV, after(90), 200),
        (ChargingState.CHARGING, after(150), 200),
    ]
    assert record.energy_wh == 600


def test_the_readings_of_the_whole_transaction_may_come_again_with_the_end() -> None:
    repeated = (reading(0, 1000), reading(60, 1200), reading(120, 1500), reading(180, 1700))
    stop = event(FactKind.ENDED, 180, meter_wh=Decimal(1700), readings=repeated)
    record = reduce([start(), meter(60, 1200), meter(120, 1500), stop])
    assert record.energy_wh == 700
    assert record.review == frozenset()


def test_two_different_ends_are_for_a_person_to_see() -> None:
    record = reduce([start(), end(1500, 120), end(1900, 180)])
    assert record.energy_wh == 500
    assert Review.CONFLICTING_END in record.review


def test_apply_declines_what_belongs_before_what_it_has_counted() -> None:
    record = reduce([start(), meter(120, 1500)])
    assert apply(record, meter(60, 1200)) is None
    assert apply(record, start(1000, 0, key="again")) is None


# --- any events, in any order

_readings = st.builds(
    reading,
    st.one_of(st.none(), st.integers(-100, 4000)),
    st.integers(0, 20_000),
    st.sampled_from([REGISTER, REGISTER, "Energy.Active.Import.Interval", "Power.Active.Import"]),
    st.just("Wh"),
)


@st.composite
def _events(draw: st.DrawFn) -> TransactionEvent:
    kind = draw(st.sampled_from(list(FactKind)))
    seconds = draw(st.one_of(st.none(), st.integers(-100, 4000), st.just(-1.7e9)))
    received = draw(st.integers(0, 6000))
    fact = TransactionFact(
        kind=kind,
        key=draw(st.text("abc", min_size=1, max_size=3)) + kind,
        at=None if seconds is None else after(seconds),
        token=draw(st.sampled_from([None, "A", "B"])),
        evse_id=draw(st.sampled_from([None, 1, 2])),
        meter_wh=draw(st.one_of(st.none(), st.integers(0, 20_000).map(Decimal))),
        readings=tuple(draw(st.lists(_readings, max_size=3))),
        state=draw(st.sampled_from([None, *ChargingState])),
        seq_no=draw(st.one_of(st.none(), st.integers(0, 8))),
    )
    return TransactionEvent("CP1", 1, after(received), fact)


def _without_contradictions(events: Sequence[TransactionEvent]) -> list[TransactionEvent]:
    """One message for each key, as the database keeps them."""
    return list({event.fact.key: event for event in events}.values())


@given(st.lists(_events(), min_size=1, max_size=12), st.randoms())
def test_the_record_does_not_depend_on_the_order_of_arrival(events: list[TransactionEvent], random: object) -> None:
    events = _without_contradictions(events)
    shuffled = [*events, *events[:3]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reduce(shuffled) == reduce(events)


@given(st.lists(_events(), min_size=1, max_size=12))
def test_energy_is_never_negative_and_periods_go_forward(events: list[TransactionEvent]) -> None:
    record = reduce(_without_contradictions(events))
    assert record.energy_wh >= 0
    assert all(0 <= period.energy_wh <= record.energy_wh for period in record.periods)
    times = [period.from_at for period in record.periods]
    assert times == sorted(times)
    assert record.ended_at is None or record.ended_at >= record.started_at


@given(st.lists(_events(), min_size=2, max_size=12))
def test_the_live_path_gives_the_same_record_as_the_reducer(events: list[TransactionEvent]) -> None:
    events = _without_contradictions(events)
    events.sort(key=lambda event: (event.fact.kind is not FactKind.STARTED, event.at))
    record = reduce(events[:1])
    for count, one in enumerate(events[1:], start=2):
        applied = apply(record, one)
        expected = reduce(events[:count])
        assert applied is None or applied == expected
        record = expected if applied is None else applied


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30), st.integers(0, 10**6))
def test_a_register_that_only_rises_is_followed_live_without_looking_back(steps: list[int], first_wh: int) -> None:
    record: TransactionRecord | None = reduce([start(first_wh)])
    wh = first_wh
    for number, step in enumerate(steps, start=1):
        wh += step
        assert record is not None
        record = apply(record, meter(number * 60, wh))
        assert record is not None
        assert record.energy_wh == wh - first_wh
    assert record is not None
    record = apply(record, end(wh, len(steps) * 60 + 1))
    assert record is not None
    assert record.energy_wh == sum(steps)
    assert not record.needs_review
