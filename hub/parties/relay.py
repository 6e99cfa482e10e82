"""One HTTP exchange with a partner's platform in somebody else's name: bytes out, bytes back.

A hub answers with codes of its own (4xxx) only when it cannot forward; everything that the receiver says, errors
included, goes back unchanged (OCPI 2.2.1, transport and format, status codes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from hub.parties.clients import Clients
from hub.parties.directory import Peer
from hub.parties.outbox import Refused
from kit.guard import forbid_in_tx
from kit.http import Direct, Egress
from kit.log import get
from ocpi.errors import ForwardTimeout, ReceiverNotConnected
from ocpi.headers import MessageHeaders, header_value, header_values
from ocpi.paging import absolute_url, same_origin

log = get(__name__)

_READ = ("content-type", "location", "link", "x-total-count", "x-limit")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD_REDIRECTS = frozenset({307, 308})


@dataclass(frozen=True, slots=True)
class Relayed:
    """An answer as it came from `url`, with those headers that mean something and could be written again."""

    url: str
    http_status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Relay:
    """Sends messages on. Everything that the hub forwards leaves the house here."""

    def __init__(self, clients: Clients, egress: Egress) -> None:
        self._clients = clients
        self._egress = egress
        self._direct: Direct | None = None

    async def send(
        self, peer: Peer, method: str, url: str, message: MessageHeaders, *, body: bytes = b"", content_type: str = ""
    ) -> Relayed:
        """The answer of a partner's platform. Raises `ForwardTimeout` or `ReceiverNotConnected`."""
        forbid_in_tx("forwarding")
        try:
            headers = {"Authorization": self._clients.authorization(peer), **header_values(message)}
        except Refused as error:
            raise ReceiverNotConnected(f"{message.to_party} is not registered") from error
        if body:
            headers["Content-Type"] = header_value(content_type) or "application/json"
        try:
            answer = await self._exchange(method, url, headers, body)
            mended = _mended(answer)
            if mended is not None:
                answer = await self._exchange(method, mended, headers, body)
        except httpx.TimeoutException as error:
            raise ForwardTimeout(f"{message.to_party} did not answer in time") from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            log.warning("forwarding_failed", platform_id=peer.id, error=type(error).__name__)
            raise ReceiverNotConnected(f"{message.to_party} cannot be reached") from error
        if answer.http_status in _REDIRECTS:
            raise ReceiverNotConnected(f"{message.to_party} sends us elsewhere")
        return answer

    async def close(self) -> None:
        """Close the connections to partners."""
        if self._direct is not None:
            await self._direct.aclose()

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Relayed:
        if self._direct is None:
            self._direct = self._egress.direct(raw=True)
        answer = await self._direct.request(method, url, headers, body)
        said = {name: answer.headers[name] for name in _READ if name in answer.headers}
        passed = {name: value for name, value in said.items() if header_value(value) is not None}
        return Relayed(url, answer.status, passed, answer.body)


def _mended(answer: Relayed) -> str | None:
    """Where a redirect leads that does nothing but mend the slash at the end of a path."""
    location = answer.headers.get("location")
    if answer.http_status not in _SAME_METHOD_REDIRECTS or location is None:
        return None
    target = absolute_url(answer.url, location)
    if target is None or not same_origin(target, answer.url):
        return None
    return target if urlsplit(target).path.rstrip("/") == urlsplit(answer.url).path.rstrip("/") else None
