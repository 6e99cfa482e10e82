"""What models of stations can and cannot do: a record with defaults, and a table of those known to differ. Pure, data.

Real stations break the specification each in a way of its own. Who talks to one reads its record and need not know
which model it is; a new model is a row in `QUIRKS`. Later rows add to earlier ones.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from csms.charging import LimitUnit


class SettingsRead(StrEnum):
    """How settings of a station can be read."""

    ALL = "all"
    NAMED = "named"
    """Only by name: asking for all of them does harm."""
    NEVER = "never"


class BelowLeast(StrEnum):
    """What a limit becomes, a pause among them, that is lower than the lowest that a station obeys."""

    ZERO = "zero"
    """A limit of 0, which it obeys all the same: it pauses."""
    LEAST = "least"
    """The lowest that it obeys: it ignores 0, and this is as little as it draws. More than was wished."""
    REFUSED = "refused"
    """Nothing: a pause has to be had by other means, by ending the transaction or taking the EVSE out of service."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a station can do. The defaults are what the specification says."""

    assume_protocol: str | None = None
    """The subprotocol of a station that offers none."""
    ping_interval_s: float | None = None
    """How often it is pinged; None: as all others are, 0: it answers no pings."""
    settle_s: float = 0.0
    """After it has booted, for so long it is better not called."""
    settings_read: SettingsRead = SettingsRead.ALL
    start_limit: bool = True
    """Takes a limit together with the order to start."""
    limit_unit: LimitUnit | None = None
    """The only unit that its limits work in; None for either."""
    least_limit_a: Decimal | None = None
    """The lowest limit that it obeys, in amperes for each phase; None for any."""
    below_least: BelowLeast = BelowLeast.ZERO
    stack_level: int | None = None
    """The only stack level that it takes; None for any."""
    relative_only: bool = False
    """Profiles have to be relative to the start of the transaction."""
    most_periods: int | None = None
    """Most periods of one schedule; None when it is not known."""
    list_chunk: int = 100
    """Most entries of a local list in one message; less when the station says so."""


@dataclass(frozen=True, slots=True, eq=False)
class Quirk:
    """Stations whose names fit all patterns, casefolded and from beginning to end, have these `changes`."""

    what: str
    changes: Mapping[str, Any]
    sources: tuple[str, ...]
    vendor: str = ".*"
    model: str = ".*"
    firmware: str = ".*"
    _patterns: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        patterns = (self.vendor, self.model, self.firmware)
        compiled = tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns)
        object.__setattr__(self, "_patterns", compiled)
        replace(Capabilities(), **self.changes)  # a name that is none fails here, not at the first station

    def fits(self, vendor: str, model: str, firmware: str) -> bool:
        """Whether a station is one of these."""
        return all(
            pattern.fullmatch(text) for pattern, text in zip(self._patterns, (vendor, model, firmware), strict=True)
        )


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "Profiles at stack level 0 only",
        {"stack_level": 0},
        ("lbbrhzn/ocpp#1737", "evcc-io/evcc#15493"),
        vendor="abb.*",
    ),
    Quirk(
        "Firmware 1.8.21 restarts without end when its configuration is read",
        {"settings_read": SettingsRead.NEVER},
        ("evcc-io/evcc#15533", "lbbrhzn/ocpp#1275"),
        vendor="abb.*",
        model=".*terra ?ac.*|tac-.*",
        firmware=r"v?1\.8\.21.*",
    ),
    Quirk(
        "Profiles relative and at stack level 0 only",
        {"stack_level": 0, "relative_only": True},
        ("evcc-io/evcc, template wallbox: stacklevelzero and profilekindrelative", "lbbrhzn/ocpp#1245"),
        vendor="wall ?box.*",
    ),
    Quirk(
        "Drops the connection when it is called right after its boot",
        {"settle_s": 10.0},
        ("lbbrhzn/ocpp#1510",),
        vendor="wall ?box.*",
        model=".*max.*",
    ),
    Quirk(
        "Boots in a loop when it is called right after its boot",
        {"settle_s": 10.0},
        ("lbbrhzn/ocpp#1096",),
        vendor="star ?charge.*",
    ),
    Quirk(
        "Limits in watts only",
        {"limit_unit": LimitUnit.WATT},
        ("evcc-io/evcc, template huawei: forcepowerctrl",),
        vendor="huawei.*",
    ),
    Quirk(
        "Offers no subprotocol",
        {"assume_protocol": "ocpp1.6"},
        ("steve-community/steve#1109", "lbbrhzn/ocpp#442"),
        vendor="united ?chargers.*|grizzl-?e.*",
    ),
    Quirk(
        "Answers no pings",
        {"ping_interval_s": 0.0},
        ("lbbrhzn/ocpp#211", "lbbrhzn/ocpp#553"),
        vendor=r"en\+.*|en-?plus.*|ev ?duty.*",
    ),
    Quirk(
        "Refuses to start when a limit comes with the order",
        {"start_limit": False},
        ("goecharger/go-eCharger-API-v2#243",),
        vendor="go-?e.*",
    ),
)
"""Facts gathered from what users of several central systems have reported."""


@lru_cache(maxsize=1024)  # every boot asks
def capabilities_of(
    vendor: str | None, model: str | None, firmware: str | None, *, quirks: tuple[Quirk, ...] = QUIRKS
) -> Capabilities:
    """The record of a station that introduced itself so."""
    found = Capabilities()
    for quirk in quirks:
        if quirk.fits(vendor or "", model or "", firmware or ""):
            found = replace(found, **quirk.changes)
    return found
