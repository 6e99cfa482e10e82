"""How often somebody may ask: a bucket for each that fills at a steady rate, kept in memory by each process."""

from collections.abc import Callable
from math import ceil

from kit.errors import RateLimited

BURST_S = 5.0
"""Who was silent so long may send all that it has saved up at once."""
_ROUNDING_S = 1e-6
_MOST_KNOWN = 10_000


class Rates:
    """So many a second for each name; 0 sets no bound. `monotonic` gives seconds.

    `burst` is how many a name may send at once after a silence; without it, what it saves up in `BURST_S`.
    """

    def __init__(self, monotonic: Callable[[], float], per_second: float, *, burst: float | None = None) -> None:
        self._monotonic = monotonic
        self._interval_s = 1 / per_second if per_second else 0.0
        self._saved_s = max(BURST_S if burst is None else burst * self._interval_s, self._interval_s)
        self._full_at: dict[str, float] = {}
        """When a bucket will be full again."""

    def take(self, name: str = "") -> float:
        """Count one; 0 when it may be, else the seconds until one may."""
        if not self._interval_s:
            return 0.0
        now = self._monotonic()
        full_at = max(self._full_at.get(name, 0.0), now) + self._interval_s
        wait_s = full_at - now - self._saved_s
        if wait_s > _ROUNDING_S:
            return wait_s
        if len(self._full_at) >= _MOST_KNOWN and name not in self._full_at:
            self._full_at = {each: at for each, at in self._full_at.items() if at > now}
        self._full_at[name] = full_at
        return 0.0

    def give_back(self, name: str = "") -> None:
        """One that was taken does not count after all."""
        if name in self._full_at:
            self._full_at[name] -= self._interval_s

    def check(self, name: str) -> None:
        """Count one. Raises `RateLimited` with Retry-After."""
        wait_s = self.take(name)
        if wait_s:
            raise RateLimited(retry_after_s=retry_after_s(wait_s))


def retry_after_s(wait_s: float) -> int:
    """When to come back, in whole seconds."""
    return max(1, ceil(wait_s))
