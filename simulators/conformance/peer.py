"""Requests to the platform under test: as they are, nothing mended, every one of them remembered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import orjson

from kit.clock import Clock
from ocpi.endpoint import Interface
from ocpi.headers import MessageHeaders, Party, authorization, new_id, write_headers
from ocpi.paging import absolute_url, same_origin
from ocpi.peer_http import child_url
from simulators.conformance.exchange import Exchange

ATTEMPTS = 6
MOST_PATIENCE_S = 5.0
_REDIRECTS = (307, 308)


class Unreachable(Exception):
    """The platform does not answer at all."""


@dataclass(slots=True)
class Peer:
    """The platform: its endpoints, our token there, and all that was exchanged with it."""

    http: httpx.AsyncClient
    clock: Clock
    us: Party
    token: str
    versions_url: str
    details_url: str = ""
    endpoints: dict[tuple[str, Interface], str] = field(default_factory=dict)
    roles: list[dict[str, str]] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def is_hub(self) -> bool:
        """Whether the platform calls itself a hub."""
        return any(role.get("role") == "HUB" for role in self.roles)

    def party(self, *roles: str) -> Party | None:
        """The first party of the platform with one of the roles, or any with none given."""
        for each in self.roles:
            if not roles or each.get("role") in roles:
                return Party(each["country_code"], each["party_id"])
        return None

    def url(self, module: str, side: Interface, *segments: str) -> str:
        """A URL of the platform. Raises `KeyError` for an endpoint that it does not have."""
        return child_url(self.endpoints[module, side], *segments)

    async def request(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        token: str | None = "",
        to: Party | None = None,
        routed: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """One request; what is throttled or fails on the way (429, 5xx) is tried again, as good clients do.

        `token` None sends none, empty sends ours; `body` is a JSON document, or bytes as they are.
        Raises `Unreachable`.
        """
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        for attempt in range(1, ATTEMPTS + 1):
            # Between two platforms each message names both; of a hub we ask what open routing and broadcast do.
            receiver = to or (None if self.is_hub else self.party())
            message = MessageHeaders(new_id(), new_id(), receiver if routed else None, self.us if routed else None)
            sent = {**write_headers(message), **(headers or {})}
            exchange = await self._send(method, url, content, sent, token, routed)
            target = _redirected(exchange)
            if target is not None:
                exchange = await self._send(method, target, content, sent, token, routed)
            is_passing = exchange.http_status == 429 or exchange.http_status >= 500
            if not is_passing or attempt == ATTEMPTS:
                break
            await self.clock.sleep(_patience(exchange, attempt))
        return exchange

    async def _send(
        self, method: str, url: str, content: bytes, sent: Mapping[str, str], token: str | None, routed: bool
    ) -> Exchange:
        secret = {} if token is None else {"Authorization": authorization(token or self.token)}
        kind = {"Content-Type": "application/json"} if content else {}
        at = self.clock.now()
        try:
            answer = await self.http.request(method, url, content=content or None, headers={**sent, **secret, **kind})
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{method} {url}: {type(error).__name__}") from error
        exchange = Exchange(method, url, sent, content, answer.status_code, answer.headers, answer.content, at, routed)
        self.exchanges.append(exchange)
        return exchange


def _redirected(exchange: Exchange) -> str | None:
    """Where a redirect leads that mends a slash."""
    if exchange.http_status not in _REDIRECTS:
        return None
    target = absolute_url(exchange.url, exchange.headers.get("location", ""))
    if target is None or not same_origin(target, exchange.url):
        return None
    return target if urlsplit(target).path.rstrip("/") == urlsplit(exchange.url).path.rstrip("/") else None


def _patience(exchange: Exchange, attempt: int) -> float:
    asked = exchange.headers.get("retry-after", "")
    return min(float(asked), MOST_PATIENCE_S) if asked.isdigit() else 0.02 * attempt
