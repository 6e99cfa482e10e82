"""From the charger's record to the stretches that are priced: nothing is lost, nothing counted twice."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from csms.record import TransactionEvent, reduce_with_curve
from csms.station import ChargingState, FactKind, Reading, Sample, TransactionFact
from csms.transaction import Period, TransactionRecord
from hub.sessions.course import PARKED, at_readings, course_of, stretches

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATES = st.sampled_from(ChargingState)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def record(*periods: tuple[ChargingState, float, int], ended: float | None, energy_wh: int) -> TransactionRecord:
    return TransactionRecord(
        "CS",
        1,
        START,
        ended_at=None if ended is None else at(ended),
        energy_wh=Decimal(energy_wh),
        periods=tuple(Period(state, at(minutes), Decimal(energy)) for state, minutes, energy in periods),
    )


def test_only_a_vehicle_that_asks_for_no_power_is_parked() -> None:
    found = stretches(
        record(
            (ChargingState.EV_CONNECTED, 0, 0),
            (ChargingState.CHARGING, 5, 0),
            (ChargingState.SUSPENDED_EVSE, 10, 500),
            (ChargingState.SUSPENDED_EV, 20, 700),
            (ChargingState.IDLE, 30, 700),
            ended=40,
            energy_wh=710,
        ),
        at(40),
    )
    assert [(each.start, each.end, each.energy_wh, each.parked) for each in found] == [
        (at(0), at(20), Decimal(700), False),
        (at(20), at(40), Decimal(10), True),
    ]


def test_a_record_without_states_is_one_stretch_of_charging() -> None:
    [only] = stretches(record(ended=30, energy_wh=900), at(30))
    assert (only.start, only.end, only.energy_wh, only.parked) == (START, at(30), Decimal(900), False)


def test_a_running_session_lasts_until_now_and_never_ends_before_it_began() -> None:
    running = record((ChargingState.CHARGING, 0, 0), ended=None, energy_wh=10)
    assert course_of(running, now=at(7)).stretches[-1].end == at(7)
    early = course_of(running, now=at(-60))
    assert early.ended_at is None
    assert all(each.start <= each.end for each in early.stretches)


def reading(minutes: float, register: int) -> Reading:
    return Reading(at(minutes), (Sample("Energy.Active.Import.Register", Decimal(register), "Wh"),))


@st.composite
def facts(draw: st.DrawFn) -> list[TransactionFact]:
    """What a station may say of one transaction, in any order and with gaps."""
    minutes = st.integers(0, 600)
    said = [
        TransactionFact(
            kind=FactKind.UPDATED,
            key=f"u{number}",
            at=at(draw(minutes)),
            state=draw(st.none() | STATES),
            readings=tuple(
                reading(draw(minutes), draw(st.integers(0, 50_000))) for _ in range(draw(st.integers(0, 2)))
            ),
        )
        for number in range(draw(st.integers(0, 6)))
    ]
    if draw(st.booleans()):
        start = TransactionFact(
            FactKind.STARTED, "s", at(0), meter_wh=Decimal(draw(st.integers(0, 1000))), state=draw(st.none() | STATES)
        )
        said.append(start)
    if draw(st.booleans()) or not said:
        said.append(
            TransactionFact(FactKind.ENDED, "e", at(draw(minutes)), meter_wh=Decimal(draw(st.integers(0, 60_000))))
        )
    return draw(st.permutations(said))


@given(facts(), st.integers(0, 700))
def test_the_stretches_cover_the_session_and_hold_all_its_energy(said: list[TransactionFact], minutes: int) -> None:
    whole, curve = reduce_with_curve([TransactionEvent("CS", 1, at(700), fact) for fact in said])

    course = course_of(whole, now=at(minutes))

    assert course.stretches[0].start == whole.started_at
    assert course.stretches[-1].end == (whole.ended_at or max(at(minutes), whole.started_at))
    assert all(before.end == after.start for before, after in pairwise(course.stretches))
    assert all(before.parked != after.parked for before, after in pairwise(course.stretches)), "neighbours are joined"
    assert all(each.energy_wh >= 0 for each in course.stretches)
    assert all(each.start <= each.end for each in course.stretches)
    assert sum((each.energy_wh for each in course.stretches), Decimal(0)) == whole.energy_wh == course.energy_wh
    finer = at_readings(course.stretches, curve)
    assert (finer[0].start, finer[-1].end) == (course.stretches[0].start, course.stretches[-1].end)
    assert all(before.end == after.start for before, after in pairwise(finer))
    assert all(each.energy_wh >= 0 and each.start <= each.end for each in finer)
    for parked in (False, True):
        fine, whole_wh = (
            sum((each.energy_wh for each in some if each.parked is parked), Decimal(0))
            for some in (finer, course.stretches)
        )
        assert fine == whole_wh


@given(st.lists(st.tuples(STATES, st.integers(0, 60), st.integers(0, 1000)), max_size=6), st.integers(0, 60))
def test_time_is_parked_only_where_a_state_says_so(steps: list[tuple[ChargingState, int, int]], ended: int) -> None:
    ordered = sorted(steps, key=lambda step: step[1])
    rising = [(state, minutes, number) for number, (state, minutes, _) in enumerate(ordered)]
    found = stretches(record(*rising, ended=ended, energy_wh=1000), at(ended))
    parked = sum((each.end - each.start for each in found if each.parked), timedelta(0))
    borders = [*[minutes for _, minutes, _ in rising], ended]
    expected = sum(
        max(0, min(until, ended) - since)
        for (state, since, _), until in zip(rising, borders[1:], strict=True)
        if state in PARKED
    )
    assert parked == timedelta(minutes=expected)
