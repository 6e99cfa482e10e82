"""One HTTP exchange at the server: what is known of the request, and how its answer is put into bytes."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import parse_qsl

from starlette.types import Scope

from ocpi.call import Answer, Line, ListAnswer, Rendered, lines
from ocpi.endpoint import HandlerKey, Parameter
from ocpi.envelope import SUCCESS, envelope, list_envelope
from ocpi.errors import InvalidParameters, OcpiError
from ocpi.headers import MessageHeaders, Party, header_values, read_ids
from ocpi.paging import PageQuery, page_headers, parse_page_query

_MAX_QUERY_FIELDS = 50
_MAX_REMEMBERED = 256
"""The same lists are asked for over and over: queries up to this length are decoded once."""
_NOTHING: Mapping[str, str] = MappingProxyType({})
_HEADER_VALUE = re.compile(r"[\x20-\x7E]*")


_CONTENT_TYPE: Line = b"content-type", b"application/json"


@lru_cache(maxsize=1024)
def _page_lines(
    url: str, total: int, cap: int, page_limit: int, offset: int, count: int, more: bool | None, cursor: str | None
) -> Sequence[Line]:
    return tuple(
        lines(
            page_headers(
                url,
                total=total,
                cap=cap,
                page_limit=page_limit,
                offset=offset,
                count=count,
                more=more,
                cursor=cursor,
            )
        )
    )


def _decoded(text: bytes) -> Mapping[str, str]:
    if not text:
        return _NOTHING
    if not (b"%" in text or b"+" in text or text.count(b"&") >= _MAX_QUERY_FIELDS):  # nothing to decode, as in most
        pairs = (pair.partition("=") for pair in text.decode("latin-1").split("&") if pair)
        return MappingProxyType({name: value for name, _, value in pairs})
    try:
        fields = parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        raise InvalidParameters("the query of the URL is not readable") from None
    return MappingProxyType(dict(fields))


_remembered = lru_cache(maxsize=1024)(_decoded)


@lru_cache(maxsize=1024)
def _remembered_page(text: bytes, date_from_required: bool) -> PageQuery:
    return parse_page_query(_remembered(text), date_from_required=date_from_required)


class Exchange:
    """A request as far as it is known; the steps of the server fill in the rest.

    `public_url` is how the outside reaches us; None goes by what the peer used.
    """

    def __init__(self, scope: Scope, public_url: str | None = None) -> None:
        self._scope = scope
        self._public_url = public_url
        self.method: str = scope["method"]
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.message: MessageHeaders = read_ids(self.headers)
        self.key: HandlerKey | None = None
        self.path: Mapping[str, str] = {}
        self.authenticated = False
        self.caller: object = None
        self.raw = b""
        self._query: Mapping[str, str] | None = None
        self._target: str | None = None
        self._url: str | None = None

    @property
    def query(self) -> Mapping[str, str]:
        """The query of the URL, decoded. Raises InvalidParameters."""
        if self._query is None:
            text: bytes = self._scope["query_string"]
            self._query = (_decoded if len(text) > _MAX_REMEMBERED else _remembered)(text)
        return self._query

    def page_query(self, *, date_from_required: bool = False) -> PageQuery:
        """The paging parameters of the query. Raises InvalidParameters."""
        text: bytes = self._scope["query_string"]
        if len(text) > _MAX_REMEMBERED:
            return parse_page_query(self.query, date_from_required=date_from_required)
        return _remembered_page(text, date_from_required)

    @property
    def origin(self) -> str:
        """Our scheme and host: the public ones, or those that the peer used."""
        return self._public_url or f"{self._scope['scheme']}://{self.headers.get('host', 'localhost')}"

    @property
    def target(self) -> str:
        """Path and query as they were sent."""
        if self._target is None:
            raw: bytes | None = self._scope.get("raw_path")
            path: str = raw.partition(b"?")[0].decode("latin-1") if raw is not None else self._scope["path"]
            query: bytes = self._scope["query_string"]
            self._target = f"{path}?{query.decode('latin-1')}" if query else path
        return self._target

    @property
    def url(self) -> str:
        """The absolute URL that was asked for."""
        if self._url is None:
            self._url = f"{self.origin}{self.target}"
        return self._url

    def require(self, parameters: Sequence[Parameter]) -> None:
        """Check the parameters of the query. Raises InvalidParameters."""
        for parameter in parameters:
            value = self.query.get(parameter.name)
            if not value:
                if parameter.required:
                    raise InvalidParameters(f"{parameter.name} is required")
            elif parameter.integer and not (value.isascii() and value.isdigit() and len(value) < 10):
                raise InvalidParameters(f"{parameter.name} is a whole number")

    def reply_ids(self, sender: Party | None = None) -> dict[str, str]:
        """The headers of the answer: the ids of the request, and its addresses swapped."""
        return header_values(self.message.reply(sender))


def render(
    exchange: Exchange,
    answer: Answer | ListAnswer,
    page: PageQuery | None,
    *,
    now: datetime,
) -> Rendered:
    """An answer as bytes and headers. `page` is what was asked of a list.

    Raises ValueError for a header that would break out of its line.
    """
    headers = exchange.reply_ids(answer.sender)
    if isinstance(answer, Answer):
        body = envelope(answer.data, status_code=answer.status_code, now=now, message=answer.message)
        written = lines({**headers, **_safe(answer.headers)})
        return Rendered(answer.http_status, [_CONTENT_TYPE, *written], body, answer.status_code)
    page = page or PageQuery()
    page_limit = page.capped(answer.limit)
    items: Sequence[bytes | memoryview]
    if answer.joined is None:
        items, count = answer.items, len(answer.items)
    else:
        count = answer.count if answer.count is not None else max(0, min(page_limit, answer.total - page.offset))
        items = (answer.joined,) if count else ()
    paging = _page_lines(
        exchange.url, answer.total, answer.limit, page_limit, page.offset, count, answer.more, answer.cursor
    )
    return Rendered(200, [_CONTENT_TYPE, *lines(headers), *paging], list_envelope(items, now=now), SUCCESS)


def render_error(exchange: Exchange, error: OcpiError, *, http_status: int, now: datetime) -> Rendered:
    """An error as an envelope without data."""
    body = envelope(None, status_code=error.status_code, now=now, message=error.message)
    written = lines({**exchange.reply_ids(), **_safe(error.headers)})
    return Rendered(http_status, [_CONTENT_TYPE, *written], body, error.status_code)


def _safe(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the header {name} must be printable ASCII")
    return headers
