"""Sending a message of ours again, and taking a partner's message in again.

Commands, authorizations and credentials are never replayed: what they do happens once, when it is asked for. A CDR that
was accepted is not sent again either. What comes in again goes through the same handlers, which keep the newest state
of an object, so doing it twice changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
from starlette.types import ASGIApp

from hub.parties.callers import Caller
from hub.parties.clients import Clients
from hub.parties.directory import Directory, Peer
from hub.parties.message_log_rows import Content
from hub.parties.message_log_tables import OUT, Message
from hub.parties.outbox import Refused, Unreachable
from kit.errors import Conflict, UpstreamFailed
from kit.log import bind_correlation
from ocpi.call import Authenticate
from ocpi.endpoint import Verb
from ocpi.envelope import parse_envelope
from ocpi.headers import MessageHeaders, Party, new_id

MODULES = frozenset({"locations", "tariffs", "sessions", "cdrs", "tokens"})
"""What may be replayed: objects, whose newest state counts."""


class NotReplayable(Conflict):
    """This message must not, or cannot, happen again."""

    code, title = "message_not_replayable", "This message is not replayed"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it; `status_code` is None for an answer that is not OCPI."""

    http_status: int
    status_code: int | None
    status_message: str | None = None


@dataclass(frozen=True, slots=True)
class Replayer:
    """Replays messages. `door` makes the OCPI application with a way to tell who calls."""

    directory: Directory
    clients: Clients
    door: Callable[[Authenticate], ASGIApp]

    async def replay(self, message: Message, content: Content) -> Replayed:
        """Let a message happen again. Raises `NotReplayable` or `UpstreamFailed`."""
        peer = (await self.directory.snapshot()).peers.get(message.platform_id or "")
        check(message, content)
        if peer is None or not peer.is_registered:
            raise NotReplayable("the partner is not registered")
        with bind_correlation(message.correlation_id):
            if message.direction == OUT:
                return await self._send(peer, content)
            return await self._take_in(peer, message, content)

    async def _send(self, peer: Peer, content: Content) -> Replayed:
        headers = content.headers
        message = MessageHeaders(
            new_id(), headers.get("x-correlation-id") or new_id(), _party(headers, "to"), _party(headers, "from")
        )
        if not any(content.url.startswith(endpoint.rstrip("/")) for endpoint in peer.endpoints.values()):
            raise NotReplayable("the partner has moved: its endpoints are not those that the message went to")
        try:
            reply = await self.clients.repeat(peer, Verb(content.method), content.url, content.request or None, message)
        except (Unreachable, Refused) as error:
            raise UpstreamFailed(str(error)) from error
        return Replayed(reply.http_status, reply.envelope.status_code, reply.envelope.status_message)

    async def _take_in(self, peer: Peer, message: Message, content: Content) -> Replayed:
        async def authenticate(headers: Mapping[str, str], module: str) -> Caller:
            return Caller(peer, "", registers=False, agreements=(await self.directory.snapshot()).agreements)

        passed = {
            name: value
            for name, value in content.headers.items()
            if name == "content-type" or name.startswith(("ocpi-to-", "ocpi-from-"))
        }
        passed["x-correlation-id"] = message.correlation_id or new_id()
        transport = httpx.ASGITransport(self.door(authenticate), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as inside:
            answer = await inside.request(content.method, content.url, content=content.request, headers=passed)
        envelope = parse_envelope(answer.content)
        code, told = (envelope.status_code, envelope.status_message) if envelope else (None, None)
        return Replayed(answer.status_code, code, told)


def check(message: Message, content: Content) -> None:
    """Raises `NotReplayable` for what must not happen again."""
    if message.module not in MODULES:
        raise NotReplayable("commands, authorizations, credentials and their results are never replayed")
    if message.module == "tokens" and message.verb == Verb.POST:
        raise NotReplayable("an authorization is never replayed")
    if message.verb == Verb.GET or message.verb not in Verb.__members__:
        raise NotReplayable("it changes nothing: there is nothing to replay")
    if content.request_cut:
        raise NotReplayable("its body was larger than what the log keeps")
    was_accepted = (message.http_status or 500) < 300 and message.status_code is not None and message.status_code < 2000
    if message.direction == OUT and message.module == "cdrs" and was_accepted:
        raise NotReplayable("the partner has accepted this CDR, and a CDR is sent once")


def _party(headers: Mapping[str, str], direction: str) -> Party | None:
    country_code = headers.get(f"ocpi-{direction}-country-code")
    party_id = headers.get(f"ocpi-{direction}-party-id")
    return Party(country_code, party_id) if country_code and party_id else None
