"""What partners have yet to be told, read for many of them at once.

Lanes that stand at the same place of the log share the reading of it, and an object that changed is asked for once, for
all who are to be told. What each partner gets of it is decided in memory.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hub.parties import changes
from hub.parties.audience import Ear, Ears
from hub.parties.changes import Changed, Position
from hub.parties.directory import Directory, Peer
from hub.parties.lanes import Lane
from hub.parties.moves import key_of, place_of
from hub.parties.outbox import Outgoing, Source, was_received
from kit.tx import Database, Tx

BATCH = 50
"""So many objects a lane is given at once."""
SHARED = 20
"""A reading for many lanes is at most so much longer than one for a single lane."""


class Reader(NamedTuple):
    """Who reads on, and from where."""

    lane: Lane
    peer: Peer
    after: Position


class Portion(NamedTuple):
    """The next objects for a lane in their present state, and the place in the log that they lead to."""

    objects: Sequence[tuple[Changed, Outgoing]]
    reached: Position


class Unread:
    """Reads the log and the objects behind it."""

    def __init__(self, db: Database, directory: Directory, sources: Mapping[str, Source]) -> None:
        self._db = db
        self._directory = directory
        self._sources = sources
        self._ears = Ears()

    async def read(self, readers: Sequence[Reader]) -> list[Portion]:
        """The next portion of each reader, all as one look at the database shows them."""
        groups: dict[tuple[str, Position], list[Reader]] = {}
        for reader in readers:
            groups.setdefault((reader.lane.module, reader.after), []).append(reader)
        portions: dict[Lane, Portion] = {}
        heads = await changes.heads(self._db, sorted({module for module, _ in groups}))
        async with self._db.read() as tx:
            agreements = await self._directory.agreements(tx)
            present = _Present(tx, self._sources)
            for (module, after), group in groups.items():
                head = max(heads.get(module, after), after)
                found = ((reader.lane, self._ears.of(reader.peer, module, agreements)) for reader in group)
                ears = {lane: ear for lane, ear in found if ear is not None}
                portions |= {reader.lane: Portion((), head) for reader in group}
                portions |= await _portions(tx, present, ears, module, after, head)
        return [portions[reader.lane] for reader in readers]


class _Present:
    """Objects in their present state, each asked for once."""

    def __init__(self, tx: Tx, sources: Mapping[str, Source]) -> None:
        self._tx = tx
        self._sources = sources
        self._known: dict[int, Outgoing | None] = {}
        self.once = False
        """Whether there are any that go out once: which of them are left is another matter for each partner."""

    async def of(self, change: Changed) -> Outgoing | None:
        if change.seq not in self._known:
            source = self._sources[change.module]
            outgoing = self._known[change.seq] = await source(self._tx, key_of(change), removed=change.removed)
            self.once = self.once or (outgoing is not None and outgoing.once)
        return self._known[change.seq]


async def _portions(
    tx: Tx, present: _Present, ears: Mapping[Lane, Ear], module: str, after: Position, head: Position
) -> dict[Lane, Portion]:
    if not ears or after == head:
        return {}
    limit = BATCH * min(len(ears), SHARED)
    found = await changes.read_between(
        tx,
        module,
        after,
        head,
        not_from=next(iter(ears.values())).peer.id if len(ears) == 1 else None,
        audience=sorted({party for ear in ears.values() for party in ear.parties}),
        limit=limit,
    )
    end = place_of(found[-1]) if len(found) == limit else head
    portions: dict[Lane, Portion] = {}
    shared: dict[tuple[int, ...], Portion] = {}
    for lane, ear in ears.items():
        heard = [change for change in found if ear.may_hear(change)]
        seqs = tuple(change.seq for change in heard)
        portions[lane] = shared.get(seqs) or await _portion(tx, present, lane, heard, end)
        if not present.once:
            shared[seqs] = portions[lane]
    return portions


async def _portion(tx: Tx, present: _Present, lane: Lane, found: Sequence[Changed], end: Position) -> Portion:
    objects: list[tuple[Changed, Outgoing]] = []
    for change in found:
        if len(objects) == BATCH:
            return Portion(objects, place_of(objects[-1][0]))
        outgoing = await present.of(change)
        if outgoing is None or (
            outgoing.once and await was_received(tx, lane.platform_id, lane.module, key_of(change))
        ):
            continue
        objects.append((change, outgoing))
    return Portion(objects, end)
