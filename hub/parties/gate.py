"""How much one platform may ask of us at a time, so that none of them starves the others.

Two bounds for each platform: a rate with room for bursts, and a number of requests under way. Both are kept in memory,
for each process by itself; whoever is over one is told HTTP 429 and when to come back.
"""

from collections.abc import Callable

from hub.parties.callers import Caller
from kit.rates import Rates, retry_after_s
from ocpi.errors import TooManyRequests


class Gate:
    """The door's two bounds; 0 leaves one out. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float], *, per_second: float, at_once: int) -> None:
        self._rates = Rates(monotonic, per_second)
        self._at_once = at_once
        self._under_way: dict[str, int] = {}

    def enter(self, caller: object) -> None:
        """Let one request in. Raises `TooManyRequests` with Retry-After."""
        platform = _platform(caller)
        under_way = self._under_way.get(platform, 0)
        if self._at_once and under_way >= self._at_once:
            raise _refusal("too many requests at a time", 1.0)
        wait_s = self._rates.take(platform)
        if wait_s:
            raise _refusal("too many requests", wait_s)
        self._under_way[platform] = under_way + 1

    def leave(self, caller: object) -> None:
        """One request less is under way."""
        platform = _platform(caller)
        left = self._under_way[platform] - 1
        if left:
            self._under_way[platform] = left
        else:
            del self._under_way[platform]


def _platform(caller: object) -> str:
    assert isinstance(caller, Caller)  # noqa: S101 - `Callers.authenticate` made it
    return caller.peer.id


def _refusal(reason: str, wait_s: float) -> TooManyRequests:
    return TooManyRequests(reason, headers={"Retry-After": str(retry_after_s(wait_s))})
