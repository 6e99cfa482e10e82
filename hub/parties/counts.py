"""How many objects there are, by owner, audience and block of ids: kept by each change, so that no list is counted.

A page begins where the blocks before it are used up, and the total is the sum of the shelves. Whoever stores or
removes an object tallies it; the end of its transaction writes the sums, shelf by shelf in one order, so that writers
wait for each other only there and never in a circle. Each write raises the shelf's version: as long as the sum of a
module's versions is the same, its counts are.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col

from hub.parties.visibility import Shelf
from kit.db import BigInt
from kit.tx import Tx

BLOCK = 64
"""Ids in a block: a page skips at most so many rows, and a hundred thousand objects have some 1,600 blocks."""
COUNTS = "counts"
"""`MODULE/counts` rings when objects came, went, or changed their audience; `MODULE/BLOCK` when one changed itself."""


class ShelfCount(SQLModel, table=True):
    """The number of objects of one owner with one audience."""

    __tablename__ = "object_shelf"

    module: str = Field(primary_key=True, max_length=24)
    country_code: str = Field(primary_key=True, max_length=2)
    party_id: str = Field(primary_key=True, max_length=3)
    audience: str = Field(primary_key=True, max_length=6)
    """`CC*PID`; empty for all who may see them."""
    total: int = Field(sa_type=BigInt)
    version: int = Field(sa_type=BigInt)
    """Raised by each change of the numbers; the row is never deleted."""


class BlockCount(SQLModel, table=True):
    """The same within one block of ids: `block` is the id without its rest by `BLOCK`."""

    __tablename__ = "object_block"

    module: str = Field(primary_key=True, max_length=24)
    country_code: str = Field(primary_key=True, max_length=2)
    party_id: str = Field(primary_key=True, max_length=3)
    audience: str = Field(primary_key=True, max_length=6)
    block: int = Field(primary_key=True, sa_type=BigInt)
    total: int


class Counted(NamedTuple):
    """A stored object."""

    module: str
    id: int
    country_code: str
    party_id: str


class Tally:
    """What a transaction adds and takes away; see `Tx.companion`."""

    def __init__(self) -> None:
        self._blocks: Counter[tuple[str, str, str, str, int]] = Counter()

    def add(self, row: Counted, audience: str | None) -> None:
        """An object with this audience is there from now on."""
        self._blocks[row.module, row.country_code, row.party_id, audience or "", block_of(row.id)] += 1

    def add_many(self, module: str, shelf: Shelf, ids: Iterable[int]) -> None:
        """`add` for many objects of one owner with one audience."""
        for block, count in Counter(map(block_of, ids)).items():
            self._blocks[module, *shelf, block] += count

    def take(self, row: Counted, audience: str | None) -> None:
        """An object is not there any more, or not for this audience."""
        self._blocks[row.module, row.country_code, row.party_id, audience or "", block_of(row.id)] -= 1

    async def before_commit(self, tx: Tx) -> None:
        """Write the sums."""
        shelves: Counter[tuple[str, Shelf]] = Counter()
        for (module, *shelf, _block), change in self._blocks.items():
            shelves[module, Shelf(*shelf)] += change
        totals = [
            {"module": module, **shelf._asdict(), "total": change, "version": 1}
            for (module, shelf), change in sorted(shelves.items())
        ]
        parts = [
            {"module": module, **Shelf(*shelf)._asdict(), "block": block, "total": change}
            for (module, *shelf, block), change in sorted(self._blocks.items())
            if change
        ]
        # The shelves first: who holds a shelf is alone with its blocks.
        await _add(tx, ShelfCount, totals, ("module", "country_code", "party_id", "audience"))
        await _add(tx, BlockCount, parts, ("module", "country_code", "party_id", "audience", "block"))
        for module in {module for module, _ in shelves}:
            tx.ring(f"{module}/{COUNTS}")


def block_of(object_id: int) -> int:
    """The block of an id."""
    return object_id // BLOCK


def put_many(tx: Tx, module: str, shelf: Shelf, ids: Iterable[int]) -> None:
    """New objects of a module, of one owner with one audience, were stored by this transaction."""
    tx.companion(Tally).add_many(module, shelf, ids)


def move(tx: Tx, row: Counted, before: str | None, after: str | None) -> None:
    """An object was given another audience, or perhaps the same."""
    if before != after:
        tx.companion(Tally).take(row, before)
        tx.companion(Tally).add(row, after)


def remove(tx: Tx, row: Counted, audience: str | None) -> None:
    """An object was deleted by this transaction."""
    tx.companion(Tally).take(row, audience)


async def _add(
    tx: Tx, model: type[ShelfCount | BlockCount], rows: Sequence[dict[str, Any]], key: Sequence[str]
) -> None:
    """Add to the sums. One statement for each row, so that it is the same whatever their number: compiling one for all
    would cost more. Rows are locked in the order in which they are listed here."""
    if not rows:
        return
    insert = postgresql.insert if tx.db.dialect == "postgresql" else sqlite.insert
    statement = insert(model.__table__)  # type: ignore[union-attr]
    raised = {"total": col(model.total) + statement.excluded.total}
    if model is ShelfCount:
        raised["version"] = col(ShelfCount.version) + 1
    await tx.execute(statement.on_conflict_do_update(index_elements=list(key), set_=raised), rows)
