"""Pagination (transport and format, section Pagination): both sides of a list.

A server parses the query and writes `Link`, `X-Total-Count` and `X-Limit`. How a client reads a list from beginning
to end stands in `ocpi.crawl`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from ocpi.datetimes import parse_datetime
from ocpi.errors import InvalidParameters

LINK = "Link"
TOTAL_COUNT = "X-Total-Count"
LIMIT = "X-Limit"

ItemT = TypeVar("ItemT")

_MAX_DIGITS = 15
_URL_CHARACTERS = "%/:?#[]@!$&'()*+,;="
_READY_URL = re.compile(rf"[A-Za-z0-9_.~{re.escape(_URL_CHARACTERS)}-]*")
_READY_VALUE = re.compile(r"[A-Za-z0-9_.~:-]*")
_LINK_VALUE = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,"]+\s*(?:=\s*(?:"[^"]*"|[^\s;,"]*))?)*)')
_REL_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s|;|$))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What a client asks for. `date_from` is inclusive, `date_to` exclusive, both about `last_updated`.

    `cursor` is what the server put into the link that the client follows.
    """

    date_from: datetime | None = None
    date_to: datetime | None = None
    offset: int = 0
    limit: int | None = None
    cursor: str | None = None

    def capped(self, cap: int) -> int:
        """How many objects a page holds on a server that returns at most `cap`."""
        return cap if self.limit is None else min(self.limit, cap)


_ALL = PageQuery()


def parse_page_query(query: Mapping[str, str], *, date_from_required: bool = False) -> PageQuery:
    """Read the paging parameters of a URL. Raises InvalidParameters."""
    if not query and not date_from_required:
        return _ALL
    date_from = _datetime(query, "date_from")
    if date_from is None and date_from_required:
        raise InvalidParameters("date_from is required")
    offset = _number(query, "offset", at_least=0)
    return PageQuery(
        date_from=date_from,
        date_to=_datetime(query, "date_to"),
        offset=0 if offset is None else offset,
        limit=_number(query, "limit", at_least=1),
        cursor=query.get("cursor") or None,
    )


def _datetime(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return parse_datetime(text.replace(" 00:00", "+00:00"))  # a plus that was not escaped arrives as a space
    except ValueError as error:
        raise InvalidParameters(f"{name} is {error}") from None


def _number(query: Mapping[str, str], name: str, *, at_least: int) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if len(text) > _MAX_DIGITS or not (text.isascii() and text.isdigit()) or int(text) < at_least:
        raise InvalidParameters(f"{name} is a whole number from {at_least} on")
    return int(text)


def page_headers(
    url: str,
    *,
    total: int,
    cap: int,
    page_limit: int,
    offset: int,
    count: int,
    more: bool | None = None,
    cursor: str | None = None,
) -> dict[str, str]:
    """The headers of one page of a list.

    `url` is what was asked for, with its query, whose filters stay in the link; `total` counts all objects that match,
    `cap` is the most that this server returns, `page_limit` what this client gets, `count` what this page holds. `more`
    says whether another page follows, by default as many as `total` makes it; `cursor` goes into the link.
    """
    headers = {TOTAL_COUNT: str(total), LIMIT: str(cap)}
    if count > 0 and (offset + count < total if more is None else more):
        headers[LINK] = _link(url, offset + count, page_limit, cursor)
    return headers


def _link(url: str, offset: int, limit: int, cursor: str | None) -> str:
    following: dict[str, int | str] = {"offset": offset, "limit": limit}
    if cursor is not None:
        following["cursor"] = cursor
    target = with_query(url, **following)
    # Nearly every URL is one already, and quoting costs more than all else in a page's headers.
    return f'<{target if _READY_URL.fullmatch(target) else quote(target, safe=_URL_CHARACTERS)}>; rel="next"'


def with_query(url: str, **parameters: int | str) -> str:
    """The URL with query parameters replaced or added; the others stay as they are, in their order."""
    base, _, query = url.partition("#")[0].partition("?")
    pairs = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in parameters]
    for name, value in parameters.items():
        is_ready = isinstance(value, int) or _READY_VALUE.fullmatch(value)
        pairs.append(f"{name}={value if is_ready else quote(str(value), safe=':')}")
    return f"{base}?{'&'.join(pairs)}"


def next_link(header: str | None) -> str | None:
    """The target of the link whose relation is `next`."""
    if header is None:
        return None
    return next((link[1].strip() for link in _LINK_VALUE.finditer(header) if _REL_NEXT.search(link[2])), None)


def absolute_url(base: str, reference: str) -> str | None:
    """A URL that a peer gave, relative to another; None when it is none."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return None


Origin = tuple[str, str | None, int | None]


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port. What is no URL is the same as nothing."""
    found = origin(one)
    return found is not None and found == origin(other)


def origin(url: str) -> Origin | None:
    """Scheme, host and port of a URL; None for what is no URL."""
    try:
        parts = urlsplit(url)
        default_port = {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname, parts.port or default_port
    except ValueError:
        return None


def whole_number(text: str | None) -> int | None:
    """A count from a header; None when absent or unusable."""
    if text is None or len(text) > _MAX_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    return int(text)


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """One page as a client received it; `link` is the raw `Link` header.

    `cap` is the most that the server says it returns at once, `size` the bytes of the answer.
    """

    items: Sequence[ItemT]
    total: int | None = None
    link: str | None = None
    cap: int | None = None
    size: int = 0
    omits_data: bool = False
