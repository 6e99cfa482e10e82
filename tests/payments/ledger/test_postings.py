"""Entries are balanced whatever they say, and each fact moves what the page of postings says."""

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.money import CurrencyMismatch, Money
from payments.ledger import postings
from payments.ledger.accounts import (
    Account,
    AccountKind,
    Document,
    Entry,
    InvalidEntry,
    Transfer,
    natural,
    transfers,
)
from payments.ledger.conversion import Rate, convert

PAYER, PARTY = "driver-1", "NL*PLB"
amounts = st.integers(min_value=0, max_value=10**12).map(lambda minor: Money(minor, "EUR"))
prices = st.builds(postings.Price, net=amounts, vat=amounts, country=st.just("NL"))


def moved(entry: postings.Transfers) -> dict[str, int]:
    """What each account has afterwards, by name."""
    found: Counter[str] = Counter()
    for each in entry:
        found[str(each.target)] += each.amount.amount_minor
        found[str(each.source)] -= each.amount.amount_minor
    return {name: amount for name, amount in found.items() if amount}


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


@given(prices, prices)
def test_a_session_of_a_driver_leaves_the_difference_of_two_prices_as_margin(
    retail: postings.Price, wholesale: postings.Price
) -> None:
    found = moved((*postings.sold_to_driver(PAYER, retail), *postings.bought_from_party(PARTY, wholesale)))
    assert found.get("driver_receivable:driver-1", 0) == retail.gross.amount_minor
    assert -found.get("party_payable:NL*PLB", 0) == wholesale.gross.amount_minor
    assert -found.get("margin", 0) == retail.net.amount_minor - wholesale.net.amount_minor
    assert -found.get("vat:NL", 0) == retail.vat.amount_minor
    assert found.get("vat_input:NL", 0) == wholesale.vat.amount_minor
    assert sum(found.values()) == 0


@given(prices)
def test_what_is_credited_leaves_nothing(price: postings.Price) -> None:
    for sale in (
        postings.sold_to_driver(PAYER, price),
        postings.sold_to_party(PARTY, price),
        postings.bought_from_party(PARTY, price),
        postings.roaming_fee(PARTY, price),
    ):
        assert moved((*sale, *postings.credited(sale))) == {}


def test_a_paid_session_ends_with_the_money_in_the_bank() -> None:
    price = postings.Price(eur(1000), eur(210), "NL")
    whole = (
        *postings.held("hold-1", eur(5000)),
        *postings.sold_to_driver(PAYER, price),
        *postings.captured(PAYER, eur(1210)),
        *postings.hold_ended("hold-1", eur(5000)),
        *postings.provider_fee(eur(40)),
        *postings.paid_out(eur(1170)),
    )
    assert moved(whole) == {"bank": 1170, "provider_fees": 40, "margin": -1000, "vat:NL": -210}


def test_a_wallet_is_loaded_spent_and_paid_back() -> None:
    price = postings.Price(eur(300), eur(63), "NL")
    whole = (
        *postings.wallet_loaded("w", eur(1000)),
        *postings.sold_to_driver(PAYER, price),
        *postings.wallet_spent("w", PAYER, eur(363)),
        *postings.wallet_paid_back("w", eur(637)),
    )
    assert moved(whole) == {"provider_clearing": 363, "margin": -300, "vat:NL": -63}


@pytest.mark.parametrize(
    ("ends", "left"),
    [
        (postings.dispute_won("d", eur(500)), {}),
        (postings.dispute_lost("d", eur(500)), {"bad_debt": 500, "provider_clearing": -500}),
    ],
)
def test_a_dispute_is_won_or_lost(ends: postings.Transfers, left: dict[str, int]) -> None:
    assert moved((*postings.disputed("d", eur(500)), *ends)) == left


def test_a_debt_that_was_given_up_can_still_be_paid() -> None:
    debt = postings.sold_to_driver(PAYER, postings.Price(eur(900), eur(0), "NL"))
    paid = (*postings.collected_after_all(PAYER, eur(900)), *postings.captured(PAYER, eur(900)))
    assert moved((*debt, *postings.written_off(PAYER, eur(900)), *paid)) == {"provider_clearing": 900, "margin": -900}


def test_parties_settle_by_payment_transfer_and_netting() -> None:
    owed = (
        *postings.sold_to_party(PARTY, postings.Price(eur(800), eur(0), "NL")),
        *postings.bought_from_party(PARTY, postings.Price(eur(500), eur(0), "NL")),
    )
    settled = (*postings.netted(PARTY, eur(500)), *postings.party_paid_us(PARTY, eur(300)))
    assert moved((*owed, *settled)) == {"bank": 300, "margin": -300}
    bought = postings.bought_from_party(PARTY, postings.Price(eur(500), eur(0), "NL"))
    paid = (*postings.party_was_paid(PARTY, eur(200)), *postings.transferred_to_party(PARTY, eur(300)))
    assert moved((*bought, *paid)) == {"margin": 500, "bank": -200, "provider_clearing": -300}


def test_an_exchange_keeps_each_currency_balanced() -> None:
    sek = Money(11_500, "SEK")
    legs = postings.exchanged(postings.payable(PARTY), Account(AccountKind.MARGIN), sek, eur(1000))
    for currency in ("SEK", "EUR"):
        assert sum(moved(tuple(each for each in legs if each.amount.currency == currency)).values()) == 0
    assert moved(tuple(each for each in legs if each.amount.currency == "EUR")) == {"exchange": -1000, "margin": 1000}


rates = st.decimals(min_value="0.0001", max_value="20000", places=6).map(
    lambda value: Rate("SEK", "EUR", value, date(2026, 11, 2), "t")
)
costs = st.integers(min_value=-(10**12), max_value=10**12).map(lambda minor: Money(minor, "SEK"))


def in_currency(entry: postings.Transfers, currency: str) -> dict[str, int]:
    return moved(tuple(each for each in entry if each.amount.currency == currency))


@given(prices, costs, costs, rates)
def test_the_margin_of_a_session_bought_in_another_currency_is_in_that_of_its_sale(
    retail: postings.Price, net: Money, vat: Money, rate: Rate
) -> None:
    bought = postings.bought_from_party(PARTY, postings.Price(net, vat, "SE"))
    done = convert(net, rate)
    exchange = postings.margin_exchanged(done.given, done.taken)
    whole = (*postings.sold_to_driver(PAYER, retail), *bought, *exchange)
    sek, euros = in_currency(whole, "SEK"), in_currency(whole, "EUR")
    assert "margin" not in sek
    assert -sek.get("party_payable:NL*PLB", 0) == (net + vat).amount_minor, "who is owed is owed the same"
    assert sek.get("exchange", 0) == net.amount_minor
    assert -euros.get("margin", 0) == retail.net.amount_minor - done.taken.amount_minor
    assert -euros.get("exchange", 0) == done.taken.amount_minor
    assert sum(sek.values()) == sum(euros.values()) == 0
    assert abs(done.taken.to_decimal() - net.to_decimal() * rate.value) <= Decimal("0.005"), "rounded once"


@given(costs, rates)
def test_an_exchange_of_the_margin_is_taken_back_to_the_cent(net: Money, rate: Rate) -> None:
    done = convert(net, rate)
    legs = postings.margin_exchanged(done.given, done.taken)
    assert moved((*legs, *postings.credited(legs))) == {}
    if legs:
        entry = Entry(Document("cdr_exchange", "1"), legs, done.facts())
        back = entry.reversed(Document("credit_exchange", "2"))
        for currency in ("SEK", "EUR"):
            assert in_currency((*entry.transfers, *back.transfers), currency) == {}


def test_currencies_meet_in_the_account_of_exchange() -> None:
    sek = Money(11_500, "SEK")
    bought = postings.bought_from_party(PARTY, postings.Price(sek, Money.zero("SEK"), "SE"))
    sale = postings.sold_to_driver(PAYER, postings.Price(eur(1000), eur(210), "NL"))
    for legs in ((*sale, *bought), (*sale, *postings.margin_exchanged(sek, eur(0)))):
        with pytest.raises(InvalidEntry, match="exchange"):
            Entry(Document("bill", "1"), legs)


def test_nothing_moves_for_nothing_and_less_than_nothing_goes_back() -> None:
    a, b = Account(AccountKind.BANK), Account(AccountKind.MARGIN)
    assert transfers((a, b, eur(0))) == ()
    assert transfers((a, b, eur(-5))) == (Transfer(b, a, eur(5)),)


def test_an_entry_means_something() -> None:
    bank, margin = Account(AccountKind.BANK), Account(AccountKind.MARGIN)
    with pytest.raises(InvalidEntry):
        Entry(Document("cdr", "1"), ())
    with pytest.raises(InvalidEntry):
        Transfer(bank, margin, eur(0))
    with pytest.raises(InvalidEntry):
        Transfer(bank, margin, eur(-1))
    with pytest.raises(InvalidEntry):
        Transfer(bank, bank, eur(1))
    with pytest.raises(InvalidEntry, match="memo"):
        Transfer(bank, Account(AccountKind.HOLDS, "h"), eur(1))
    with pytest.raises(InvalidEntry, match="needs an owner"):
        Account(AccountKind.WALLET)
    with pytest.raises(InvalidEntry, match="has no owner"):
        Account(AccountKind.BANK, "x")
    with pytest.raises(CurrencyMismatch):
        _ = postings.Price(eur(1), Money(1, "SEK"), "NL").gross


@given(prices)
def test_an_entry_taken_back_leaves_nothing(price: postings.Price) -> None:
    legs = postings.sold_to_driver(PAYER, replace(price, net=price.net + eur(1)))
    entry = Entry(Document("cdr", "1"), legs)
    back = entry.reversed(Document("credit_cdr", "2"))
    assert moved((*entry.transfers, *back.transfers)) == {}
    assert back.facts == {"reverses": "cdr 1"}


def test_readers_see_what_is_owed_as_a_positive_amount() -> None:
    assert natural(AccountKind.WALLET, eur(-500)) == eur(500)
    assert natural(AccountKind.DRIVER_RECEIVABLE, eur(500)) == eur(500)
