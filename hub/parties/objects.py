"""What every stored OCPI object has in common, whichever room owns it.

A row keeps the object's JSON as the bytes that go out, beside the few columns that are queried. 2.2.1 is the stored
tongue. A change is marked in the change log by the same transaction, so no room can forget to tell the partners.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import orjson
from sqlalchemy import Index, LargeBinary, Select, UniqueConstraint, bindparam, func, select, update
from sqlmodel import Field, SQLModel, col

from hub.parties import changes, counts
from hub.parties.agreements import EVERYTHING, Visible
from hub.parties.changes import by_owner
from kit.db import BigInt, among
from kit.tx import Tx
from ocpi.datetimes import parse_datetime

Json = dict[str, Any]


class OcpiObject(SQLModel):
    """Columns of a stored OCPI object. Ids are stored casefolded in the key columns and verbatim in `doc`."""

    module: ClassVar[str]
    """The OCPI module that the object belongs to."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    country_code: str = Field(max_length=2)
    party_id: str = Field(max_length=3)
    object_id: str = Field(max_length=80)
    platform_id: str | None = Field(default=None, max_length=36, index=True)
    """The platform that the object came from; null for our own parties' objects."""
    audience: str | None = Field(default=None, max_length=6)
    """`CC*PID` of the one party besides its owner that may see it; null for all who may charge there."""
    last_updated: datetime = Field(index=True)
    seen_at: datetime | None = None
    """When its owner last showed that it has it; null once it was missing from the owner's own list."""
    doc: bytes = Field(sa_type=LargeBinary)

    @property
    def key(self) -> "ObjectKey":
        """The object's key."""
        return ObjectKey(self.country_code, self.party_id, self.object_id)

    def body(self) -> Json:
        """The object as a dict, freshly parsed."""
        parsed: Json = orjson.loads(self.doc)
        return parsed


ObjectT = TypeVar("ObjectT", bound=OcpiObject)


def object_indexes(table: str) -> tuple[UniqueConstraint, Index]:
    """The indexes that each table of OCPI objects has."""
    return (
        UniqueConstraint("country_code", "party_id", "object_id"),
        # A shelf (`hub.parties.visibility`) in the order of its ids: what lists are read by for those who see little.
        Index(f"ix_{table}_shelf", "country_code", "party_id", "audience", "id"),
    )


class ObjectKey(NamedTuple):
    """Which object: its owner and id, compared without regard to case as OCPI's CiString asks."""

    country_code: str
    party_id: str
    object_id: str

    @classmethod
    def of(cls, country_code: str, party_id: str, object_id: str) -> "ObjectKey":
        """The key in its one stored spelling."""
        return cls(country_code.upper(), party_id.upper(), object_id.casefold())


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks for objects: a partner's platform and its parties. It sees what others own and what is for it."""

    platform_id: str
    parties: tuple[str, ...]
    """`CC*PID` of each."""
    visible: Visible = EVERYTHING
    """What its agreements let it see of others' objects, in the module that is asked for."""


async def find(tx: Tx, model: type[ObjectT], key: ObjectKey) -> ObjectT | None:
    """The stored object, or None."""
    return await tx.first(
        select(model).where(
            col(model.country_code) == key.country_code,
            col(model.party_id) == key.party_id,
            col(model.object_id) == key.object_id,
        )
    )


def may_see(row: OcpiObject, viewer: Viewer) -> bool:
    """Whether a partner may have the object: what it sent itself it has already."""
    if row.platform_id == viewer.platform_id:
        return True
    is_for_it = row.audience is None or row.audience in viewer.parties
    return is_for_it and viewer.visible.shows(f"{row.country_code}*{row.party_id}", row.object_id)


async def page(tx: Tx, model: type[OcpiObject], *, offset: int, limit: int) -> tuple[list[bytes], int]:
    """Documents for the operator, who sees everything: oldest created first, and the number of all."""
    docs: Select[bytes] = select(col(model.doc)).order_by(col(model.id)).offset(offset).limit(limit)
    total = (await tx.execute(select(func.count()).select_from(model))).scalar_one()
    return list(await tx.all(docs)), int(total)


@dataclass(frozen=True, slots=True)
class Kept(Generic[ObjectT]):
    """What became of an object that was put: its row, and whether it is new or changed at all."""

    row: ObjectT
    is_new: bool
    is_changed: bool


@dataclass(frozen=True, slots=True)
class Keeping:
    """An object to be kept: its key and whole new state, the one party that may see it, and its promoted columns."""

    key: ObjectKey
    body: Json
    audience: str | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptOne:
    """What became of one object of many: the id of its row, and what was found about it.

    `is_bumped` when nothing but a `last_updated` is other than it was, `is_stale` when the content is other and
    `last_updated` is not: both are habits of partners.
    """

    keeping: Keeping
    row_id: int
    is_new: bool = False
    is_changed: bool = False
    is_bumped: bool = False
    is_stale: bool = False


async def keep(
    tx: Tx,
    model: type[ObjectT],
    key: ObjectKey,
    body: Json,
    *,
    platform_id: str | None,
    audience: str | None = None,
    **columns: Any,
) -> Kept[ObjectT]:
    """Store an object's whole new state and mark the change.

    An older state than the stored one, or the same content again, is passed over: partners repeat themselves, and
    late messages must not take an object back in time. Where nothing but `last_updated` has changed it is stored, and
    told to nobody: some CPOs stamp all they have every night. `platform_id` is where the object came from (None: our
    own), `audience` the one party that may see it, `columns` the promoted columns of this room.
    """
    [kept] = await keep_many(tx, model, [Keeping(key, body, audience, columns)], platform_id=platform_id)
    row = await tx.first(select(model).where(col(model.id) == kept.row_id).execution_options(populate_existing=True))
    assert row is not None  # noqa: S101 - it was written by this transaction
    return Kept(row, is_new=kept.is_new, is_changed=kept.is_changed)


async def keep_many(
    tx: Tx, model: type[OcpiObject], many: Sequence[Keeping], *, platform_id: str | None
) -> list[KeptOne]:
    """`keep` for a page of objects, in a few statements however many they are; of one that comes twice the last counts.

    A state whose only news is its `last_updated` is stored and not told to anybody.
    """
    wanted = {keeping.key: keeping for keeping in many}
    await tx.flush()
    known = await _stored(tx, model, list(wanted))
    news = [_judged(keeping, known.get(key)) for key, keeping in wanted.items()]
    await _write(tx, model, news, platform_id=platform_id)
    unwritten = [known[each.key].row_id for each in news if not each.is_new and not each.row_id]
    if unwritten and platform_id is not None:
        await tx.execute(update(model).where(col(model.id).in_(unwritten)).values(seen_at=tx.now))
    placed = await _ids(tx, model, [each.key for each in news if each.is_new])
    placed |= {key: stored.row_id for key, stored in known.items()}
    _count(tx, model, news, known, placed)
    changed = [each for each in news if each.is_changed]
    marks = [_marked(model, each.key, platform_id, each.keeping.audience) for each in changed]
    await changes.mark_many(tx, marks, are_new=all(each.is_new for each in changed))
    for block in {counts.block_of(placed[each.key]) for each in news if each.row_id}:
        tx.ring(f"{model.module}/{block}")
    return [each.told(placed[each.key]) for each in news]


async def give_up(tx: Tx, model: type[OcpiObject], many: Sequence[Keeping], *, platform_id: str) -> None:
    """Store what is left of objects that are gone from their owner's list; should they come back, whatever time their
    `last_updated` has, they count as news."""
    kept = await keep_many(tx, model, many, platform_id=platform_id)
    await tx.execute(update(model).where(col(model.id).in_([each.row_id for each in kept])).values(seen_at=None))


class _Stored(NamedTuple):
    row_id: int
    last_updated: datetime
    seen_at: datetime | None
    audience: str | None
    doc: bytes


@dataclass(frozen=True, slots=True)
class _News:
    keeping: Keeping
    doc: bytes
    changed_at: datetime
    is_new: bool = False
    is_changed: bool = False
    is_bumped: bool = False
    is_stale: bool = False
    row_id: int = 0

    @property
    def key(self) -> ObjectKey:
        return self.keeping.key

    def told(self, row_id: int) -> KeptOne:
        return KeptOne(self.keeping, row_id, self.is_new, self.is_changed, self.is_bumped, self.is_stale)


async def _stored(tx: Tx, model: type[OcpiObject], keys: Sequence[ObjectKey]) -> dict[ObjectKey, _Stored]:
    told = (col(model.id), col(model.last_updated), col(model.seen_at), col(model.audience), col(model.doc))
    return {key: _Stored(*rest) for key, rest in await _told(tx, model, keys, told)}


async def _ids(tx: Tx, model: type[OcpiObject], keys: Sequence[ObjectKey]) -> dict[ObjectKey, int]:
    return {key: row_id for key, (row_id,) in await _told(tx, model, keys, (col(model.id),))}


async def docs_of(tx: Tx, model: type[OcpiObject], keys: Sequence[ObjectKey]) -> dict[ObjectKey, bytes]:
    """The stored JSON of those of these objects that there are."""
    return {key: doc for key, (doc,) in await _told(tx, model, keys, (col(model.doc),))}


async def _told(
    tx: Tx, model: type[OcpiObject], keys: Sequence[ObjectKey], columns: Sequence[Any]
) -> list[tuple[ObjectKey, Sequence[Any]]]:
    found: list[tuple[ObjectKey, Sequence[Any]]] = []
    for (country_code, party_id), ids in by_owner(keys):
        rows: Any = await tx.execute(
            select(col(model.object_id), *columns).where(
                col(model.country_code) == country_code,
                col(model.party_id) == party_id,
                among(col(model.object_id), ids, tx.db.dialect),
            )
        )
        found += [(ObjectKey(country_code, party_id, row[0]), row[1:]) for row in rows]
    return found


def _count(
    tx: Tx,
    model: type[OcpiObject],
    news: Sequence[_News],
    known: Mapping[ObjectKey, _Stored],
    placed: Mapping[ObjectKey, int],
) -> None:
    for each in news:
        row = counts.Counted(model.module, placed[each.key], each.key.country_code, each.key.party_id)
        if each.is_new:
            counts.put(tx, row, each.keeping.audience)
        elif each.row_id:
            counts.move(tx, row, known[each.key].audience, each.keeping.audience)


def _judged(keeping: Keeping, stored: _Stored | None) -> _News:
    changed_at, doc = parse_datetime(keeping.body["last_updated"]), orjson.dumps(keeping.body)
    if stored is None:
        return _News(keeping, doc, changed_at, is_new=True, is_changed=True)
    row_id, last_updated, seen_at, audience, stored_doc = stored
    is_late = changed_at < last_updated and seen_at is not None  # what we held for gone comes back with any time
    if is_late or stored_doc == doc:
        return _News(keeping, doc, changed_at)
    before, after = orjson.loads(stored_doc), orjson.loads(doc)
    if before == after:
        return _News(keeping, doc, changed_at)
    if audience == keeping.audience and is_same_content(before, after):
        return _News(keeping, doc, changed_at, is_bumped=True, row_id=row_id)
    return _News(keeping, doc, changed_at, is_changed=True, is_stale=changed_at == last_updated, row_id=row_id)


def is_same_content(one: Json, other: Json) -> bool:
    """Whether two states of an object differ in nothing but `last_updated`."""
    return bool(_undated(one) == _undated(other))


def _undated(value: Any) -> Any:
    """JSON without the times of its last changes, at any depth."""
    if isinstance(value, dict):
        return {name: _undated(each) for name, each in value.items() if name != "last_updated"}
    return [_undated(each) for each in value] if isinstance(value, list) else value


async def _write(tx: Tx, model: type[OcpiObject], news: Sequence[_News], *, platform_id: str | None) -> None:
    """The one place where rows of objects are inserted and updated."""
    table: Any = model.__table__  # type: ignore[attr-defined]
    fresh = [_row(each, platform_id, tx.now) for each in news if each.is_new]
    await tx.insert(table, fresh)
    by_columns: dict[tuple[str, ...], list[Json]] = {}
    for each in news:
        if each.row_id:
            row = _row(each, platform_id, tx.now)
            by_columns.setdefault(tuple(row), []).append({**row, "row_id": each.row_id})
    for names, rows in by_columns.items():
        values: Any = {name: bindparam(name) for name in names if name not in ("country_code", "party_id", "object_id")}
        await tx.execute(update(table).where(table.c.id == bindparam("row_id")).values(values), rows)


def _row(each: _News, platform_id: str | None, now: datetime) -> Json:
    key = each.key
    return {
        "country_code": key.country_code,
        "party_id": key.party_id,
        "object_id": key.object_id,
        "platform_id": platform_id,
        "audience": each.keeping.audience,
        "last_updated": each.changed_at,
        "seen_at": now,
        "doc": each.doc,
        **each.keeping.columns,
    }


async def forget(tx: Tx, model: type[OcpiObject], key: ObjectKey, *, platform_id: str | None) -> bool:
    """Delete an object and mark its removal; False when there is none."""
    row = await find(tx, model, key)
    if row is None:
        return False
    await tx.delete(row)
    assert row.id is not None  # noqa: S101 - it is stored
    counts.remove(tx, counts.Counted(model.module, row.id, key.country_code, key.party_id), row.audience)
    await changes.mark(tx, _marked(model, key, platform_id, None, removed=True))
    return True


def _marked(
    model: type[OcpiObject], key: ObjectKey, origin: str | None, audience: str | None, *, removed: bool = False
) -> changes.Marked:
    return changes.Marked(model.module, key.country_code, key.party_id, key.object_id, origin, audience, removed)
