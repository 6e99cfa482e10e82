"""Requests to other servers, guarded: the only way out of the house.

Each request, each hop of a redirect too, is judged by `kit.http.guard`, goes to an address that was judged, is refused
inside a transaction, has a limit of time and size, and leaves a log line without headers, bodies, queries or
identifiers. Redirects are not followed, cookies not kept, proxies and `.netrc` not read.

`client()` is the comfortable httpx; `direct()` the fast one, for forwarding and bulk delivery.
"""

import ssl
from collections.abc import Sequence
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from kit.http.connection import Answered
from kit.http.direct import Direct
from kit.http.exchange import Exchanged, Watch
from kit.http.guard import EgressPolicy, EgressRefused, Network, Resolve, ResponseTooLarge, parse_networks, resolve
from kit.http.httpx_transport import GuardedTransport

__all__ = ["Answered", "Direct", "Egress", "EgressRefused", "Exchanged", "ResponseTooLarge", "Watch"]


class Egress:
    """Makes HTTP clients that share one policy.

    `allow_private` lists networks (`10.0.0.0/8`) that may be called although they are not public, by plain HTTP too;
    `allow_http` allows plain HTTP to everybody. `timeout_s` bounds a whole exchange, `max_bytes` an unpacked body.
    `watch` is told of each exchange with all that was said in it.
    """

    def __init__(
        self,
        allow_private: Sequence[Network | str] = (),
        *,
        allow_http: bool = False,
        timeout_s: float = 30.0,
        connect_timeout_s: float = 5.0,
        max_bytes: int = 20_000_000,
        user_agent: str = "plugbridge",
        ssl_context: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
        watch: Watch | None = None,
    ) -> None:
        networks = parse_networks([str(network) for network in allow_private])
        self.policy = EgressPolicy(networks, allow_http, resolve)
        self.timeout_s = timeout_s
        self.connect_timeout_s = min(connect_timeout_s, timeout_s)
        self.max_bytes = max_bytes
        self.user_agent = user_agent
        self._watch = watch
        self._ssl_context = ssl_context or _public_authorities()

    def client(self, *, timeout_s: float | None = None, max_bytes: int | None = None) -> httpx.AsyncClient:
        """A new httpx client, to be closed by whoever asked for it.

        Raises, beyond the errors of httpx, `EgressRefused` and `ResponseTooLarge`, which are also `TransportError`s.
        A request's own read time-out bounds its whole exchange.
        """
        timeout_s = timeout_s or self.timeout_s
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        return httpx.AsyncClient(
            transport=GuardedTransport(
                self.policy, self._ssl_context, timeout_s, max_bytes or self.max_bytes, watch=self._watch
            ),
            timeout=httpx.Timeout(timeout_s, connect=min(self.connect_timeout_s, timeout_s)),
            headers={"User-Agent": self.user_agent, "Accept-Encoding": "gzip, deflate"},
            cookies=no_cookies,
            follow_redirects=False,
            trust_env=False,
        )

    def direct(self, *, raw: bool = False, connections: int = 200) -> Direct:
        """A new fast client, to be closed by whoever asked for it. Needs a running loop.

        `raw` leaves bodies as they come, compressed or not, for who passes them on. Raises as `client()` does.
        """
        return Direct(
            self.policy,
            self._ssl_context,
            timeout_s=self.timeout_s,
            connect_timeout_s=self.connect_timeout_s,
            max_bytes=self.max_bytes,
            user_agent=self.user_agent,
            raw=raw,
            connections=connections,
            watch=self._watch,
        )


@cache
def _public_authorities() -> ssl.SSLContext:
    """Who may vouch for a server; reading them all takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)
