"""The guard under httpx: a transport that judges URLs, and a network backend that judges addresses."""

import asyncio
import ssl
from collections.abc import Iterable
from functools import partial
from time import monotonic

import httpcore
import httpx

from kit.guard import forbid_in_tx
from kit.http.direct import KEPT_IDLE_S
from kit.http.exchange import Exchanged, Watch, log_exchange, plain_http
from kit.http.guard import EgressPolicy, EgressRefused, ResponseTooLarge
from kit.http.limits import bounded


class GuardedTransport(httpx.AsyncHTTPTransport):
    """Judges, bounds and logs each exchange, each hop of a redirect too."""

    def __init__(
        self,
        policy: EgressPolicy,
        ssl_context: ssl.SSLContext,
        timeout_s: float,
        max_bytes: int,
        *,
        watch: Watch | None = None,
    ) -> None:
        super().__init__(verify=ssl_context, trust_env=False)
        # httpx offers no argument for it; its own pool is unused and holds nothing yet.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=KEPT_IDLE_S,
            network_backend=_GuardedBackend(policy),
        )
        self._policy = policy
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._watch = watch

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange: judged, bounded, logged."""
        forbid_in_tx("an HTTP request")
        started = monotonic()
        try:
            response = await self._exchange(request, started)
        except Exception as error:
            log_exchange(request.method, str(request.url), type(error).__name__, started)
            self._tell(request, started, None, b"", type(error).__name__)
            raise
        log_exchange(request.method, str(request.url), response.status_code, started)
        return response

    async def _exchange(self, request: httpx.Request, started: float) -> httpx.Response:
        url = request.url
        plain = url.scheme == "http"
        port = url.port or (80 if plain else 443)
        self._policy.check_url(url.scheme, url.raw_host.decode("ascii"), port, userinfo=bool(url.userinfo))
        timeout_s = request.extensions.get("timeout", {}).get("read") or self._timeout_s
        deadline = asyncio.get_running_loop().time() + timeout_s
        token = plain_http.set(plain)
        try:
            async with asyncio.timeout_at(deadline):
                response = await super().handle_async_request(request)
        except TimeoutError:
            raise httpx.ReadTimeout("no answer in time") from None
        finally:
            plain_http.reset(token)
        try:
            announced = response.headers.get("content-length", "")
            if request.method != "HEAD" and announced.isdecimal() and int(announced) > self._max_bytes:
                raise ResponseTooLarge(f"more than {self._max_bytes} bytes")
            on_end = None if self._watch is None else partial(self._tell, request, started, response)
            return bounded(response, max_bytes=self._max_bytes, deadline=deadline, on_end=on_end)
        except Exception:
            await response.aclose()
            raise

    def _tell(
        self, request: httpx.Request, started: float, response: httpx.Response | None, answer: bytes, error: str | None
    ) -> None:
        if self._watch is None:
            return
        seen = Exchanged(
            method=request.method,
            url=str(request.url),
            headers=request.headers,
            body=_sent(request),
            started=started,
            ended=monotonic(),
            answer=answer,
            error=error,
        )
        if response is not None:
            seen.status, seen.answer_headers = response.status_code, response.headers
        self._watch(seen)


def _sent(request: httpx.Request) -> bytes:
    try:
        return request.content
    except httpx.RequestNotRead:  # it was made of a stream, which nobody keeps
        return b""


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to judged addresses only. TLS, with the name of the URL, is put on top by httpcore."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve once, judge, and try the addresses in turn; each gets its share of the time."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._policy.addresses(host, port, plain=plain_http.get())
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from None
        except OSError:
            raise httpcore.ConnectError("the name cannot be resolved") from None
        share = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, share, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Never: a local socket is not a server of others."""
        raise EgressRefused("a local socket")

    async def sleep(self, seconds: float) -> None:
        """As httpcore wants it, between retries."""
        await self._inner.sleep(seconds)
