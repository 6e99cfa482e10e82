"""Cutting sessions where the price changes: clocks, calendars, durations and amounts of energy."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal as D
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.tariffs.cuts import cut
from hub.tariffs.pricing import Dimension, Element, Period, PriceComponent, Restrictions, Tariff, price

BERLIN = "Europe/Berlin"


def two_prices(restrictions: Restrictions) -> Tariff:
    dear, cheap = (PriceComponent(Dimension.ENERGY, D(each), None, 1) for each in ("0.60", "0.30"))
    return Tariff("t", "EUR", (Element((dear,), restrictions), Element((cheap,))))


def starts(tariff: Tariff, period: Period, ended_at: datetime, zone: str = BERLIN) -> list[datetime]:
    return [piece.start for piece in cut(tariff, [period], ended_at=ended_at, time_zone=zone)]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_session_without_restrictions_is_not_cut() -> None:
    tariff = Tariff("t", "EUR", (Element((PriceComponent(Dimension.ENERGY, D(1), None, 1),)),))
    assert len(starts(tariff, Period(utc("2026-03-02T10:00")), utc("2026-03-05T10:00"))) == 1


def test_a_night_rate_wraps_midnight() -> None:
    night = two_prices(Restrictions(start_time=time(22), end_time=time(6)))
    start = utc("2026-01-10T20:00")  # 21:00 on the wall
    assert starts(night, Period(start, energy_wh=D(24_000)), start + timedelta(hours=24)) == [
        start,
        utc("2026-01-10T21:00"),
        utc("2026-01-11T05:00"),
    ]


def test_until_midnight_is_the_end_of_the_day() -> None:
    evening = two_prices(Restrictions(start_time=time(18), end_time=time(0)))
    start = utc("2026-01-10T16:00")
    assert starts(evening, Period(start, energy_wh=D(1)), utc("2026-01-11T10:00")) == [
        start,
        utc("2026-01-10T17:00"),
        utc("2026-01-10T23:00"),
    ]


def test_a_day_of_the_week_begins_on_the_wall() -> None:
    sunday = two_prices(Restrictions(weekdays=frozenset({6})))
    start = utc("2026-01-10T20:00")  # a Saturday
    assert starts(sunday, Period(start), utc("2026-01-12T08:00")) == [
        start,
        utc("2026-01-10T23:00"),
        utc("2026-01-11T23:00"),
    ]


def test_an_end_date_is_exclusive() -> None:
    week = two_prices(Restrictions(start_date=date(2026, 1, 10), end_date=date(2026, 1, 11)))
    start = utc("2026-01-09T12:00")
    assert starts(week, Period(start), utc("2026-01-12T12:00")) == [
        start,
        utc("2026-01-09T23:00"),
        utc("2026-01-10T23:00"),
    ]


def test_an_hour_that_is_skipped_takes_its_boundary_along() -> None:
    """On 29 March 2026 the clock jumps from 02:00 to 03:00: a window from 02:30 begins with the jump."""
    early = two_prices(Restrictions(start_time=time(2, 30), end_time=time(5)))
    start = utc("2026-03-29T00:00")
    assert starts(early, Period(start), utc("2026-03-29T06:00")) == [
        start,
        utc("2026-03-29T01:00"),
        utc("2026-03-29T03:00"),
    ]


def test_an_hour_that_is_passed_twice_counts_twice() -> None:
    """On 25 October 2026 the clock goes back from 03:00 to 02:00: a window until 02:30 opens again."""
    night = two_prices(Restrictions(start_time=time(1), end_time=time(2, 30)))
    start = utc("2026-10-24T22:00")
    assert starts(night, Period(start), utc("2026-10-25T06:00")) == [
        start,
        utc("2026-10-24T23:00"),
        utc("2026-10-25T00:30"),
        utc("2026-10-25T01:00"),
        utc("2026-10-25T01:30"),
    ]


def test_energy_cuts_where_the_meter_passes() -> None:
    first_ten = two_prices(Restrictions(max_energy_wh=D(10_000)))
    start = utc("2026-01-10T10:00")
    pieces = cut(
        first_ten,
        [Period(start, D(8000), D(3600)), Period(start + timedelta(hours=1), D(8000), D(3600))],
        ended_at=start + timedelta(hours=2),
        time_zone=None,
    )
    assert [(piece.start, piece.energy_wh, piece.charging_s) for piece in pieces] == [
        (start, D(8000), D(3600)),
        (start + timedelta(hours=1), D(2000), D(900)),
        (start + timedelta(minutes=75), D(6000), D(2700)),
    ]


def test_a_duration_counts_from_the_start_of_the_session() -> None:
    later = two_prices(Restrictions(min_duration_s=5400))
    start = utc("2026-01-10T10:00")
    pieces = cut(
        later,
        [Period(start, D(100)), Period(start + timedelta(hours=1), D(100))],
        ended_at=start + timedelta(hours=2),
        time_zone=None,
    )
    assert [(piece.start - start, piece.energy_wh) for piece in pieces] == [
        (timedelta(0), D(100)),
        (timedelta(hours=1), D(50)),
        (timedelta(minutes=90), D(50)),
    ]


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"])
@given(
    start=st.integers(0, 366 * 24 * 60).map(lambda minute: utc("2026-01-01") + timedelta(minutes=minute)),
    minutes=st.integers(1, 4000),
    energy_wh=st.integers(0, 100_000),
    window=st.tuples(st.times(), st.times()),
    threshold_wh=st.integers(0, 100_000),
)
def test_cutting_loses_nothing_and_leaves_one_price_to_each_piece(
    zone: str, start: datetime, minutes: int, energy_wh: int, window: tuple[time, time], threshold_wh: int
) -> None:
    tariff = Tariff(
        "t",
        "EUR",
        (
            *two_prices(Restrictions(start_time=window[0], end_time=window[1])).elements,
            *two_prices(Restrictions(min_energy_wh=D(threshold_wh))).elements,
        ),
    )
    end = start + timedelta(minutes=minutes)
    period = Period(start, D(energy_wh), charging_s=D(minutes * 60))
    pieces = cut(tariff, [period], ended_at=end, time_zone=zone)
    assert sum(piece.energy_wh for piece in pieces) == period.energy_wh
    assert sum(piece.charging_s for piece in pieces) == period.charging_s
    assert all(piece.energy_wh >= 0 and piece.charging_s >= 0 for piece in pieces)
    moments = [piece.start for piece in pieces]
    assert moments == sorted(set(moments))
    again = cut(tariff, pieces, ended_at=end, time_zone=zone)
    assert price(tariff, again, currency="EUR", time_zone=zone).total == (
        price(tariff, pieces, currency="EUR", time_zone=zone).total
    )


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Australia/Lord_Howe"])
@given(
    start_minute=st.integers(0, 366 * 24 * 60),
    near_change=st.sampled_from([None, "2026-03-29T00:20", "2026-10-25T00:20", "2026-03-08T06:10", "2026-10-03T14:40"]),
    minutes=st.integers(1, 600),
    window=st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda both: both[0] != both[1]),
)
def test_cuts_are_where_a_watcher_of_the_clock_would_cut(
    zone: str, start_minute: int, near_change: str | None, minutes: int, window: tuple[int, int]
) -> None:
    first, last = (time(*divmod(each, 60)) for each in window)
    tariff = two_prices(Restrictions(start_time=first, end_time=last))
    start = utc(near_change) if near_change else utc("2026-01-01") + timedelta(minutes=start_minute)
    end = start + timedelta(minutes=minutes)

    def is_dear(moment: datetime) -> bool:
        shown = moment.astimezone(ZoneInfo(zone)).time()
        if last == time(0):
            return shown >= first
        return first <= shown < last if first < last else shown >= first or shown < last

    each_minute = [start + timedelta(minutes=passed) for passed in range(minutes)]
    changes = [now for before, now in pairwise(each_minute) if is_dear(before) != is_dear(now)]
    assert starts(tariff, Period(start), end, zone) == [start, *changes]
