"""How many unknown cards a partner may ask about: so many that its drivers do not notice, too few to find cards by
trying. Pure.

What counts is lookups that go out to eMSPs and end in no. One that is allowed is given back, so that a large network
with honest drivers never meets the limit.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one platform has left, as of a moment on a monotonic clock."""

    left: float
    at_s: float

    def refilled(self, now_s: float, per_minute: int) -> "Allowance":
        """With what has come back since: `per_minute` a minute, and never more than that at once."""
        back = max(now_s - self.at_s, 0.0) * per_minute / 60
        return Allowance(min(self.left + back, float(per_minute)), now_s)


class Misses:
    """The allowances of all platforms, in this process."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._left: dict[str, Allowance] = {}

    def take(self, platform: str, now_s: float) -> float | None:
        """Count a lookup before it is made; None when it may be made, else the seconds until one may."""
        now = self._now(platform, now_s)
        if now.left < 1:
            self._left[platform] = now
            return (1 - now.left) * 60 / self._per_minute
        self._left[platform] = Allowance(now.left - 1, now_s)
        return None

    def give_back(self, platform: str, now_s: float) -> None:
        """It was allowed: that was no miss."""
        now = self._now(platform, now_s)
        self._left[platform] = Allowance(min(now.left + 1, float(self._per_minute)), now_s)

    def _now(self, platform: str, now_s: float) -> Allowance:
        known = self._left.get(platform, Allowance(float(self._per_minute), now_s))
        return known.refilled(now_s, self._per_minute)
