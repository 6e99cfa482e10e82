"""List pages as ready bytes, held in memory as long as they are true.

A page is the same for all who see the same. A doorbell says at the commit, in every process, which block of ids has
changed: pages with objects of that block are dropped, and all of them when objects came or went. Should a ring be lost,
no page is older than `KEEP_S`. A page is held when it is asked for a second time.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from hub.parties.callers import caller
from hub.parties.counts import COUNTS
from hub.parties.listing import Asked, Listing, Slice, View
from hub.parties.objects import OcpiObject
from kit.tx import Database
from ocpi.call import Call, ListAnswer
from ocpi.errors import InvalidParameters
from ocpi.paging import PageQuery

KEEP_S = 10.0
MOST_BYTES = 64 * 1024 * 1024
"""Of pages in memory, for each module."""
MOST_ASKED = 4096
"""So many pages are remembered to have been asked for once. Only the second time is one held: whoever reads a list from
its beginning to its end would else displace everything that others ask for again and again."""
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_Key = tuple[View, PageQuery]


@dataclass(frozen=True, slots=True)
class _Page:
    answer: ListAnswer
    size: int
    blocks: range
    read_at_s: float


class ListPages:
    """The list endpoint of one module's Sender interface."""

    def __init__(self, db: Database, model: type[OcpiObject], *, limit: int) -> None:
        self._listing = Listing(db, model)
        self._module = model.module
        self._now_s: Callable[[], float] = db.clock.monotonic
        self._limit = limit
        self._nothing = ListAnswer(total=0, limit=limit)
        self._rings = 0
        self._size = 0
        self._pages: dict[_Key, _Page] = {}
        self._asked: OrderedDict[_Key, None] = OrderedDict()
        db.doorbells.listen_below(model.module, self._rung)

    async def __call__(self, call: Call) -> ListAnswer:
        """The page that the call asks for; an empty one for callers whose roles have no use for the module."""
        query, who = call.page_query(), caller(call)
        if not who.may_read(self._module):
            return self._nothing
        visibility = who.visibility(self._module)
        view = self._listing.known_view(visibility)
        page = self._pages.get((view, query)) if view is not None else None
        if page is not None and self._now_s() - page.read_at_s < KEEP_S:
            return page.answer
        rings, read_at_s = self._rings, self._now_s()
        view, found = await self._listing.read(visibility, _asked(query, self._limit))
        answer = _answer(found, query, self._limit)
        if view is None or found.blocks is None or rings != self._rings:
            return answer
        if self._is_asked_again((view, query)):
            self._hold((view, query), _Page(answer, len(found.docs), found.blocks, read_at_s))
        return answer

    def _is_asked_again(self, key: _Key) -> bool:
        """Whether the page was asked for before, lately; from now on it was."""
        if key in self._asked:
            return True
        self._asked[key] = None
        if len(self._asked) > MOST_ASKED:
            self._asked.popitem(last=False)
        return False

    def _hold(self, key: _Key, page: _Page) -> None:
        self._drop(key)
        self._pages[key] = page
        self._size += page.size
        while self._size > MOST_BYTES:
            self._drop(next(iter(self._pages)))

    def _drop(self, key: _Key) -> None:
        dropped = self._pages.pop(key, None)
        if dropped is not None:
            self._size -= dropped.size

    def _rung(self, part: str) -> None:
        self._rings += 1
        if part == COUNTS:
            self._listing.recount()
            self._pages.clear()
            self._asked.clear()
            self._size = 0
            return
        block = int(part)
        for key in [key for key, page in self._pages.items() if block in page.blocks]:
            self._drop(key)


def _asked(query: PageQuery, cap: int) -> Asked:
    return Asked(query.offset, query.capped(cap), query.date_from, query.date_to, _first(query))


def _first(query: PageQuery) -> int | None:
    """The id that the page begins with, when the client follows our link and has not counted on by itself."""
    if query.cursor is None:
        return None
    parts = _CURSOR.fullmatch(query.cursor)
    if parts is None:
        raise InvalidParameters("cursor is none of ours")
    return int(parts[2]) if int(parts[1]) == query.offset else None


def _answer(found: Slice, query: PageQuery, cap: int) -> ListAnswer:
    more = found.following is not None
    return ListAnswer(
        total=found.total,
        limit=cap,
        joined=found.docs,
        count=found.count,
        more=more,
        cursor=f"{query.offset + found.count}-{found.following}" if more else None,
    )
