"""The sums of a document add up: to the bill, by rate, by line, and when it is given back in parts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.money import round_to_minor
from payments.documents.model import ROUNDING, VatTotal
from payments.documents.totals import Item, Sums, credit, reckon, spread

RATES = st.sampled_from([None, Decimal(0), Decimal("5.5"), Decimal(9), Decimal(19), Decimal(21)])
PRICES = st.decimals(min_value=0, max_value=2, places=4)
VOLUMES = st.decimals(min_value=0, max_value=400, places=5)


def item(quantity: Decimal, price: Decimal, rate: Decimal | None, *, on_all: bool = False) -> Item:
    net = quantity * price
    gross = net + net * (rate or 0) / 100
    return Item("ENERGY", "Energy", quantity, "kWh", price, rate, net, gross, on_all)


def billed(items: list[Item], currency: str = "EUR", usual: Decimal | None = None) -> tuple[Sums, int, int]:
    """The sums of items that were billed as a session is: the total rounded once, VAT as what remains."""
    net = round_to_minor(sum((each.net for each in items), Decimal(0)), currency).amount_minor
    gross = round_to_minor(sum((each.gross for each in items), Decimal(0)), currency).amount_minor
    sums = reckon(items, currency=currency, net_minor=net, vat_minor=gross - net, rounding="Rounding", usual_vat=usual)
    return sums, net, gross - net


ITEMS = st.lists(st.builds(item, VOLUMES, PRICES, RATES), max_size=12)


@given(ITEMS, st.sampled_from(["EUR", "JPY", "TND"]))
def test_lines_and_rates_add_up_to_what_was_billed(items: list[Item], currency: str) -> None:
    scale = {"EUR": 2, "JPY": 0, "TND": 3}[currency]
    taxed = {each.vat_percent for each in items if each.vat_percent}
    net = round_to_minor(sum((each.net for each in items), Decimal(0)), currency).amount_minor
    gross = round_to_minor(sum((each.gross for each in items), Decimal(0)), currency).amount_minor
    if gross != net and not taxed:
        return
    sums, net, vat = billed(items, currency)
    assert sum(each.net_minor for each in sums.vat) == net
    assert sum(each.vat_minor for each in sums.vat) == vat
    for rate in sums.vat:
        assert sum(line.net_minor for line in sums.lines if line.vat_percent == rate.percent) == rate.net_minor
        exact = [each for each in items if each.vat_percent == rate.percent]
        exact_net = sum((each.net for each in exact), Decimal(0)).scaleb(scale)
        exact_vat = sum((each.gross - each.net for each in exact), Decimal(0)).scaleb(scale)
        assert abs(rate.net_minor - exact_net) <= 1
        assert abs(rate.vat_minor - exact_vat) <= 1 + Decimal(1) / 2
        if not rate.percent:
            assert rate.vat_minor == 0
    for line in sums.lines:
        if line.code != ROUNDING:
            assert line.net_minor == round_to_minor(line.net, currency).amount_minor


def test_what_lines_lack_is_a_line() -> None:
    third = Decimal("0.333333333333333")
    items = [item(Decimal(1), third, Decimal(21)) for _ in range(3)]
    sums, net, _ = billed(items)
    assert net == 100
    assert [(line.code, line.net_minor) for line in sums.lines] == [("ENERGY", 33)] * 3 + [(ROUNDING, 1)]


def test_a_limit_on_the_whole_is_shared_out_among_the_rates() -> None:
    lines = [item(Decimal(10), Decimal(1), Decimal(21)), item(Decimal(5), Decimal(1), Decimal(9))]
    limit = Item("MAX_PRICE", "Down to 12", Decimal(1), "", Decimal(-3), None, Decimal(-3), Decimal("-3.51"), True)
    sums, net, vat = billed([*lines, limit])
    assert (net, vat) == (1200, 204)
    assert sums.vat == (VatTotal(Decimal(21), 800, 168), VatTotal(Decimal(9), 400, 36))


def test_a_least_price_of_nothing_else_has_the_rate_of_the_tariff() -> None:
    limit = Item("MIN_PRICE", "Up to 2", Decimal(1), "", Decimal(2), None, Decimal(2), Decimal("2.42"), True)
    sums, _, _ = billed([limit], usual=Decimal(21))
    assert sums.vat == (VatTotal(Decimal(21), 200, 42),)


def test_vat_whose_rate_nobody_has_said_is_at_what_it_comes_to() -> None:
    limit = Item("MIN_PRICE", "Up to 2", Decimal(1), "", Decimal(1), None, Decimal(1), Decimal("1.42"), True)
    sums, _, _ = billed([item(Decimal(10), Decimal("0.1"), None), limit])
    assert sums.vat == (VatTotal(Decimal("21.00"), 200, 42),)


def test_vat_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="VAT of nothing"):
        reckon([], currency="EUR", net_minor=0, vat_minor=21, rounding="Rounding")


@given(st.lists(st.decimals(min_value=-50, max_value=50, places=6), min_size=1, max_size=9), st.integers(-9, 9))
def test_what_is_spread_adds_up_and_stays_near(shares: list[Decimal], more: int) -> None:
    total = round(sum(shares)) + more
    found = spread(total, shares)
    assert sum(found) == total
    reach = 1 + (abs(more) + 1) // len(shares) + 1
    assert all(abs(whole - share) <= reach for whole, share in zip(found, shares, strict=True))


CELLS = st.lists(
    st.builds(VatTotal, RATES, st.integers(0, 90_000), st.integers(0, 20_000)),
    min_size=1,
    max_size=4,
    unique_by=lambda cell: cell.percent,
)


@given(CELLS, st.lists(st.integers(1, 30_000), max_size=8))
def test_parts_that_are_given_back_never_exceed_and_end_exactly(cells: list[VatTotal], wanted: list[int]) -> None:
    remains, credited = sum(each.net_minor + each.vat_minor for each in cells), []
    for amount in [*wanted, 10**9]:
        amount = min(amount, remains)
        if not amount:
            break
        part = credit(cells, credited, amount)
        assert sum(each.net_minor + each.vat_minor for each in part) == amount
        assert all(each.net_minor >= 0 and each.vat_minor >= 0 for each in part)
        credited += part
        remains -= amount
    for cell in cells:
        back = [each for each in credited if each.percent == cell.percent]
        assert sum(each.net_minor for each in back) == cell.net_minor
        assert sum(each.vat_minor for each in back) == cell.vat_minor
    with pytest.raises(ValueError, match="more is credited"):
        credit(cells, credited, 1)
