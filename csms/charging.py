"""Charging profiles in words that no OCPP version owns. Pure; limits are in W or A, times aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class LimitUnit(StrEnum):
    """What a limit is given in: amperes count for each phase, watts for all of them."""

    AMPERE = "A"
    WATT = "W"


class ProfilePurpose(StrEnum):
    """Whom a profile limits."""

    STATION = "station"
    """All that the station draws."""
    DEFAULT = "default"
    """Every transaction that has no profile of its own."""
    TRANSACTION = "transaction"
    """One transaction, until it ends."""


class ProfileKind(StrEnum):
    """What the times of a schedule count from."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    """From the start of the transaction."""
    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class Period:
    """From `start_s` seconds after the start of the schedule on, at most `limit`, a multiple of 0.1."""

    start_s: int
    limit: Decimal
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """A profile as a station takes it. The first period begins at 0 s, and each after the one before it."""

    id: int
    purpose: ProfilePurpose
    kind: ProfileKind
    unit: LimitUnit
    periods: tuple[Period, ...]
    stack_level: int = 0
    start_at: datetime | None = None
    """None for a relative one."""
    duration_s: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
