"""Conversions round once on each side, tell their spread, and never move more than they say."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.money import CurrencyMismatch, Money, UnknownCurrency
from payments.ledger.conversion import InvalidRate, Rate, convert

DAY = date(2026, 11, 2)
values = st.decimals(min_value="0.0001", max_value="20000", places=6, allow_nan=False)
spreads = st.decimals(min_value=0, max_value=10, places=2)


def test_a_conversion_tells_rate_date_and_spread() -> None:
    rate = Rate("SEK", "EUR", Decimal("0.0912"), DAY, "ECB", Decimal("1.5"))
    done = convert(Money(12_345, "SEK"), rate)
    assert done.taken == Money(1143, "EUR")  # 123.45 × 0.0912 × 1.015 = 11.4275…
    assert done.spread == Money(17, "EUR")
    assert done.facts() == {
        "rate": "1 SEK = 0.0912 EUR",
        "rate_date": "2026-11-02",
        "rate_source": "ECB",
        "spread_percent": "1.5",
        "spread": "0.17 EUR",
    }


@pytest.mark.parametrize(
    ("given_", "rate", "taken"),
    [
        (Money(1000, "JPY"), Rate("JPY", "KWD", Decimal("0.002"), DAY, "t"), Money(2000, "KWD")),
        (Money(1234, "KWD"), Rate("KWD", "JPY", Decimal("500"), DAY, "t"), Money(617, "JPY")),
    ],
)
def test_currencies_without_and_with_three_decimals(given_: Money, rate: Rate, taken: Money) -> None:
    assert convert(given_, rate).taken == taken


@given(st.integers(min_value=0, max_value=10**10), values, spreads)
def test_the_spread_is_what_the_plain_rate_leaves(minor: int, value: Decimal, spread: Decimal) -> None:
    amount = Money(minor, "SEK")
    with_spread = convert(amount, Rate("SEK", "EUR", value, DAY, "t", spread))
    plain = convert(amount, Rate("SEK", "EUR", value, DAY, "t"))
    assert with_spread.taken - with_spread.spread == plain.taken
    assert with_spread.spread >= Money.zero("EUR")
    assert abs(plain.taken.to_decimal() - amount.to_decimal() * value) <= Decimal("0.005")


def test_a_rate_is_turned_round_without_its_spread() -> None:
    turned = Rate("SEK", "EUR", Decimal("0.09"), DAY, "ECB", Decimal("2")).turned()
    assert turned == Rate("EUR", "SEK", Decimal("11.1111111111"), DAY, "ECB")


def test_a_rate_is_positive_and_of_known_currencies() -> None:
    for value, spread in ((Decimal(0), Decimal(0)), (Decimal(-1), Decimal(0)), (Decimal(1), Decimal(100))):
        with pytest.raises(InvalidRate):
            Rate("SEK", "EUR", value, DAY, "t", spread)
    with pytest.raises(UnknownCurrency):
        Rate("XXX", "EUR", Decimal(1), DAY, "t")
    with pytest.raises(CurrencyMismatch):
        convert(Money(1, "NOK"), Rate("SEK", "EUR", Decimal(1), DAY, "t"))
