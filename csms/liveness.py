"""Which stations are still there: whoever says anything is; who is silent is pinged; who stays silent is gone.

A pong is as good as a message, and a message as good as a pong: some stations answer no pings, and are there.
"""

from dataclasses import dataclass
from enum import Enum

_MOST_HEARTBEATS_MISSED = 3
_SHORTEST_SILENCE_S = 300.0


class Health(Enum):
    """What is to be done about a connection."""

    FINE = "fine"
    PING = "ping"
    GONE = "gone"


@dataclass(slots=True)
class Pulse:
    """Of one connection. `interval_s` is its ping interval; one that is never pinged is waited for by `longest_s`.

    `heard` grows with every message and pong.
    """

    interval_s: float | None
    longest_s: float
    since_s: float
    heard: int = 0
    _known: int = 0
    _written: int = 0
    _pinged: bool = False

    @classmethod
    def of(cls, interval_s: float | None, heartbeat_interval_s: int, now_s: float) -> "Pulse":
        """A connection that has just begun."""
        longest_s = max(_SHORTEST_SILENCE_S, _MOST_HEARTBEATS_MISSED * heartbeat_interval_s)
        return cls(interval_s, longest_s, now_s)

    def look(self, now_s: float, timeout_s: float) -> Health:
        """Now and then: `timeout_s` is how long a ping may stay without an answer."""
        if self.heard != self._known:
            self._known, self.since_s, self._pinged = self.heard, now_s, False
            return Health.FINE
        silent_s = now_s - self.since_s
        bound_s = self.longest_s if self.interval_s is None else self.interval_s + timeout_s
        if silent_s >= bound_s and (self._pinged or self.interval_s is None):
            # It is told of once; a close that does not work is tried again after as long a silence.
            self.since_s, self._pinged = now_s, False
            return Health.GONE
        if self.interval_s is None:
            return Health.FINE
        if silent_s >= self.interval_s and not self._pinged:
            self._pinged = True
            return Health.PING
        return Health.FINE

    def take_heard(self) -> bool:
        """Whether anything came since this was last asked."""
        heard, self._written = self.heard != self._written, self.heard
        return heard
