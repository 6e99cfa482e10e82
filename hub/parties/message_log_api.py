"""Operator API: the message log, the exact bytes for administrators, and who looked at them."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from auth.guards import AdminDep, OperatorDep
from hub.parties.message_log import MessageLog
from hub.parties.message_log_queries import Search, accessed, accesses, found, search
from hub.parties.message_log_replay import Replayer
from hub.parties.message_log_tables import Message, MessageAccess
from kit.crypto import KeyRing
from kit.tx import Database

Limit = Annotated[int, Query(ge=1, le=500, description="The most items to return")]
Reason = Annotated[
    str, Query(min_length=3, max_length=500, description="Why the exact bytes are needed: it is kept with your key.")
]


class MessageOut(BaseModel):
    """One exchange with a partner, masked."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    at: datetime
    direction: str = Field(description="IN for a partner's request, OUT for one of ours.")
    platform_id: str | None
    from_party: str | None
    to_party: str | None
    module: str | None
    interface: str | None
    verb: str
    path: str
    http_status: int | None = Field(description="None when there was no answer.")
    status_code: int | None = Field(description="OCPI's status code.")
    error: str | None = Field(description="What came instead of an answer.")
    duration_ms: int
    request_id: str | None
    correlation_id: str | None
    request_bytes: int
    response_bytes: int


class MessageDetail(MessageOut):
    """The same with the masked bodies."""

    request_body: str | None
    response_body: str | None


class MessagesOut(BaseModel):
    """A part of the log."""

    items: list[MessageOut]
    next: str | None = Field(description="Give it as `cursor` to go on; null at the end.")


class ContentOut(BaseModel):
    """The exact bytes of a message, as text."""

    method: str
    url: str
    headers: dict[str, str]
    request: str
    request_cut: bool = Field(description="Whether the body was larger than what is kept.")
    response_headers: dict[str, str]
    response: str
    response_cut: bool


class ReplayIn(BaseModel):
    """Why a message is replayed."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=3, max_length=500)


class ReplayOut(BaseModel):
    """What the partner, or our own handler, answered this time."""

    http_status: int
    status_code: int | None
    status_message: str | None


class AccessOut(BaseModel):
    """That somebody read the exact bytes of a message, or replayed it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    message_id: str
    action: str = Field(description="content or replay")
    key_id: str
    key_name: str
    reason: str
    at: datetime


class AccessesOut(BaseModel):
    """A part of the record, the newest first."""

    items: list[AccessOut]
    next: str | None = Field(description="Give it as `cursor` to go on; null at the end.")


def router(db: Database, keys: KeyRing, log: MessageLog, replayer: Replayer) -> APIRouter:
    """The routes of the message log."""
    routes = APIRouter(tags=["messages"])

    @routes.get("/messages", operation_id="list_messages")
    async def list_messages(
        _: OperatorDep,
        partner: Annotated[str | None, Query(description="The id of the partner's platform")] = None,
        party: Annotated[str | None, Query(description="Who sends or receives, as CC*PID")] = None,
        module: str | None = None,
        correlation_id: Annotated[str | None, Query(description="The whole way of one case, in order")] = None,
        direction: Literal["IN", "OUT"] | None = None,
        status: Annotated[int | None, Query(ge=100, le=9999, description="HTTP status or OCPI status code")] = None,
        failed: bool | None = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> MessagesOut:
        """Exchanges with partners: the newest first; of one correlation id the oldest first, which tells its story."""
        await log.flush()
        wanted = Search(partner, party, module, correlation_id, direction, status, failed, since, until)
        async with db.read() as tx:
            rows = await search(tx, wanted, after=cursor, oldest_first=correlation_id is not None, limit=limit + 1)
        shown = rows[:limit]
        return MessagesOut(
            items=[MessageOut.model_validate(row) for row in shown],
            next=shown[-1].id if len(rows) > limit else None,
        )

    @routes.get("/messages/accesses", operation_id="list_message_accesses")
    async def list_message_accesses(
        _: AdminDep, message_id: str | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> AccessesOut:
        """Who read the exact bytes of a message or replayed it, when, and why."""
        async with db.read() as tx:
            rows = await accesses(tx, message_id=message_id, before=cursor, limit=limit + 1)
        shown: list[MessageAccess] = list(rows[:limit])
        return AccessesOut(
            items=[AccessOut.model_validate(row) for row in shown],
            next=shown[-1].id if len(rows) > limit else None,
        )

    @routes.get("/messages/{message_id}", operation_id="get_message")
    async def get_message(message_id: str, _: OperatorDep) -> MessageDetail:
        """One exchange with its masked bodies."""
        await log.flush()
        async with db.read() as tx:
            message: Message = await found(tx, message_id)
        return MessageDetail.model_validate(message)

    @routes.get("/messages/{message_id}/content", operation_id="get_message_content")
    async def get_message_content(message_id: str, reason: Reason, who: AdminDep) -> ContentOut:
        """The exact bytes of a message. Each look is recorded."""
        async with db.tx() as tx:
            content = await accessed(tx, keys, message_id, "content", who, reason)
        return ContentOut(
            method=content.method,
            url=content.url,
            headers=dict(content.headers),
            request=content.request.decode(errors="replace"),
            request_cut=content.request_cut,
            response_headers=dict(content.response_headers),
            response=content.response.decode(errors="replace"),
            response_cut=content.response_cut,
        )

    @routes.post("/messages/{message_id}/replay", operation_id="replay_message")
    async def replay_message(message_id: str, body: ReplayIn, who: AdminDep) -> ReplayOut:
        """Let a message happen again. Refused for commands, authorizations, credentials, and accepted CDRs."""
        async with db.tx() as tx:
            message = await found(tx, message_id)
            content = await accessed(tx, keys, message_id, "replay", who, body.reason)
        done = await replayer.replay(message, content)
        return ReplayOut(http_status=done.http_status, status_code=done.status_code, status_message=done.status_message)

    return routes
