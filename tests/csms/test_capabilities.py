"""What models of stations can do, and the profiles that are built for them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.capabilities import QUIRKS, BelowLeast, Capabilities, Quirk, SettingsRead, capabilities_of
from csms.charging import LimitUnit, Period, ProfileKind, ProfilePurpose
from csms.profiles import CannotBuild, Wish, build

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ONE = (Period(0, Decimal(16)),)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Acme", "One", "1.0"), Capabilities()),
        ((None, None, None), Capabilities()),
        (("ABB", "Terra AC", "1.8.21"), Capabilities(stack_level=0, settings_read=SettingsRead.NEVER)),
        (("ABB", "Terra AC", "1.8.22"), Capabilities(stack_level=0)),
        (("Wall Box Chargers", "Pulsar MAX", "5.7"), Capabilities(stack_level=0, relative_only=True, settle_s=10.0)),
        (("HUAWEI", "SCharger", ""), Capabilities(limit_unit=LimitUnit.WATT)),
        (("United Chargers", "Grizzl-E", "5"), Capabilities(assume_protocol="ocpp1.6")),
    ],
)
def test_a_model_is_known_by_its_names(names: tuple[str | None, ...], expected: Capabilities) -> None:
    assert capabilities_of(*names) == expected


def test_every_quirk_says_where_it_was_seen_and_changes_something() -> None:
    for quirk in QUIRKS:
        assert quirk.what
        assert quirk.sources
        assert replace(Capabilities(), **quirk.changes) != Capabilities()
    with pytest.raises(TypeError):
        Quirk("a name that is none", {"wings": 2}, ("nowhere",))


def test_a_wish_becomes_what_the_model_takes() -> None:
    wish = Wish(ProfilePurpose.DEFAULT, LimitUnit.AMPERE, ONE, stack_level=3)
    made = build(wish, Capabilities(), profile_id=5, now=NOW)
    assert (made.kind, made.unit, made.stack_level, made.start_at) == (ProfileKind.RELATIVE, LimitUnit.AMPERE, 3, None)
    huawei = build(wish, Capabilities(limit_unit=LimitUnit.WATT, stack_level=0), profile_id=5, now=NOW)
    assert (huawei.unit, huawei.periods[0].limit, huawei.stack_level) == (LimitUnit.WATT, Decimal("11040.0"), 0)
    single = replace(wish, unit=LimitUnit.WATT, periods=(Period(0, Decimal(3700), 1),))
    back = build(single, Capabilities(limit_unit=LimitUnit.AMPERE), profile_id=5, now=NOW)
    assert back.periods[0].limit == Decimal("16.0"), "3700 W on one phase are 16.08 A"
    station = build(replace(wish, purpose=ProfilePurpose.STATION), Capabilities(), profile_id=5, now=NOW)
    assert (station.kind, station.start_at) == (ProfileKind.ABSOLUTE, NOW)
    daily = build(replace(wish, repeats=ProfileKind.DAILY), Capabilities(), profile_id=5, now=NOW)
    assert (daily.kind, daily.start_at) == (ProfileKind.DAILY, NOW)


@pytest.mark.parametrize(
    ("wish", "can"),
    [
        (Wish(ProfilePurpose.DEFAULT, LimitUnit.AMPERE, ()), Capabilities()),
        (Wish(ProfilePurpose.DEFAULT, LimitUnit.AMPERE, (Period(5, Decimal(1)),)), Capabilities()),
        (Wish(ProfilePurpose.DEFAULT, LimitUnit.AMPERE, (Period(0, Decimal(-1)),)), Capabilities()),
        (Wish(ProfilePurpose.DEFAULT, LimitUnit.AMPERE, (*ONE, *ONE)), Capabilities()),
        (
            Wish(ProfilePurpose.DEFAULT, LimitUnit.AMPERE, (*ONE, Period(60, Decimal(8)))),
            Capabilities(most_periods=1),
        ),
        (Wish(ProfilePurpose.DEFAULT, LimitUnit.AMPERE, ONE, start_at=NOW), Capabilities(relative_only=True)),
        (Wish(ProfilePurpose.STATION, LimitUnit.AMPERE, ONE, duration_s=60), Capabilities(relative_only=True)),
    ],
)
def test_what_a_model_does_not_do_is_said(wish: Wish, can: Capabilities) -> None:
    with pytest.raises(CannotBuild):
        build(wish, can, profile_id=1, now=NOW)


@pytest.mark.parametrize(
    ("unit", "only", "wished", "below", "said"),
    [
        (LimitUnit.AMPERE, None, 6, BelowLeast.LEAST, 6),
        (LimitUnit.AMPERE, None, 5, BelowLeast.ZERO, 0),
        (LimitUnit.AMPERE, None, 0, BelowLeast.ZERO, 0),
        (LimitUnit.AMPERE, None, 0, BelowLeast.LEAST, 6),
        (LimitUnit.WATT, None, 4139, BelowLeast.ZERO, 0),
        (LimitUnit.WATT, None, 0, BelowLeast.LEAST, 4140),
        (LimitUnit.AMPERE, LimitUnit.WATT, 0, BelowLeast.LEAST, 4140),
        (LimitUnit.WATT, LimitUnit.AMPERE, 4000, BelowLeast.ZERO, 0),
        (LimitUnit.WATT, LimitUnit.AMPERE, 4140, BelowLeast.ZERO, 6),
    ],
)
def test_a_limit_that_the_model_does_not_obey_becomes_what_its_record_says(
    unit: LimitUnit, only: LimitUnit | None, wished: int, below: BelowLeast, said: int
) -> None:
    wish = Wish(ProfilePurpose.DEFAULT, unit, (Period(0, Decimal(wished)),))
    can = Capabilities(limit_unit=only, least_limit_a=Decimal(6), below_least=below)
    assert build(wish, can, profile_id=1, now=NOW).periods == (Period(0, Decimal(said)),)


def test_a_pause_that_no_limit_brings_about_is_refused() -> None:
    ignores = Quirk(
        "Ignores limits below 6 A",
        {"least_limit_a": Decimal(6), "below_least": BelowLeast.REFUSED},
        ("a test",),
        vendor="deaf.*",
    )
    can = capabilities_of("Deaf Chargers", "One", None, quirks=(ignores,))
    pause = Wish(ProfilePurpose.DEFAULT, LimitUnit.AMPERE, (Period(0, Decimal(0)),))
    with pytest.raises(CannotBuild, match="no limit below 6 A"):
        build(pause, can, profile_id=1, now=NOW)


limits = st.decimals(0, 100_000, places=3)


@given(
    st.lists(st.tuples(st.integers(1, 1000), limits, st.sampled_from([None, 1, 3])), min_size=1, max_size=20),
    st.sampled_from(LimitUnit),
    st.sampled_from([None, *LimitUnit]),
    st.sampled_from([1, 3]),
    st.sampled_from([None, Decimal(6)]),
)
def test_a_profile_never_allows_more_than_was_wished(
    drawn: list[tuple[int, Decimal, int | None]],
    unit: LimitUnit,
    only: LimitUnit | None,
    phases: int,
    least: Decimal | None,
) -> None:
    starts = [sum(gap for gap, _, _ in drawn[:index]) for index in range(len(drawn))]
    wished = tuple(Period(start, limit, on) for start, (_, limit, on) in zip(starts, drawn, strict=True))
    wish = Wish(ProfilePurpose.DEFAULT, unit, wished, phases=phases)
    made = build(wish, Capabilities(limit_unit=only, least_limit_a=least), profile_id=1, now=NOW)
    assert made.periods[0].start_s == 0
    assert len(made.periods) <= len(wished)
    for period in wished:
        valid = [each for each in made.periods if each.start_s <= period.start_s][-1]
        assert valid.limit == valid.limit.quantize(Decimal("0.1"))
        assert _watts(valid, made.unit, phases) <= _watts(period, unit, phases)


def _watts(period: Period, unit: LimitUnit, phases: int) -> Decimal:
    return period.limit if unit is LimitUnit.WATT else period.limit * 230 * (period.phases or phases)
