"""Faults of what a partner sends: twice, out of date, or with a clock that lies."""

from collections.abc import Awaitable, Callable

import httpx
import orjson

from simulators.partner.faults.scene import Scene, shifted

Send = Callable[[httpx.Request], Awaitable[httpx.Response]]

PushFault = Callable[[httpx.Request, Send], Awaitable[httpx.Response]]
"""Sends a request of the partner: changed, or more than once. The answer is that of the request itself."""

_BODIES = ("POST", "PUT", "PATCH")


def replayed(value: str, scene: Scene) -> PushFault:
    """Each push goes out twice."""

    async def fault(request: httpx.Request, send: Send) -> httpx.Response:
        answer = await send(request)
        if _is_push(request):
            await (await send(_copy(request, request.content))).aclose()
        return answer

    return fault


def old_states(value: str, scene: Scene) -> PushFault:
    """After each change the state before it goes out once more."""
    sent: dict[str, bytes] = {}

    async def fault(request: httpx.Request, send: Send) -> httpx.Response:
        answer = await send(request)
        if _is_push(request):
            before = sent.get(str(request.url))
            sent[str(request.url)] = request.content
            if before is not None:
                await (await send(_copy(request, before))).aclose()
        return answer

    return fault


def clock(value: str, scene: Scene) -> PushFault:
    """All time stamps that are sent are off by so many seconds."""
    seconds = float(value)

    async def fault(request: httpx.Request, send: Send) -> httpx.Response:
        if not _is_push(request) or not request.content:
            return await send(request)
        return await send(_copy(request, orjson.dumps(shifted(orjson.loads(request.content), seconds))))

    return fault


class Outgoing(httpx.AsyncBaseTransport):
    """Leads the partner's requests through the faults of pushes that are switched on."""

    def __init__(self, network: httpx.AsyncBaseTransport, active: Callable[[], list[PushFault]]) -> None:
        self._network = network
        self._active = active

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        send: Send = self._network.handle_async_request
        for fault in reversed(self._active()):
            send = _around(fault, send)
        return await send(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._network.aclose()


def _around(fault: PushFault, following: Send) -> Send:
    async def send(request: httpx.Request) -> httpx.Response:
        return await fault(request, following)

    return send


def _is_push(request: httpx.Request) -> bool:
    return request.method in _BODIES and "/credentials" not in request.url.path


def _copy(request: httpx.Request, content: bytes) -> httpx.Request:
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    return httpx.Request(request.method, request.url, headers=headers, content=content, extensions=request.extensions)
