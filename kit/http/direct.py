"""The fast client: requests to other servers over kept connections, without what a framework puts around them.

For what the hub forwards and for bulk delivery, where a client's own work is most of the cost: aiohttp takes three
times as much for an exchange, httpx twenty-five times. Same guard, limits, log line and watch as the comfortable one's.
"""

import asyncio
import re
import ssl
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import NamedTuple

import httpx

from kit.guard import forbid_in_tx
from kit.http.connection import Answered, Connection
from kit.http.exchange import Exchanged, Watch, log_exchange
from kit.http.guard import EgressPolicy
from kit.http.limits import unpacked
from kit.room import Room

KEPT_IDLE_S = 4.0
"""Many servers close a connection that was idle for five seconds: a POST that meets that moment would be lost."""
MOST_ORIGINS = 10_000
MOST_STANDING = 10_000

_PORTS = {"http": 80, "https": 443}
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
"""What may be sent again when a kept connection turns out to be closed."""
_BODILESS = frozenset({"GET", "DELETE"})
_PLAIN_URL = re.compile(
    r"((https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?)([/?][\x21\x24-\x3B\x3D\x3F-\x5B\x5D-\x7E]*)?"
)
"""A URL that can be taken apart and sent as it is written. What is not, httpx puts into its plain form first."""


class Origin(NamedTuple):
    """A server: how it is reached, and the Host header for it. `host` is without brackets."""

    scheme: str
    host: str
    port: int
    header: str


Fields = tuple[tuple[str, str], ...]
"""Headers that many requests have in common, as names and values."""


class _Standing(NamedTuple):
    """The same, made ready once: as they are written, and by their names in lower case."""

    text: str
    lower: dict[str, str]


class Direct:
    """Sends requests. `raw` leaves bodies as they come, compressed or not, for who passes them on.

    At most `connections` exchanges are under way at a time; others wait as long as a connection may take.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        ssl_context: ssl.SSLContext,
        *,
        timeout_s: float,
        connect_timeout_s: float,
        max_bytes: int,
        user_agent: str,
        raw: bool = False,
        connections: int = 200,
        watch: Watch | None = None,
    ) -> None:
        self._policy = policy
        self._ssl_context = ssl_context
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._max_bytes = max_bytes
        self._raw = raw
        self._watch = watch
        unpacks = "" if raw else "Accept-Encoding: gzip, deflate\r\n"
        self._always = f"User-Agent: {user_agent}\r\nAccept: */*\r\n{unpacks}"
        self._loop = asyncio.get_running_loop()
        self._standing: dict[Fields, _Standing] = {}
        self._origins: dict[str, Origin] = {}
        self._idle: dict[Origin, deque[Connection]] = defaultdict(deque)
        self._room = Room(connections)
        self._sweeping: asyncio.TimerHandle | None = None

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        timeout_s: float | None = None,
        standing: Fields = (),
    ) -> Answered:
        """The answer to one request, any but HEAD, within `timeout_s`; a redirect is an answer like any other.

        `standing` are headers that many requests have, written once for all of them.
        Raises `httpx.TransportError` (`EgressRefused` and `ResponseTooLarge` among them), `httpx.InvalidURL`, and
        ValueError for a header that must not be sent.
        """
        forbid_in_tx("an HTTP request")
        started = monotonic()
        seen = Exchanged(method, url, headers, body, started, started)
        try:
            always = self._standing.get(standing) or self._ready(standing)
            seen.headers = {**always.lower, **{name.lower(): value for name, value in headers.items()}}
            origin, target = self._parse(url)
            length = f"Content-Length: {len(body)}\r\n" if body or method not in _BODILESS else ""
            head = (
                f"{method} {target} HTTP/1.1\r\nHost: {origin.header}\r\n"
                f"{self._always}{always.text}{_fields(headers.items())}{length}\r\n"
            )
            request = head.encode("ascii") + body
            answer = await self._exchange(origin, request, timeout_s or self._timeout_s, seen)
        except Exception as error:
            seen.error = type(error).__name__
            self._tell(seen)
            raise
        seen.answer = answer.body
        self._tell(seen)
        return answer

    async def aclose(self) -> None:
        """Close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for kept in self._idle.values():
            for connection in kept:
                connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # a transport closes in the loop's next turn

    def _tell(self, seen: Exchanged) -> None:
        seen.ended = monotonic()
        log_exchange(seen.method, seen.url, seen.error or seen.status or 0, seen.started)
        if self._watch is not None:
            self._watch(seen)

    async def _exchange(self, origin: Origin, request: bytes, timeout_s: float, seen: Exchanged) -> Answered:
        now = self._loop.time()
        deadline, until = now + timeout_s, now + min(self._connect_timeout_s, timeout_s)
        if not self._room.taken():
            await self._enter(until)
        try:
            answer = await self._asked(origin, request, deadline, until, seen)
        finally:
            self._room.leave()
        encoding = answer.headers.get("content-encoding")
        if encoding is None or self._raw:
            return answer
        return answer._replace(body=unpacked(answer.body, encoding, self._max_bytes))

    async def _asked(self, origin: Origin, request: bytes, deadline: float, until: float, seen: Exchanged) -> Answered:
        kept = self._kept(origin)
        while True:
            connection = kept or await self._connect(origin, until)
            try:
                answer = await connection.ask(request, deadline)
            except Exception as error:
                closed = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError) and connection.silent
                if kept is None or not closed or seen.method not in _REPEATABLE:
                    seen.answer = bytes(connection.body)
                    raise
                kept = None
            else:
                if connection.usable:
                    self._keep(origin, connection)
                else:
                    connection.abort()
                return answer
            finally:
                seen.status, seen.answer_headers = connection.status, connection.headers

    async def _enter(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._room.wait()
        except TimeoutError:
            raise httpx.PoolTimeout("too many requests are under way") from None

    def _parse(self, url: str) -> tuple[Origin, str]:
        """The judged origin of a URL, and what is asked of it. Raises `EgressRefused` or `httpx.InvalidURL`."""
        plain = _PLAIN_URL.fullmatch(url)
        if plain is None:
            normal = httpx.URL(url)
            userinfo, site = bool(normal.userinfo), f"{normal.scheme}://{normal.netloc.decode('ascii')}"
            scheme, host, port = normal.scheme, normal.raw_host.decode("ascii"), normal.port
            target = normal.raw_path.decode("ascii")
        else:
            site, scheme, host, digits, path = plain.groups()
            userinfo, host, port = False, host.strip("[]"), int(digits) if digits else None
            target = path or "/"
        known = self._origins.get(site)
        if known is None or userinfo:
            number = port if port is not None else _PORTS.get(scheme, 0)
            self._policy.check_url(scheme, host, number, userinfo=userinfo)
            name = f"[{host}]" if ":" in host else host
            known = Origin(scheme, host, number, name if number == _PORTS[scheme] else f"{name}:{number}")
            if len(self._origins) >= MOST_ORIGINS:
                self._origins.clear()
            self._origins[site] = known
        return known, target if target.startswith("/") else f"/{target}"

    def _ready(self, standing: Fields) -> _Standing:
        made = _Standing(_fields(standing), {name.lower(): value for name, value in standing})
        if len(self._standing) >= MOST_STANDING:
            self._standing.clear()
        self._standing[standing] = made
        return made

    def _kept(self, origin: Origin) -> Connection | None:
        kept = self._idle.get(origin)
        oldest = self._loop.time() - KEPT_IDLE_S
        while kept:
            connection = kept.pop()
            if connection.usable and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    def _keep(self, origin: Origin, connection: Connection) -> None:
        connection.idle_since = self._loop.time()
        self._idle[origin].append(connection)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(KEPT_IDLE_S, self._sweep)

    def _sweep(self) -> None:
        oldest = self._loop.time() - KEPT_IDLE_S
        for origin, kept in list(self._idle.items()):
            while kept and not (kept[0].usable and kept[0].idle_since > oldest):
                kept.popleft().abort()
            if not kept:
                del self._idle[origin]
        self._sweeping = self._loop.call_later(KEPT_IDLE_S, self._sweep) if self._idle else None

    async def _connect(self, origin: Origin, until: float) -> Connection:
        """A new connection to a judged address; each but the last has its share of the time."""
        try:
            async with asyncio.timeout_at(until):
                addresses = await self._policy.addresses(origin.host, origin.port, plain=origin.scheme == "http")
                for address in addresses[:-1]:
                    with suppress(OSError):  # a time-out is one
                        async with asyncio.timeout(self._connect_timeout_s / len(addresses)):
                            return await self._open(origin, address)
                return await self._open(origin, addresses[-1])
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection in time") from None
        except OSError as error:
            raise httpx.ConnectError(f"no connection ({type(error).__name__})") from None

    async def _open(self, origin: Origin, address: str) -> Connection:
        tls = origin.scheme == "https"
        _, connection = await self._loop.create_connection(
            partial(Connection, self._max_bytes),
            address,
            origin.port,
            ssl=self._ssl_context if tls else None,
            server_hostname=origin.host if tls else None,
        )
        return connection


def _fields(headers: Iterable[tuple[str, str]]) -> str:
    """Headers as they are written. Raises ValueError for one that breaks out of its line."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    text = "".join(lines)
    if not text.count("\n") == text.count("\r") == len(lines):
        raise ValueError("a header that breaks out of its line")
    return text
