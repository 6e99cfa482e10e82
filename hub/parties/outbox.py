"""What goes out to a partner, and what it has accepted for good."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlmodel import Field, SQLModel

from hub.parties.directory import Peer
from hub.parties.objects import ObjectKey, OcpiObject, Stored, look_up
from kit.tx import Tx


class Unreachable(Exception):
    """No usable answer: no connection, a time-out, a 5xx. Everything behind it waits; `retry_after_s` if it said so."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Refused(Exception):
    """The partner answered and does not want this object; `status_code` is OCPI's, when it gave one."""

    def __init__(self, reason: str, *, status_code: int | None = None, http_status: int | None = None) -> None:
        super().__init__(reason)
        self.status_code = status_code
        self.http_status = http_status


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An object on its way: `verb` on `path` below the partner's receiver endpoint, in its present state.

    `sender` is the party that speaks, `CC*PID`. `once` objects (CDRs) are never sent again after they were accepted.
    """

    verb: str
    path: tuple[str, ...]
    body: bytes | None
    sender: str
    once: bool = False
    query: tuple[tuple[str, str], ...] = ()


class Source(Protocol):
    """How a room gives a changed object as it is now; None when there is nothing to tell any more."""

    async def __call__(self, tx: Tx, key: ObjectKey, *, removed: bool) -> Outgoing | None: ...


class Sender(Protocol):
    """Sends one object; returns the `Location` header of the answer. Raises `Unreachable` or `Refused`."""

    async def __call__(self, peer: Peer, module: str, outgoing: Outgoing, *, to: str | None) -> str | None: ...


class Receipt(SQLModel, table=True):
    """That a partner has accepted an object which must never be sent twice."""

    __tablename__ = "delivery_receipt"

    platform_id: str = Field(primary_key=True, max_length=36, foreign_key="platform.id")
    module: str = Field(primary_key=True, max_length=24)
    country_code: str = Field(primary_key=True, max_length=2)
    party_id: str = Field(primary_key=True, max_length=3)
    object_id: str = Field(primary_key=True, max_length=80)
    location: str | None = Field(default=None, max_length=255)
    """Where the partner keeps it, as its answer said."""
    received_at: datetime


async def was_received(tx: Tx, platform_id: str, module: str, key: ObjectKey) -> bool:
    """Whether the partner accepted this object before."""
    return (await _receipt(tx, platform_id, module, key)) is not None


def remember_receipt(tx: Tx, platform_id: str, module: str, key: ObjectKey, location: str | None) -> None:
    """Note that the partner accepted the object, and where it keeps it."""
    tx.add(
        Receipt(
            platform_id=platform_id,
            module=module,
            country_code=key.country_code,
            party_id=key.party_id,
            object_id=key.object_id,
            location=location[:255] if location else None,
            received_at=tx.now,
        )
    )


async def _receipt(tx: Tx, platform_id: str, module: str, key: ObjectKey) -> Receipt | None:
    return await tx.get(Receipt, (platform_id, module, key.country_code, key.party_id, key.object_id))


def speaker(stored: Stored, hub_party: str) -> str:
    """Who is the sender of an object: its owner when it is ours; for a partner's object the hub (broadcast push)."""
    return hub_party if stored.platform_id is not None else f"{stored.key.country_code}*{stored.key.party_id}"


def put_source(model: type[OcpiObject], hub_party: str) -> Source:
    """The source of a module whose objects are PUT at `{country_code}/{party_id}/{id}` and, once gone, DELETEd."""

    async def source(tx: Tx, key: ObjectKey, *, removed: bool) -> Outgoing | None:
        stored = await look_up(tx, model, key)
        if stored is not None:
            path = (key.country_code, key.party_id, str(stored.body()["id"]))
            return Outgoing("PUT", path, stored.doc, speaker(stored, hub_party))
        if not removed:
            return None
        return Outgoing("DELETE", (key.country_code, key.party_id, key.object_id), None, hub_party)

    return source
