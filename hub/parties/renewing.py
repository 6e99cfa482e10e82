"""What we do of our own accord about a registration that stands: renew it, and end it (OCPI 2.2.1, credentials).

The partner is asked first, and what came of it is stored in one transaction. Its answer to a renewal may be lost: then
it may have taken our new token and have changed its own, or not. Both tokens of ours stay good; an operator is told.
"""

from dataclasses import dataclass

import orjson
from sqlalchemy import delete, update
from sqlmodel import col

from hub.parties.directory import DOORBELL, TOKEN_PURPOSE, Directory, Peer
from hub.parties.message_log import addressee
from hub.parties.presented import SECRET_PURPOSE, Presented
from hub.parties.quirks import Quirks
from hub.parties.registration import TOKEN_BYTES, Registrar, locked
from hub.parties.tables import INVITED, PlatformToken
from kit.errors import Conflict, NotFound, UpstreamFailed
from kit.ids import random_token
from kit.log import correlation_id, get
from kit.tx import Tx
from ocpi import handshake
from ocpi.errors import MethodNotAllowed, OcpiError, PeerError, PeerRefused
from ocpi.handshake import Discovery
from ocpi.v221.credentials import Credentials

log = get(__name__)

NOT_BY_PUT = (404, 405, 501)
"""So a partner answers that does not renew by PUT, or holds us for unregistered."""


@dataclass(frozen=True, slots=True)
class Renewer:
    """Renews and ends our registrations with partners."""

    registrar: Registrar
    directory: Directory
    presented: Presented

    async def renew(self, platform_id: str) -> None:
        """Change both tokens and read the partner's endpoints anew.

        Raises `NotFound`, `Conflict` for a partner that is not registered, and `UpstreamFailed` when it did not agree.
        """
        peer = await self._registered(platform_id)
        token, fresh = self.presented.token(peer), random_token(TOKEN_BYTES)
        addressee.set(peer.id)
        try:
            discovery = await self._discover(peer, token)
        except (OcpiError, PeerError) as error:
            raise UpstreamFailed(f"the partner cannot be asked: {error}") from error
        async with self.registrar.db.tx() as tx:  # good before the answer comes: the partner calls back inside it
            await locked(tx, peer.id)
            self.registrar.accept_token(tx, peer.id, fresh)
            tx.ring(DOORBELL)
        try:
            theirs, by_post = await self._exchange(peer, discovery, token, fresh)
        except PeerRefused as error:
            await self._take_back(fresh)
            raise UpstreamFailed(f"the partner does not renew the registration: {error}") from error
        except (OcpiError, PeerError) as error:
            raise UpstreamFailed(f"the partner may have renewed the registration or not: {error}") from error
        await self._store(peer, discovery, theirs, fresh, by_post=by_post)

    async def end(self, platform_id: str) -> bool:
        """End a registration on both sides, or withdraw an invitation; returns whether the partner took note.

        What is ours ends whatever the partner answers. Raises `NotFound` and, where nothing is left to end, `Conflict`.
        """
        peer = await self._known(platform_id)
        if peer.status == INVITED:
            await self.registrar.withdraw(peer.id)
            return False
        if not peer.is_registered:
            raise Conflict("the partner is not registered")
        token, took_note = self.presented.token(peer), True
        addressee.set(peer.id)
        try:
            http, now = self.registrar.http, self.registrar.clock.now
            await handshake.unregister(http, await self._discover(peer, token), token, now=now)
        except (OcpiError, PeerError) as error:
            log.warning("partner_took_no_note", platform_id=peer.id, reason=str(error))
            took_note = False
        try:
            await self.registrar.remove(peer.id)
        except MethodNotAllowed as error:  # it has unregistered itself meanwhile
            raise Conflict("the partner is not registered") from error
        return took_note

    async def _known(self, platform_id: str) -> Peer:
        peer = (await self.directory.snapshot()).peers.get(platform_id)
        if peer is None:
            raise NotFound("no such partner")
        return peer

    async def _registered(self, platform_id: str) -> Peer:
        peer = await self._known(platform_id)
        if not peer.is_registered:
            raise Conflict("the partner is not registered")
        return peer

    async def _discover(self, peer: Peer, token: str) -> Discovery:
        return await handshake.discover(
            self.registrar.http,
            peer.versions_url or "",
            token,
            now=self.registrar.clock.now,
            encode_token=peer.encode_token,
            correlation_id=correlation_id.get(),
        )

    async def _exchange(self, peer: Peer, discovery: Discovery, token: str, fresh: str) -> tuple[Credentials, bool]:
        """The partner's new credentials, and whether it took ours by POST. Raises `PeerError`."""
        http, now, ours = self.registrar.http, self.registrar.clock.now, self.registrar.ours(fresh)
        tie = correlation_id.get()
        if not peer.quirks.flag("registers_again"):
            try:
                return await handshake.update(http, discovery, token, ours, now=now, correlation_id=tie), False
            except PeerRefused as error:
                if error.http_status not in NOT_BY_PUT:
                    raise
        return await handshake.register(http, discovery, token, ours, now=now, correlation_id=tie), True

    async def _store(self, peer: Peer, discovery: Discovery, theirs: Credentials, fresh: str, *, by_post: bool) -> None:
        """Store what the partner has changed; its new token even where its new roles cannot be had."""
        try:
            async with self.registrar.db.tx() as tx:
                platform = await locked(tx, peer.id)
                await self.registrar.store_partner(tx, platform, discovery, theirs)
                if by_post:
                    quirks = Quirks.of_json(orjson.loads(platform.quirks)).learned("registers_again", True, tx.now)
                    platform.quirks = orjson.dumps(quirks.as_json())
                await self._let_old_ones_go(tx, peer.id, fresh)
        except OcpiError as error:
            async with self.registrar.db.tx() as tx:
                platform = await locked(tx, peer.id)
                platform.credentials_token = self.registrar.keys.encrypt(SECRET_PURPOSE, theirs.token.encode())
                await self._let_old_ones_go(tx, peer.id, fresh)
                tx.ring(DOORBELL)
            raise UpstreamFailed(f"renewed, but its roles stay as they were: {error}") from error

    async def _let_old_ones_go(self, tx: Tx, platform_id: str, fresh: str) -> None:
        """Let the tokens that were good so far live until the new one is used, for a short grace at most."""
        others = (
            col(PlatformToken.platform_id) == platform_id,
            col(PlatformToken.digest).not_in(self.registrar.keys.digests(TOKEN_PURPOSE, fresh)),
            col(PlatformToken.valid_until).is_(None),
        )
        until = tx.now + self.registrar.old_token_grace
        await tx.execute(update(PlatformToken).where(*others).values(valid_until=until))

    async def _take_back(self, fresh: str) -> None:
        digests = self.registrar.keys.digests(TOKEN_PURPOSE, fresh)
        async with self.registrar.db.tx() as tx:
            await tx.execute(delete(PlatformToken).where(col(PlatformToken.digest).in_(digests)))
            tx.ring(DOORBELL)
