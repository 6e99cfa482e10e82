"""Messages of one partner to another: passed on as they are, with new routing headers, and answered as they are.

A hub answers with codes of its own (4xxx) only when it cannot forward; everything that the receiver says, errors
included, goes back unchanged (OCPI 2.2.1, transport and format, status codes).
"""

from collections.abc import Mapping
from urllib.parse import urlencode

import aiohttp
from starlette.responses import Response

from hub.parties.callers import caller
from hub.parties.clients import Clients
from hub.parties.directory import Directory, PartyEntry, Peer, Snapshot
from hub.parties.outbox import Refused
from hub.parties.routing import (
    INVALID_PARAMETERS,
    NOT_CONNECTED,
    UNKNOWN_RECEIVER,
    Forward,
    Parties,
    PartyRef,
    Refuse,
    RoutingRequest,
    decide,
)
from kit.guard import forbid_in_tx
from kit.http import Egress
from kit.log import correlation_id, get
from ocpi import registry
from ocpi.call import Call
from ocpi.endpoint import Interface
from ocpi.errors import (
    EndpointMissing,
    ForwardTimeout,
    InvalidParameters,
    NotFound,
    OcpiError,
    ReceiverNotConnected,
    UnknownReceiver,
)
from ocpi.headers import MessageHeaders, Party, write_headers

log = get(__name__)

_REFUSALS: Mapping[int, type[OcpiError]] = {
    INVALID_PARAMETERS: InvalidParameters,
    UNKNOWN_RECEIVER: UnknownReceiver,
    NOT_CONNECTED: ReceiverNotConnected,
}
_PASSED_BACK = ("content-type", "location", "link", "x-total-count", "x-limit")


class Forwarder:
    """Sees each call first, and passes on those that are for a partner's party."""

    def __init__(self, clients: Clients, directory: Directory, egress: Egress) -> None:
        self._clients = clients
        self._directory = directory
        self._egress = egress
        self._known: tuple[Snapshot, Parties] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def intercept(self, call: Call) -> Response | None:
        """The receiver's answer when the call is for a partner; None when it is for us. Raises `OcpiError`.

        Whatever the call leads to here, down to the last delivery, carries the correlation id that it came with.
        """
        correlation_id.set(call.headers.correlation_id)
        if not registry.module(call.version, call.module).functional:
            return None
        snapshot = await self._directory.snapshot()
        match decide(_request(call), self._everybody(snapshot)):
            case Forward(platform, sender, receiver):
                _check_owner(call)
                return await self._forward(call, snapshot.peers[platform], sender, receiver)
            case Refuse(status_code, reason):
                raise _REFUSALS[status_code](reason)
        return None

    async def close(self) -> None:
        """Close the connections to partners."""
        if self._session is not None:
            await self._session.close()

    def _everybody(self, snapshot: Snapshot) -> Parties:
        if self._known is None or self._known[0] is not snapshot:
            self._known = (
                snapshot,
                Parties(tuple(_ref(entry, snapshot) for entry in snapshot.parties), snapshot.agreements),
            )
        return self._known[1]

    async def _forward(self, call: Call, peer: Peer, sender: Party, receiver: Party) -> Response:
        forbid_in_tx("forwarding")
        try:
            client = self._clients.to(peer)
            url = client.url(call.module, call.interface, *_segments(call))
        except (Refused, EndpointMissing) as error:
            raise ReceiverNotConnected(f"{receiver} has no {call.interface.value} {call.module}") from error
        message = call.headers.forwarded(to_party=receiver, from_party=sender)
        headers = {"Authorization": self._clients.authorization(peer), **write_headers(message)}
        if call.raw:
            headers["Content-Type"] = call.http_headers.get("content-type", "application/json")
        if self._session is None:
            self._session = self._egress.session(raw=True)
        if call.query:
            url = f"{url}?{urlencode(call.query)}"
        try:
            async with self._session.request(
                call.verb.value, url, data=call.raw or None, headers=headers, allow_redirects=False
            ) as answer:
                body = await answer.read()
        except TimeoutError as error:
            raise ForwardTimeout(f"{receiver} did not answer in time") from error
        except aiohttp.ClientError as error:
            log.warning("forwarding_failed", platform_id=peer.id, error=type(error).__name__)
            raise ReceiverNotConnected(f"{receiver} cannot be reached") from error
        passed = {name: value for name in _PASSED_BACK if (value := answer.headers.get(name)) is not None}
        return Response(body, answer.status, {**passed, **_reply_headers(call.headers)})


def _request(call: Call) -> RoutingRequest:
    is_sender = call.interface is Interface.SENDER
    return RoutingRequest(
        module=call.module,
        interface=call.interface,
        verb=call.verb,
        platform=caller(call).peer.id,
        sender=call.headers.from_party,
        receiver=call.headers.to_party,
        is_list=is_sender and call.level == "list",
        # Where partners answer our commands, and read back the CDRs that they posted.
        url_is_ours=(call.module == "commands" and is_sender) or call.level == "cdr",
    )


def _ref(entry: PartyEntry, snapshot: Snapshot) -> PartyRef:
    party, roles = Party(entry.country_code, entry.party_id), frozenset({entry.role})
    peer = snapshot.peers.get(entry.platform_id) if entry.platform_id else None
    if peer is None:
        return PartyRef(party, roles)
    sides = [endpoint.partition("/") for endpoint in peer.endpoints]
    receives = frozenset(module for side, _, module in sides if side == Interface.RECEIVER.value)
    return PartyRef(party, roles, peer.id, peer.is_registered, receives)


def _check_owner(call: Call) -> None:
    """Who is forwarded to trusts the hub: nobody gets an object in somebody else's name through it."""
    if call.owner is not None and call.owner.key not in caller(call).viewer.parties:
        raise NotFound("that party does not live on your platform")


def _segments(call: Call) -> tuple[str, ...]:
    """The segments after the module, with the parameters of the URL filled in."""
    pattern = registry.endpoint(call.version, call.key).path
    return tuple(call.path[part[1:-1]] if part.startswith("{") else part for part in pattern)


def _reply_headers(asked: MessageHeaders) -> dict[str, str]:
    return write_headers(asked.reply())
