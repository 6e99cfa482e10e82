"""Messages of one partner to another: passed on as they are, with new routing headers, and answered as they are.

A hub answers with codes of its own (4xxx) only when it cannot forward; everything that the receiver says, errors
included, goes back unchanged (OCPI 2.2.1, transport and format, status codes).
"""

from urllib.parse import urlencode

import aiohttp
from starlette.responses import Response

from hub.parties.callers import caller
from hub.parties.clients import Clients
from hub.parties.directory import Directory, Peer
from hub.parties.outbox import Refused
from kit.guard import forbid_in_tx
from kit.http import Egress
from kit.log import correlation_id, get
from ocpi import registry
from ocpi.call import Call
from ocpi.errors import EndpointMissing, ForwardTimeout, InvalidParameters, ReceiverNotConnected, UnknownReceiver
from ocpi.headers import MessageHeaders, Party, write_headers

log = get(__name__)

_PASSED_BACK = ("content-type", "location", "link", "x-total-count", "x-limit")


class Forwarder:
    """Sees each call first, and passes on those that are for a partner's party."""

    def __init__(
        self, clients: Clients, directory: Directory, egress: Egress, *, hub_party: str, own_parties: list[str]
    ) -> None:
        self._clients = clients
        self._directory = directory
        self._egress = egress
        self._hub_party = hub_party
        self._own_parties = frozenset(own_parties)
        self._session: aiohttp.ClientSession | None = None

    async def intercept(self, call: Call) -> Response | None:
        """The receiver's answer when the call is for a partner; None when it is for us. Raises `HubError`.

        Whatever the call leads to here, down to the last delivery, carries the correlation id that it came with.
        """
        correlation_id.set(call.headers.correlation_id)
        if not registry.module(call.version, call.module).functional:
            return None
        sender, receiver = call.headers.from_party, call.headers.to_party
        if sender is not None and sender.key not in caller(call).viewer.parties:
            raise InvalidParameters("OCPI-from: that party does not live on your platform")
        if receiver is None or receiver.key in self._own_parties:
            return None
        peer = (await self._directory.snapshot()).peer_of(receiver.country_code, receiver.party_id)
        if peer is None:
            raise UnknownReceiver(f"{receiver} takes no part here")
        if not peer.is_registered:
            raise ReceiverNotConnected(f"{receiver} is not connected")
        return await self._forward(call, peer, receiver)

    async def close(self) -> None:
        """Close the connections to partners."""
        if self._session is not None:
            await self._session.close()

    async def _forward(self, call: Call, peer: Peer, receiver: Party) -> Response:
        forbid_in_tx("forwarding")
        try:
            client = self._clients.to(peer)
            url = client.url(call.module, call.interface, *_segments(call))
        except (Refused, EndpointMissing) as error:
            raise ReceiverNotConnected(f"{receiver} has no {call.interface.value} {call.module}") from error
        message = call.headers.forwarded(to_party=receiver)
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


def _segments(call: Call) -> tuple[str, ...]:
    """The segments after the module, with the parameters of the URL filled in."""
    pattern = registry.endpoint(call.version, call.key).path
    return tuple(call.path[part[1:-1]] if part.startswith("{") else part for part in pattern)


def _reply_headers(asked: MessageHeaders) -> dict[str, str]:
    return write_headers(asked.reply())
