"""Pagination (transport and format, section Pagination): both sides of a list.

A server parses the query and writes `Link`, `X-Total-Count` and `X-Limit`. A client crawls: it follows `Link` where it
can be trusted, and counts by itself where it cannot, because peers are known to send links that lead nowhere.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from ocpi.datetimes import parse_datetime
from ocpi.errors import InvalidParameters, PeerRefused, PeerUnintelligible

LINK = "Link"
TOTAL_COUNT = "X-Total-Count"
LIMIT = "X-Limit"

ItemT = TypeVar("ItemT")

_MAX_DIGITS = 15
_URL_CHARACTERS = "%/:?#[]@!$&'()*+,;="
_LINK_VALUE = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,"]+\s*(?:=\s*(?:"[^"]*"|[^\s;,"]*))?)*)')
_REL_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s|;|$))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What a client asks for. `date_from` is inclusive, `date_to` exclusive, both about `last_updated`."""

    date_from: datetime | None = None
    date_to: datetime | None = None
    offset: int = 0
    limit: int | None = None

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


def page_headers(url: str, *, total: int, cap: int, page_limit: int, offset: int, count: int) -> dict[str, str]:
    """The headers of one page of a list.

    `url` is what was asked for, with its query, whose filters stay in the link; `total` counts all objects that match,
    `cap` is the most that this server returns, `page_limit` what this client gets, `count` what this page holds.
    """
    headers = {TOTAL_COUNT: str(total), LIMIT: str(cap)}
    if count > 0 and offset + count < total:
        link = quote(with_query(url, offset=offset + count, limit=page_limit), safe=_URL_CHARACTERS)
        headers[LINK] = f'<{link}>; rel="next"'
    return headers


def with_query(url: str, **parameters: int | str) -> str:
    """The URL with query parameters replaced or added; the others stay as they are, in their order."""
    base, _, query = url.partition("#")[0].partition("?")
    pairs = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in parameters]
    for name, value in parameters.items():
        pairs.append(f"{name}={value if isinstance(value, int) else quote(value, safe=':')}")
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


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port. What is no URL is the same as nothing."""
    origin = _origin(one)
    return origin is not None and origin == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
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
    """One page as a client received it; `link` is the raw `Link` header."""

    items: Sequence[ItemT]
    total: int | None = None
    link: str | None = None


async def crawl(
    fetch: Callable[[str], Awaitable[Page[ItemT]]], url: str, *, max_pages: int = 10_000
) -> AsyncIterator[Page[ItemT]]:
    """All pages of a list, from `url` on.

    Follows `Link` within the origin of `url` and never to a page that was read before; where the link is missing, leads
    elsewhere or to nothing, the next page is reckoned from the number of objects received. When the total shrinks on
    the way, an object that moved to an earlier page may have been missed: the crawl steps back by as many, so that an
    object may come twice but none is lost. Raises PeerUnintelligible for a list that does not end: more than
    `max_pages` pages, or the same page again.
    """
    offset = whole_number(dict(parse_qsl(urlsplit(url).query)).get("offset")) or 0
    asked, visited = url, {url}
    reckoned: str | None = None
    previous: Page[ItemT] | None = None
    for _ in range(max_pages):
        try:
            page = await fetch(asked)
        except (PeerRefused, PeerUnintelligible):
            if reckoned is None or reckoned in visited:
                raise
            asked = reckoned
            visited.add(asked)
            page = await fetch(asked)
        if previous is not None:
            missed = _shrunk(previous, page)
            if missed:
                offset = max(0, offset - missed)
                asked, reckoned, previous = with_query(url, offset=offset), None, page
                visited.add(asked)
                continue
            if asked == reckoned and page.items and list(page.items) == list(previous.items):
                raise PeerUnintelligible("a list that sends the same page for another offset")
        yield page
        previous = page
        offset += len(page.items)
        reckoned = with_query(url, offset=offset)
        following = _following(url, page, reckoned, offset, visited)
        if following is None:
            return
        asked = following
        visited.add(asked)
    raise PeerUnintelligible(f"a list of more than {max_pages} pages")


def _shrunk(previous: Page[ItemT], page: Page[ItemT]) -> int:
    """By how many objects the whole list shrank between two pages."""
    if previous.total is None or page.total is None:
        return 0
    return max(0, previous.total - page.total)


def _following(url: str, page: Page[ItemT], reckoned: str, offset: int, visited: set[str]) -> str | None:
    link = next_link(page.link)
    target = absolute_url(url, link) if link is not None else None
    if target is not None and same_origin(target, url) and target not in visited:
        return target
    if not page.items or reckoned in visited:
        return None
    more = link is not None if page.total is None else offset < page.total
    return reckoned if more else None
