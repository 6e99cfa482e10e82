"""What holds for every tariff and every session."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from hub.tariffs.pricing import (
    Amount,
    Dimension,
    Element,
    Limits,
    Period,
    PriceComponent,
    Priced,
    Restrictions,
    Tariff,
    price,
)

START = datetime(2026, 5, 4, 8, tzinfo=UTC)
ORDER = (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.FLAT)

prices = st.decimals(0, 10, places=4)
percents = st.one_of(st.none(), st.decimals(0, 30, places=1))
quantities = st.decimals(0, 100_000, places=3)


def components(step_sizes: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[PriceComponent, ...]]:
    dimensions = st.lists(st.sampled_from(ORDER), unique=True, min_size=1)
    return dimensions.flatmap(
        lambda chosen: st.tuples(
            *(st.builds(PriceComponent, st.just(each), prices, percents, step_sizes) for each in chosen)
        )
    )


def tariffs(
    step_sizes: st.SearchStrategy[int] = st.integers(0, 3600), *, restricted: bool = True, limited: bool = True
) -> st.SearchStrategy[Tariff]:
    restrictions: st.SearchStrategy[Restrictions | None] = st.none()
    if restricted:
        restrictions = st.none() | st.builds(
            Restrictions, min_energy_wh=quantities, max_duration_s=st.integers(0, 20_000) | st.none()
        )
    limits: st.SearchStrategy[Limits | None] = st.none()
    if limited:
        limits = st.none() | prices.map(lambda excl: Limits(excl, excl * D("1.2"))) | prices.map(Limits)
    return st.builds(
        Tariff,
        id=st.just("t"),
        currency=st.just("EUR"),
        elements=st.lists(st.builds(Element, components(step_sizes), restrictions), min_size=1, max_size=4).map(tuple),
        min_price=limits,
        max_price=st.none() if not limited else st.none() | prices.map(lambda p: Limits(p + 10, p + 20)),
    )


def sessions(max_size: int = 6) -> st.SearchStrategy[list[Period]]:
    one = st.tuples(st.integers(0, 7200), quantities, quantities, quantities)
    return st.lists(one, min_size=1, max_size=max_size).map(
        lambda rows: [
            Period(START + timedelta(seconds=offset), energy, charging, parking)
            for offset, (_, energy, charging, parking) in zip(
                accumulate((row[0] for row in rows), initial=0), rows, strict=False
            )
        ]
    )


def cost(tariff: Tariff, periods: list[Period]) -> Priced:
    return price(tariff, periods, currency="EUR", time_zone=None)


@given(tariffs(), sessions())
def test_the_lines_add_up_to_the_totals(tariff: Tariff, periods: list[Period]) -> None:
    result = cost(tariff, periods)
    assert sum((line.amount for line in result.lines), Amount()) == result.total
    for dimension, amount in result.costs.items():
        assert sum((line.amount for line in result.lines if line.kind is dimension), Amount()) == amount


@given(tariffs(), sessions())
def test_nothing_costs_less_than_nothing(tariff: Tariff, periods: list[Period]) -> None:
    result = cost(tariff, periods)
    assert result.total.incl_vat >= 0
    assert result.total.excl_vat >= 0
    assert all(line.amount.excl_vat >= 0 for line in result.lines if isinstance(line.kind, Dimension))
    assert all(amount.incl_vat >= amount.excl_vat for amount in result.costs.values())


@given(tariffs(), sessions())
def test_the_limits_hold(tariff: Tariff, periods: list[Period]) -> None:
    total, least, most = cost(tariff, periods).total, tariff.min_price, tariff.max_price
    if most is not None:
        assert total.excl_vat <= most.excl_vat
        assert most.incl_vat is None or total.incl_vat <= most.incl_vat
    if least is not None:
        assert total.excl_vat >= least.excl_vat
        assert total.incl_vat >= (least.excl_vat if least.incl_vat is None else least.incl_vat)


@given(tariffs(st.integers(0, 3600), restricted=False), sessions(), st.integers(1, 99))
def test_splitting_a_period_changes_no_price(tariff: Tariff, periods: list[Period], percent: int) -> None:
    halves = []
    for period in periods:
        parts = (period.energy_wh, period.charging_s, period.parking_s)
        energy_wh, charging_s, parking_s = (quantity * percent / 100 for quantity in parts)
        halves += [
            Period(period.start, energy_wh, charging_s, parking_s),
            Period(
                period.start,
                period.energy_wh - energy_wh,
                period.charging_s - charging_s,
                period.parking_s - parking_s,
            ),
        ]
    assert cost(tariff, halves).costs == cost(tariff, periods).costs


@given(tariffs(restricted=False), sessions(), quantities, st.sampled_from(ORDER[:3]))
def test_using_more_never_costs_less(tariff: Tariff, periods: list[Period], more: D, dimension: Dimension) -> None:
    last = periods[-1]
    used = {each: last.quantity(each) + (more if each is dimension else 0) for each in ORDER[:3]}
    raised = [
        *periods[:-1],
        Period(last.start, used[Dimension.ENERGY], used[Dimension.TIME], used[Dimension.PARKING_TIME]),
    ]
    before, after = cost(tariff, periods), cost(tariff, raised)
    if dimension is Dimension.PARKING_TIME and not any(period.parking_s for period in periods):
        return  # the first parking takes the step away from the charging time before it
    assert after.total.excl_vat >= before.total.excl_vat
    limits = (tariff.min_price, tariff.max_price)
    if all(limit is None or limit.incl_vat is not None for limit in limits):  # else VAT follows the mix of rates
        assert after.total.incl_vat >= before.total.incl_vat


@given(tariffs(st.just(1), restricted=False, limited=False), sessions())
def test_each_amount_is_quantity_times_price(tariff: Tariff, periods: list[Period]) -> None:
    for line in cost(tariff, periods).lines:
        assert abs(line.volume * line.unit_price - line.amount.excl_vat) < D("1e-12")


@given(tariffs(), sessions())
def test_a_price_can_be_posted(tariff: Tariff, periods: list[Period]) -> None:
    result = cost(tariff, periods)
    assert abs(result.payable().to_decimal() - result.total.incl_vat) <= D("0.005")
