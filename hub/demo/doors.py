"""The HTTP doors that the demo uses: the hub's APIs, a partner's control API, and the payment provider's."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
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

    async def file(self, path: str) -> bytes:
        """What is at a path, whatever it is."""
        return (await self._answer("GET", path)).content

    async def send(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Any:
        """Send JSON, with an idempotency key if there is one; the JSON of the answer."""
        return await self._send(method, path, json=body, headers={"Idempotency-Key": key} if key else None)

    async def send_form(self, path: str, form: Mapping[str, str]) -> Any:
        """Post a form, as payment providers want it; the JSON of the answer."""
        return await self._send("POST", path, data=form)

    async def listen(self, path: str) -> AsyncGenerator[Any]:
        """The JSON of every server-sent event, until the stream ends."""
        try:
            async with self._http.stream("GET", path) as stream:
                if stream.is_error:
                    raise DemoFailed(f"GET {path} was answered {stream.status_code}")
                async for line in stream.aiter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line.removeprefix("data: "))
        except httpx.HTTPError as error:
            raise DemoFailed(f"GET {path}: {type(error).__name__}") from error

    async def _send(self, method: str, path: str, **options: Any) -> Any:
        return (await self._answer(method, path, **options)).json()

    async def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise DemoFailed(f"{method} {path}: {type(error).__name__}") from error
        if answer.is_error:
            raise DemoFailed(f"{method} {path} was answered {answer.status_code}: {answer.text[:300]}")
        return answer


@asynccontextmanager
async def opened(base_url: str, *, key: str | None = None) -> AsyncIterator[Door]:
    """A door that is closed behind whoever went through."""
    door = Door(base_url, key=key)
    try:
        yield door
    finally:
        await door.close()


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
