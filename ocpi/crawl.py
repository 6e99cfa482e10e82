"""Reading a peer's list from beginning to end (transport and format, section Pagination), whatever its pages are like.

Follows `Link` within the origin of the list and never to a page that was read before; where the link is missing, leads
elsewhere or to nothing, the next page is reckoned from the number of objects received, because peers are known to send
links that lead nowhere. When the total shrinks on the way, an object that moved to an earlier page may have been
missed: the crawl steps back by as many, so that an object may come twice but none is lost.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ocpi.errors import PeerRefused, PeerUnintelligible
from ocpi.paging import ItemT, Page, absolute_url, next_link, same_origin, whole_number, with_query

_MOST_VISITED = 64


class SamePageAgain(PeerUnintelligible):
    """The peer sends the same page for another offset: only its first page can be had."""


@dataclass
class Crawl:
    """Where a crawl is. Does no requests: `next_url` is what to ask for, `take` is told the page that came.

    `url` is the list with its filters. To go on after an interruption, give `next_url`, `offset` and `total` of before.
    `follow_links` False reckons every page. `link_worked` and `link_failed` tell what the links were good for.
    """

    url: str
    next_url: str | None = None
    offset: int | None = None
    total: int | None = None
    follow_links: bool = True
    link_worked: bool = False
    link_failed: bool = False
    _reckoned: str | None = field(default=None, repr=False)
    _by_link: bool = field(default=False, repr=False)
    _visited: list[str] = field(default_factory=list, repr=False)
    _previous: list[Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.offset is None:
            self.offset = whole_number(dict(parse_qsl(urlsplit(self.url).query)).get("offset")) or 0
        if self.next_url is not None:  # taken up again
            self._reckoned = with_query(self.url, offset=self.offset)
            self._by_link = self.next_url != self._reckoned
        self._ask(self.next_url or self.url)

    @property
    def is_whole(self) -> bool:
        """Whether the list was read to an end that agrees with the number of objects that the peer counts."""
        return self.next_url is None and self.total is not None and self.offset == self.total

    def take(self, page: Page[ItemT]) -> bool:
        """The page at `next_url` came; False when it is not to be used, because the crawl steps back first.

        Raises SamePageAgain.
        """
        assert self.offset is not None  # noqa: S101 - set at the beginning
        missed = 0 if self.total is None or page.total is None else max(0, self.total - page.total)
        self.total = page.total
        if missed and self.offset:
            self.offset = max(0, self.offset - missed)
            self._previous, self._reckoned = None, None
            self._ask(with_query(self.url, offset=self.offset))
            return False
        items = list(page.items)
        if not self._by_link and items and items == self._previous:
            raise SamePageAgain("a list that sends the same page for another offset")
        self.link_worked = self.link_worked or self._by_link
        self._previous = items
        self.offset += len(items)
        self._reckoned = with_query(self.url, offset=self.offset)
        self.next_url = None
        following = self._following(page, self._reckoned)
        if following is not None:
            self._ask(following)
        return True

    def detour(self) -> bool:
        """The page at `next_url` could not be had; True when there is another way to it, which `next_url` is now."""
        if self._reckoned is None or self._reckoned in self._visited:
            return False
        self.link_failed = True
        self._by_link = False
        self._ask(self._reckoned)
        return True

    def _following(self, page: Page[ItemT], reckoned: str) -> str | None:
        assert self.offset is not None  # noqa: S101 - set at the beginning
        link = next_link(page.link)
        target = absolute_url(self.url, link) if link is not None else None
        usable = target is not None and same_origin(target, self.url) and target not in self._visited
        self.link_failed = self.link_failed or (link is not None and not usable)
        self._by_link = usable and self.follow_links
        if self._by_link:
            return target
        if not page.items or reckoned in self._visited:
            return None
        more = link is not None if page.total is None else self.offset < page.total
        return reckoned if more else None

    def _ask(self, url: str) -> None:
        self.next_url = url
        self._visited = [*self._visited[-_MOST_VISITED:], url]


async def crawl(
    fetch: Callable[[str], Awaitable[Page[ItemT]]], url: str, *, max_pages: int = 10_000
) -> AsyncIterator[Page[ItemT]]:
    """All pages of a list, from `url` on.

    Raises PeerUnintelligible for a list that does not end: more than `max_pages` pages, or the same page again.
    """
    walk = Crawl(url)
    for _ in range(max_pages):
        assert walk.next_url is not None  # noqa: S101 - the loop ends with it
        try:
            page = await fetch(walk.next_url)
        except (PeerRefused, PeerUnintelligible):
            if not walk.detour():
                raise
            page = await fetch(walk.next_url)
        if walk.take(page):
            yield page
        if walk.next_url is None:
            return
    raise PeerUnintelligible(f"a list of more than {max_pages} pages")
