"""Messages of one partner to another: passed on as they are, with new routing headers, and answered as they are.

What `hub.parties.routing` decides is carried out here. Three things change on the way: the routing headers, the URLs
that lead back (`hub.parties.rewriting`), and the ids of reservations (`hub.parties.outgoing`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from hub.parties import callbacks, excepted, profile_setters
from hub.parties.callbacks import Callback
from hub.parties.callers import caller
from hub.parties.clients import Clients
from hub.parties.directory import Directory, PartyEntry, Snapshot
from hub.parties.outbox import Refused
from hub.parties.outgoing import prepare
from hub.parties.relay import Relay, Relayed
from hub.parties.rewriting import PAGE, Address, Given, Rewriter, belongs_to, given
from hub.parties.routing import (
    INVALID_PARAMETERS,
    NOT_CONNECTED,
    UNKNOWN_LOCATION,
    UNKNOWN_RECEIVER,
    Decision,
    Forward,
    Local,
    Parties,
    PartyRef,
    Refuse,
    Resolve,
    RoutingRequest,
    Subject,
    decide,
)
from kit.log import correlation_id
from kit.tx import Database
from ocpi import registry
from ocpi.call import Call, Rendered, lines
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.envelope import parse_envelope
from ocpi.errors import (
    EndpointMissing,
    InvalidParameters,
    NotFound,
    OcpiError,
    ReceiverNotConnected,
    UnknownLocation,
    UnknownReceiver,
)
from ocpi.headers import MessageHeaders, Party, header_values
from ocpi.inplace import bare

_REFUSALS: Mapping[int, type[OcpiError]] = {
    INVALID_PARAMETERS: InvalidParameters,
    UNKNOWN_LOCATION: UnknownLocation,
    UNKNOWN_RECEIVER: UnknownReceiver,
    NOT_CONNECTED: ReceiverNotConnected,
}
_SET_PROFILE: HandlerKey = ("chargingprofiles", Interface.RECEIVER, Verb.PUT, "profile")

MOST_DECIDED = 10_000
"""So many kinds of messages are decided once for as long as nothing changes in the directory; senders make them up."""

Resolver = Callable[[Call], Awaitable[Party | None]]
"""Finds the party that an open message is for; None when it is for us, or when our handler can say what is wrong.

Raises `InvalidParameters` when there are several: the sender then has to name one.
"""


@dataclass(frozen=True, slots=True)
class _Everybody:
    """Everybody at one moment, and what was decided about messages of each kind between them."""

    snapshot: Snapshot
    parties: Parties
    decided: dict[tuple[object, ...], Decision] = field(default_factory=dict)


class Forwarder:
    """Sees each call first, and passes on those that are for a partner's party."""

    def __init__(
        self,
        db: Database,
        clients: Clients,
        directory: Directory,
        relay: Relay,
        rewriter: Rewriter,
        resolvers: Mapping[Subject, Resolver],
    ) -> None:
        self._db = db
        self._clients = clients
        self._directory = directory
        self._relay = relay
        self._rewriter = rewriter
        self._resolvers = resolvers
        self._known: _Everybody | None = None

    async def intercept(self, call: Call) -> Rendered | None:
        """The receiver's answer when the call is for a partner; None when it is for us. Raises `OcpiError`.

        Whatever the call leads to here, down to the last delivery, carries the correlation id that it came with.
        """
        correlation_id.set(call.headers.correlation_id)
        if _asks_for_all(call) or not registry.module(call.version, call.module).functional:
            return None
        snapshot, asked_at = await self._directory.snapshot(), given(call)
        match await self._decide(call, snapshot, url_is_ours=asked_at is not None):
            case Forward(platform, sender, receiver):
                asker, answerer = Address(sender, caller(call).peer), Address(receiver, snapshot.peers[platform])
                return await self._forward(call, asker, answerer)
            case Refuse(status_code, reason):
                raise _REFUSALS[status_code](reason)
            case Local() if asked_at is not None:
                return await self._call_back(call, asked_at, snapshot)
        return None

    async def close(self) -> None:
        """Close the connections to partners."""
        await self._relay.close()

    async def _decide(self, call: Call, snapshot: Snapshot, *, url_is_ours: bool) -> Decision:
        known = self._everybody(snapshot)
        named = excepted.named(call) if snapshot.agreements.has_exceptions else None
        slot = (
            *(caller(call).peer.id, call.module, call.interface, call.verb, call.level == "list", url_is_ours, named),
            *(_written(call.headers.from_party), _written(call.headers.to_party)),
        )
        decision = known.decided.get(slot)
        if decision is None:
            if len(known.decided) >= MOST_DECIDED:
                known.decided.clear()
            request = _request(call, url_is_ours=url_is_ours, named=named)
            decision = known.decided[slot] = decide(request, known.parties)
        if not isinstance(decision, Resolve):
            return decision
        resolve = self._resolvers.get(decision.subject)
        found = await resolve(call) if resolve is not None else None
        if found is None:
            return Local()
        request = _request(call, url_is_ours=url_is_ours, named=named)
        return decide(replace(request, resolved=found), known.parties)

    def _everybody(self, snapshot: Snapshot) -> "_Everybody":
        if self._known is None or self._known.snapshot is not snapshot:
            refs = tuple(_ref(entry, snapshot) for entry in (*snapshot.parties, *snapshot.behind))
            self._known = _Everybody(snapshot, Parties(refs, snapshot.agreements))
        return self._known

    async def _forward(self, call: Call, asker: Address, answerer: Address) -> Rendered:
        outgoing = await prepare(self._db, self._rewriter, call, asker, answerer)
        message = call.headers.forwarded(to_party=answerer.party, from_party=asker.party)
        url = self._url(call, answerer)
        answer = await self._relay.send(
            answerer.peer,
            call.verb.value,
            f"{url}?{urlencode(outgoing.query)}" if outgoing.query else url,
            message,
            body=outgoing.body,
            content_type=call.http_headers.get("content-type", ""),
        )
        if call.key == _SET_PROFILE and _accepted(answer):
            async with self._db.tx() as tx:
                await profile_setters.remember(
                    tx, cpo=answerer.party, session_id=call.path["session_id"], setter=asker.party
                )
        return self._response(call, answer, asker, answerer)

    def _url(self, call: Call, answerer: Address) -> str:
        try:
            return self._clients.to(answerer.peer).url(call.module, call.interface, *_segments(call))
        except (Refused, EndpointMissing) as error:
            raise ReceiverNotConnected(f"{answerer.party} has no {call.interface.value} {call.module}") from error

    async def _call_back(self, call: Call, asked_at: Given, snapshot: Snapshot) -> Rendered | None:
        """The answer of the partner that a URL of ours stands for; None when our handler may know the URL.

        Raises `NotFound` for a URL that is forged, too old, or another platform's, without saying which.
        """
        found = callbacks.verify(
            self._rewriter.keys,
            asked_at.token,
            kind=asked_at.kind,
            user_platform=caller(call).peer.id,
            home_of=lambda party: _home(snapshot, party),
            now=self._db.clock.now(),
        )
        if found is None and len(asked_at.token) <= callbacks.LONGEST_ID and call.level != "list":
            return None
        owner = snapshot.peer_of(found.owner.country_code, found.owner.party_id) if found is not None else None
        if found is None or owner is None or not belongs_to(found.url, owner):
            raise NotFound("no such URL for you, or not any more")
        return await self._send_back(call, found, Address(found.owner, owner))

    async def _send_back(self, call: Call, found: Callback, owner: Address) -> Rendered:
        asker = Address(call.headers.from_party or found.user, caller(call).peer)
        answer = await self._relay.send(
            owner.peer,
            call.verb.value,
            found.url,
            call.headers.forwarded(to_party=owner.party, from_party=asker.party),
            body=bare(call.raw) if call.verb is Verb.POST else b"",
            content_type=call.http_headers.get("content-type", ""),
        )
        return self._response(call, answer, asker, owner)

    def _response(self, call: Call, answer: Relayed, asker: Address, answerer: Address) -> Rendered:
        """The answer under the ids of the request, from the party that gave it."""
        ids = MessageHeaders(call.headers.request_id, call.headers.correlation_id, asker.party, answerer.party)
        headers = {**self._rewriter.answer_headers(call, answer, asker, answerer), **header_values(ids)}
        body, agreements = answer.body, caller(call).agreements
        if excepted.is_list_of_some(call, answerer.party, agreements):
            body = excepted.without_hidden(body, call.module, answerer.party, asker.party, agreements)
        return Rendered(answer.http_status, lines(headers), body)


def _asks_for_all(call: Call) -> bool:
    """A list that nobody is asked for by name, in nobody's name: whatever the parties, `decide` says Collect or Local.

    Pages are asked for far more often than anything else, so they do not come that far.
    """
    return (
        call.level == "list"
        and call.verb is Verb.GET
        and call.interface is Interface.SENDER
        and call.headers.to_party is None
        and call.headers.from_party is None
        and PAGE not in call.query
    )


def _request(call: Call, *, url_is_ours: bool, named: tuple[str, str] | None) -> RoutingRequest:
    return RoutingRequest(
        module=call.module,
        interface=call.interface,
        verb=call.verb,
        platform=caller(call).peer.id,
        sender=call.headers.from_party,
        receiver=call.headers.to_party,
        is_list=call.interface is Interface.SENDER and call.level == "list",
        url_is_ours=url_is_ours,
        named=named,
    )


def _written(party: Party | None) -> tuple[str, str] | None:
    """An address letter by letter: what is decided is passed on as it was written, and parties ignore the case."""
    return (party.country_code, party.party_id) if party is not None else None


def _ref(entry: PartyEntry, snapshot: Snapshot) -> PartyRef:
    party, roles = Party(entry.country_code, entry.party_id), frozenset({entry.role})
    peer = snapshot.peers.get(entry.platform_id) if entry.platform_id else None
    if peer is None:
        return PartyRef(party, roles)
    sides = [endpoint.partition("/") for endpoint in peer.endpoints]
    receives = frozenset(module for side, _, module in sides if side == Interface.RECEIVER.value)
    return PartyRef(party, roles, peer.id, peer.is_registered, receives)


def _home(snapshot: Snapshot, party: Party) -> str | None:
    peer = snapshot.peer_of(party.country_code, party.party_id)
    return peer.id if peer is not None and peer.is_registered else None


def _accepted(answer: Relayed) -> bool:
    """Whether a CPO's first answer to a profile is ACCEPTED."""
    reply = parse_envelope(answer.body)
    return reply is not None and isinstance(reply.data, dict) and reply.data.get("result") == "ACCEPTED"


def _segments(call: Call) -> tuple[str, ...]:
    """The segments after the module, with the parameters of the URL filled in."""
    pattern = registry.endpoint(call.version, call.key).path
    return tuple(call.path[part[1:-1]] if part.startswith("{") else part for part in pattern)
