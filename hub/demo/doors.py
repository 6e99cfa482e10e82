"""The two HTTP doors that the demo uses: the hub's operator API, and a partner's control API."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx

from hub.demo.children import DemoFailed

Json = dict[str, Any]

Found = TypeVar("Found")

PATIENCE_S = 20.0
"""How long the demo waits for anything."""


class Door:
    """A JSON API. What it refuses is a `DemoFailed`."""

    def __init__(self, base_url: str, *, key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, timeout=PATIENCE_S)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def get(self, path: str) -> Any:
        """The JSON at a path."""
        return await self.send("GET", path)

    async def send(self, method: str, path: str, body: object = None) -> Any:
        """Send JSON; the JSON of the answer."""
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise DemoFailed(f"{method} {path}: {type(error).__name__}") from error
        if answer.is_error:
            raise DemoFailed(f"{method} {path} was answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()


async def until(what: str, look: Callable[[], Awaitable[Found | None]], *, patience_s: float = PATIENCE_S) -> Found:
    """The first thing that `look` finds. Raises `DemoFailed`, naming `what` was waited for."""
    try:
        async with asyncio.timeout(patience_s):
            while True:
                found = await look()
                if found is not None:
                    return found
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise DemoFailed(f"{what} did not come within {patience_s:.0f} s") from None
