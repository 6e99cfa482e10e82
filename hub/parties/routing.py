"""Who a message is for: OCPI's rules of routing as one decision (2.2.1, transport and format, Message Routing). Pure.

    direct          TO a party                      ours: answered here · a partner's: forwarded
    broadcast push  a write to the Receiver, TO hub  kept, and told to every party of the opposite role
    open routing    no TO                           the hub finds the party by what the message is about
    GET all         GET of a list, TO the hub       answered from what the hub keeps of all parties

Every combination of addresses, interface, verb and module has an answer; a refusal is one of them. Headers decide, and
the kind of the request; the content of a message only where nobody is addressed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hub.parties.agreements import Agreements
from ocpi.endpoint import Interface, Verb
from ocpi.headers import Party

INVALID_PARAMETERS = 2001
UNKNOWN_LOCATION = 2003
UNKNOWN_RECEIVER = 4001
NOT_CONNECTED = 4003

CONFIGURATION_MODULES = frozenset({"credentials", "hubclientinfo", "versions"})
"""Between two platforms: never routed, whatever the headers say."""

OPPOSITE_ROLES: Mapping[str, frozenset[str]] = {
    "locations": frozenset({"EMSP", "NSP", "OTHER", "NAP"}),
    "tariffs": frozenset({"EMSP", "NSP", "OTHER", "NAP"}),
    "tokens": frozenset({"CPO"}),
}
"""The roles that an object of a module is broadcast to. Other modules are never broadcast."""

OWNER_ROLES: Mapping[str, frozenset[str]] = {
    "locations": frozenset({"CPO"}),
    "tariffs": frozenset({"CPO"}),
    "tokens": frozenset({"EMSP", "OTHER"}),
}
"""The roles that may broadcast them."""

CPO_OWNED = frozenset({"locations", "tariffs"})

DRIVER_MODULES = frozenset({"cdrs", "sessions"})
"""Their objects concern the eMSP of one driver and nobody else."""


class Subject(StrEnum):
    """What tells the hub the party that an open message is for."""

    DRIVER = "DRIVER"
    """The eMSP of the token in the session or CDR."""
    TOKEN = "TOKEN"  # noqa: S105 - an RFID token, no secret
    """The eMSP of the token in the URL."""
    COMMAND = "COMMAND"
    """The CPO of the location, session or reservation that a command names."""
    SESSION = "SESSION"
    """The other party of the session in the URL."""


@dataclass(frozen=True, slots=True)
class PartyRef:
    """A party and where it lives: `platform` is None for our own, `connected` whether a request can be tried.

    `receives` are the modules whose Receiver interface its platform has.
    """

    party: Party
    roles: frozenset[str]
    platform: str | None = None
    connected: bool = True
    receives: frozenset[str] = frozenset()

    @property
    def is_hub(self) -> bool:
        """Whether this is the address of the hub itself."""
        return self.platform is None and "HUB" in self.roles


@dataclass(frozen=True, slots=True)
class Parties:
    """Everybody, and who may meet whom.

    Several references to one party, one for each role, count as one; a party has one home.
    """

    refs: tuple[PartyRef, ...]
    agreements: Agreements = field(default_factory=Agreements)
    _by_party: dict[Party, PartyRef] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index: dict[Party, PartyRef] = {}
        for ref in self.refs:
            known = index.setdefault(ref.party, ref)
            if known.platform == ref.platform:
                roles, receives = known.roles | ref.roles, known.receives | ref.receives
                index[ref.party] = replace(known, roles=roles, receives=receives)
        object.__setattr__(self, "_by_party", index)

    def find(self, party: Party) -> PartyRef | None:
        """The party, or None when nobody knows it."""
        return self._by_party.get(party)

    def on(self, platform: str | None) -> tuple[PartyRef, ...]:
        """The parties that live on a platform; our own for None."""
        return tuple(ref for ref in self._by_party.values() if ref.platform == platform)

    def partners(self) -> Iterable[PartyRef]:
        """The parties that are not ours."""
        return (ref for ref in self._by_party.values() if ref.platform is not None)


@dataclass(frozen=True, slots=True)
class RoutingRequest:
    """What decides about a message.

    `platform` is where it came from, None for one of ours. `sender` and `receiver` are the FROM and TO headers.
    `is_list` is set for the list of a Sender interface. `url_is_ours`: the hub made the URL up and gave it out (a
    `response_url`, the `Location` of a CDR, the next page), so it means something here only. `resolved` is the party
    that the hub found for the subject of an earlier `Resolve`. `named` is the one location or tariff (module and id)
    that the message is about: an agreement may except it.
    """

    module: str
    interface: Interface
    verb: Verb
    platform: str | None
    sender: Party | None = None
    receiver: Party | None = None
    is_list: bool = False
    url_is_ours: bool = False
    resolved: Party | None = None
    named: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Local:
    """Answered here: by our party that is addressed, or by the hub itself (None) from what it keeps."""

    party: Party | None = None


@dataclass(frozen=True, slots=True)
class Forward:
    """Passed on to the receiver's platform: TO `receiver`, FROM `sender`; the answer goes back with the two swapped."""

    platform: str
    sender: Party
    receiver: Party


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Kept here and told to these platforms, FROM the hub; answered at once."""

    platforms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Collect:
    """GET all: answered from what the hub keeps of every party that the asker may see."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """Open routing: find the party by `subject`, then decide again with it. Our handler answers when there is none."""

    subject: Subject


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not routed: the OCPI status code of the answer and why."""

    status_code: int
    reason: str


Decision = Local | Forward | Broadcast | Collect | Resolve | Refuse


def decide(request: RoutingRequest, parties: Parties) -> Decision:
    """What becomes of a message. Total: never raises."""
    if request.module in CONFIGURATION_MODULES:
        return Local()
    if request.sender is not None and not _speaks_for(request.platform, request.sender, parties):
        return Refuse(INVALID_PARAMETERS, "OCPI-from: that party does not live on your platform")
    if request.url_is_ours:
        return Local()
    if request.receiver is None:
        return _open(request, parties)
    receiver = parties.find(request.receiver)
    if receiver is None or not (receiver.is_hub or _have_agreement(request, receiver, parties)):
        # One answer for both: whom you may not meet you cannot tell from who does not exist.
        return Refuse(UNKNOWN_RECEIVER, "OCPI-to: no such party here")
    if receiver.is_hub:
        return _to_hub(request, parties)
    if not _may_name(request, receiver, parties):
        return Refuse(UNKNOWN_LOCATION, "no such location or tariff")
    return _direct(request, receiver, parties)


def receivers(
    module: str, *, origin: str | None, parties: Parties, audience: Party | None = None, owner: Party | None = None
) -> frozenset[str]:
    """The partner platforms that must get an object's change, whether they can be reached at the moment or not.

    `owner` is the party whose object it is: only who has an agreement with it is told.

    `origin` is the platform that the object came from, which never gets it back; None for our own objects. `audience`
    is the one party that may see the object: the driver's eMSP for sessions and CDRs, which nobody gets without one.
    """
    if audience is None and module in DRIVER_MODULES:
        return frozenset()
    roles = OPPOSITE_ROLES.get(module, frozenset())
    return frozenset(
        ref.platform
        for ref in parties.partners()
        if ref.platform is not None
        and ref.platform != origin
        and module in ref.receives
        and (ref.roles & roles if audience is None else ref.party == audience)
        and (
            owner is None
            or module not in OPPOSITE_ROLES
            or parties.agreements.may_meet(*_roles(module, True, owner, ref.party))
        )
    )


def _have_agreement(request: RoutingRequest, receiver: PartyRef, parties: Parties) -> bool:
    """Whether the sender, or any party of its platform when it names none, may meet the receiver.

    Sessions and CDRs are of charging that was allowed when it began: they always reach whom they concern.
    """
    if request.module in DRIVER_MODULES:
        return True
    pairs = _pairs(request, receiver, parties)
    return any(parties.agreements.may_meet(*pair) for pair in pairs) or _is_shown(request, pairs, parties)


def _may_name(request: RoutingRequest, receiver: PartyRef, parties: Parties) -> bool:
    """Whether the one object that the message is about, if it is about one, is for the two."""
    return request.named is None or _is_shown(request, _pairs(request, receiver, parties), parties)


def _is_shown(request: RoutingRequest, pairs: Iterable[tuple[str, str]], parties: Parties) -> bool:
    if request.named is None:
        return False
    module, object_id = request.named
    return any(parties.agreements.may_see(module, cpo, object_id, emsp) for cpo, emsp in pairs)


def _pairs(request: RoutingRequest, receiver: PartyRef, parties: Parties) -> list[tuple[str, str]]:
    """Sender and receiver as CPO and eMSP; each party of the sender's platform when it names none."""
    sender = _sender(request, parties)
    senders = [sender] if sender is not None else [ref.party for ref in parties.on(request.platform)]
    is_push = request.interface is Interface.RECEIVER
    return [_roles(request.module, is_push, each, receiver.party) for each in senders]


def _roles(module: str, is_push: bool, sender: Party, receiver: Party) -> tuple[str, str]:
    """The CPO is who pushes locations and tariffs, and who is pushed tokens and commands."""
    is_from_cpo = (module in CPO_OWNED) is is_push
    cpo, emsp = (sender, receiver) if is_from_cpo else (receiver, sender)
    return cpo.key, emsp.key


def _speaks_for(platform: str | None, sender: Party, parties: Parties) -> bool:
    ref = parties.find(sender)
    return ref is not None and ref.platform == platform


def _sender(request: RoutingRequest, parties: Parties) -> Party | None:
    """Who speaks: the FROM headers, or the only party of the platform."""
    if request.sender is not None:
        return request.sender
    living_there = [ref.party for ref in parties.on(request.platform) if not ref.is_hub]
    return living_there[0] if len(living_there) == 1 else None


def _direct(request: RoutingRequest, receiver: PartyRef, parties: Parties) -> Decision:
    if receiver.platform is None:
        return Local(receiver.party)
    sender = _sender(request, parties)
    if sender is None:
        return Refuse(INVALID_PARAMETERS, "OCPI-from is needed: several parties live on your platform")
    if sender == receiver.party:
        return Refuse(INVALID_PARAMETERS, "OCPI-to: a party does not write to itself")
    if not receiver.connected:
        return Refuse(NOT_CONNECTED, "the receiver is not connected")
    if request.interface is Interface.RECEIVER and request.module not in receiver.receives:
        return Refuse(NOT_CONNECTED, "the receiver does not take part in this module")
    return Forward(receiver.platform, sender, receiver.party)


def _to_hub(request: RoutingRequest, parties: Parties) -> Decision:
    if request.interface is Interface.SENDER:
        if request.verb is Verb.GET:
            return Collect() if request.is_list else Local()
        return Refuse(INVALID_PARAMETERS, "OCPI-to: only lists are asked of the hub; name the party, or nobody")
    if request.verb is Verb.GET:
        return Refuse(INVALID_PARAMETERS, "OCPI-to: a GET is not broadcast; name the party, or nobody")
    if request.module in OPPOSITE_ROLES:
        return _broadcast(request, parties)
    if request.module in DRIVER_MODULES:
        return _resolved(request, Subject.DRIVER, parties)
    return Refuse(INVALID_PARAMETERS, "OCPI-to: this module is not broadcast; name the party, or nobody")


def _open(request: RoutingRequest, parties: Parties) -> Decision:
    if request.module == "chargingprofiles":
        return _resolved(request, Subject.SESSION, parties)
    if request.verb is Verb.GET:
        return Collect() if request.is_list and request.interface is Interface.SENDER else Local()
    if request.interface is Interface.SENDER:
        subject = {"tokens": Subject.TOKEN, "sessions": Subject.SESSION}.get(request.module)
        return _resolved(request, subject, parties) if subject else Local()
    if request.module in OPPOSITE_ROLES:
        return _broadcast(request, parties)
    if request.module in DRIVER_MODULES:
        return _resolved(request, Subject.DRIVER, parties)
    return _resolved(request, Subject.COMMAND, parties) if request.module == "commands" else Local()


def _resolved(request: RoutingRequest, subject: Subject, parties: Parties) -> Decision:
    if request.resolved is None:
        return Resolve(subject)
    receiver = parties.find(request.resolved)
    if receiver is None or receiver.is_hub or not _have_agreement(request, receiver, parties):
        return Local()  # our handler says that it knows no such location, session or token
    if not _may_name(request, receiver, parties):
        return Local()
    return _direct(request, receiver, parties)


def _broadcast(request: RoutingRequest, parties: Parties) -> Decision:
    sender = _sender(request, parties)
    ref = parties.find(sender) if sender is not None else None
    if ref is not None and not ref.roles & OWNER_ROLES[request.module]:
        return Refuse(INVALID_PARAMETERS, "OCPI-from: a party of this role has no such objects to share")
    return Broadcast(receivers(request.module, origin=request.platform, parties=parties, owner=sender))
