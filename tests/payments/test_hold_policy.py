"""How much is put aside, and when more is asked for."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.money import Money, exponent
from payments.hold_policy import BadPolicy, Expectation, HoldPolicy, hold_amount, raised

PRICES = st.decimals(min_value=0, max_value=20, places=4)
EXPECTED = st.builds(
    Expectation,
    energy_wh=st.decimals(min_value=0, max_value=200_000, places=3),
    duration_s=st.integers(0, 86_400),
    per_kwh=PRICES,
    per_minute=PRICES,
    flat=PRICES,
)
POLICIES = st.builds(
    lambda floor, more, margin, at: HoldPolicy(floor, floor + more, margin, at),
    st.decimals(min_value="0.01", max_value=100, places=2),
    st.decimals(min_value=0, max_value=200, places=2),
    st.decimals(min_value=0, max_value=1, places=2),
    st.decimals(min_value="0.01", max_value=1, places=2),
)
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])


@pytest.mark.parametrize(
    ("expected", "minor"),
    [
        (Expectation(), 1000),
        (Expectation(energy_wh=Decimal(40_000), per_kwh=Decimal("0.59")), 2600),
        (Expectation(energy_wh=Decimal(40_000), per_kwh=Decimal("0.59"), flat=Decimal("0.40")), 2700),
        (Expectation(duration_s=3600, per_minute=Decimal("0.50")), 3300),
        (Expectation(energy_wh=Decimal(100_000), per_kwh=Decimal("0.89")), 8000),
    ],
)
def test_a_hold_is_the_estimate_with_a_margin_in_whole_units_between_floor_and_cap(
    expected: Expectation, minor: int
) -> None:
    assert hold_amount(HoldPolicy(), expected, "EUR") == Money(minor, "EUR")


@given(POLICIES, EXPECTED, CURRENCIES)
def test_a_hold_covers_the_estimate_or_is_at_the_cap(policy: HoldPolicy, expected: Expectation, currency: str) -> None:
    amount = hold_amount(policy, expected, currency)
    assert amount.amount_minor % 10 ** exponent(currency) == 0
    assert policy.floor <= amount.to_decimal() < policy.cap + 1
    assert amount.to_decimal() >= min(expected.cost(), policy.cap)


@given(POLICIES, EXPECTED, CURRENCIES, st.integers(0, 10**9))
def test_a_raise_is_upwards_up_to_the_cap_and_ends(
    policy: HoldPolicy, expected: Expectation, currency: str, cost: int
) -> None:
    held = hold_amount(policy, expected, currency)
    for _ in range(100):
        more = raised(policy, held, Money(cost, currency))
        if more is None:
            break
        assert held < more
        assert more.to_decimal() < policy.cap + 1
        held = more
    else:
        pytest.fail("a hold is raised for ever")


@pytest.mark.parametrize(
    "values",
    [{"floor": Decimal(0)}, {"cap": Decimal(5)}, {"margin": Decimal(-1)}, {"raise_at": Decimal(0)}],
)
def test_a_policy_without_sense_is_refused(values: dict[str, Decimal]) -> None:
    with pytest.raises(BadPolicy):
        HoldPolicy(**values)
