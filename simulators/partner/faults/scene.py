"""What a fault may know of the partner that it plays in."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kit.clock import Clock
from ocpi.datetimes import format_datetime, parse_datetime
from simulators.partner.state import State


@dataclass(slots=True)
class Scene:
    """The partner's state and clock, and chance, which the same seed repeats."""

    state: State
    clock: Clock
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - no secret comes of it


def shifted(document: Any, seconds: float) -> Any:
    """A JSON document whose time stamps (`last_updated`, `timestamp`) are off by so many seconds."""
    return with_stamps(document, lambda text: format_datetime(parse_datetime(text) + timedelta(seconds=seconds)))


def with_stamps(document: Any, change: Any) -> Any:
    """A JSON document with each time stamp changed."""
    if isinstance(document, list):
        return [with_stamps(each, change) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        name: change(value)
        if name in ("last_updated", "timestamp") and isinstance(value, str)
        else with_stamps(value, change)
        for name, value in document.items()
    }
