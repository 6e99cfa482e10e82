"""Which stored objects of a module somebody may see, as a value that a statement can be made of. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple


class Shelf(NamedTuple):
    """Objects of one owner with one audience: whoever sees one of them sees all, but for exceptions."""

    country_code: str
    party_id: str
    audience: str
    """`CC*PID` of the one party that may see them; empty for all who may."""

    @property
    def owner(self) -> str:
        """`CC*PID`."""
        return f"{self.country_code}*{self.party_id}"


Reference = tuple[str, str, str]
"""Country code, party id and object id, as they are stored."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """Whose objects are seen: those of `owners` (None: of everybody) but never of `not_owners`; parties as `CC*PID`.

    Objects for one party alone are seen only when it is in `audience`. `hidden` and `shown` are exceptions for single
    objects, whatever the rest says: few, because lists with exceptions are counted anew each time.
    """

    owners: frozenset[str] | None = None
    not_owners: frozenset[str] = frozenset()
    audience: frozenset[str] = frozenset()
    hidden: frozenset[Reference] = frozenset()
    shown: frozenset[Reference] = frozenset()

    @property
    def has_exceptions(self) -> bool:
        """Whether a shelf does not tell everything."""
        return bool(self.hidden or self.shown)

    def sees(self, shelf: Shelf) -> bool:
        """Whether the objects of a shelf are seen."""
        owner = shelf.owner
        if owner in self.not_owners or (self.owners is not None and owner not in self.owners):
            return False
        return not shelf.audience or shelf.audience in self.audience

    def among(self, shelves: Collection[Shelf]) -> "Visibility":
        """The same view of these shelves in the fewest words: who sees the same has the same value."""
        owners = {shelf.owner for shelf in shelves}
        named = None if self.owners is None or owners <= self.owners else self.owners & owners
        return replace(
            self,
            owners=named,
            not_owners=self.not_owners & owners,
            audience=self.audience & {shelf.audience for shelf in shelves},
        )
