"""Pages of lists in the driver and operator APIs. (Partners page by OCPI's own rules, in `ocpi`.)"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Self, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

DEFAULT_LIMIT = 50
MOST_LIMIT = 500
MOST_OFFSET = 1_000_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageParams:
    """Which part of a list is wanted."""

    limit: Annotated[int, Query(ge=1, le=MOST_LIMIT, description="The most items to return")] = DEFAULT_LIMIT
    offset: Annotated[int, Query(ge=0, le=MOST_OFFSET, description="How many items to skip")] = 0


Paging = Annotated[PageParams, Depends()]
"""The parameter of a route that returns a page: `async def list_drivers(paging: Paging)`."""


class Page(BaseModel, Generic[Item]):
    """One part of a list, and how long the whole is."""

    items: list[Item]
    total: int = Field(ge=0, description="How many items there are in all")
    limit: int
    offset: int

    @classmethod
    def of(cls, items: Sequence[Item], total: int, paging: PageParams) -> Self:
        """The page that was asked for."""
        return cls(items=list(items), total=total, limit=paging.limit, offset=paging.offset)
