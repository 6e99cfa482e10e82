"""The bus between processes: publish/subscribe and request/reply, in memory or over NATS. A doorbell, never a store.

Every subscriber of a subject gets every message; of a request's answers the first one counts. Messages that nobody
hears are lost, and so may be those sent while a connection is down: what must not be lost is a row in the database.
The handler of a message runs in a task of its own, started in order of arrival, under the sender's correlation id.
"""

from urllib.parse import urlsplit

from kit.bus.contract import (
    MAX_MESSAGE_BYTES,
    Bus,
    BusMessageTooLarge,
    BusTimeout,
    BusUnavailable,
    Handler,
    HandlerFailed,
    NoResponders,
    Subscription,
    subject_token,
)
from kit.bus.memory import MemoryBus

__all__ = [
    "MAX_MESSAGE_BYTES",
    "Bus",
    "BusMessageTooLarge",
    "BusTimeout",
    "BusUnavailable",
    "Handler",
    "HandlerFailed",
    "NoResponders",
    "Subscription",
    "connect",
    "subject_token",
]


async def connect(url: str) -> Bus:
    """The bus at `memory://` (this process alone) or `nats://host:port`. Raises `BusUnavailable`, `ValueError`."""
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return MemoryBus()
    if scheme in ("nats", "tls"):
        from kit.bus.nats import NatsBus  # only those who use NATS load its client

        return await NatsBus.connect(url)
    raise ValueError(f"a bus URL begins with memory:// or nats://, not {scheme!r}")
