"""A session that is looked at often enough never costs more than is held."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from hub.billing.caps import ASK_AGAIN_AFTER, Spent, may_ask_again, must_stop
from kit.money import Money

HELD = Money(5_000, "EUR")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_what_is_used_up_ends() -> None:
    assert must_stop(Spent(Decimal("49.00"), Decimal(3600)), HELD, look_every_s=10)
    assert not must_stop(Spent(Decimal("10.00"), Decimal(3600)), HELD, look_every_s=10)
    assert not must_stop(Spent(Decimal("1.00"), Decimal(0)), HELD, look_every_s=10)


def test_what_the_reservation_costs_is_no_pace() -> None:
    """It was owed when the session began: ten seconds later nothing runs away."""
    assert must_stop(Spent(Decimal("20.00"), Decimal(10)), HELD, look_every_s=10)
    assert not must_stop(Spent(Decimal("20.00"), Decimal(10), Decimal("19.90")), HELD, look_every_s=10)
    assert must_stop(Spent(Decimal("49.00"), Decimal(10), Decimal("49.00")), HELD, look_every_s=10)


@given(
    st.decimals(min_value="0.005", max_value="0.5", places=3),
    st.integers(5, 30),
    st.decimals(min_value="0", max_value="0.9", places=2),
)
def test_at_an_even_pace_the_end_comes_in_time(pace: Decimal, look_every_s: int, late: Decimal) -> None:
    """Each look may be late by most of an interval, and the charger takes one more to stop."""
    ran_s = Decimal(0)
    while True:
        ran_s += look_every_s * (1 + late)
        if must_stop(Spent(pace * ran_s, ran_s), HELD, look_every_s=look_every_s):
            break
    if pace * look_every_s * (1 + late) < HELD.to_decimal() / 4:  # else the first look comes too late for anybody
        assert pace * ran_s <= HELD.to_decimal()


def test_a_charger_that_may_not_have_heard_is_asked_again_after_a_while() -> None:
    assert may_ask_again(None, NOW)
    assert not may_ask_again(NOW, NOW + timedelta(seconds=1))
    assert may_ask_again(NOW, NOW + ASK_AGAIN_AFTER)
