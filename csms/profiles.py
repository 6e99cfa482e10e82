"""From a wish for a limit to the charging profile that a model of station takes. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from itertools import pairwise

from csms.capabilities import BelowLeast, Capabilities
from csms.charging import ChargingProfile, LimitUnit, Period, ProfileKind, ProfilePurpose

_TENTH = Decimal("0.1")


class CannotBuild(ValueError):
    """No profile that this station takes does what was wished; the message says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """At most so much: `periods` in `unit`, the first from 0 s on.

    `volts` (to neutral) and `phases` convert between units where the station knows only the other one. Without
    `start_at`, times count from the start of the transaction, or for the station from now.
    `repeats` is DAILY or WEEKLY.
    """

    purpose: ProfilePurpose
    unit: LimitUnit
    periods: tuple[Period, ...]
    stack_level: int = 0
    start_at: datetime | None = None
    repeats: ProfileKind | None = None
    duration_s: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    volts: int = 230
    phases: int = 3


def number_of(purpose: ProfilePurpose, evse_id: int, stack_level: int) -> int:
    """The id of a profile: the same for all that take each other's place."""
    return 1 + list(ProfilePurpose).index(purpose) * 100_000 + evse_id * 100 + stack_level


def build(wish: Wish, can: Capabilities, *, profile_id: int, now: datetime) -> ChargingProfile:
    """The profile. Raises `CannotBuild`.

    Limits are rounded down to what can be said and obeyed, so never more than was wished, but for `BelowLeast.LEAST`.
    """
    kind = _kind(wish, can)
    unit = can.limit_unit or wish.unit
    periods = _merged([_obeyed(_converted(period, wish, unit), wish, unit, can) for period in _checked(wish.periods)])
    if can.most_periods is not None and len(periods) > can.most_periods:
        raise CannotBuild(f"the station takes {can.most_periods} periods at most, and these are {len(periods)}")
    return ChargingProfile(
        profile_id,
        wish.purpose,
        kind,
        unit,
        periods,
        stack_level=wish.stack_level if can.stack_level is None else can.stack_level,
        start_at=None if kind is ProfileKind.RELATIVE else wish.start_at or now,
        duration_s=wish.duration_s,
        valid_from=wish.valid_from,
        valid_to=wish.valid_to,
    )


def _kind(wish: Wish, can: Capabilities) -> ProfileKind:
    always = len(wish.periods) == 1 and wish.duration_s is None and wish.start_at is None and wish.repeats is None
    if can.relative_only:
        if wish.start_at is not None or wish.repeats is not None:
            raise CannotBuild("the station takes only profiles that count from the start of the transaction")
        if wish.purpose is ProfilePurpose.STATION and not always:
            raise CannotBuild("the station takes no schedule for itself")
        return ProfileKind.RELATIVE
    if wish.repeats is not None:
        return wish.repeats
    # A limit of the station has no transaction to count from (OCPP 1.6, 3.13.1; 2.0.1, K01.FR.38).
    absolute = wish.start_at is not None or wish.purpose is ProfilePurpose.STATION
    return ProfileKind.ABSOLUTE if absolute else ProfileKind.RELATIVE


def _checked(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    starts = [period.start_s for period in periods]
    if not starts or starts[0] != 0 or any(later <= earlier for earlier, later in pairwise(starts)):
        raise CannotBuild("the first period begins at 0 s, and each after the one before it")
    if any(period.limit < 0 for period in periods):
        raise CannotBuild("a limit is not negative")
    return periods


def _converted(period: Period, wish: Wish, unit: LimitUnit) -> Period:
    limit, phases = period.limit, period.phases or wish.phases
    if unit is not wish.unit:
        watts_per_ampere = Decimal(wish.volts * phases)
        limit = limit * watts_per_ampere if unit is LimitUnit.WATT else limit / watts_per_ampere
    return Period(period.start_s, limit.quantize(_TENTH, ROUND_DOWN), period.phases)


def _obeyed(period: Period, wish: Wish, unit: LimitUnit, can: Capabilities) -> Period:
    """The same where the station obeys it; else what it has instead."""
    if can.least_limit_a is None:
        return period
    watts_per_ampere = wish.volts * (period.phases or wish.phases)
    least = can.least_limit_a if unit is LimitUnit.AMPERE else can.least_limit_a * watts_per_ampere
    if period.limit >= least:
        return period
    match can.below_least:
        case BelowLeast.ZERO:
            return replace(period, limit=Decimal(0))
        case BelowLeast.LEAST:
            return replace(period, limit=least.quantize(_TENTH, ROUND_UP))
        case BelowLeast.REFUSED:
            raise CannotBuild(f"the station obeys no limit below {can.least_limit_a} A, and no pause by a limit")


def _merged(periods: list[Period]) -> tuple[Period, ...]:
    """Without the periods that change nothing."""
    kept = periods[:1]
    for period in periods[1:]:
        if (period.limit, period.phases) != (kept[-1].limit, kept[-1].phases):
            kept.append(period)
    return tuple(kept)
