"""Nobody finds cards by trying, and honest networks do not notice."""

from hypothesis import given
from hypothesis import strategies as st

from hub.tokens.misses import Misses


def test_so_many_and_no_more_and_they_come_back() -> None:
    misses = Misses(60)
    assert [misses.take("cpo", 0.0) for _ in range(60)] == [None] * 60
    wait_s = misses.take("cpo", 0.0)
    assert wait_s == 1.0
    assert misses.take("other", 0.0) is None, "each platform has its own"
    assert misses.take("cpo", 1.0) is None
    assert misses.take("cpo", 1.0) is not None


def test_what_is_allowed_costs_nothing() -> None:
    misses = Misses(2)
    for _ in range(100):
        assert misses.take("cpo", 0.0) is None
        misses.give_back("cpo", 0.0)


@given(st.integers(1, 100), st.lists(st.floats(0, 30), max_size=200))
def test_never_more_than_the_limit_and_what_came_back(per_minute: int, pauses: list[float]) -> None:
    misses, now_s, made = Misses(per_minute), 0.0, 0
    for pause_s in pauses:
        now_s += pause_s
        made += misses.take("cpo", now_s) is None
        assert made <= per_minute + now_s * per_minute / 60 + 1e-6
