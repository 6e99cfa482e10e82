"""List pages as ready bytes, held in memory until an object of their module changes.

A page is the same for all who may see the same. The doorbell of the module empties the cache in every process at the
commit that changes it, so nobody reads a page that is older than what it asked after.
"""

from dataclasses import dataclass

from hub.parties.callers import caller
from hub.parties.objects import OcpiObject, PageFilter, Viewer, page
from kit.tx import Database
from ocpi.call import Call, ListAnswer
from ocpi.envelope import json_list

MOST_PAGES = 2_000


@dataclass(frozen=True, slots=True)
class _Key:
    viewer: Viewer
    asked: PageFilter


class ListPages:
    """The list endpoint of one module's Sender interface."""

    def __init__(self, db: Database, model: type[OcpiObject], *, limit: int) -> None:
        self._db = db
        self._model = model
        self._limit = limit
        self._rings = 0
        self._pages: dict[_Key, ListAnswer] = {}
        db.doorbells.listen(model.module, self._forget)

    async def __call__(self, call: Call) -> ListAnswer:
        """The page that the call asks for; an empty one for callers whose roles have no use for the module."""
        query = call.page_query()
        asked = PageFilter(query.offset, query.capped(self._limit), query.date_from, query.date_to)
        if not caller(call).may_read(self._model.module):
            return ListAnswer(total=0, limit=self._limit)
        key = _Key(caller(call).viewer_of(self._model.module), asked)
        known = self._pages.get(key)
        if known is not None:
            return known
        rings = self._rings
        async with self._db.read() as tx:
            docs, total = await page(tx, self._model, asked, key.viewer)
        answer = ListAnswer(total=total, limit=self._limit, body=json_list(docs), count=len(docs))
        if rings == self._rings and len(self._pages) < MOST_PAGES:
            self._pages[key] = answer
        return answer

    def _forget(self) -> None:
        self._rings += 1
        self._pages.clear()
