"""The client side: calls to one peer, with its quirks kept away from whoever calls."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

import httpx
from pydantic import ValidationError

from ocpi.crawl import crawl
from ocpi.datetimes import format_datetime
from ocpi.endpoint import Interface, Verb
from ocpi.envelope import unwrapped
from ocpi.errors import EndpointMissing, PeerUnintelligible
from ocpi.headers import (
    AUTHORIZATION,
    CORRELATION_ID,
    REQUEST_ID,
    MessageHeaders,
    Party,
    authorization,
    checked_id,
    new_id,
    written_addresses,
)
from ocpi.paging import LIMIT, LINK, TOTAL_COUNT, Page, same_origin, whole_number, with_query
from ocpi.peer_http import (
    DEFAULT_MAX_ANSWER_BYTES,
    DEFAULT_TIMEOUT_S,
    Fields,
    PeerReply,
    Transport,
    child_url,
    exchange,
    with_slash,
)
from ocpi.registry import CONFIGURATION_MODULES
from ocpi.types import Clock, JsonObject, JsonValue, OcpiModel
from ocpi.validation import findings, joined

ModelT = TypeVar("ModelT", bound=OcpiModel)


class Address(NamedTuple):
    """Where messages of one kind go: an endpoint's URL, and the headers that all of them have."""

    url: str
    headers: Fields


class PartnerClient:
    """Calls to the platform of one peer, in one version.

    `endpoints` are the peer's, by module and by the side that the peer implements; `our_party` and `peer_party` are the
    addresses of a message unless a call names others. `slash_after_list` and `slash_after_child` are for peers whose
    URLs end with a slash; `on_reply` is told of each answer. The HTTP client is the caller's, who also closes it.
    """

    def __init__(
        self,
        http: httpx.AsyncClient | Transport,
        endpoints: Mapping[tuple[str, Interface], str],
        token: str,
        *,
        now: Clock,
        encode_token: bool = True,
        our_party: Party | None = None,
        peer_party: Party | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        make_id: Callable[[], str] = new_id,
        slash_after_list: bool = False,
        slash_after_child: bool = False,
        on_reply: Callable[[str, PeerReply], None] | None = None,
    ) -> None:
        self._http = http
        self._endpoints = dict(endpoints)
        self._authorization = authorization(token, encode=encode_token)
        self._now = now
        self._our_party = our_party
        self._peer_party = peer_party
        self._timeout_s = timeout_s
        self._max_answer_bytes = max_answer_bytes
        self._make_id = make_id
        self._slash_after_list = slash_after_list
        self._slash_after_child = slash_after_child
        self._on_reply = on_reply

    def url(self, module: str, interface: Interface, *segments: str) -> str:
        """A URL of the peer. Raises EndpointMissing."""
        endpoint = self._endpoints.get((module, interface))
        if endpoint is None:
            raise EndpointMissing(f"the peer has no endpoint for {module} {interface}")
        if not segments and self._slash_after_list:
            return with_slash(endpoint)
        return child_url(endpoint, *segments, slash=self._slash_after_child)

    def headers(
        self,
        *,
        routed: bool = True,
        to_party: Party | None = None,
        from_party: Party | None = None,
        correlation_id: str | None = None,
    ) -> MessageHeaders:
        """Fresh headers of a message to the peer."""
        return MessageHeaders(
            request_id=self._make_id(),
            correlation_id=correlation_id or self._make_id(),
            to_party=(to_party or self._peer_party) if routed else None,
            from_party=(from_party or self._our_party) if routed else None,
        )

    def address(
        self, module: str, interface: Interface, *, to_party: Party | None = None, from_party: Party | None = None
    ) -> Address:
        """Where messages from one party to another go, for `send`: made once for many. Raises EndpointMissing."""
        routed = module not in CONFIGURATION_MODULES
        return Address(self.url(module, interface), self._standing(to_party, from_party, routed=routed))

    async def send(
        self,
        verb: Verb,
        address: Address,
        *segments: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        correlation_id: str | None = None,
    ) -> PeerReply:
        """A request to an address, or to what lies below it. Raises PeerError."""
        url = child_url(address.url, *segments, slash=self._slash_after_child) if segments else address.url
        return await self._exchange(
            verb,
            with_query(url, **query) if query else url,
            self._make_id(),
            correlation_id or self._make_id(),
            address.headers,
            body,
            self._timeout_s,
        )

    async def request(
        self,
        verb: Verb,
        url: str,
        *,
        body: bytes | None = None,
        headers: MessageHeaders | None = None,
        timeout_s: float | None = None,
    ) -> PeerReply:
        """Any request, with the token and the routing headers. Raises PeerError."""
        request_id, correlation_id, to_party, from_party = headers or self.headers()
        standing = self._standing(to_party, from_party)
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        return await self._exchange(verb, url, request_id, correlation_id, standing, body, timeout_s)

    def _standing(self, to_party: Party | None, from_party: Party | None, *, routed: bool = True) -> Fields:
        token = (AUTHORIZATION, self._authorization)
        return (token, *written_addresses(to_party, from_party)) if routed else (token,)

    async def _exchange(
        self,
        verb: Verb,
        url: str,
        request_id: str,
        correlation_id: str,
        standing: Fields,
        body: bytes | None,
        timeout_s: float,
    ) -> PeerReply:
        reply = await exchange(
            self._http,
            verb.value,
            url,
            headers={REQUEST_ID: checked_id(request_id), CORRELATION_ID: checked_id(correlation_id)},
            now=self._now(),
            content=body,
            timeout_s=timeout_s,
            max_bytes=self._max_answer_bytes,
            standing=standing,
        )
        if self._on_reply is not None:
            self._on_reply(url, reply)
        return reply

    async def get(
        self,
        model_type: type[ModelT],
        module: str,
        interface: Interface,
        *segments: str,
        query: Mapping[str, str] | None = None,
        headers: MessageHeaders | None = None,
        timeout_s: float | None = None,
    ) -> ModelT:
        """One object. Raises PeerError, PeerUnintelligible when it is no such object."""
        reply = await self._call(Verb.GET, module, interface, segments, query, None, headers, timeout_s)
        return read_data(model_type, reply.envelope.data)

    async def put(
        self,
        module: str,
        interface: Interface,
        *segments: str,
        body: bytes,
        query: Mapping[str, str] | None = None,
        headers: MessageHeaders | None = None,
        timeout_s: float | None = None,
    ) -> PeerReply:
        """Push a whole object, as JSON. Raises PeerError."""
        return await self._call(Verb.PUT, module, interface, segments, query, body, headers, timeout_s)

    async def patch(
        self,
        module: str,
        interface: Interface,
        *segments: str,
        body: bytes,
        query: Mapping[str, str] | None = None,
        headers: MessageHeaders | None = None,
        timeout_s: float | None = None,
    ) -> PeerReply:
        """Push the fields that changed, as JSON with `last_updated`. Raises PeerError."""
        return await self._call(Verb.PATCH, module, interface, segments, query, body, headers, timeout_s)

    async def post(
        self,
        module: str,
        interface: Interface,
        *segments: str,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: MessageHeaders | None = None,
        timeout_s: float | None = None,
    ) -> PeerReply:
        """Send a CDR, a command or a request to authorize, as JSON. Raises PeerError."""
        return await self._call(Verb.POST, module, interface, segments, query, body, headers, timeout_s)

    async def delete(
        self,
        module: str,
        interface: Interface,
        *segments: str,
        query: Mapping[str, str] | None = None,
        headers: MessageHeaders | None = None,
        timeout_s: float | None = None,
    ) -> PeerReply:
        """Delete an object. Raises PeerError."""
        return await self._call(Verb.DELETE, module, interface, segments, query, None, headers, timeout_s)

    async def pages(
        self,
        module: str,
        interface: Interface = Interface.SENDER,
        *,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        offset: int | None = None,
        limit: int | None = None,
        to_party: Party | None = None,
        correlation_id: str | None = None,
        max_pages: int = 10_000,
    ) -> AsyncIterator[Page[JsonObject]]:
        """A list, page by page; items that are no JSON objects are left out. Raises PeerError."""
        asked: dict[str, int | str] = {}
        if date_from is not None:
            asked["date_from"] = format_datetime(date_from)
        if date_to is not None:
            asked["date_to"] = format_datetime(date_to)
        if offset is not None:
            asked["offset"] = offset
        if limit is not None:
            asked["limit"] = limit
        endpoint = self.url(module, interface)
        correlation_id = correlation_id or self._make_id()

        async def fetch(url: str) -> Page[JsonValue]:
            return await self.page(module, url, to_party=to_party, correlation_id=correlation_id)

        async for page in crawl(fetch, with_query(endpoint, **asked) if asked else endpoint, max_pages=max_pages):
            yield Page([item for item in page.items if isinstance(item, dict)], page.total, page.link)

    async def page(
        self, module: str, url: str, *, to_party: Party | None = None, correlation_id: str | None = None
    ) -> Page[JsonValue]:
        """One page of a list, by its URL. Raises PeerError."""
        routed = module not in CONFIGURATION_MODULES
        headers = self.headers(routed=routed, to_party=to_party, correlation_id=correlation_id)
        reply = await self.request(Verb.GET, url, headers=headers)
        data = reply.envelope.data
        if data is not None and not isinstance(data, list):
            raise PeerUnintelligible("the peer answered a list with something else")
        return Page(
            items=data or [],
            total=whole_number(reply.headers.get(TOTAL_COUNT.lower())),
            link=reply.headers.get(LINK.lower()),
            cap=whole_number(reply.headers.get(LIMIT.lower())),
            size=reply.size,
            omits_data=reply.omits_data,
        )

    async def items(
        self,
        module: str,
        interface: Interface = Interface.SENDER,
        *,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        limit: int | None = None,
        to_party: Party | None = None,
        correlation_id: str | None = None,
    ) -> AsyncIterator[JsonObject]:
        """All objects of a list as JSON, unvalidated, so that one bad object does not hide the others."""
        async for page in self.pages(
            module,
            interface,
            date_from=date_from,
            date_to=date_to,
            limit=limit,
            to_party=to_party,
            correlation_id=correlation_id,
        ):
            for item in page.items:
                yield item

    def same_platform(self, url: str) -> bool:
        """Whether a URL that the peer gave lies at one of its own endpoints' origins."""
        return any(same_origin(url, endpoint) for endpoint in self._endpoints.values())

    async def _call(
        self,
        verb: Verb,
        module: str,
        interface: Interface,
        segments: tuple[str, ...],
        query: Mapping[str, str] | None,
        body: bytes | None,
        headers: MessageHeaders | None,
        timeout_s: float | None,
    ) -> PeerReply:
        url = self.url(module, interface, *segments)
        message = headers or self.headers(routed=module not in CONFIGURATION_MODULES)
        return await self.request(
            verb, with_query(url, **query) if query else url, body=body, headers=message, timeout_s=timeout_s
        )


def read_data(model_type: type[ModelT], data: JsonValue) -> ModelT:
    """The data of an answer as a type. Raises PeerUnintelligible that names each fault."""
    try:
        return model_type.model_validate(data)
    except ValidationError as error:
        detail = f"the peer's {model_type.__name__} is not valid: {joined(list(findings(error)))}"
        raise PeerUnintelligible(detail) from None


def read_result(model_type: type[ModelT], body: JsonValue) -> ModelT:
    """An asynchronous result, bare as it should be or in an envelope. Raises PeerUnintelligible."""
    return read_data(model_type, unwrapped(body))
