"""Who is to be told of a changed object: by role, by endpoint, by agreement, and never whoever it came from."""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.parties import clientinfo
from hub.parties.agreements import EVERYTHING, Agreements, Visible
from hub.parties.changes import Changed
from hub.parties.directory import Peer
from hub.parties.routing import OPPOSITE_ROLES

AUDIENCE_ROLES = {
    "locations": ("EMSP", "NSP", "NAP", "OTHER"),
    "tariffs": ("EMSP", "NSP", "NAP", "OTHER"),
    "sessions": ("EMSP",),
    "cdrs": ("EMSP",),
    "tokens": ("CPO",),
    clientinfo.MODULE: clientinfo.ROLES,
}
"""Which roles an object of a module is for."""
SHARED_MODULES = frozenset(OPPOSITE_ROLES)
"""What is told to all who have an agreement with the owner; the rest has one receiver, who is owed it."""


def receives(peer: Peer, module: str) -> bool:
    """Whether a partner is to be told of a module: it has the role for it and a Receiver endpoint."""
    return f"RECEIVER/{module}" in peer.endpoints and peer.party_with(*AUDIENCE_ROLES[module]) is not None


def visible_to(peer: Peer, module: str, agreements: Agreements) -> Visible:
    """What of a module a partner may be told. What it got while an agreement held it keeps; it just hears no more."""
    if module not in SHARED_MODULES:
        return EVERYTHING
    return agreements.visible_owners(module, peer.keys_with(AUDIENCE_ROLES[module]))


@dataclass(frozen=True, slots=True)
class Ear:
    """What one partner may be told of one module, under the agreements of one moment."""

    peer: Peer
    parties: Sequence[str]
    """`CC*PID` of everybody who lives there: what is for one of them is for this partner."""
    visible: Visible
    agreements: Agreements

    @classmethod
    def of(cls, peer: Peer, module: str, agreements: Agreements) -> "Ear":
        """The ear of a partner for a module."""
        return cls(peer, [party.key for party in peer.parties], visible_to(peer, module, agreements), agreements)

    def may_hear(self, change: Changed) -> bool:
        """Whether a change is for this partner."""
        if change.origin == self.peer.id or not (change.audience is None or change.audience in self.parties):
            return False
        owner = f"{change.country_code}*{change.party_id}"
        return self.visible.shows(owner, change.object_id) and clientinfo.may_be_told(
            self.peer, self.agreements, change
        )


class Ears:
    """The ears of partners, made once for as long as neither they nor the agreements change."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Peer, Agreements, Ear | None]] = {}

    def of(self, peer: Peer, module: str, agreements: Agreements) -> Ear | None:
        """The ear of a partner for a module; None when it is to be told nothing of it."""
        known = self._known.get((peer.id, module))
        if known is None or known[0] is not peer or known[1] is not agreements:
            ear = Ear.of(peer, module, agreements) if receives(peer, module) else None
            known = self._known[peer.id, module] = peer, agreements, ear
        return known[2]
