"""Amounts, currencies and the one rounding."""

import decimal
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.money import (
    CURRENCIES,
    AmountTooLarge,
    CurrencyMismatch,
    Money,
    UnknownCurrency,
    exponent,
    round_to_minor,
    total,
)

CODES = st.sampled_from(sorted(CURRENCIES))
MINOR = st.integers(min_value=-(10**15), max_value=10**15)
MAJOR = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=6)


@pytest.mark.parametrize(
    ("currency", "digits"), [("EUR", 2), ("JPY", 0), ("ISK", 0), ("KWD", 3), ("TND", 3), ("CLF", 4), ("UYW", 4)]
)
def test_the_exponent_is_the_one_of_iso_4217(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@pytest.mark.parametrize("code", ["eur", "EURO", "XXX", "XAU", "", "E€R"])
def test_an_unknown_currency_is_a_typed_error_that_does_not_quote_it(code: str) -> None:
    with pytest.raises(UnknownCurrency) as refusal:
        Money(1, code)
    assert refusal.value.status == 422
    assert not code or code not in str(refusal.value)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1.005", "EUR", 101),
        ("-1.005", "EUR", -101),
        ("1.004999", "EUR", 100),
        ("0.005", "EUR", 1),
        ("0.0049", "EUR", 0),
        ("0.5", "JPY", 1),
        ("1.2345", "KWD", 1235),
        ("1.23455", "CLF", 12346),
        ("2.675", "USD", 268),
        ("1E+3", "EUR", 100_000),
        ("1E-400000", "EUR", 0),
        ("-0", "EUR", 0),
    ],
)
def test_halves_round_away_from_zero(amount: str, currency: str, minor: int) -> None:
    assert round_to_minor(Decimal(amount), currency) == Money(minor, currency)


@given(amount=MAJOR, currency=CODES)
def test_rounding_is_within_half_a_minor_unit_and_agrees_with_decimal(amount: Decimal, currency: str) -> None:
    rounded = round_to_minor(amount, currency)
    unit = Decimal(1).scaleb(-exponent(currency))
    with localcontext() as context:
        context.prec = 60
        assert abs(rounded.to_decimal() - amount) * 2 <= unit
        assert rounded.to_decimal() == amount.quantize(unit, rounding=ROUND_HALF_UP)


@given(amount=MAJOR, currency=CODES)
def test_rounding_does_not_depend_on_the_decimal_context(amount: Decimal, currency: str) -> None:
    expected = round_to_minor(amount, currency)
    with localcontext() as context:
        context.prec = 3
        context.rounding = decimal.ROUND_FLOOR
        assert round_to_minor(amount, currency) == expected
        assert round_to_minor(expected.to_decimal(), currency) == expected


@given(one=MAJOR, other=MAJOR, currency=CODES)
def test_rounding_keeps_order_and_sign(one: Decimal, other: Decimal, currency: str) -> None:
    if one <= other:
        assert round_to_minor(one, currency) <= round_to_minor(other, currency)
    assert round_to_minor(one.copy_negate(), currency) == -round_to_minor(one, currency)


@given(minor=MINOR, currency=CODES)
def test_minor_units_survive_the_way_through_decimal(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert round_to_minor(money.to_decimal(), currency) == money


@given(amounts=st.lists(MINOR, max_size=20), currency=CODES)
def test_a_total_is_the_sum_of_its_parts(amounts: list[int], currency: str) -> None:
    assert total([Money(amount, currency) for amount in amounts], currency) == Money(sum(amounts), currency)


@given(one=MINOR, other=MINOR)
def test_arithmetic_and_order_are_those_of_the_minor_units(one: int, other: int) -> None:
    a, b = Money(one, "EUR"), Money(other, "EUR")
    assert (a + b).amount_minor == one + other
    assert (a - b) == a + -b
    assert ((a < b), (a <= b), (a > b), (a >= b)) == (one < other, one <= other, one > other, one >= other)
    assert bool(a) is (one != 0)


def test_two_currencies_do_not_mix() -> None:
    euro, krona = Money(1, "EUR"), Money(1, "SEK")
    for operation in (lambda: euro + krona, lambda: euro - krona, lambda: euro < krona, lambda: total([krona], "EUR")):
        with pytest.raises(CurrencyMismatch):
            operation()
    assert euro != krona


@pytest.mark.parametrize("amount", [1.0, True, Decimal(1), "1"])
def test_only_whole_numbers_are_amounts(amount: object) -> None:
    with pytest.raises(TypeError):
        Money(amount, "EUR")  # type: ignore[arg-type]


def test_what_a_database_cannot_hold_is_refused() -> None:
    with pytest.raises(AmountTooLarge):
        Money(2**63, "EUR")
    with pytest.raises(AmountTooLarge):
        round_to_minor(Decimal("1E+400000"), "EUR")
    for odd in ("NaN", "Infinity", "-Infinity", "sNaN"):
        with pytest.raises(ValueError, match="finite"):
            round_to_minor(Decimal(odd), "EUR")


@pytest.mark.parametrize(
    ("money", "text"),
    [(Money(-1205, "EUR"), "-12.05 EUR"), (Money(7, "JPY"), "7 JPY"), (Money(5, "KWD"), "0.005 KWD")],
)
def test_money_reads_like_money(money: Money, text: str) -> None:
    assert str(money) == text
