"""Amounts as Stripe counts them, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.money import CURRENCIES, Money
from payments.errors import NotPayable
from payments.stripe_amounts import from_stripe, payable, step_minor, to_stripe


@pytest.mark.parametrize(
    ("money", "number"),
    [
        (Money(1099, "EUR"), 1099),
        (Money(500, "JPY"), 500),
        (Money(5120, "KWD"), 5120),
        (Money(5, "ISK"), 500),
        (Money(7, "UGX"), 700),
        (Money(300, "MGA"), 3),
        (Money(12_000, "CLF"), 12_000),
    ],
)
def test_an_amount_as_stripe_counts_it(money: Money, number: int) -> None:
    assert to_stripe(money) == number
    assert from_stripe(number, money.currency.lower()) == money


@pytest.mark.parametrize(
    "money", [Money(5124, "KWD"), Money(301, "MGA"), Money(0, "EUR"), Money(-5, "EUR"), Money(10**9, "EUR")]
)
def test_what_stripe_cannot_count_is_refused(money: Money) -> None:
    with pytest.raises(NotPayable):
        to_stripe(money)


@given(st.integers(1, 9_999_999), st.sampled_from(sorted(CURRENCIES)))
def test_what_is_payable_comes_back_as_it_went(minor: int, currency: str) -> None:
    money = payable(Money(minor, currency))
    assert 0 <= minor - money.amount_minor < step_minor(currency)
    if money and money.amount_minor * 100 < 99_999_999:
        assert from_stripe(to_stripe(money), currency) == money
