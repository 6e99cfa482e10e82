"""Who reacts to what, and what is done by the clock.

A reaction has one of two shapes. `on(Event, service)` runs `service(tx, event)` inside the transaction that also
deletes its job: its effect on the database happens exactly once. `call(Event, flow)` runs `flow(db, event)`, which may
call outside: at least once, so the flow is idempotent on what it does there.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from kit.events import Event, Handler, Schedule, Subscription, Subscriptions
from kit.tx import Database, Tx

EventT = TypeVar("EventT", bound=Event)


@dataclass
class Reactions(Subscriptions):
    """Who reacts to what. Filled once at start by the application, then only read."""

    def on(self, event: type[EventT], service: Callable[[Tx, EventT], Awaitable[None]]) -> None:
        """React inside the transaction that completes the job: exactly once."""
        self._subscribe(event, service, inside_tx=True)

    def call(self, event: type[EventT], flow: Callable[[Database, EventT], Awaitable[None]]) -> None:
        """React with a flow that calls outside: at least once."""
        self._subscribe(event, flow, inside_tx=False)

    def job(self, kind: str, flow: Callable[[Database, Mapping[str, Any]], Awaitable[None]]) -> None:
        """Name a flow so that `Tx.enqueue(kind, payload)` can ask for it."""
        self._register(Subscription(kind, flow, inside_tx=False, decode=dict))

    def every(
        self, kind: str, interval: timedelta, flow: Callable[[Database, Mapping[str, Any]], Awaitable[None]]
    ) -> None:
        """Run a flow again and again, by one worker at a time; a failed run is simply due again after `interval`."""
        self.job(kind, flow)
        self.schedules.append(Schedule(kind, interval))

    def _subscribe(self, event: type[Event], handler: Handler, *, inside_tx: bool) -> None:
        kind = f"{event.__module__}.{event.__qualname__}:{_name(handler)}"
        subscription = Subscription(kind, handler, inside_tx, decode=lambda payload: event(**payload))
        self._register(subscription)
        self._by_event.setdefault(event, []).append(subscription)

    def _register(self, subscription: Subscription) -> None:
        if subscription.kind in self.subscriptions:
            raise ValueError(f"two handlers for the job kind {subscription.kind!r}")
        self.subscriptions[subscription.kind] = subscription


def _name(handler: Callable[..., Any]) -> str:
    return getattr(handler, "__name__", type(handler).__name__)
