"""What every stored OCPI object has in common, whichever room owns it.

A row keeps the object's JSON as the bytes that go out, beside the few columns that are queried. 2.2.1 is the stored
tongue. A change is marked in the change log by the same transaction, so no room can forget to tell the partners.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import orjson
from sqlalchemy import Index, LargeBinary, Select, Table, UniqueConstraint, bindparam, func, select, update
from sqlmodel import Field, SQLModel, col

from hub.parties import changes, counts
from hub.parties.agreements import EVERYTHING, Visible
from hub.parties.changes import by_owner
from hub.parties.visibility import Shelf
from kit.db import BigInt, DialectName, among, texts
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
        # The id first: commands and sessions name a location, and messages a session, without its owner.
        UniqueConstraint("object_id", "country_code", "party_id"),
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
    row: ObjectT | None = (await tx.execute(_finding(model), key._asdict())).scalars().first()
    return row


# Built once, as those below: SQLAlchemy takes longer to build a statement than the database to run it.
@lru_cache
def _finding(model: type[OcpiObject]) -> Select[Any]:
    names = ("country_code", "party_id", "object_id")
    return select(model).where(*(getattr(model, name) == bindparam(name) for name in names))


class Stored(NamedTuple):
    """An object as it is stored, to be read: without what makes a row of SQLAlchemy's, which costs as much again."""

    row_id: int
    key: ObjectKey
    platform_id: str | None
    last_updated: datetime
    seen_at: datetime | None
    audience: str | None
    doc: bytes

    def body(self) -> Json:
        """The object as a dict, freshly parsed."""
        parsed: Json = orjson.loads(self.doc)
        return parsed


async def look_up(tx: Tx, model: type[OcpiObject], key: ObjectKey, *, to_change: bool = False) -> Stored | None:
    """The object as it is stored, or None; `to_change` as in `look_up_many`. Columns of a room's own are in `find`."""
    return (await look_up_many(tx, model, [key], to_change=to_change)).get(key)


async def look_up_many(
    tx: Tx, model: type[OcpiObject], keys: Iterable[ObjectKey], *, to_change: bool = False
) -> dict[ObjectKey, Stored]:
    """The objects as they are stored, in a statement for each owner; those that are nowhere are left out.

    `to_change` when a new state is made of what is found: nobody else changes it before this transaction has ended.
    """
    found: dict[ObjectKey, Stored] = {}
    dialect = tx.db.dialect
    for (country_code, party_id), ids in sorted(by_owner(keys)):  # one order for all, as within an owner, by the id
        owner = {"country_code": country_code, "party_id": party_id}
        rows = await tx.rows(_looking_up(model, dialect, to_change), {**owner, "ids": texts(ids, dialect)})
        for row_id, object_id, *others in rows:
            key = ObjectKey(country_code, party_id, object_id)
            found[key] = Stored(row_id, key, *others)
    return found


@lru_cache
def _looking_up(model: type[OcpiObject], dialect: DialectName, to_change: bool) -> Select[Any]:
    columns = _table(model).c
    found = select(*(columns[name] for name in ("id", "object_id", *Stored._fields[2:]))).where(
        columns.country_code == bindparam("country_code"),
        columns.party_id == bindparam("party_id"),
        among(columns.object_id, "ids", dialect),
    )
    # On SQLite whoever changes anything is alone from its first statement on.
    is_locked = to_change and dialect == "postgresql"
    return found.order_by(columns.id).with_for_update(key_share=True) if is_locked else found


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


class Keeping(NamedTuple):
    """An object to be kept: its key and whole new state, the one party that may see it, and its promoted columns."""

    key: ObjectKey
    body: Json
    audience: str | None = None
    columns: Mapping[str, Any] = MappingProxyType({})


class KeptOne(NamedTuple):
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
    known = await look_up_many(tx, model, wanted, to_change=True)
    fresh = await _insert(tx, model, [each for key, each in wanted.items() if key not in known], platform_id)
    judged = [_judged(wanted[key], stored) for key, stored in known.items()]
    await _update(tx, model, [each for each in judged if each.is_changed or each.is_bumped], known, platform_id)
    seen = [each.row_id for each in judged if not (each.is_changed or each.is_bumped)]
    if seen and platform_id is not None:
        await tx.execute(update(model).where(col(model.id).in_(seen)).values(seen_at=tx.now))
    shelves = _by_shelf(fresh)
    for shelf, rows in shelves.items():
        counts.put_many(tx, model.module, shelf, [each.row_id for each in rows])
    await _mark(tx, model, shelves, platform_id, are_new=True)
    await _mark(tx, model, _by_shelf(each for each in judged if each.is_changed), platform_id)
    return [*fresh, *judged]


async def give_up(tx: Tx, model: type[OcpiObject], many: Sequence[Keeping], *, platform_id: str) -> None:
    """Store what is left of objects that are gone from their owner's list; should they come back, whatever time their
    `last_updated` has, they count as news."""
    kept = await keep_many(tx, model, many, platform_id=platform_id)
    await tx.execute(update(model).where(col(model.id).in_([each.row_id for each in kept])).values(seen_at=None))


def _judged(keeping: Keeping, stored: Stored) -> KeptOne:
    """What the new state of a stored object is: the same as before, unless it is changed or bumped."""
    row_id, _, _, last_updated, seen_at, audience, stored_doc = stored
    changed_at, doc = parse_datetime(keeping.body["last_updated"]), orjson.dumps(keeping.body)
    is_late = changed_at < last_updated and seen_at is not None  # what we held for gone comes back with any time
    if is_late or stored_doc == doc:
        return KeptOne(keeping, row_id)
    before, after = orjson.loads(stored_doc), orjson.loads(doc)
    if before == after:
        return KeptOne(keeping, row_id)
    if audience == keeping.audience and is_same_content(before, after):
        return KeptOne(keeping, row_id, is_bumped=True)
    return KeptOne(keeping, row_id, is_changed=True, is_stale=changed_at == last_updated)


def is_same_content(one: Json, other: Json) -> bool:
    """Whether two states of an object differ in nothing but `last_updated`."""
    return bool(_undated(one) == _undated(other))


def _undated(value: Any) -> Any:
    """JSON without the times of its last changes, at any depth."""
    if isinstance(value, dict):
        return {name: _undated(each) for name, each in value.items() if name != "last_updated"}
    return [_undated(each) for each in value] if isinstance(value, list) else value


async def _insert(tx: Tx, model: type[OcpiObject], fresh: Sequence[Keeping], platform_id: str | None) -> list[KeptOne]:
    """Insert the rows of objects that are new."""
    if not fresh:
        return []
    ids = await tx.reserve_ids(_table(model), len(fresh))
    await tx.insert(
        _table(model), [_row(each, platform_id, tx.now, row_id) for each, row_id in zip(fresh, ids, strict=True)]
    )
    return [KeptOne(each, row_id, is_new=True, is_changed=True) for each, row_id in zip(fresh, ids, strict=True)]


async def _update(
    tx: Tx,
    model: type[OcpiObject],
    changed: Sequence[KeptOne],
    known: Mapping[ObjectKey, Stored],
    platform_id: str | None,
) -> None:
    """Bring the rows of stored objects up to date."""
    by_columns: dict[tuple[str, ...], list[Json]] = {}
    for each in changed:
        whole = _row(each.keeping, platform_id, tx.now, each.row_id)
        row = {name: value for name, value in whole.items() if name not in _FIXED}
        by_columns.setdefault(tuple(row), []).append(row)
    for rows in by_columns.values():
        await tx.change(_table(model), rows)
    for each in changed:
        key = each.keeping.key
        row_of = counts.Counted(model.module, each.row_id, key.country_code, key.party_id)
        counts.move(tx, row_of, known[key].audience, each.keeping.audience)
    for block in {counts.block_of(each.row_id) for each in changed}:
        tx.ring(f"{model.module}/{block}")


_FIXED = frozenset({"country_code", "party_id", "object_id"})


def _table(model: type[OcpiObject]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def _by_shelf(many: Iterable[KeptOne]) -> dict[Shelf, list[KeptOne]]:
    """Objects that the same partners may see."""
    found: dict[tuple[str, str, str | None], list[KeptOne]] = {}
    for each in many:
        (country_code, party_id, _), _, audience, _ = each.keeping
        found.setdefault((country_code, party_id, audience), []).append(each)
    return {Shelf(code, party_id, audience or ""): rows for (code, party_id, audience), rows in found.items()}


async def _mark(
    tx: Tx,
    model: type[OcpiObject],
    changed: Mapping[Shelf, Sequence[KeptOne]],
    platform_id: str | None,
    *,
    are_new: bool = False,
) -> None:
    """Tell the partners of objects that are new or changed."""
    for (country_code, party_id, audience), many in changed.items():
        ids = [each.keeping.key.object_id for each in many]
        marked = changes.Marked(model.module, country_code, party_id, ids, platform_id, audience or None)
        await changes.mark(tx, marked, are_new=are_new)


def _row(keeping: Keeping, platform_id: str | None, now: datetime, row_id: int) -> Json:
    key, body, audience, columns = keeping
    return {
        "id": row_id,
        "country_code": key.country_code,
        "party_id": key.party_id,
        "object_id": key.object_id,
        "platform_id": platform_id,
        "audience": audience,
        "last_updated": parse_datetime(body["last_updated"]),
        "seen_at": now,
        "doc": orjson.dumps(body),
        **columns,
    }


async def forget(tx: Tx, model: type[OcpiObject], key: ObjectKey, *, platform_id: str | None) -> bool:
    """Delete an object and mark its removal; False when there is none."""
    row = await find(tx, model, key)
    if row is None:
        return False
    await tx.delete(row)
    assert row.id is not None  # noqa: S101 - it is stored
    counts.remove(tx, counts.Counted(model.module, row.id, key.country_code, key.party_id), row.audience)
    gone = changes.Marked(model.module, key.country_code, key.party_id, [key.object_id], platform_id, removed=True)
    await changes.mark(tx, gone)
    return True
