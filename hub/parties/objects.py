"""What every stored OCPI object has in common, whichever room owns it.

A row keeps the object's JSON as the bytes that go out, beside the few columns that are queried. 2.2.1 is the stored
tongue. A change is marked in the change log by the same transaction, so no room can forget to tell the partners.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import orjson
from sqlalchemy import LargeBinary, Select, and_, func, or_, select
from sqlmodel import Field, SQLModel, col

from hub.parties import changes
from kit.db import BigInt
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


@dataclass(frozen=True, slots=True)
class ObjectKey:
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


@dataclass(frozen=True, slots=True)
class PageFilter:
    """What a list request asks for: `[date_from, date_to)` on `last_updated`, and the slice."""

    offset: int
    limit: int
    date_from: datetime | None = None
    date_to: datetime | None = None


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
    return row.audience is None or row.audience in viewer.parties or row.platform_id == viewer.platform_id


async def page(tx: Tx, model: type[OcpiObject], asked: PageFilter, viewer: Viewer | None) -> tuple[list[bytes], int]:
    """The documents of one page, oldest created first, and the number of all that match.

    A viewer gets what others own and what is for it; no viewer stands for the operator, who sees everything.
    """
    conditions = []
    if asked.date_from:
        conditions.append(col(model.last_updated) >= asked.date_from)
    if asked.date_to:
        conditions.append(col(model.last_updated) < asked.date_to)
    if viewer is not None:
        conditions.append(or_(col(model.platform_id).is_(None), col(model.platform_id) != viewer.platform_id))
        conditions.append(or_(col(model.audience).is_(None), col(model.audience).in_(viewer.parties)))
    where = and_(True, *conditions)
    docs: Select[bytes] = (
        select(col(model.doc)).where(where).order_by(col(model.id)).offset(asked.offset).limit(asked.limit)
    )
    total = (await tx.execute(select(func.count()).select_from(model).where(where))).scalar_one()
    return list(await tx.all(docs)), int(total)


@dataclass(frozen=True, slots=True)
class Kept(Generic[ObjectT]):
    """What became of an object that was put: its row, and whether it is new or changed at all."""

    row: ObjectT
    is_new: bool
    is_changed: bool


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
    late messages must not take an object back in time. `platform_id` is where the object came from (None: our own),
    `audience` the one party that may see it, `columns` the promoted columns of this room.
    """
    row = await find(tx, model, key)
    changed_at, doc = parse_datetime(body["last_updated"]), orjson.dumps(body)
    if row is not None:
        if changed_at < row.last_updated or row.doc == doc:
            return Kept(row, is_new=False, is_changed=False)
        row.doc, row.last_updated, row.audience, row.platform_id = doc, changed_at, audience, platform_id
        for name, value in columns.items():
            setattr(row, name, value)
        is_new = False
    else:
        row = model(
            country_code=key.country_code,
            party_id=key.party_id,
            object_id=key.object_id,
            platform_id=platform_id,
            audience=audience,
            last_updated=changed_at,
            doc=doc,
            **columns,
        )
        tx.add(row)
        is_new = True
    await mark(tx, model, key, origin=platform_id, audience=audience)
    return Kept(row, is_new=is_new, is_changed=True)


async def forget(tx: Tx, model: type[OcpiObject], key: ObjectKey, *, platform_id: str | None) -> bool:
    """Delete an object and mark its removal; False when there is none."""
    row = await find(tx, model, key)
    if row is None:
        return False
    await tx.delete(row)
    await mark(tx, model, key, origin=platform_id, removed=True)
    return True


async def mark(
    tx: Tx,
    model: type[OcpiObject],
    key: ObjectKey,
    *,
    origin: str | None,
    audience: str | None = None,
    removed: bool = False,
) -> None:
    """Tell the change log, and the list pages that are held in memory, that the object changed."""
    await changes.mark(
        tx, changes.Marked(model.module, key.country_code, key.party_id, key.object_id, origin, audience, removed)
    )
    tx.ring(model.module)
