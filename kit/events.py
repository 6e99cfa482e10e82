"""Facts, and who has subscribed to them: what a transaction and a worker know of the reactions."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from kit.job_rows import JobRequest

Handler = Callable[[Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Event:
    """A fact that a transaction records. Subclasses are frozen dataclasses whose fields are JSON values."""

    def replace_key(self) -> str | None:
        """Facts with the same key are one as long as they wait: the newest stands for all."""
        return None

    def lane(self) -> str | None:
        """Facts of one lane are reacted to one at a time, in order."""
        return None


@dataclass(frozen=True)
class Subscription:
    """A named handler of a job kind; `inside_tx` tells which of the two shapes it has."""

    kind: str
    handler: Handler
    inside_tx: bool
    decode: Callable[[Mapping[str, Any]], Any]
    max_attempts: int = 12


@dataclass(frozen=True)
class Schedule:
    """A job that comes back `every` so often, once for the whole deployment."""

    kind: str
    every: timedelta


@dataclass
class Subscriptions:
    """Who has subscribed to what, and what comes back by the clock. `kit.reactions.Reactions` fills it."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    schedules: list[Schedule] = field(default_factory=list)
    _by_event: dict[type[Event], list[Subscription]] = field(default_factory=dict)

    def jobs_for(self, event: Event) -> list[JobRequest]:
        """One job for each subscriber of this event's type."""
        subscribers = self._by_event.get(type(event), ())
        if not subscribers:
            return []
        payload, lane, replace_key = asdict(event), event.lane(), event.replace_key()
        return [JobRequest(s.kind, payload, lane, replace_key, None, s.max_attempts) for s in subscribers]
