"""Which platform is calling, and what it may speak for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from hub.parties.agreements import Agreements, Visible
from hub.parties.directory import DOORBELL, Directory, Peer, Snapshot
from hub.parties.notices import Notices
from hub.parties.objects import Viewer
from hub.parties.pulls import OWNERS
from hub.parties.reachability import note_reached
from hub.parties.routing import OPPOSITE_ROLES
from hub.parties.tables import OFFLINE, retire_replaced
from hub.parties.visibility import Reference, Visibility
from kit.tx import Database
from ocpi.call import Call
from ocpi.errors import NotFound, Unauthenticated
from ocpi.headers import Party, token_candidates

FUNCTIONAL = frozenset({"locations", "tariffs", "sessions", "cdrs", "tokens", "commands", "chargingprofiles"})
"""Modules whose messages carry routing headers."""

REGISTRATION_MODULES = ("versions", "credentials")
"""What token A is good for (OCPI 2.2.1, credentials)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated platform, the token that it presented, and whether that is a token A."""

    peer: Peer
    token: str
    registers: bool
    agreements: Agreements
    viewer: Viewer = field(init=False, compare=False)
    """The platform as one who asks for objects that have an audience."""
    _sees: dict[str, Visibility] = field(init=False, compare=False, repr=False, default_factory=dict)
    _reads: dict[str, bool] = field(init=False, compare=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        parties = tuple(party.key for party in self.peer.parties)
        object.__setattr__(self, "viewer", Viewer(self.peer.id, parties))

    def visibility(self, module: str) -> Visibility:
        """Which objects of a module the caller finds in lists: what others own whom it may meet, and what is for it."""
        known = self._sees.get(module)
        if known is None:
            known = self._sees[module] = self._visibility(self.viewer_of(module).visible)
        return known

    def _visibility(self, visible: Visible) -> Visibility:
        parties = frozenset(self.viewer.parties)
        own = parties | {party.key for party in self.peer.behind}
        return Visibility(
            owners=None if visible.others else visible.owners,
            not_owners=own | visible.owners if visible.others else own,
            audience=parties,
            hidden=frozenset(_reference(*each) for each in visible.hidden),
            shown=frozenset(_reference(*each) for each in visible.shown),
        )

    def viewer_of(self, module: str) -> Viewer:
        """The platform as one who asks for objects of a module: it sees whom its parties have an agreement with."""
        if module not in OPPOSITE_ROLES:
            return self.viewer
        visible = self.agreements.visible_owners(module, self.peer.keys_with(OPPOSITE_ROLES[module]))
        return replace(self.viewer, visible=visible)

    def may_read(self, module: str) -> bool:
        """Whether objects of a module are for one of the caller's roles; each object may have an audience besides."""
        known = self._reads.get(module)
        if known is None:
            roles = OPPOSITE_ROLES.get(module)
            known = self._reads[module] = roles is None or self.peer.party_with(*roles) is not None
        return known


class Callers:
    """Authenticates OCPI requests."""

    def __init__(self, db: Database, directory: Directory, notices: Notices) -> None:
        self._db = db
        self._notices = notices
        self._directory = directory
        self._known: tuple[Snapshot, dict[str, tuple[Caller, datetime | None]]] | None = None

    async def authenticate(self, headers: Mapping[str, str], module: str) -> Caller:
        """Who calls. Raises `Unauthenticated` for a missing or unknown token, and for token A outside registration."""
        header, snapshot = headers.get("authorization"), await self._directory.snapshot()
        if self._known is None or self._known[0] is not snapshot:
            self._known = snapshot, {}
        callers = self._known[1]
        known = callers.get(header) if header else None
        if known is None or (known[1] is not None and known[1] <= self._db.clock.now()):
            known = await self._find(header, module)
        who = known[0]
        # A token A is good for few modules, and who was away has been noted to be back: those are looked at each time.
        if header and not who.registers and who.peer.status != OFFLINE:
            callers[header] = known
        self._notices.heard(who.peer.id)
        if module in FUNCTIONAL and not who.registers:
            self._notices.learned(who.peer.id, "routing_headers", "ocpi-from-party-id" in headers)
        return who

    async def _find(self, header: str | None, module: str) -> tuple[Caller, datetime | None]:
        for candidate in token_candidates(header):
            known = await self._directory.token([candidate])
            if known is None:
                continue
            snapshot = await self._directory.snapshot()
            peer = snapshot.peers.get(known.platform_id)
            if peer is None or (known.registers and module not in REGISTRATION_MODULES):
                break
            if not known.registers and not peer.is_registered:
                break
            if known.valid_until is None and peer.id in snapshot.renewed:
                async with self._db.tx() as tx:  # it has the new token, so it needs the old one no longer
                    await retire_replaced(tx, peer.id)
                    tx.ring(DOORBELL)
            if peer.status == OFFLINE:
                async with self._db.tx() as tx:  # it speaks, so it is back: what waits for it need not wait longer
                    await note_reached(tx, peer.id)
            return Caller(peer, candidate, known.registers, snapshot.agreements), known.valid_until
        raise Unauthenticated


def caller(call: Call) -> Caller:
    """The caller of an authenticated call."""
    assert isinstance(call.caller, Caller)  # noqa: S101 - `Callers.authenticate` made it
    return call.caller


def owned_party(call: Call) -> Party:
    """The party in the URL, which must live on the caller's platform in the role that owns objects of the module.

    Raises `NotFound` for anybody else's, and for a role that the platform has not registered for.
    """
    owner = call.owner
    if owner is None or not speaks_as(caller(call), owner.key, OWNERS[call.module]):
        raise NotFound("that party does not live on your platform in the role that has such objects")
    return owner


def speaks_as(who: Caller, party: str, roles: Collection[str]) -> bool:
    """Whether a party, `CC*PID`, lives on the caller's platform, or behind it, in one of these roles."""
    return who.peer.speaks_as(party, roles)


def _reference(owner: str, object_id: str) -> Reference:
    country_code, _, party_id = owner.partition("*")
    return country_code, party_id, object_id
