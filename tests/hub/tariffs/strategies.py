"""Tariffs, clocks and courses of sessions for the property tests."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal as D

from hypothesis import strategies as st

from hub.tariffs.meter import Reading
from hub.tariffs.model import Dimension, Element, Limits, PriceComponent, Restrictions, Tariff

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Pacific/Auckland",
    "UTC",
)
"""Half and quarter hours, both hemispheres, a change of half an hour."""

CHANGES = (
    "2026-03-28T22:15",  # Berlin and the rest of the European Union, 01:00 UTC
    "2026-10-24T22:15",
    "2026-03-08T04:15",  # New York, 07:00 UTC
    "2026-11-01T03:15",
    "2026-04-04T13:15",  # Adelaide 16:30 UTC, Lord Howe 15:00 UTC, Auckland 14:00 UTC
    "2026-10-03T13:15",
    "2026-04-05T01:15",  # Santiago, 03:00 UTC
    "2026-09-06T02:15",
)

prices = st.integers(0, 100_000).map(lambda number: D(number).scaleb(-4))
_percents = st.sampled_from([None, D(0), D(19), D("5.2"), D(21)])
_times = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
_windows = st.lists(_times, min_size=2, max_size=2, unique=True) | st.just([None, None])
_restrictions = st.none() | st.builds(
    lambda window, days, least, most: Restrictions(
        start_time=window[0], end_time=window[1], weekdays=days, min_energy_wh=least, max_duration_s=most
    ),
    _windows,
    st.sampled_from([frozenset(), frozenset({5, 6}), frozenset(range(5)), frozenset({0, 3})]),
    st.none() | st.integers(0, 30_000).map(D),
    st.none() | st.integers(0, 20_000),
)
_kinds = st.lists(st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]), min_size=1, unique=True)
_least = st.none() | prices.map(lambda excl: Limits(excl, excl * D("1.2")))
_most = st.none() | prices.map(lambda excl: Limits(excl + 10, (excl + 10) * D("1.2")))


def _elements(steps: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Element, ...]]:
    numbers = st.lists(st.tuples(prices, _percents, steps), min_size=4, max_size=4)
    one = st.builds(
        lambda kinds, rows, restrictions: Element(
            tuple(PriceComponent(Dimension(kind), *row) for kind, row in zip(kinds, rows, strict=False)), restrictions
        ),
        _kinds,
        numbers,
        _restrictions,
    )
    return st.lists(one, min_size=1, max_size=4).map(tuple)


def _tariffs(steps: st.SearchStrategy[int]) -> st.SearchStrategy[Tariff]:
    return st.builds(
        lambda elements, least, most: Tariff("t", "EUR", elements, min_price=least, max_price=most),
        _elements(steps),
        _least,
        _most,
    )


tariffs = _tariffs(st.sampled_from([0, 1, 60, 900]))
"""Up to four elements with prices, VAT, steps and restrictions, and maybe limits."""

tariffs_without_steps = _tariffs(st.just(0))

_began = st.integers(0, 365 * 1440).map(lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute))
_near = st.sampled_from(CHANGES).map(lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC))
_row = st.tuples(st.integers(1, 7200), st.integers(0, 200_000), st.booleans())


def _course(began: datetime, rows: list[tuple[int, int, bool]]) -> tuple[datetime, list[Reading]]:
    at, energy_wh, readings = began, D(0), []
    for lasted_s, tenths, parked in rows:
        at, energy_wh = at + timedelta(seconds=lasted_s), energy_wh + D(tenths) / 10
        readings.append(Reading(at, energy_wh, parked=parked))
    return began, readings


courses = st.builds(_course, _began | _near, st.lists(_row, min_size=1, max_size=6))
"""When a session began, often just before a clock is changed, and its readings."""
