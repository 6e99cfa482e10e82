"""What every bus promises: its protocol, its errors, its subjects."""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Protocol

from kit.errors import TooLarge, Unavailable, UpstreamFailed, UpstreamTimeout

Handler = Callable[[bytes], Awaitable[bytes | None]]
"""Takes a message; what it returns answers a request, None answers nothing."""

MAX_MESSAGE_BYTES = 1_000_000
_SUBJECT = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*")


class BusUnavailable(Unavailable):
    """The bus cannot be reached, or was closed."""

    code, title = "bus_unavailable", "The message bus is not available"


class NoResponders(Unavailable):
    """Nobody listens on the subject of a request."""

    code, title = "bus_no_responders", "Nobody is there to answer"


class BusTimeout(UpstreamTimeout):
    """Somebody listens, but did not answer in time."""

    code, title = "bus_timeout", "No answer in time"


class HandlerFailed(UpstreamFailed):
    """The handler of a request raised. Its words stay in the log of its own process."""

    code, title = "bus_handler_failed", "The other process failed"


class BusMessageTooLarge(TooLarge):
    """A message of more than `MAX_MESSAGE_BYTES`."""

    code, title = "bus_message_too_large", "The message is too large for the bus"


class Subscription(Protocol):
    """A handler that is listening."""

    async def close(self) -> None:
        """Take no further message; handlers that run may finish. Harmless when closed already."""
        ...


class Bus(Protocol):
    """Publish/subscribe and request/reply on dotted subjects, without wildcards."""

    async def publish(self, subject: str, data: bytes) -> None:
        """Send to all who listen now. Raises `BusMessageTooLarge`, `BusUnavailable`."""
        ...

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Listen from now on; once this returns, no message is missed. Raises `BusUnavailable`."""
        ...

    async def request(self, subject: str, data: bytes, *, timeout_s: float) -> bytes:
        """Ask and await the first answer.

        Raises `NoResponders`, `BusTimeout`, `HandlerFailed`, `BusMessageTooLarge`, `BusUnavailable`.
        """
        ...

    async def close(self) -> None:
        """Stop listening; running handlers get a moment to finish. Harmless when closed already."""
        ...


def subject_token(text: str) -> str:
    """Any text as one token of a subject: different texts give different tokens; long ones become a digest."""
    token = "".join(_escape(character) for character in text)
    if len(token) > 128:
        return "=h" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return token or "="


def _escape(character: str) -> str:
    if character.isascii() and (character.isalnum() or character in "-_"):
        return character
    return "".join(f"={byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def check_message(subject: str, data: bytes = b"") -> None:
    """Refuse a malformed subject (`ValueError`) and an oversized message (`BusMessageTooLarge`)."""
    if not _SUBJECT.fullmatch(subject):
        raise ValueError("a subject is made of dotted tokens: use subject_token for foreign text")
    if len(data) > MAX_MESSAGE_BYTES:
        raise BusMessageTooLarge(f"{len(data)} bytes, allowed are {MAX_MESSAGE_BYTES}")
