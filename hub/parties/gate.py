"""How much one platform may ask of us at a time, so that none of them starves the others.

Two bounds for each platform: a rate with room for bursts, and a number of requests under way. Both are kept in memory,
for each process by itself; whoever is over one is told HTTP 429 and when to come back.
"""

from collections.abc import Callable
from math import ceil

from hub.parties.callers import Caller
from ocpi.errors import TooManyRequests

BURST_S = 5.0
"""Who was silent so long may send all that it has saved up at once."""
ROUNDING_S = 1e-6
MOST_PLATFORMS = 10_000


class Gate:
    """The door's two bounds; 0 leaves one out. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float], *, per_second: float, at_once: int) -> None:
        self._monotonic = monotonic
        self._interval_s = 1 / per_second if per_second else 0.0
        self._at_once = at_once
        self._free_at: dict[str, float] = {}
        """When a platform's bucket will be full again."""
        self._under_way: dict[str, int] = {}

    def enter(self, caller: object) -> None:
        """Let one request in. Raises `TooManyRequests` with Retry-After."""
        platform = _platform(caller)
        under_way = self._under_way.get(platform, 0)
        if self._at_once and under_way >= self._at_once:
            raise _refusal("too many requests at a time", 1.0)
        if self._interval_s:
            self._take(platform)
        self._under_way[platform] = under_way + 1

    def leave(self, caller: object) -> None:
        """One request less is under way."""
        platform = _platform(caller)
        left = self._under_way[platform] - 1
        if left:
            self._under_way[platform] = left
        else:
            del self._under_way[platform]

    def _take(self, platform: str) -> None:
        now = self._monotonic()
        free_at = max(self._free_at.get(platform, 0.0), now) + self._interval_s
        if free_at - now > max(BURST_S, self._interval_s) + ROUNDING_S:
            raise _refusal("too many requests", free_at - now - BURST_S)
        if len(self._free_at) >= MOST_PLATFORMS and platform not in self._free_at:
            self._free_at = {each: at for each, at in self._free_at.items() if at > now}
        self._free_at[platform] = free_at


def _platform(caller: object) -> str:
    assert isinstance(caller, Caller)  # noqa: S101 - `Callers.authenticate` made it
    return caller.peer.id


def _refusal(reason: str, wait_s: float) -> TooManyRequests:
    return TooManyRequests(reason, headers={"Retry-After": str(max(1, ceil(wait_s)))})
