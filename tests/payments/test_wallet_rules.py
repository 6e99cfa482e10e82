"""Whatever is done with a wallet in whatever order: never overdrawn, nothing lost, and the rest is told."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.money import Money
from payments.wallet_rules import (
    BadReloadRule,
    EarmarkState,
    OtherCurrency,
    ReloadRule,
    Standing,
    TopUpOutOfBounds,
    WalletPolicy,
    can_become,
    pay_out,
    split,
)

MINOR = st.integers(0, 50_000)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("load"), st.integers(1, 20_000), st.just(0)),
        st.tuples(st.just("reserve"), st.integers(1, 20_000), st.just(0)),
        st.tuples(st.just("settle"), MINOR, st.integers(0, 9)),
        st.tuples(st.just("release"), st.just(0), st.integers(0, 9)),
    ),
    max_size=30,
)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


@given(STEPS)
def test_a_wallet_is_never_overdrawn_and_every_bill_is_paid_or_owed(steps: list[tuple[str, int, int]]) -> None:
    balance, earmarks = 0, list[tuple[EarmarkState, int]]()
    loaded = spent = owed = debts = 0
    for what, minor, which in steps:
        kept = sum(amount for state, amount in earmarks if state.counts)
        standing = Standing(eur(balance), eur(kept))
        assert 0 <= kept <= balance, "nothing is put aside that is not there"
        if what == "load":
            balance, loaded = balance + minor, loaded + minor
        elif what == "reserve":
            if standing.covers(eur(minor)):
                earmarks.append((EarmarkState.KEPT, minor))
        elif which < len(earmarks):
            state, amount = earmarks[which]
            after = EarmarkState.SPENT if what == "settle" else EarmarkState.RELEASED
            if not can_become(state, after):
                continue
            earmarks[which] = (after, amount)
            if what == "settle":
                paid = split(eur(minor), standing, eur(amount if state.counts else 0))
                balance -= paid.spent.amount_minor
                spent, debts = spent + paid.spent.amount_minor, debts + paid.rest.amount_minor
                owed += minor
    assert balance == loaded - spent >= 0
    assert owed == spent + debts


@given(MINOR, MINOR, st.lists(st.tuples(st.text(min_size=1), MINOR), unique_by=lambda each: each[0]))
def test_what_is_paid_out_went_in_by_the_same_payments(balance: int, below: int, taken: list[tuple[str, int]]) -> None:
    refundable = [(name, eur(minor)) for name, minor in taken]
    out = pay_out(eur(balance), refundable)
    left = dict(refundable)
    assert sum((part.amount_minor for _, part in out.parts), out.rest.amount_minor) == balance
    assert all(part <= left[name] and part.amount_minor > 0 for name, part in out.parts)
    assert out.rest.amount_minor == max(0, balance - sum(minor for _, minor in taken))


@given(st.sampled_from(EarmarkState), st.sampled_from(EarmarkState))
def test_what_is_spent_is_over(before: EarmarkState, after: EarmarkState) -> None:
    assert can_become(before, EarmarkState.KEPT) == (before is EarmarkState.RELEASED)
    assert not can_become(EarmarkState.SPENT, after)


@given(MINOR, MINOR, st.integers(1, 50_000), st.none() | MINOR)
def test_a_wallet_is_filled_when_too_little_is_free_or_more_is_needed(
    available: int, below: int, amount: int, needed: int | None
) -> None:
    rule = ReloadRule(eur(below), eur(amount))
    applies = rule.applies(eur(available), needed=eur(needed) if needed is not None else None)
    assert applies == (available < below or (needed is not None and available < needed))


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(BadReloadRule):
        ReloadRule(eur(100), eur(0))
    with pytest.raises(BadReloadRule):
        ReloadRule(eur(100), Money(100, "GBP"))
    with pytest.raises(OtherCurrency):
        Standing(eur(100), eur(0)).covers(Money(1, "GBP"))
    with pytest.raises(OtherCurrency):
        split(Money(1, "GBP"), Standing(eur(100), eur(0)), eur(0))
    policy = WalletPolicy(Decimal(5), Decimal(100), Decimal(150))
    policy.check(eur(500), eur(0))
    for amount, balance in ((499, 0), (10_001, 0), (5_001, 10_000)):
        with pytest.raises(TopUpOutOfBounds):
            policy.check(eur(amount), eur(balance))
    with pytest.raises(OtherCurrency):
        policy.check(Money(500, "GBP"), eur(0))
