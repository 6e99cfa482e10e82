"""Searching the message log, and the record of who read the exact bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import col

from auth.subjects import Operator
from hub.parties.message_log_rows import Content, opened, page_asked
from hub.parties.message_log_tables import Message, MessageAccess, MessageContent
from kit.crypto import CannotDecrypt, KeyRing
from kit.errors import NotFound
from kit.ids import first_id
from kit.tx import Tx

OCPI_CODES = 1000
"""Statuses from here on are OCPI's, smaller ones HTTP's."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; None for anything. `status` is an HTTP status or an OCPI status code; `partner` the id of a
    platform; `party` (`CC*PID`) sends or receives."""

    partner: str | None = None
    party: str | None = None
    module: str | None = None
    correlation_id: str | None = None
    direction: str | None = None
    status: int | None = None
    failed: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


async def search(tx: Tx, wanted: Search, *, after: str | None, oldest_first: bool, limit: int) -> Sequence[Message]:
    """Messages in the order in which they began, from the one after `after` on."""
    statement = select(Message)
    equal = {
        "platform_id": wanted.partner,
        "module": wanted.module,
        "correlation_id": wanted.correlation_id,
        "direction": wanted.direction,
    }
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(Message, name) == value)
    if wanted.party is not None:
        party = wanted.party.upper()
        statement = statement.where(or_(col(Message.from_party) == party, col(Message.to_party) == party))
    if wanted.status is not None:
        column = col(Message.status_code) if wanted.status >= OCPI_CODES else col(Message.http_status)
        statement = statement.where(column == wanted.status)
    if wanted.failed is not None:
        failed = or_(
            col(Message.http_status).is_(None), col(Message.http_status) >= 400, col(Message.status_code) >= 2000
        )
        well = (col(Message.http_status) < 400) & (
            col(Message.status_code).is_(None) | (col(Message.status_code) < 2000)
        )
        statement = statement.where(failed if wanted.failed else well)
    if wanted.since is not None:
        statement = statement.where(col(Message.id) >= first_id(wanted.since))
    if wanted.until is not None:
        statement = statement.where(col(Message.id) < first_id(wanted.until))
    if after is not None:
        statement = statement.where(col(Message.id) > after if oldest_first else col(Message.id) < after)
    order = col(Message.id).asc() if oldest_first else col(Message.id).desc()
    return await tx.all(statement.order_by(order).limit(limit))


async def found(tx: Tx, message_id: str) -> Message:
    """A message. Raises `NotFound`."""
    message = await tx.get(Message, message_id)
    if message is None:
        raise NotFound("no such message, or it is past its time")
    return message


async def accessed(tx: Tx, keys: KeyRing, message_id: str, action: str, who: Operator, reason: str) -> Content:
    """The exact bytes of a message; that they were asked for is written by the same transaction.

    Raises `NotFound` when they are past their time, or their key has left the ring.
    """
    content = await _content(tx, keys, message_id)
    tx.add(
        MessageAccess(
            message_id=message_id, action=action, key_id=who.key_id, key_name=who.name, reason=reason, at=tx.now
        )
    )
    return content


async def _content(tx: Tx, keys: KeyRing, message_id: str) -> Content:
    row = await tx.get(MessageContent, message_id)
    if row is None:
        message = await tx.get(Message, message_id)
        page = page_asked(message) if message is not None else None
        if page is None:
            raise NotFound("the exact bytes of this message are not kept any more")
        return page
    try:
        return opened(keys, row.sealed)
    except CannotDecrypt:
        raise NotFound("the key that this message was encrypted with is gone") from None


async def accesses(tx: Tx, *, message_id: str | None, before: str | None, limit: int) -> Sequence[MessageAccess]:
    """Who read the exact bytes of what, the newest first."""
    statement = select(MessageAccess)
    if message_id is not None:
        statement = statement.where(col(MessageAccess.message_id) == message_id)
    if before is not None:
        statement = statement.where(col(MessageAccess.id) < before)
    return await tx.all(statement.order_by(col(MessageAccess.id).desc()).limit(limit))
