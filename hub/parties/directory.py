"""Who is who, in memory: each request asks it several times, the database changes it a few times a week.

The snapshot is read again when the `parties` doorbell rings (here or in another process) and at the latest after
`REREAD_S`, should a ring have been lost.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from sqlalchemy import select
from sqlmodel import col

from hub.parties.agreements import Agreements, Term
from hub.parties.quirks import Quirks
from hub.parties.tables import CONNECTED, OFFLINE, AgreementRow, PartyBehind, PartyRow, Platform, PlatformToken
from kit.crypto import KeyRing
from kit.tx import Database, Tx

DOORBELL = "parties"
REREAD_S = 30.0
TOKEN_PURPOSE = "ocpi-token"  # noqa: S105 - the purpose of a digest, not a secret


_TERMS = select(
    col(AgreementRow.cpo),
    col(AgreementRow.emsp),
    col(AgreementRow.allowed),
    col(AgreementRow.module),
    col(AgreementRow.object_id),
)


@dataclass(frozen=True, slots=True)
class PartyEntry:
    """A role of a party and where it lives; `platform_id` is None for our own."""

    country_code: str
    party_id: str
    role: str
    platform_id: str | None
    business_name: str
    last_updated: datetime

    @property
    def key(self) -> str:
        """`CC*PID`."""
        return f"{self.country_code}*{self.party_id}"


@dataclass(frozen=True, slots=True)
class Peer:
    """A partner's platform, as far as talking to it goes."""

    id: str
    name: str
    status: str
    version: str | None
    versions_url: str | None
    endpoints: Mapping[str, str]
    """`"RECEIVER/locations"` to URL."""
    parties: tuple[PartyEntry, ...]
    credentials_token: str | None
    """Encrypted; see `hub.parties.clients`."""
    quirks: Quirks = field(default_factory=Quirks)
    behind: tuple[PartyEntry, ...] = ()
    """The parties that this partner, a hub, can reach for us."""
    last_seen_at: datetime | None = None

    @property
    def encode_token(self) -> bool:
        """False for partners that expect the token without Base64."""
        return self.quirks.flag("encode_token")

    @property
    def is_connected(self) -> bool:
        """Registered and not known to be away."""
        return self.status == CONNECTED

    @property
    def is_registered(self) -> bool:
        """Registered, away or not."""
        return self.status in (CONNECTED, OFFLINE)

    def speaks_as(self, party: str, roles: Collection[str]) -> bool:
        """Whether a party, `CC*PID`, lives here, or behind this hub, in one of these roles."""
        return any(entry.key == party and entry.role in roles for entry in (*self.parties, *self.behind))

    def party_with(self, *roles: str) -> PartyEntry | None:
        """The first party here with one of these roles."""
        return next((party for party in self.parties if party.role in roles), None)

    def keys_with(self, roles: Collection[str]) -> tuple[str, ...]:
        """`CC*PID` of each party here with one of these roles, in a fixed order."""
        return tuple(sorted({party.key for party in self.parties if party.role in roles}))


@dataclass(frozen=True, slots=True)
class KnownToken:
    """What a presented token stands for."""

    platform_id: str
    registers: bool
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everybody at one moment."""

    peers: Mapping[str, Peer]
    parties: tuple[PartyEntry, ...]
    tokens: Mapping[str, KnownToken]
    read_at_s: float
    behind: tuple[PartyEntry, ...] = ()
    """Parties with no home here, each at the partner hub that reaches it."""
    agreements: Agreements = field(default_factory=Agreements)
    renewed: frozenset[str] = frozenset()
    """The platforms that have a replaced token, which lives until the new one is used."""

    def homes(self, country_code: str, party_id: str) -> list[PartyEntry]:
        """Every role of a party; empty for a party nobody knows."""
        wanted = (country_code.upper(), party_id.upper())
        return [entry for entry in self.parties if (entry.country_code, entry.party_id) == wanted]

    def peer_of(self, country_code: str, party_id: str) -> Peer | None:
        """The platform that a partner's party lives on; None for unknown parties and for our own."""
        for entry in self.homes(country_code, party_id):
            if entry.platform_id is not None:
                return self.peers.get(entry.platform_id)
        return None

    def is_ours(self, country_code: str, party_id: str) -> bool:
        """Whether the party is one of our own."""
        return any(entry.platform_id is None for entry in self.homes(country_code, party_id))


class Directory:
    """The current snapshot, re-read when it is stale. `agreed_by_default`: whether parties may meet without a term."""

    def __init__(self, db: Database, keys: KeyRing, *, agreed_by_default: bool = True) -> None:
        self._db = db
        self._keys = keys
        self._agreements = Agreements(default=agreed_by_default)
        self._snapshot: Snapshot | None = None
        self._rings = 0
        self._reading = asyncio.Lock()
        self._seen: tuple[Snapshot | None, dict[str, KnownToken]] = None, {}
        """Tokens of this snapshot that were presented, so that each is digested once."""
        db.doorbells.listen(DOORBELL, self._forget)

    async def snapshot(self) -> Snapshot:
        """Everybody, at most `REREAD_S` old and never older than the last ring."""
        known = self._fresh()
        if known is None:
            async with self._reading:  # a hundred who find it stale at the same moment read it once
                known = self._fresh()
                if known is None:
                    rings, known = self._rings, await self._read()
                    # A ring during the reading may be about something that the reading missed.
                    self._snapshot = known if rings == self._rings else None
        return known

    def _fresh(self) -> Snapshot | None:
        known = self._snapshot
        return None if known is None or self._db.clock.monotonic() - known.read_at_s > REREAD_S else known

    async def token(self, candidates: Sequence[str]) -> KnownToken | None:
        """What the first candidate that is known and still valid stands for."""
        snapshot = await self.snapshot()
        if self._seen[0] is not snapshot:
            self._seen = snapshot, {}
        seen = self._seen[1]
        for candidate in candidates:
            known = seen.get(candidate) or self._stored(snapshot, candidate)
            if known and (known.valid_until is None or known.valid_until > self._db.clock.now()):
                seen[candidate] = known
                return known
        return None

    def _stored(self, snapshot: Snapshot, candidate: str) -> KnownToken | None:
        digests = self._keys.digests(TOKEN_PURPOSE, candidate)
        return next((known for digest in digests if (known := snapshot.tokens.get(digest))), None)

    async def agreements(self, tx: Tx) -> Agreements:
        """What is agreed as the transaction sees it, for those who must not go by a snapshot from a moment ago."""
        terms = frozenset(Term(*row) for row in await tx.rows(_TERMS, {}))
        if terms != self._agreements.terms:  # the same terms keep what was worked out from them
            self._agreements = Agreements(terms, default=self._agreements.default)
        return self._agreements

    def _forget(self) -> None:
        self._rings += 1
        self._snapshot = None

    async def _read(self) -> Snapshot:
        read_at_s = self._db.clock.monotonic()
        async with self._db.read() as tx:
            platforms = await tx.all(select(Platform))
            rows = await tx.all(select(PartyRow))
            tokens = await tx.all(select(PlatformToken))
            reachable = await tx.all(select(PartyBehind).where(col(PartyBehind.status).in_((CONNECTED, OFFLINE))))
            agreements = await self.agreements(tx)
        parties = tuple(_entry(row) for row in rows)
        homes = {party.key for party in parties}
        behind = tuple(entry for entry in map(_entry_behind, reachable) if entry.key not in homes)
        peers = peers_of(platforms, rows, behind)
        known = {row.digest: KnownToken(row.platform_id, row.registers, row.valid_until) for row in tokens}
        renewed = frozenset(row.platform_id for row in tokens if row.valid_until is not None)
        return Snapshot(peers, parties, known, read_at_s, behind, agreements, renewed)


def peers_of(
    platforms: Iterable[Platform], rows: Iterable[PartyRow], behind: Sequence[PartyEntry] = ()
) -> dict[str, Peer]:
    """Partners by id, from their rows and the parties that they reach for us."""
    at_home = _by_platform(_entry(row) for row in rows)
    further = _by_platform(behind)
    return {each.id: _peer(each, at_home.get(each.id, ()), further.get(each.id, ())) for each in platforms}


def _by_platform(parties: Iterable[PartyEntry]) -> dict[str | None, tuple[PartyEntry, ...]]:
    found: dict[str | None, list[PartyEntry]] = {}
    for party in parties:
        found.setdefault(party.platform_id, []).append(party)
    return {platform_id: tuple(entries) for platform_id, entries in found.items()}


def _entry(row: PartyRow) -> PartyEntry:
    return PartyEntry(row.country_code, row.party_id, row.role, row.platform_id, row.business_name, row.last_updated)


def _entry_behind(row: PartyBehind) -> PartyEntry:
    return PartyEntry(row.country_code, row.party_id, row.role, row.platform_id, "", row.last_updated)


def _peer(platform: Platform, parties: tuple[PartyEntry, ...], behind: tuple[PartyEntry, ...]) -> Peer:
    return Peer(
        id=platform.id,
        name=platform.name,
        status=platform.status,
        version=platform.version,
        versions_url=platform.versions_url,
        endpoints=orjson.loads(platform.endpoints),
        parties=parties,
        credentials_token=platform.credentials_token,
        quirks=Quirks.of_json(orjson.loads(platform.quirks)),
        behind=behind,
        last_seen_at=platform.last_seen_at,
    )
