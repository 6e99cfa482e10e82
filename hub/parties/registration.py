"""The credentials handshake in both directions (OCPI 2.2.1, credentials).

Calls to the partner come first, the one transaction that stores what came of them last: whatever fails on the way
leaves nothing half written. A partner may play only the roles that its invitation names, and no party has two homes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
from sqlalchemy import ColumnElement, delete, select, update
from sqlmodel import col

from hub.parties import clientinfo, hub_reading, pulls
from hub.parties.audience import AUDIENCE_ROLES
from hub.parties.changes import Cursor
from hub.parties.directory import DOORBELL, TOKEN_PURPOSE
from hub.parties.lanes import lock_all, open_cursors
from hub.parties.message_log import addressee
from hub.parties.presented import SECRET_PURPOSE
from hub.parties.pulls import PullState
from hub.parties.quirks import NoSuchQuirk, Quirks
from hub.parties.tables import (
    CONNECTED,
    INVITED,
    OFFLINE,
    SUSPENDED,
    PartyBehind,
    PartyRow,
    Platform,
    PlatformToken,
)
from kit.clock import Clock
from kit.crypto import KeyRing
from kit.errors import Conflict, InvalidInput, NotFound, UpstreamFailed
from kit.ids import random_token
from kit.log import correlation_id
from kit.tx import Database, Tx
from ocpi import handshake
from ocpi.errors import ClientError, InvalidParameters, MethodNotAllowed, OcpiError, PeerError
from ocpi.handshake import Discovery
from ocpi.types import Role as WireRole
from ocpi.v221.credentials import Credentials

TOKEN_BYTES = 32
LONGEST_HANDSHAKE = timedelta(minutes=10)
"""Far longer than its requests can take, with all their time-outs."""

PARTY = re.compile(r"[A-Z0-9]{2}\*[A-Z0-9]{3}")
ROLES = frozenset(role.value for role in WireRole)

Role = tuple[str, str, str]
"""role, country code, party id"""


@dataclass(frozen=True, slots=True)
class Registrar:
    """Registers partners with us, and us with partners. `roles` are our own CredentialsRoles."""

    db: Database
    keys: KeyRing
    http: httpx.AsyncClient
    clock: Clock
    versions_url: str
    roles: Sequence[dict[str, Any]]
    old_token_grace: timedelta

    def ours(self, token: str) -> Credentials:
        """Our credentials with a token for the partner to present."""
        return Credentials.model_validate({"token": token, "url": self.versions_url, "roles": list(self.roles)})

    async def invite(self, name: str, allowed: Sequence[Role]) -> tuple[str, str]:
        """Make a platform and its token A; returns its id and the token, which is shown this once."""
        token = random_token(TOKEN_BYTES)
        async with self.db.tx() as tx:
            platform = Platform(name=name, allowed_roles=orjson.dumps(allowed), created_at=tx.now)
            tx.add(platform)
            await tx.flush()
            self.accept_token(tx, platform.id, token, registers=True)
            tx.ring(DOORBELL)
        return platform.id, token

    async def accept(self, platform_id: str, theirs: Credentials) -> Credentials:
        """A partner registers (POST) with token A: it gets token C. Raises `OcpiError`."""
        async with self.db.read() as tx:
            platform = await tx.get(Platform, platform_id)
        if platform is None or platform.status != INVITED:
            raise MethodNotAllowed("you are registered already: use PUT")
        discovery = await self._call_back(platform_id, theirs)
        token = random_token(TOKEN_BYTES)
        async with self.db.tx() as tx:
            platform = await locked(tx, platform_id)
            if platform.status != INVITED:
                raise MethodNotAllowed("you are registered already: use PUT")
            await self.store_partner(tx, platform, discovery, theirs)
            await tx.execute(delete(PlatformToken).where(col(PlatformToken.platform_id) == platform_id))
            self.accept_token(tx, platform_id, token)
        return self.ours(token)

    async def replace(self, platform_id: str, presented: str, theirs: Credentials) -> Credentials:
        """A partner renews its registration (PUT): new tokens both ways; the old one lives until the new one is used.

        The answer with the new token may be lost: until the new one is used, the partner only has the old one.
        """
        async with self.db.read() as tx:
            platform = await tx.get(Platform, platform_id)
        if platform is None or platform.status not in (CONNECTED, OFFLINE):
            raise MethodNotAllowed("you are not registered: use POST")
        discovery = await self._call_back(platform_id, theirs)
        token = random_token(TOKEN_BYTES)
        async with self.db.tx() as tx:
            platform = await locked(tx, platform_id)
            if platform.status not in (CONNECTED, OFFLINE):
                raise MethodNotAllowed("you are not registered: use POST")
            await self.store_partner(tx, platform, discovery, theirs)
            keep = self.keys.digests(TOKEN_PURPOSE, presented)
            others = delete(PlatformToken).where(
                col(PlatformToken.platform_id) == platform_id, col(PlatformToken.digest).not_in(keep)
            )
            await tx.execute(others)
            await tx.execute(
                update(PlatformToken)
                .where(col(PlatformToken.platform_id) == platform_id, col(PlatformToken.valid_until).is_(None))
                .values(valid_until=tx.now + self.old_token_grace)
            )
            self.accept_token(tx, platform_id, token)
        return self.ours(token)

    async def remove(self, platform_id: str) -> None:
        """A partner unregisters (DELETE): both sides stop at once. Raises `MethodNotAllowed` when it was not."""
        async with self.db.tx() as tx:
            platform = await locked(tx, platform_id)
            if platform.status not in (CONNECTED, OFFLINE):
                raise MethodNotAllowed("you are not registered")
            platform.status, platform.credentials_token = SUSPENDED, None
            await tx.execute(delete(PlatformToken).where(col(PlatformToken.platform_id) == platform_id))
            await clientinfo.tell(tx, platform_id, gone=True)
            await tx.execute(delete(PartyRow).where(col(PartyRow.platform_id) == platform_id))
            await lock_all(tx, platform_id)
            for model in (Cursor, PullState, PartyBehind):
                await tx.execute(delete(model).where(col(model.platform_id) == platform_id))
            tx.ring(DOORBELL)

    async def register_with(self, name: str, versions_url: str, token_a: str) -> str:
        """Register with a partner who invited us; returns the platform's id.

        Our token B must be good before the partner's answer comes, because it calls back inside our POST; so the
        platform is stored as invited first. Raises `UpstreamFailed` when the partner cannot be registered with; then
        nothing of it remains.
        """
        token_b = random_token(TOKEN_BYTES)
        async with self.db.tx() as tx:
            platform = Platform(name=name, versions_url=versions_url, created_at=tx.now)
            tx.add(platform)
            await tx.flush()
            self.accept_token(tx, platform.id, token_b, registers=True)
            tx.ring(DOORBELL)
        addressee.set(platform.id)
        now, tie = self.clock.now, correlation_id.get()
        try:
            discovery = await handshake.discover(self.http, versions_url, token_a, now=now, correlation_id=tie)
            theirs = await handshake.register(
                self.http, discovery, token_a, self.ours(token_b), now=now, correlation_id=tie
            )
            discovery = await self._call_back(platform.id, theirs)
            async with self.db.tx() as tx:
                row = await locked(tx, platform.id)
                await self.store_partner(tx, row, discovery, theirs)
                await tx.execute(
                    update(PlatformToken).where(col(PlatformToken.platform_id) == platform.id).values(registers=False)
                )
        except (OcpiError, PeerError) as error:
            await self.withdraw(platform.id)
            raise UpstreamFailed(f"the partner could not be registered with: {error}") from error
        except BaseException:
            await self.withdraw(platform.id)
            raise
        return platform.id

    async def forget_unfinished(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Forget registrations with partners that were begun and that no process can be at any more.

        One whose process died half-way has left a platform that never got a token of the partner's.
        """
        async with db.read() as tx:
            begun = select(col(Platform.id)).where(*_unfinished(tx.now - LONGEST_HANDSHAKE))
            found: Sequence[str] = (await tx.execute(begun)).scalars().all()
        for platform_id in found:
            async with db.tx() as tx:
                still = (col(Platform.id) == platform_id, *_unfinished(tx.now - LONGEST_HANDSHAKE))
                if await tx.first(select(Platform).where(*still).with_for_update()) is not None:
                    await _delete(tx, platform_id)

    async def _call_back(self, platform_id: str, theirs: Credentials) -> Discovery:
        """Fetch what the partner offers with the token that it gave us. Raises `OcpiError` 3001, 3002, 3003."""
        addressee.set(platform_id)
        return await handshake.discover(
            self.http, theirs.url, theirs.token, now=self.clock.now, correlation_id=correlation_id.get()
        )

    async def store_partner(self, tx: Tx, platform: Platform, discovery: Discovery, theirs: Credentials) -> None:
        """Store who the partner is and what it offers. Raises `OcpiError` for roles that it cannot have."""
        endpoints = {f"{side}/{module}": url for (module, side), url in discovery.endpoints.items()}
        platform.status, platform.version = CONNECTED, discovery.version
        platform.versions_url, platform.endpoints = theirs.url, orjson.dumps(endpoints)
        platform.credentials_token = self.keys.encrypt(SECRET_PURPOSE, theirs.token.encode())
        platform.last_seen_at = tx.now
        platform.quirks = _learned(platform, discovery, tx.now)
        await _settle_parties(tx, platform, theirs)
        await open_cursors(tx, platform.id, list(AUDIENCE_ROLES))
        await pulls.open_pulls(tx, platform.id, pulls.pullable(endpoints, [role.role.value for role in theirs.roles]))
        await clientinfo.tell(tx, platform.id)
        if hub_reading.LIST in endpoints and any(role.role is WireRole.HUB for role in theirs.roles):
            hub_reading.ask(tx, platform.id)
        tx.ring(DOORBELL)

    def accept_token(self, tx: Tx, platform_id: str, token: str, *, registers: bool = False) -> None:
        """Let a partner present this token from now on."""
        digest = self.keys.digest(TOKEN_PURPOSE, token)
        tx.add(PlatformToken(digest=digest, platform_id=platform_id, registers=registers, created_at=tx.now))

    async def withdraw(self, platform_id: str) -> None:
        """Forget a partner with whom nothing was concluded, and its tokens."""
        async with self.db.tx() as tx:
            # The partner may be registering with token B at the moment, or have done so; or all is forgotten already.
            await tx.first(select(Platform).where(col(Platform.id) == platform_id).with_for_update())
            await _delete(tx, platform_id)


async def _delete(tx: Tx, platform_id: str) -> None:
    await lock_all(tx, platform_id)
    for model in (PlatformToken, PartyRow, PartyBehind, Cursor, PullState):  # it may have used token B meanwhile
        await tx.execute(delete(model).where(col(model.platform_id) == platform_id))
    await tx.execute(delete(Platform).where(col(Platform.id) == platform_id))
    tx.ring(DOORBELL)


def _unfinished(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Registrations that we began before this time, and that have no end."""
    return (
        col(Platform.status) == INVITED,
        col(Platform.versions_url).is_not(None),
        col(Platform.created_at) < before,
    )


async def settle_own_parties(tx: Tx, roles: Sequence[dict[str, Any]]) -> None:
    """Make the stored own parties those of the settings."""
    wanted = {(role["country_code"], role["party_id"], role["role"]): role for role in roles}
    for row in await tx.all(select(PartyRow).where(col(PartyRow.platform_id).is_(None))):
        if wanted.pop((row.country_code, row.party_id, row.role), None) is None:
            await tx.delete(row)
    for (country_code, party_id, role), given in wanted.items():
        if await _home_elsewhere(tx, country_code, party_id, None):
            raise Conflict(f"{country_code}*{party_id} is a partner's party")
        name = given["business_details"]["name"]
        tx.add(_party_row(tx, country_code, party_id, role, None, name))
    tx.ring(DOORBELL)


async def _settle_parties(tx: Tx, platform: Platform, theirs: Credentials) -> None:
    """Make the platform's parties those of its credentials. Raises `ClientError` for a role it was not invited for."""
    allowed = {tuple(str(part).upper() for part in role) for role in orjson.loads(platform.allowed_roles)}
    claimed = {
        (role.role.value.upper(), role.country_code.upper(), role.party_id.upper()): role.business_details.name
        for role in theirs.roles
    }
    if len(claimed) != len(theirs.roles):
        raise InvalidParameters("/roles: each combination of role, country_code and party_id stands once")
    await tx.execute(delete(PartyRow).where(col(PartyRow.platform_id) == platform.id))
    for (role, country_code, party_id), name in claimed.items():
        if role not in ROLES or not PARTY.fullmatch(f"{country_code}*{party_id}"):
            raise InvalidParameters("/roles: a role that OCPI does not have, or a party that cannot be addressed")
        if allowed and (role, country_code, party_id) not in allowed:
            raise ClientError(f"{country_code}*{party_id} as {role} is not what the invitation is for")
        if await _home_elsewhere(tx, country_code, party_id, platform.id):
            raise ClientError(f"{country_code}*{party_id} lives on another platform")
        tx.add(_party_row(tx, country_code, party_id, role, platform.id, name))
    await tx.flush()


def _party_row(tx: Tx, country_code: str, party_id: str, role: str, platform_id: str | None, name: str) -> PartyRow:
    return PartyRow(
        country_code=country_code,
        party_id=party_id,
        role=role,
        platform_id=platform_id,
        business_name=name,
        last_updated=tx.now,
    )


async def _home_elsewhere(tx: Tx, country_code: str, party_id: str, platform_id: str | None) -> bool:
    rows = await tx.all(
        select(PartyRow).where(col(PartyRow.country_code) == country_code, col(PartyRow.party_id) == party_id)
    )
    return any(row.platform_id != platform_id for row in rows)


def _learned(platform: Platform, discovery: Discovery, now: datetime) -> bytes:
    """The partner's profile with what the handshake showed."""
    quirks = Quirks.of_json(orjson.loads(platform.quirks)).learned("encode_token", discovery.encode_token, now)
    for name, value in discovery.found.items():
        quirks = quirks.learned(name, value, now)
    return orjson.dumps(quirks.as_json())


async def settle_quirks(tx: Tx, platform_id: str, said: Mapping[str, Any], forgotten: Sequence[str]) -> Quirks:
    """What an operator says of a partner's ways: values that stay, and quirks to be found out again.

    Raises `NotFound` and `InvalidInput`.
    """
    platform = await locked(tx, platform_id)
    quirks = Quirks.of_json(orjson.loads(platform.quirks))
    try:
        for name in forgotten:
            quirks = quirks.unpinned(name)
        for name, value in said.items():
            quirks = quirks.pinned(name, value, tx.now)
    except NoSuchQuirk as error:
        raise InvalidInput(str(error)) from error
    platform.quirks = orjson.dumps(quirks.as_json())
    tx.ring(DOORBELL)
    return quirks


async def locked(tx: Tx, platform_id: str) -> Platform:
    """A platform's row, locked. Raises `NotFound`."""
    platform = await tx.first(select(Platform).where(col(Platform.id) == platform_id).with_for_update())
    if platform is None:
        raise NotFound("no such platform")
    return platform
