"""The guard under aiohttp: a connector that judges URLs, a resolver that judges addresses, and traces."""

import asyncio
import socket
import ssl
from functools import partial
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from kit.guard import forbid_in_tx
from kit.http.exchange import Exchanged, Watch, log_exchange, plain_http
from kit.http.guard import EgressPolicy, EgressRefused
from kit.http.limits import WatchedResponse


class GuardedConnector(aiohttp.TCPConnector):
    """Judges each request by its URL, literal addresses too, of which aiohttp never asks its resolver."""

    def __init__(self, policy: EgressPolicy, ssl_context: ssl.SSLContext, connections: int) -> None:
        super().__init__(
            resolver=_GuardedResolver(policy),
            ssl=ssl_context,
            limit=connections,
            use_dns_cache=False,  # a cached answer would not know whether it was judged for plain HTTP
        )
        self._policy = policy

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        """A connection of the pool, or a new one to a judged address."""
        url = req.url
        if req.proxy is not None:
            raise EgressRefused("a proxy")
        self._policy.check_url(url.scheme, url.raw_host or "", url.port or 0, userinfo=url.raw_user is not None)
        token = plain_http.set(url.scheme == "http")
        try:
            return await super().connect(req, traces, timeout)
        finally:
            plain_http.reset(token)


class _GuardedResolver(AbstractResolver):
    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The judged addresses of a name."""
        addresses = await self._policy.addresses(host, port, plain=plain_http.get())
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


def guarded_traces(watch: Watch | None = None) -> aiohttp.TraceConfig:
    """The guard before aiohttp takes the userinfo out of the URL, the refusal of redirects, the log line, the watch.

    An answer is watched when `LimitedResponse.read` has read it; one that nobody reads is not.
    """

    async def on_start(
        _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestStartParams
    ) -> None:
        forbid_in_tx("an HTTP request")
        if request.url.raw_user is not None or request.url.raw_password is not None:
            raise EgressRefused("credentials in the URL")
        context.started = asyncio.get_running_loop().time()
        if watch is not None:
            context.seen = Exchanged(
                request.method, str(request.url), request.headers, b"", context.started, context.started
            )

    async def on_chunk(
        _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestChunkSentParams
    ) -> None:
        seen: Exchanged = context.seen
        seen.body = seen.body + request.chunk if seen.body else bytes(request.chunk)

    async def on_end(
        _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestEndParams
    ) -> None:
        url, response = request.url, request.response
        log_exchange(request.method, url.raw_host, url.raw_path, response.status, context.started)
        if watch is not None and isinstance(response, WatchedResponse):
            seen: Exchanged = context.seen
            seen.status, seen.answer_headers = response.status, response.headers
            response.when_read = partial(_read, watch, seen)

    async def on_exception(
        _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestExceptionParams
    ) -> None:
        name = type(request.exception).__name__
        log_exchange(request.method, request.url.raw_host, request.url.raw_path, name, context.started)
        if watch is not None:
            _ended(watch, context.seen, name)

    async def on_redirect(
        _: aiohttp.ClientSession, _context: SimpleNamespace, request: aiohttp.TraceRequestRedirectParams
    ) -> None:
        request.response.close()
        raise EgressRefused("a redirect")

    traces = aiohttp.TraceConfig()
    traces.on_request_start.append(on_start)
    if watch is not None:
        traces.on_request_chunk_sent.append(on_chunk)
    traces.on_request_end.append(on_end)
    traces.on_request_exception.append(on_exception)
    traces.on_request_redirect.append(on_redirect)
    return traces


def _read(watch: Watch, seen: Exchanged, answer: bytes, error: str | None) -> None:
    seen.answer = answer
    _ended(watch, seen, error)


def _ended(watch: Watch, seen: Exchanged, error: str | None) -> None:
    seen.ended, seen.error = asyncio.get_running_loop().time(), error
    watch(seen)
