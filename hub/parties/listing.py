"""Slices of a module's objects, oldest created first, as ready bytes with an exact total.

Where a slice begins and how many objects there are follows from the counts, which are held here; the statement that
reads the documents also says whether the counts are still those (`hub.parties.counts`), so that a slice is always of
one moment. Lists by date and with exceptions are counted by the statement itself.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import Column

from hub.parties import statements
from hub.parties.counts import BLOCK, block_of
from hub.parties.objects import OcpiObject
from hub.parties.visibility import Shelf, Visibility
from kit.reader import text_of
from kit.tx import Database

_ATTEMPTS = 4
_FEW_SHELVES = 8
_SMALL_SHARE = 8
"""Who sees less than this part of all objects is served shelf by shelf, not by passing over what is not for him."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list request asks for: `[date_from, date_to)` on `last_updated`, and the slice.

    `first` is the id of the object that the slice begins with, as an earlier `Slice.following` said; it goes before
    `offset`.
    """

    offset: int
    limit: int
    date_from: datetime | None = None
    date_to: datetime | None = None
    first: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Some documents, joined by commas, and the number of all that match; `following` is the id of the next one."""

    docs: bytes | memoryview
    count: int
    total: int
    following: int | None
    blocks: range | None
    """The blocks of the ids in it; None when any change of the module may change it."""


@dataclass(eq=False, slots=True)
class View:
    """What somebody sees, as long as the counts stay as they are. One for all who see the same."""

    visibility: Visibility
    shelves: tuple[Shelf, ...]
    """Those that are seen; empty when none is hidden, or when the rest is better passed over."""
    total: int
    sees_all: bool
    is_quick: bool
    """Whether a slice is found without passing over many objects that are not seen."""
    blocks: list[int] | None = None
    until: list[int] = field(default_factory=list)
    """How many objects lie in a block and all before it."""


@dataclass(slots=True)
class _Stock:
    """The counts of a module at one moment, and the views of them."""

    stamp: int
    totals: Mapping[Shelf, int]
    views: dict[Visibility, View] = field(default_factory=dict)

    def view(self, visibility: Visibility) -> View:
        known = self.views.get(visibility)
        if known is None:
            narrow = visibility.among(self.totals)
            known = self.views[visibility] = self.views.setdefault(narrow, self._viewed(narrow))
        return known

    def _viewed(self, visibility: Visibility) -> View:
        seen = tuple(shelf for shelf, total in self.totals.items() if total and visibility.sees(shelf))
        total = sum(self.totals[shelf] for shelf in seen)
        everything = sum(self.totals.values())
        is_small = total * _SMALL_SHARE < everything
        by_shelf = seen if is_small and len(seen) <= _FEW_SHELVES else ()
        return View(visibility, by_shelf, total, total == everything, is_quick=bool(by_shelf) or not is_small)


class Listing:
    """Reads the lists of one module."""

    def __init__(self, db: Database, model: type[OcpiObject]) -> None:
        self._db = db
        self._module = model.module
        self._words = statements.Words(model, db.dialect)
        self._updated: Column[Any] = model.__table__.c.last_updated  # type: ignore[attr-defined]
        self._stock: _Stock | None = None

    def known_view(self, visibility: Visibility) -> View | None:
        """What somebody sees, when the counts are known."""
        return self._stock.view(visibility) if self._stock is not None else None

    def recount(self) -> None:
        """The counts have changed."""
        self._stock = None

    async def read(self, visibility: Visibility, asked: Asked) -> tuple[View | None, Slice]:
        """A slice, and the view that it belongs to when it was read by counts that are known."""
        if asked.date_from is None and asked.date_to is None and not visibility.has_exceptions:
            for _ in range(_ATTEMPTS):  # the counts may change while we look
                stock = self._stock or await self._count()
                view = stock.view(visibility)
                found = await self._by_counts(stock, view, asked)
                if found is not None:
                    self._stock = stock
                    return view, found
                self._stock = None
        return None, await self._counted(visibility, asked)

    async def _count(self) -> _Stock:
        rows = await self._db.reader.all(self._words.shelves, self._module)
        totals = {Shelf(text_of(row[0]), text_of(row[1]), text_of(row[2])): int(row[3]) for row in rows}
        return _Stock(sum(int(row[4]) for row in rows), totals)

    async def _by_counts(self, stock: _Stock, view: View, asked: Asked) -> Slice | None:
        """The slice; None when the counts are not those any more."""
        if asked.first is not None:
            first, passed_over = asked.first, 0
        else:
            first, passed_over = await self._start(view, asked.offset)
        wanted = asked.limit + 1  # the one after it says whether there is more, and where
        if view.shelves:
            text, values = self._words.by_shelves(view.shelves, first, passed_over, wanted)
        else:
            seen = None if view.sees_all else view.visibility
            text, values = self._words.in_order(seen, first, passed_over, wanted)
        read = self._db.reader.quick if view.is_quick else self._db.reader.all
        ((docs, sizes, count, low, high, stamp),) = await read(text, *values)
        if stamp != stock.stamp:
            return None
        blocks = range(block_of(low), block_of(high) + 1) if count else range(0)
        return _slice(docs, sizes, count, high, limit=asked.limit, total=view.total, blocks=blocks)

    async def _start(self, view: View, offset: int) -> tuple[int, int]:
        """The first id that a slice may begin at, and how many objects are passed over from there."""
        if offset == 0:
            return 0, 0
        if view.blocks is None:
            text, values = self._words.blocks(None if view.sees_all else view.visibility)
            rows = await self._db.reader.all(text, *values)
            view.until = list(accumulate(int(row[1]) for row in rows))
            view.blocks = [int(row[0]) for row in rows]
        place = bisect_right(view.until, offset)
        if place == len(view.blocks):
            return _BEYOND, 0
        return view.blocks[place] * BLOCK, offset - (view.until[place - 1] if place else 0)

    async def _counted(self, visibility: Visibility, asked: Asked) -> Slice:
        """The slice by a statement that looks at every match."""
        date_from, date_to = (
            None if moment is None else self._db.bound(self._updated, moment)
            for moment in (asked.date_from, asked.date_to)
        )
        offset = asked.offset if asked.first is None else 0
        text, values = self._words.counted(visibility, date_from, date_to, asked.first or 0, offset, asked.limit + 1)
        ((docs, sizes, count, _, high, total),) = await self._db.reader.all(text, *values)
        return _slice(docs, sizes, count, high, limit=asked.limit, total=total, blocks=None)


_BEYOND = 2**62
"""No id is so high."""


def _slice(
    docs: bytes | None,
    sizes: bytes | str | None,
    count: int,
    high: int,
    *,
    limit: int,
    total: int,
    blocks: range | None,
) -> Slice:
    if docs is None or sizes is None:
        return Slice(b"", 0, total, None, blocks)
    if count <= limit:
        return Slice(docs, count, total, None, blocks)
    one_more = int(text_of(sizes).rpartition(",")[2])
    return Slice(memoryview(docs)[: -one_more - 1], count - 1, total, high, blocks)
