"""What passes between the router and the handlers: a call and its answer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, TypeVar

from starlette.types import Send

from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.envelope import SUCCESS
from ocpi.headers import MessageHeaders, Party
from ocpi.paging import PageQuery
from ocpi.types import JsonObject, OcpiModel, to_bytes

ModelT = TypeVar("ModelT", bound=OcpiModel)


# Not frozen, as one is made for each request and a frozen one takes five times as long; nobody changes it all the same.
@dataclass(slots=True)
class Call:
    """One request of a peer.

    `path` and `query` hold the parameters of the URL, decoded; `caller` is what `authenticate` returned. `body` is the
    validated object, the checked JSON object of a PATCH, or None; `raw` the bytes as they came. `page` is set for
    lists. `http_headers` has all headers, names in lower case; `url` is the absolute URL that was asked for.
    An `intercept` sees a call before its body and paging are looked at: `body` and `page` are None then.
    """

    version: str
    module: str
    interface: Interface
    verb: Verb
    level: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: MessageHeaders
    caller: object
    raw: bytes
    url: str
    http_headers: Mapping[str, str]
    body: OcpiModel | JsonObject | None = None
    page: PageQuery | None = None

    def complete(self, *, body: OcpiModel | JsonObject | None = None, page: PageQuery | None = None) -> None:
        """For the server: fill in what was read after `intercept`."""
        self.body, self.page = body, page

    @property
    def key(self) -> HandlerKey:
        """What the handler is registered for."""
        return (self.module, self.interface, self.verb, self.level)

    @property
    def owner(self) -> Party | None:
        """The party in the URL of a client owned object."""
        if "country_code" not in self.path:
            return None
        return Party(self.path["country_code"], self.path["party_id"])

    def model(self, model_type: type[ModelT]) -> ModelT:
        """The body as the type that the endpoint has. Raises TypeError when a handler asks for another one."""
        if not isinstance(self.body, model_type):
            raise TypeError(f"the body of {self.key} is no {model_type.__name__}")
        return self.body

    def patch(self) -> JsonObject:
        """The body of a PATCH. Raises TypeError for another verb."""
        if not isinstance(self.body, dict):
            raise TypeError(f"{self.key} is no PATCH")
        return self.body

    def page_query(self) -> PageQuery:
        """The paging parameters of a list. Raises TypeError for another endpoint."""
        if self.page is None:
            raise TypeError(f"{self.key} is no list")
        return self.page


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with an envelope. `data` is ready JSON, None for no data field.

    `sender` is who answers when the request named no receiver.
    """

    data: bytes | None = None
    status_code: int = SUCCESS
    http_status: int = 200
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    sender: Party | None = None

    @classmethod
    def of(cls, model: OcpiModel, *, http_status: int = 200, sender: Party | None = None) -> "Answer":
        """Success, with an object as data."""
        return cls(to_bytes(model), http_status=http_status, sender=sender)


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """One page of a list: `items` as ready JSON each, or `joined` as all of them with commas between.

    `total` counts what matches the filters and this caller may see; `limit` is the most that we return at once,
    whatever was asked for; `count` is the number of objects in `joined`, where it differs from a full page.
    `more` says whether another page follows, where `total` does not tell; `cursor` goes into the link to it and comes
    back in `PageQuery.cursor`.
    """

    total: int
    limit: int
    items: Sequence[bytes] = ()
    joined: bytes | memoryview | None = None
    count: int | None = None
    more: bool | None = None
    cursor: str | None = None
    sender: Party | None = None


Line = tuple[bytes, bytes]
"""A header as the server takes it: the name in lower case, and the value."""


_BODILESS = frozenset({204, 304})
"""Answers without a body, whose length must not be told (RFC 9110, section 8.6)."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A whole HTTP answer, ready to go; its headers are safe to write, and `content-length` is not among them."""

    http_status: int
    headers: Sequence[Line]
    body: bytes
    status_code: int | None = None
    """OCPI's, where it is known without reading the body."""

    async def send(self, send: Send) -> None:
        """Hand it to the server."""
        headers = self.headers
        if self.http_status not in _BODILESS:
            headers = [(b"content-length", b"%d" % len(self.body)), *headers]
        await send({"type": "http.response.start", "status": self.http_status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def lines(headers: Mapping[str, str]) -> list[Line]:
    """Headers, checked before, as the server takes them."""
    return [(_line_name(name), value.encode("ascii")) for name, value in headers.items()]


@lru_cache(maxsize=256)
def _line_name(name: str) -> bytes:
    return name.lower().encode("ascii")


Handler = Callable[[Call], Awaitable[Answer | ListAnswer]]
"""Handles one endpoint. Raises OcpiError."""

Authenticate = Callable[[Mapping[str, str], str], Awaitable[object]]
"""Tells from the headers (names in lower case) who calls the module; raises Unauthenticated.

The module is `versions` for the versions list and the version details.
"""


class Gate(Protocol):
    """Bounds what one caller may ask for at a time. `enter` raises TooManyRequests; `leave` follows each `enter`."""

    def enter(self, caller: object) -> None: ...
    def leave(self, caller: object) -> None: ...


Intercept = Callable[[Call], Awaitable[Answer | ListAnswer | Rendered | None]]
"""Sees each authenticated call first; what it returns is the answer, None leaves the call to the handler.

A `Rendered` one goes out as it is: it has to bear the ids of the request itself.
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that ended in an error, for logs and counters; it holds nothing of the body.

    `expected` errors are those that a handler raised as an OcpiError; the others are faults of ours.
    """

    error: Exception
    expected: bool
    http_status: int
    status_code: int
    request_id: str
    correlation_id: str
    method: str
    key: HandlerKey | None


OnFailure = Callable[[Failure], None]
"""Told about each call that ended in an error."""


@dataclass(slots=True)  # not frozen: see `Call`
class Served:
    """One exchange with a peer, once it is answered: what came, byte for byte, and what went.

    `target` is the path and query as they were sent; `key` is None when they led to no endpoint, `caller` when nobody
    was authenticated. `http_headers` hold the token that was presented, `status_code` is that of `Rendered`. Times are
    those of `time.monotonic`.
    """

    method: str
    target: str
    key: HandlerKey | None
    path: Mapping[str, str]
    caller: object
    headers: MessageHeaders
    http_headers: Mapping[str, str]
    raw: bytes
    http_status: int
    status_code: int | None
    answer: bytes
    started: float
    ended: float


OnServed = Callable[[Served], None]
"""Told about each exchange once its answer is on its way; must be quick."""
