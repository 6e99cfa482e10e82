"""The server side: routes generated from the registry, for one version each.

    GET  {base}/versions
    GET  {base}/{version}
    *    {base}/{version}/credentials
    *    {base}/{version}/{sender|receiver}/{module}/…

Plain Starlette routes over ready bytes: a page of a list costs no parsing and no validation. Each request takes the
same steps: find the endpoint, authenticate, pass the gate, read the addresses and the body, let `intercept` take it,
check the body, call the handler, wrap its answer. Every error becomes an envelope.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import orjson
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from ocpi.body import Disconnected, read_body, receive_body
from ocpi.call import (
    Answer,
    Authenticate,
    Call,
    Failure,
    Gate,
    Handler,
    Intercept,
    ListAnswer,
    OnFailure,
    OnServed,
    Rendered,
    Served,
)
from ocpi.endpoint import Endpoint, HandlerKey, Interface, Verb
from ocpi.errors import MethodNotAllowed, NotFound, OcpiError, ServerError
from ocpi.exchange import Exchange, render, render_error
from ocpi.headers import with_addresses
from ocpi.registry import ENDPOINTS
from ocpi.resources import Resource, Resources, endpoint_head, path_segments, route_path
from ocpi.types import Clock

__all__ = [
    "Answer",
    "Authenticate",
    "Call",
    "Failure",
    "Gate",
    "Handler",
    "Intercept",
    "ListAnswer",
    "OnFailure",
    "OnServed",
    "Rendered",
    "Served",
    "build_router",
    "version_details",
    "version_list",
]

VERSIONS = "versions"
DEFAULT_MAX_BODY_BYTES = 1024 * 1024

_BODY_VERBS = frozenset({Verb.POST, Verb.PUT, Verb.PATCH})


def build_router(
    version: str,
    handlers: Mapping[HandlerKey, Handler],
    authenticate: Authenticate,
    *,
    now: Clock,
    public_url: str | None = None,
    base_path: str = "/ocpi",
    versions: Sequence[str] | None = None,
    intercept: Intercept | None = None,
    advertise: Collection[tuple[str, Interface]] = (),
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    on_failure: OnFailure | None = None,
    on_served: OnServed | None = None,
    gate: Gate | None = None,
) -> list[BaseRoute]:
    """The routes of one version.

    `public_url` is what stands before `base_path` in the URLs that peers are told, `https://hub.example`; None takes it
    from each request's Host. `versions` are those that `{base}/versions` lists, by default this one; an application
    with several versions builds the list once and passes `()` for the others. Endpoints without a handler answer 405
    and are not in the version details, unless `intercept` serves them: those are named by `advertise`.
    """
    unknown = [key for key in handlers if not any(key == endpoint.key for endpoint in ENDPOINTS[version])]
    if unknown:
        raise ValueError(f"OCPI {version} has no endpoint for {unknown}")
    site = _Site(
        version,
        authenticate,
        now,
        public_url.rstrip("/") if public_url else None,
        base_path,
        on_failure,
        on_served,
        gate,
    )
    modules = _Modules(site, handlers, intercept, frozenset(advertise), max_body_bytes)
    routes: list[BaseRoute] = [_PrefixRoute(f"{base_path}/{version}", _App(site, modules.answer))]
    listed = (version,) if versions is None else tuple(versions)
    if listed:
        routes.append(_PrefixRoute(f"{base_path}/{VERSIONS}", _App(site, _Versions(site, listed).answer)))
    return routes


def nowhere(*, now: Clock, base_path: str = "/ocpi", on_failure: OnFailure | None = None) -> ASGIApp:
    """Answers for every path that no route has, a version that is not spoken for instance: 404, in an envelope."""
    site = _Site("", _nobody, now, None, base_path, on_failure, None, None)
    app = _App(site, _not_found)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send, base_path)

    return answer


async def _nobody(headers: Mapping[str, str], module: str) -> object:
    raise NotFound


async def _not_found(exchange: Exchange, segments: tuple[str, ...], receive: Receive) -> Rendered:
    raise NotFound


def version_list(versions: Sequence[str], url: str) -> bytes:
    """The data of the versions list; `url` is the absolute base of all versions."""
    return orjson.dumps([{"version": version, "url": f"{url}/{version}"} for version in versions])


def version_details(version: str, interfaces: Collection[tuple[str, Interface]], url: str) -> bytes:
    """The data of the version details for the interfaces that are served; `url` is the absolute base of the version."""
    heads = {
        (endpoint.module.identifier, endpoint.interface): "/".join(endpoint_head(endpoint))
        for endpoint in ENDPOINTS[version]
    }
    endpoints = [
        {"identifier": identifier, "role": interface.value, "url": f"{url}/{head}"}
        for (identifier, interface), head in heads.items()
        if (identifier, interface) in interfaces
    ]
    return orjson.dumps({"version": version, "endpoints": endpoints})


@dataclass(frozen=True, slots=True)
class _Site:
    """What all routes of a version share."""

    version: str
    authenticate: Authenticate
    now: Clock
    public_url: str | None
    base_path: str
    on_failure: OnFailure | None
    on_served: OnServed | None
    gate: Gate | None

    def base_url(self, exchange: Exchange) -> str:
        return exchange.origin + self.base_path

    async def admit(self, exchange: Exchange, module: str) -> object:
        """Who calls, once the gate has let the call in. Raises Unauthenticated, TooManyRequests."""
        caller = await self.authenticate(exchange.headers, module)
        exchange.authenticated = True
        if self.gate is not None:
            self.gate.enter(caller)
        exchange.caller = caller
        return caller


class _PrefixRoute(BaseRoute):
    """All that lies under a path. The rest of the path is read as it was sent, which Starlette's own routes do not."""

    def __init__(self, prefix: str, app: "_App") -> None:
        self.path = prefix
        self.app = app
        self._below = prefix + "/"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            path = route_path(scope)
            if path.startswith(self._below) or path == self.path:
                return Match.FULL, {}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send, self.path)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, path_params)


_AnswerTo = Callable[[Exchange, tuple[str, ...], Receive], Awaitable[Rendered]]


class _App:
    """Runs one exchange: whatever happens in it, the peer gets an envelope."""

    def __init__(self, site: _Site, answer: _AnswerTo) -> None:
        self._site = site
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send, prefix: str) -> None:
        exchange = Exchange(scope, self._site.public_url)
        started = monotonic()
        try:
            answer = await self._answered(exchange, scope, receive, prefix)
            if answer is None:
                return
            await answer.send(send)
        finally:
            if exchange.caller is not None and self._site.gate is not None:
                self._site.gate.leave(exchange.caller)
        if self._site.on_served is not None:
            self._site.on_served(_served(exchange, answer, started))

    async def _answered(self, exchange: Exchange, scope: Scope, receive: Receive, prefix: str) -> Rendered | None:
        """The answer, whatever happens; None for a peer that went away."""
        try:
            segments = path_segments(scope, prefix)
            if segments is None:
                raise NotFound
            return await self._answer(exchange, segments, receive)
        except Disconnected:
            return None
        except OcpiError as error:
            return self._failed(exchange, error, error)
        except Exception as error:  # a fault of ours is an answer too
            return self._failed(exchange, error, None)

    def _failed(self, exchange: Exchange, error: Exception, expected: OcpiError | None) -> Rendered:
        told = expected or ServerError()
        # An unexpected error before authentication did not reach the OCPI layer, so HTTP may say what it is.
        http_status = 500 if expected is None and not exchange.authenticated else told.http_status
        if self._site.on_failure is not None:
            self._site.on_failure(
                Failure(
                    error=error,
                    expected=expected is not None,
                    http_status=http_status,
                    status_code=told.status_code,
                    request_id=exchange.message.request_id,
                    correlation_id=exchange.message.correlation_id,
                    method=exchange.method,
                    key=exchange.key,
                )
            )
        return render_error(exchange, told, http_status=http_status, now=self._site.now())


def _served(exchange: Exchange, answer: Rendered, started: float) -> Served:
    return Served(
        method=exchange.method,
        target=exchange.target,
        key=exchange.key,
        path=exchange.path,
        caller=exchange.caller,
        headers=exchange.message,
        http_headers=exchange.headers,
        raw=exchange.raw,
        http_status=answer.http_status,
        status_code=answer.status_code,
        answer=answer.body,
        started=started,
        ended=monotonic(),
    )


class _Versions:
    """The list of versions."""

    def __init__(self, site: _Site, versions: Sequence[str]) -> None:
        self._site = site
        self._versions = versions

    async def answer(self, exchange: Exchange, segments: tuple[str, ...], receive: Receive) -> Rendered:
        if segments:
            raise NotFound
        await _only_get(self._site, exchange)
        data = version_list(self._versions, self._site.base_url(exchange))
        return render(exchange, Answer(data), None, now=self._site.now())


async def _only_get(site: _Site, exchange: Exchange) -> None:
    if exchange.method != Verb.GET:
        raise MethodNotAllowed(headers={"Allow": "GET"})
    await site.admit(exchange, VERSIONS)


class _Modules:
    """The version details and all modules of one version."""

    def __init__(
        self,
        site: _Site,
        handlers: Mapping[HandlerKey, Handler],
        intercept: Intercept | None,
        advertise: frozenset[tuple[str, Interface]],
        max_body_bytes: int,
    ) -> None:
        self._site = site
        self._handlers = dict(handlers)
        self._intercept = intercept
        self._max_body_bytes = max_body_bytes
        self._advertise = advertise
        self._interfaces = advertise | {(module, interface) for module, interface, _, _ in handlers}
        self._resources = Resources(ENDPOINTS[site.version])

    async def answer(self, exchange: Exchange, segments: tuple[str, ...], receive: Receive) -> Rendered:
        if not segments:
            await _only_get(self._site, exchange)
            url = f"{self._site.base_url(exchange)}/{self._site.version}"
            data = version_details(self._site.version, self._interfaces, url)
            return render(exchange, Answer(data), None, now=self._site.now())
        found = self._resources.find(segments)
        if found is None:
            raise NotFound
        resource, path = found
        endpoint = resource.endpoint(exchange.method)
        if endpoint is None:
            raise self._not_allowed(resource)
        exchange.key, exchange.path = endpoint.key, path
        caller = await self._site.admit(exchange, endpoint.module.identifier)
        if endpoint.module.functional:
            exchange.message = with_addresses(exchange.message, exchange.headers)
        raw = b""
        if endpoint.verb in _BODY_VERBS:
            raw = exchange.raw = await receive_body(receive, exchange.headers, self._max_body_bytes)
        call = self._call(exchange, endpoint, path, caller, raw)
        if self._intercept is not None:
            taken = await self._intercept(call)
            if isinstance(taken, Rendered):
                return taken
            if taken is not None:
                page = exchange.page_query() if isinstance(taken, ListAnswer) else None
                return render(exchange, taken, page, now=self._site.now())
        handler = self._handlers.get(endpoint.key)
        if handler is None:
            raise self._not_allowed(resource)
        _check(call, exchange, endpoint)
        answer = await handler(call)
        return render(exchange, answer, call.page, now=self._site.now())

    def _not_allowed(self, resource: Resource) -> MethodNotAllowed:
        allowed = [
            endpoint.verb.value
            for endpoint in resource.endpoints.values()
            if endpoint.key in self._handlers or endpoint.key[:2] in self._advertise
        ]
        return MethodNotAllowed(headers={"Allow": ", ".join(allowed)})

    def _call(
        self,
        exchange: Exchange,
        endpoint: Endpoint,
        path: Mapping[str, str],
        caller: object,
        raw: bytes,
    ) -> Call:
        return Call(
            version=self._site.version,
            module=endpoint.module.identifier,
            interface=endpoint.interface,
            verb=endpoint.verb,
            level=endpoint.level,
            path=path,
            query=exchange.query,
            headers=exchange.message,
            caller=caller,
            raw=raw,
            url=exchange.url,
            http_headers=exchange.headers,
        )


def _check(call: Call, exchange: Exchange, endpoint: Endpoint) -> None:
    """Check the query and the body of a call and complete it by what they say. Raises OcpiError."""
    if endpoint.query:
        exchange.require(endpoint.query)
    if endpoint.paged:
        call.complete(page=exchange.page_query(date_from_required=endpoint.date_from_required))
    if endpoint.body is not None:
        call.complete(body=read_body(endpoint, call.raw, call.path, call.query))
