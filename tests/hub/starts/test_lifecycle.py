"""The life of a start: total, never stuck, and the plug has the last word."""

from hypothesis import given
from hypothesis import strategies as st

from hub.starts.lifecycle import Happening, StartState, advance

happenings = st.lists(st.sampled_from(Happening), max_size=12)


@given(happenings)
def test_any_order_of_happenings_ends_in_a_state(order: list[Happening]) -> None:
    state = StartState.REQUESTED
    for happening in order:
        state = advance(state, happening)
    assert state in StartState


@given(st.sampled_from(StartState), st.sampled_from(Happening))
def test_a_repeated_happening_changes_nothing_more(state: StartState, happening: Happening) -> None:
    once = advance(state, happening)
    assert advance(once, happening) == once


@given(happenings)
def test_an_ended_start_stays_ended(order: list[Happening]) -> None:
    state = StartState.ENDED
    for happening in order:
        state = advance(state, happening)
    assert state is StartState.ENDED


def test_a_charger_that_starts_after_we_gave_up_is_believed() -> None:
    for gave_up in (StartState.FAILED, StartState.EXPIRED):
        assert advance(gave_up, Happening.CHARGING) is StartState.CHARGING


def test_a_refused_driver_never_charges_through_the_same_start() -> None:
    assert advance(StartState.REFUSED, Happening.CHARGING) is StartState.REFUSED
