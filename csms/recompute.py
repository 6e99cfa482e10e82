"""A transaction's record made again of what the station said: of its sealed frames as far as they are kept.

Each stored message is read anew from its frame, by today's rules. What the station said of the transaction and was
never stored under it is added; what has no frame any more counts as it was stored. To which transaction a message was
given is not decided again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import select
from sqlmodel import col

from csms.dialect import DIALECTS
from csms.documents import fact_document, read_fact, record_document
from csms.events import TransactionChanged
from csms.frame_chunks import Kept, unseal
from csms.frames import Call, FrameError, Send, decode
from csms.log_tables import TransactionFrameChunk
from csms.record import TransactionEvent, TransactionRecord, reduce
from csms.rows import message_row, record_columns
from csms.schemas import SchemaViolation
from csms.station import FactKind, TransactionFact
from csms.tables import Transaction, TransactionMessage
from kit.crypto import CannotDecrypt, KeyRing
from kit.errors import NotFound
from kit.ids import first_id
from kit.tx import Database, Tx

RECOMPUTED = "csms.transactions"
"""`RECOMPUTED/station` rings when transactions of a station were changed behind its session's back."""
_BEFORE, _AFTER = timedelta(hours=1), timedelta(days=1)
"""How far from the first and the last stored message frames of the transaction are looked for."""
_MOST_CHUNKS = 5_000


class Told(NamedTuple):
    """What a frame says, and when it came."""

    at: datetime
    fact: TransactionFact


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What came of it; `before` and `after` are records as `csms.documents` writes them. Counts are of messages."""

    transaction_id: int
    station_id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    from_frames: int
    changed: int
    added: int

    @property
    def differs(self) -> bool:
        """Whether there was anything to store."""
        return self.before != self.after or bool(self.changed or self.added)


async def told_of(db: Database, keys: KeyRing, transaction_id: int) -> list[Told]:
    """What the frames say that are kept from the time of a transaction. Raises `NotFound`."""
    async with db.read() as tx:
        transaction = await _found(tx, transaction_id)
        messages = await _messages(tx, transaction_id)
        if not messages:
            return []
        received = [message.received_at for message in messages]
        since, until = min(received) - _BEFORE, max(received) + _AFTER
        key = col(TransactionFrameChunk.id)
        chunks = await tx.execute(
            select(col(TransactionFrameChunk.sealed))
            .where(col(TransactionFrameChunk.station_id) == transaction.station_id)
            .where(key >= first_id(since), key < first_id(until))
            .order_by(key)
            .limit(_MOST_CHUNKS)
        )
        sealed = list(chunks.scalars())
    told: list[Told] = []
    for each in sealed:
        try:
            told += facts_in(unseal(keys, transaction.station_id, each))
        except CannotDecrypt:  # its key has left the ring
            continue
    return told


async def recompute(tx: Tx, transaction_id: int, told: Sequence[Told]) -> Recomputed:
    """Make the record again and store it when it differs. Raises `NotFound`."""
    transaction = await _found(tx, transaction_id)
    messages = await _messages(tx, transaction_id)
    if not messages:
        raise NotFound(f"nothing is stored of transaction {transaction_id}")
    stored = [_event(message) for message in messages]
    read = {_stem(one.fact.key): one.fact for one in told}
    again = [replace(event, fact=reread(event.fact, read.get(_stem(event.fact.key)))) for event in stored]
    changed = _write_changed(messages, stored, again)
    added = await _add_missing(tx, transaction, again, told)
    record = reduce([*again, *added])
    running = transaction.ended_at is None
    done = Recomputed(
        transaction_id=transaction_id,
        station_id=transaction.station_id,
        before=_document(reduce(stored)) if running else orjson.loads(transaction.doc),
        after=_document(record),
        from_frames=sum(_stem(event.fact.key) in read for event in stored) + len(added),
        changed=changed,
        added=len(added),
    )
    if done.differs:
        for name, value in record_columns(record).items():
            setattr(transaction, name, value)
        tx.emit(TransactionChanged(transaction_id))
        tx.ring(f"{RECOMPUTED}/{transaction.station_id}")
    return done


def facts_in(frames: Iterable[Kept]) -> list[Told]:
    """What frames say of transactions, by today's rules; what was refused says nothing."""
    told: list[Told] = []
    for frame in frames:
        dialect = DIALECTS.get(frame.protocol)
        if dialect is None:
            continue
        try:
            call = decode(frame.data, dialect.rules)
            if isinstance(call, Call | Send):
                dialect.schemas.check_request(call.action, call.payload)
                fact = dialect.fact(call.action, call.payload)
                if isinstance(fact, TransactionFact):
                    told.append(Told(frame.at, fact))
        except (FrameError, SchemaViolation, AttributeError, KeyError, TypeError, ValueError):
            continue
    return told


def reread(stored: TransactionFact, told: TransactionFact | None) -> TransactionFact:
    """A stored fact as its frame tells it; what was decided when it came stays: where it belongs, and how a start
    that says nothing of the state began."""
    if told is None:
        return stored
    is_silent_start = told.kind is FactKind.STARTED and told.reference is None
    state = stored.state if is_silent_start else told.state
    return replace(told, key=stored.key, guessed=stored.guessed, state=state)


def _write_changed(
    messages: Sequence[TransactionMessage], stored: Sequence[TransactionEvent], again: Sequence[TransactionEvent]
) -> int:
    changed = 0
    for message, before, after in zip(messages, stored, again, strict=True):
        if before.fact != after.fact:
            message.kind, message.doc = after.fact.kind, fact_document(after.fact)
            changed += 1
    return changed


async def _add_missing(
    tx: Tx, transaction: Transaction, known: Sequence[TransactionEvent], told: Sequence[Told]
) -> list[TransactionEvent]:
    """Messages that name the transaction and are stored nowhere, or as orphans."""
    have = {_stem(event.fact.key) for event in known}
    # A message whose key is made otherwise today is still the same message.
    said = {(event.fact.kind, event.fact.at, event.fact.seq_no) for event in known}
    missing: dict[str, TransactionEvent] = {}
    for one in told:
        fact = one.fact
        if fact.reference != transaction.reference or _stem(fact.key) in have:
            continue
        if (fact.kind, fact.at, fact.seq_no) in said:
            continue
        event = TransactionEvent(transaction.station_id, transaction.id, one.at, fact)
        if not event.timely:
            event = replace(event, fact=replace(fact, key=f"{fact.key}:{transaction.id}"))
        missing.setdefault(event.fact.key, event)
    if not missing:
        return []
    rows = await tx.all(
        select(TransactionMessage).where(
            col(TransactionMessage.station_id) == transaction.station_id, col(TransactionMessage.key).in_(missing)
        )
    )
    for row in rows:
        if row.transaction_id is None:
            row.transaction_id = transaction.id
        else:  # it was given to another one
            del missing[row.key]
    adopted = {row.key for row in rows}
    for key, event in missing.items():
        if key not in adopted:
            tx.add(TransactionMessage(**message_row(event, transaction.id)))
    return list(missing.values())


async def _found(tx: Tx, transaction_id: int) -> Transaction:
    transaction = await tx.get(Transaction, transaction_id)
    if transaction is None:
        raise NotFound(f"no transaction {transaction_id}")
    return transaction


async def _messages(tx: Tx, transaction_id: int) -> Sequence[TransactionMessage]:
    message = TransactionMessage
    return await tx.all(select(message).where(col(message.transaction_id) == transaction_id).order_by(col(message.id)))


def _event(message: TransactionMessage) -> TransactionEvent:
    fact = read_fact(message.kind, message.key, message.doc)
    return TransactionEvent(message.station_id, message.transaction_id or 0, message.received_at, fact)


def _document(record: TransactionRecord) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(record_document(record))
    return document


def _stem(key: str) -> str:
    """The key without what was added where equal messages of two transactions differ by nothing else."""
    return key.partition(":")[0] if not key.startswith(("state:", "abandoned:")) else key
