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

prices = st.decimals(0, 10, places=4)
percents = st.none() | st.decimals(0, 30, places=1)
clock_times = st.none() | st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


@st.composite
def restrictions(draw: st.DrawFn) -> Restrictions | None:
    start, end = draw(clock_times), draw(clock_times)
    if start is not None and start == end:
        end = None
    return draw(
        st.none()
        | st.builds(
            Restrictions,
            start_time=st.just(start),
            end_time=st.just(end),
            weekdays=st.frozensets(st.integers(0, 6), max_size=4),
            min_energy_wh=st.none() | st.decimals(0, 30_000, places=0),
            max_duration_s=st.none() | st.integers(0, 20_000),
        )
    )


@st.composite
def tariffs(draw: st.DrawFn, *, steps: st.SearchStrategy[int] | None = None) -> Tariff:
    """Up to four elements with prices, VAT, steps and restrictions, and maybe limits."""
    step_sizes = st.sampled_from([0, 1, 60, 900]) if steps is None else steps
    elements = []
    for _ in range(draw(st.integers(1, 4))):
        kinds = draw(st.lists(st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]), min_size=1, unique=True))
        components = tuple(
            PriceComponent(Dimension(kind), draw(prices), draw(percents), draw(step_sizes)) for kind in kinds
        )
        elements.append(Element(components, draw(restrictions())))
    least = draw(st.none() | prices.map(lambda excl: Limits(excl, excl * D("1.2"))))
    most = draw(st.none() | prices.map(lambda excl: Limits(excl + 10, (excl + 10) * D("1.2"))))
    return Tariff("t", "EUR", tuple(elements), min_price=least, max_price=most)


@st.composite
def courses(draw: st.DrawFn, *, longest: int = 8) -> tuple[datetime, list[Reading]]:
    """When a session began, often just before a clock is changed, and its readings."""
    any_time = st.integers(0, 365 * 1440).map(
        lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    )
    near = st.sampled_from(CHANGES).map(lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC))
    began = draw(any_time | near)
    at, energy_wh, readings = began, D(0), []
    for _ in range(draw(st.integers(1, longest))):
        at += timedelta(seconds=draw(st.integers(1, 7200)))
        energy_wh += draw(st.decimals(0, 20_000, places=1))
        readings.append(Reading(at, energy_wh, parked=draw(st.booleans())))
    return began, readings
