"""The port to the WebSocket of a station."""

from collections.abc import Awaitable
from typing import Protocol


class Socket(Protocol):
    """What a session needs of a WebSocket. Reading and writing raise `ConnectionClosed`."""

    async def recv(self, decode: bool | None = None) -> str | bytes:
        """The next message."""
        ...

    async def send(self, message: bytes, *, text: bool | None = None) -> None:
        """Send a message."""
        ...

    async def ping(self) -> Awaitable[float]:
        """Send a ping; what comes back waits for its pong."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code and a reason."""
        ...
