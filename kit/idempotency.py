"""The same request twice is one request: answers kept under the caller's `Idempotency-Key`.

    claim = await idempotency.begin(scope=f"driver:{driver_id}:start", key=key, body=body)
    if isinstance(claim, StoredAnswer):
        return claim                               # it was done before
    async with db.tx() as tx:
        ...                                        # the effect
        await idempotency.keep(tx, claim, answer)  # and its answer, in one commit

`run` does this around a function. Of one scope and key

| the request comes again | and it gets |
|---|---|
| with the same body, after the first was answered | the same answer, without doing it again |
| with the same body, while the first is at work | `RequestInFlight` (409) |
| with another body | `IdempotencyKeyReused` (422) |
| after the first failed, without an answer | a new attempt |
| after the process of the first died, when its lease is over | a new attempt |
| after the key has expired | a new attempt, with any body |

A new attempt may follow one that did half of its work: keep the answer in the transaction of the effect, or make the
effect idempotent under the key. A claim that was taken over cannot commit any more: `keep` raises. Answers are kept
encrypted, since some of them hand out secrets; of bodies only a keyed digest is kept.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated

from fastapi import Header
from sqlalchemy import ColumnElement, Text, and_, delete, or_, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col, select
from starlette.responses import Response

from kit.crypto import KeyRing
from kit.errors import Conflict, InvalidInput
from kit.ids import uuid7
from kit.tx import Database, Tx

LEASE = timedelta(seconds=90)
KEPT = timedelta(hours=24)
_PURPOSE = "idempotency"

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen by the caller for one intention, a UUID for instance; repeat it to repeat the request",
    ),
]
"""The header of a route that needs it: `async def start(key: IdempotencyKey)`."""

OptionalIdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen by the caller for one intention, a UUID for instance; repeat it to repeat the request",
    ),
]
"""The same for a route that can do without."""


class RequestInFlight(Conflict):
    """The first request under this key is still at work."""

    code, title = "request_in_flight", "The same request is still at work"


class IdempotencyKeyReused(InvalidInput):
    """The key was used for a request with another body."""

    code, title = "idempotency_key_reused", "This key was used for another request"


class ClaimLost(Conflict):
    """The claim's lease ended and another request took the key over: nothing of this one may be committed."""

    code, title = "idempotency_claim_lost", "Another request has taken over"


class IdempotencyRow(SQLModel, table=True):
    """A request that is at work, or was answered: then `response` is there, encrypted."""

    __tablename__ = "idempotency_key"

    scope: str = Field(primary_key=True, max_length=200)
    key: str = Field(primary_key=True, max_length=255)
    body_hash: str = Field(max_length=64)
    owner: str = Field(max_length=36)
    leased_until: datetime
    status: int | None = None
    content_type: str | None = Field(default=None, max_length=200)
    response: str | None = Field(default=None, sa_type=Text)
    created_at: datetime
    expires_at: datetime = Field(index=True)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it went out the first time."""

    status: int
    content_type: str
    body: bytes

    def to_response(self) -> Response:
        """It again, marked `Idempotency-Replayed: true`."""
        headers = {"Content-Type": self.content_type, "Idempotency-Replayed": "true"}
        return Response(self.body, self.status, headers)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do the work of one scope and key, until the lease ends."""

    scope: str
    key: str
    owner: str


class Idempotency:
    """Claims and answers, kept in the database. `scope` names the caller and the operation: keys are theirs alone."""

    def __init__(self, db: Database, keys: KeyRing, *, lease: timedelta = LEASE, kept: timedelta = KEPT) -> None:
        self._db = db
        self._keys = keys
        self._lease = lease
        self._kept = kept

    async def begin(self, *, scope: str, key: str, body: bytes) -> Claim | StoredAnswer:
        """Claim the work, or learn that it was done. Raises `RequestInFlight`, `IdempotencyKeyReused`."""
        claim = Claim(scope, key, uuid7())
        digests = self._keys.digests(_PURPOSE, sha256(body).hexdigest())
        async with self._db.tx() as tx:
            if await self._claimed(tx, claim, digests):
                return claim
            row = await tx.first(select(IdempotencyRow).where(*_is(scope, key)))
            if row is not None and row.body_hash not in digests:
                raise IdempotencyKeyReused
            if row is not None and row.response is not None:
                body = self._keys.decrypt(_PURPOSE, row.response)
                return StoredAnswer(row.status or 200, row.content_type or "", body)
            raise RequestInFlight(headers={"Retry-After": "1"})

    async def keep(self, tx: Tx, claim: Claim, answer: StoredAnswer) -> None:
        """Keep the answer with the commit of `tx`, for a day unless told otherwise. Raises `ClaimLost`."""
        result = await tx.execute(
            update(IdempotencyRow)
            .where(*_is_running(claim))
            .values(
                status=answer.status,
                content_type=answer.content_type,
                response=self._keys.encrypt(_PURPOSE, answer.body),
                expires_at=tx.now + self._kept,
            )
        )
        if result.rowcount != 1:
            raise ClaimLost

    async def release(self, claim: Claim) -> None:
        """Give a claim up whose work failed without an answer. Harmless when it was kept or lost."""
        async with self._db.tx() as tx:
            await tx.execute(delete(IdempotencyRow).where(*_is_running(claim)))

    async def run(
        self, *, scope: str, key: str, body: bytes, work: Callable[[Claim], Awaitable[StoredAnswer]]
    ) -> StoredAnswer:
        """Do the work once and keep its answer; the kept answer when it was done before.

        `work` may keep the answer itself, in the transaction of its effect. What it raises releases the key, but for a
        cancellation: what a cancelled one has done is unknown, so its lease has to end first.
        """
        begun = await self.begin(scope=scope, key=key, body=body)
        if isinstance(begun, StoredAnswer):
            return begun
        try:
            answer = await work(begun)
        except Exception:
            await self.release(begun)
            raise
        async with self._db.tx() as tx:
            row = await tx.first(select(IdempotencyRow).where(*_is(scope, key)))
            if row is None or row.owner != begun.owner or row.response is None:
                await self.keep(tx, begun, answer)
        return answer

    async def _claimed(self, tx: Tx, claim: Claim, digests: Sequence[str]) -> bool:
        """Write the claim, over one that is expired or whose lease has ended; one statement, so that one wins."""
        fresh = {
            "body_hash": digests[0],
            "owner": claim.owner,
            "leased_until": tx.now + self._lease,
            "status": None,
            "content_type": None,
            "response": None,
            "created_at": tx.now,
            "expires_at": tx.now + self._kept,
        }
        insert = postgresql.insert if self._db.dialect == "postgresql" else sqlite.insert
        abandoned = and_(
            col(IdempotencyRow.response).is_(None),
            col(IdempotencyRow.leased_until) <= tx.now,
            col(IdempotencyRow.body_hash).in_(digests),
        )
        statement = (
            insert(IdempotencyRow)
            .values(scope=claim.scope, key=claim.key, **fresh)
            .on_conflict_do_update(
                index_elements=["scope", "key"],
                set_=fresh,
                where=or_(col(IdempotencyRow.expires_at) <= tx.now, abandoned),
            )
            .returning(col(IdempotencyRow.owner))
        )
        return (await tx.execute(statement)).first() is not None


async def forget_expired(tx: Tx, *, at_most: int = 1000) -> int:
    """Delete keys that have expired, so many at once at most; how many it were."""
    name = tuple_(col(IdempotencyRow.scope), col(IdempotencyRow.key))
    expired = (
        select(IdempotencyRow.scope, IdempotencyRow.key).where(col(IdempotencyRow.expires_at) <= tx.now).limit(at_most)
    )
    return (await tx.execute(delete(IdempotencyRow).where(name.in_(expired)))).rowcount


def _is(scope: str, key: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(IdempotencyRow.scope) == scope, col(IdempotencyRow.key) == key


def _is_running(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    mine = col(IdempotencyRow.owner) == claim.owner
    return *_is(claim.scope, claim.key), mine, col(IdempotencyRow.response).is_(None)
