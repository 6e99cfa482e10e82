"""Buckets: a steady rate, a burst for who was silent, and nobody pays for others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import RateLimited
from kit.rates import BURST_S, Rates


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    clock = Seconds()
    rates = Rates(clock, 2)
    assert [rates.take("a") for _ in range(10)] == [0.0] * 10
    assert rates.take("a") == pytest.approx(0.5)
    assert rates.take("b") == 0.0, "nobody pays for others"
    clock.now += 0.5
    assert rates.take("a") == 0.0
    with pytest.raises(RateLimited) as refused:
        rates.check("a")
    assert refused.value.headers == {"Retry-After": "1"}


def test_a_burst_of_its_own_fills_with_time_and_no_further() -> None:
    clock = Seconds()
    rates = Rates(clock, 2, burst=4)
    assert [rates.take() for _ in range(5)] == [0.0, 0.0, 0.0, 0.0, 0.5]
    clock.now = 0.5
    assert rates.take() == 0.0
    assert rates.take() > 0
    clock.now = 100.0
    assert [rates.take() == 0.0 for _ in range(5)] == [True] * 4 + [False]


def test_what_is_given_back_costs_nothing_and_saves_nothing_up() -> None:
    clock = Seconds()
    rates = Rates(clock, 1, burst=2)
    for _ in range(100):
        assert rates.take("a") == 0.0
        rates.give_back("a")
    assert [rates.take("a") == 0.0 for _ in range(3)] == [True, True, False]
    rates.give_back("nobody")


def test_no_rate_is_no_bound() -> None:
    rates = Rates(Seconds(), 0)
    assert [rates.take("a") for _ in range(1000)] == [0.0] * 1000


@given(
    st.lists(st.floats(min_value=0, max_value=3), max_size=60),
    st.floats(min_value=0.5, max_value=20),
    st.none() | st.integers(1, 40),
)
def test_no_pattern_gets_more_than_the_rate_and_one_burst(
    pauses: list[float], per_second: float, burst: int | None
) -> None:
    clock = Seconds()
    rates = Rates(clock, per_second, burst=burst)
    let_in = 0
    for pause in pauses:
        clock.now += pause
        let_in += rates.take("a") == 0.0
    saved = BURST_S * per_second if burst is None else burst
    assert let_in <= per_second * clock.now + max(saved, 1) + 1
