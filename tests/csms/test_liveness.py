"""The pulse of a connection: when to ping, and when to let go."""

from hypothesis import given
from hypothesis import strategies as st

from csms.liveness import Health, Pulse


def test_who_is_silent_is_pinged_once_and_let_go_when_nothing_comes() -> None:
    pulse = Pulse.of(10, 300, 0.0)
    seen = [pulse.look(now, 5) for now in (5, 9.9, 10, 12, 14.9, 15)]
    assert seen == [Health.FINE, Health.FINE, Health.PING, Health.FINE, Health.FINE, Health.GONE]


def test_anything_that_is_heard_begins_the_silence_anew() -> None:
    pulse = Pulse.of(10, 300, 0.0)
    assert pulse.look(10, 5) is Health.PING
    pulse.heard += 1
    assert [pulse.look(now, 5) for now in (14, 20, 24, 28, 29)] == [
        Health.FINE,
        Health.FINE,
        Health.PING,
        Health.FINE,
        Health.GONE,
    ]


def test_nobody_is_let_go_without_having_been_pinged() -> None:
    pulse = Pulse.of(10, 300, 0.0)
    assert pulse.look(1000, 5) is Health.PING
    assert pulse.look(1001, 5) is Health.GONE


def test_who_is_never_pinged_has_three_heartbeats_of_time() -> None:
    pulse = Pulse.of(None, 300, 0.0)
    assert pulse.look(899, 5) is Health.FINE
    assert pulse.look(900, 5) is Health.GONE
    assert Pulse.of(None, 10, 0.0).look(299, 5) is Health.FINE


def test_what_is_written_down_and_what_is_watched_are_counted_apart() -> None:
    pulse = Pulse.of(10, 300, 0.0)
    pulse.heard += 1
    assert pulse.look(1, 5) is Health.FINE
    assert pulse.take_heard()
    assert not pulse.take_heard()


@given(st.lists(st.tuples(st.floats(0.1, 4), st.booleans()), max_size=60))
def test_who_says_something_between_any_two_looks_is_never_let_go(steps) -> None:
    pulse, now_s = Pulse.of(10, 300, 0.0), 0.0
    silent_s = 0.0
    for passed_s, speaks in steps:
        now_s += passed_s
        silent_s = 0.0 if speaks else silent_s + passed_s
        pulse.heard += speaks
        health = pulse.look(now_s, 5)
        if health is not Health.FINE:
            assert silent_s >= 10 - 1e-9
