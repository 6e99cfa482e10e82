"""Requests to partners: the right URL, our token for them, routing headers, and one way to say that it failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpx

from hub.parties.directory import Peer
from hub.parties.notices import Notices
from hub.parties.outbox import Outgoing, Refused, Unreachable
from hub.parties.presented import Presented
from hub.parties.routing import OPPOSITE_ROLES
from kit.clock import Clock
from kit.guard import forbid_in_tx
from kit.log import correlation_id
from ocpi.client import Address, PartnerClient
from ocpi.endpoint import Interface, Verb
from ocpi.envelope import SUCCESS, envelope
from ocpi.errors import EndpointMissing, PeerError, PeerRefused, PeerUnreachable
from ocpi.headers import MessageHeaders, Party
from ocpi.paging import with_query
from ocpi.peer_http import PeerReply, Transport
from ocpi.registry import CONFIGURATION_MODULES
from ocpi.types import JsonValue

MOST_ADDRESSES = 1_000
"""Of one partner that are remembered."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Talks to partners' platforms; `sender` is who speaks when a call names nobody."""

    http: httpx.AsyncClient | Transport
    presented: Presented
    clock: Clock
    sender: str
    timeout_s: float
    notices: Notices = field(default_factory=Notices)
    _made: dict[str, tuple[Peer, PartnerClient]] = field(default_factory=dict, repr=False)
    _addresses: dict[str, tuple[Peer, dict[tuple[str, str, str | None], Address]]] = field(
        default_factory=dict, repr=False
    )
    """By partner; in them by module, sender and receiver."""

    def to(self, peer: Peer) -> PartnerClient:
        """A client for one partner. Raises `Refused` for one that has not registered."""
        made = self._made.get(peer.id)
        if made is None or made[0] is not peer:
            made = self._made[peer.id] = peer, self._client(peer)
        return made[1]

    def _client(self, peer: Peer) -> PartnerClient:
        return PartnerClient(
            self.http,
            {_endpoint(name): url for name, url in peer.endpoints.items()},
            self.presented.token(peer),
            now=self.clock.now,
            encode_token=peer.encode_token,
            timeout_s=self.timeout_s,
            slash_after_list=peer.quirks.flag("slash_after_list"),
            slash_after_child=peer.quirks.flag("slash_after_child"),
            on_reply=lambda url, reply: self._notice(peer, url, reply),
        )

    def authorization(self, peer: Peer) -> str:
        """The Authorization header that the partner expects of us. Raises `Refused` for one that has not registered."""
        return self.presented.header(peer)

    async def request(
        self,
        peer: Peer,
        verb: str,
        endpoint: str,
        path: tuple[str, ...] = (),
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        sender: str | None = None,
        receiver: str | None = None,
    ) -> JsonValue:
        """Send a request to a partner's endpoint (`"RECEIVER/sessions"`); returns the answer's data.

        `sender` and `receiver` are `CC*PID`. Raises `Unreachable` when it makes sense to try again later, `Refused`
        when the partner understood and said no, or has no such endpoint.
        """
        return (await self._exchange(peer, verb, endpoint, path, query, body, sender, receiver)).envelope.data

    async def deliver(self, peer: Peer, module: str, outgoing: Outgoing, *, to: str | None) -> str | None:
        """Send an object to a partner's Receiver interface; returns the `Location` of the answer."""
        forbid_in_tx("a request to a partner")
        try:
            reply = await self.to(peer).send(
                Verb[outgoing.verb],
                self._address(peer, module, outgoing.sender, to),
                *outgoing.path,
                query=dict(outgoing.query) if outgoing.query else None,
                body=outgoing.body,
                correlation_id=correlation_id.get(),
            )
        except PeerError as error:
            raise _translated(error) from error
        location: str | None = reply.headers.get("location")
        return location

    def _address(self, peer: Peer, module: str, sender: str, to: str | None) -> Address:
        """Where objects of a module go that one party has for another. Raises `EndpointMissing`."""
        known = self._addresses.get(peer.id)
        if known is None or known[0] is not peer:
            known = self._addresses[peer.id] = peer, {}
        address = known[1].get((module, sender, to))
        if address is None:
            if len(known[1]) >= MOST_ADDRESSES:
                known[1].clear()
            address = known[1][module, sender, to] = self.to(peer).address(
                module,
                Interface.RECEIVER,
                to_party=_party(to or _addressed(peer, module)),
                from_party=_party(sender),
            )
        return address

    async def versions(self, peer: Peer) -> None:
        """Ask a partner whether it is there. Raises `PeerError`, or `Refused` for one that has not registered."""
        forbid_in_tx("a request to a partner")
        client = self.to(peer)
        await client.request(Verb.GET, peer.versions_url or "", headers=client.headers(routed=False))

    async def post_back(self, peer: Peer, url: str, body: bytes, *, sender: str, receiver: str | None) -> None:
        """POST an asynchronous result to a URL that the partner gave. Raises as `request` does."""
        forbid_in_tx("a request to a partner")
        client = self.to(peer)
        headers = client.headers(
            from_party=_party(sender),
            to_party=_party(receiver or _first_party(peer)),
            correlation_id=correlation_id.get(),
        )
        wrapped = peer.quirks.flag("wraps_results")
        try:
            try:
                await client.request(Verb.POST, url, body=self._result(body, wrapped), headers=headers)
            except PeerRefused:
                if wrapped or "wraps_results" in peer.quirks.findings:
                    raise
                await client.request(Verb.POST, url, body=self._result(body, True), headers=headers)
                self.notices.learned(peer.id, "wraps_results", True)
        except PeerError as error:
            raise _translated(error) from error

    async def repeat(self, peer: Peer, verb: Verb, url: str, body: bytes | None, message: MessageHeaders) -> PeerReply:
        """Send what was sent before, under the partner's present token. Raises as `request` does."""
        forbid_in_tx("a request to a partner")
        try:
            return await self.to(peer).request(verb, url, body=body, headers=message)
        except PeerError as error:
            raise _translated(error) from error

    def _result(self, body: bytes, wrapped: bool) -> bytes:
        """An asynchronous result: bare, as OCPI wants it, or in the envelope that some partners insist on."""
        return envelope(body, status_code=SUCCESS, now=self.clock.now()) if wrapped else body

    def _notice(self, peer: Peer, url: str, reply: PeerReply) -> None:
        """The partner answered: it lives, and the answer may show one of its ways."""
        self.notices.heard(peer.id)
        if reply.mended_slash is not None:
            is_list = url.partition("?")[0].rstrip("/") in {each.rstrip("/") for each in peer.endpoints.values()}
            self.notices.learned(peer.id, "slash_after_list" if is_list else "slash_after_child", reply.mended_slash)

    async def _exchange(
        self,
        peer: Peer,
        verb: str,
        endpoint: str,
        path: tuple[str, ...],
        query: Mapping[str, str] | None,
        body: bytes | None,
        sender: str | None,
        receiver: str | None,
    ) -> PeerReply:
        forbid_in_tx("a request to a partner")
        client = self.to(peer)
        headers = client.headers(
            routed=_endpoint(endpoint)[0] not in CONFIGURATION_MODULES,
            from_party=_party(sender or self.sender),
            to_party=_party(receiver or _first_party(peer)),
            correlation_id=correlation_id.get(),
        )
        try:
            url = client.url(*_endpoint(endpoint), *path)
            return await client.request(
                Verb[verb], with_query(url, **query) if query else url, body=body, headers=headers
            )
        except PeerError as error:
            raise _translated(error) from error


def _translated(error: PeerError) -> Exception:
    if isinstance(error, PeerUnreachable):
        return Unreachable(str(error), retry_after_s=error.retry_after_s)
    if isinstance(error, PeerRefused | EndpointMissing):
        return Refused(str(error), status_code=error.status_code, http_status=error.http_status)
    return Refused(f"an answer that is not OCPI: {error}")


@lru_cache(maxsize=256)
def _endpoint(name: str) -> tuple[str, Interface]:
    side, _, module = name.partition("/")
    return module, Interface(side)


@lru_cache(maxsize=4096)
def _party(key: str | None) -> Party | None:
    if key is None:
        return None
    country_code, _, party_id = key.partition("*")
    return Party(country_code, party_id)


def _addressed(peer: Peer, module: str) -> str | None:
    """The party of a partner that objects of a module are for, when they are for none in particular."""
    party = peer.party_with(*OPPOSITE_ROLES.get(module, ()))
    return party.key if party else _first_party(peer)


def _first_party(peer: Peer) -> str | None:
    return peer.parties[0].key if peer.parties else None
