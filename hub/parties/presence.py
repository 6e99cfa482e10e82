"""Who is there: when each partner was last heard of, kept in memory and written now and then, never for each request.

The same holds for what requests and answers show of a partner's ways (`hub.parties.quirks`). A partner of whom nothing
was heard for a while is asked for its versions; that it answers, or does not, makes it CONNECTED or OFFLINE.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import orjson
from sqlalchemy import or_, select
from sqlmodel import col

from hub.parties.clients import Clients
from hub.parties.directory import DOORBELL, Directory, Peer
from hub.parties.notices import Notices
from hub.parties.outbox import Refused
from hub.parties.quirks import Quirks
from hub.parties.reachability import note_all_reached, note_reached, note_unreachable
from hub.parties.tables import Platform
from kit.log import get
from kit.tx import Database
from ocpi.errors import PeerError, PeerUnreachable

log = get(__name__)

PROBES_AT_ONCE = 20


class Presence:
    """Writes down what `notices` have gathered, and asks partners that are silent for `silence`."""

    def __init__(
        self, db: Database, directory: Directory, clients: Clients, notices: Notices, *, silence: timedelta
    ) -> None:
        self._db = db
        self._directory = directory
        self._clients = clients
        self._notices = notices
        self._silence = silence

    async def run(self) -> None:
        """Write down what was noticed, a few times in each span of silence, until cancelled."""
        while True:
            await self._db.clock.sleep(self._silence.total_seconds() / 5)
            try:
                await self.flush()
            except Exception as error:
                log.error("presence_not_written", error=type(error).__name__)

    async def flush(self) -> None:
        """Write down who was heard of and what was learned since the last time."""
        heard, learned = self._notices.take()
        # Each probe is heard of, so a longer silence means that we ourselves were away.
        away_after, news = 3 * self._silence, []
        if heard:
            async with self._db.tx() as tx:
                news = await note_all_reached(tx, heard, we_were_away_after=away_after)
        for platform_id in news:
            async with self._db.tx() as tx:
                await note_reached(tx, platform_id, we_were_away_after=away_after)
        for platform_id, findings in learned.items():
            await self._learn(platform_id, findings)

    async def probe(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Ask every registered partner that was silent for too long for its versions."""
        await self.flush()
        now, peers = db.clock.now(), (await self._directory.snapshot()).peers.values()
        silent = await self._silent()
        due = [peer for peer in peers if peer.is_registered and peer.id in silent]
        room = asyncio.Semaphore(PROBES_AT_ONCE)

        async def one(peer: Peer) -> None:
            async with room:
                await self._ask(peer)

        await asyncio.gather(*(one(peer) for peer in due))
        await self.flush()
        if due:
            log.info("partners_probed", count=len(due), at=now.isoformat())

    async def _silent(self) -> set[str]:
        """The platforms of which nothing was heard for too long."""
        last = col(Platform.last_seen_at)
        silent = select(col(Platform.id)).where(or_(last.is_(None), last <= self._db.clock.now() - self._silence))
        async with self._db.read() as tx:
            return set(await tx.all(silent))

    async def _ask(self, peer: Peer) -> None:
        """Whatever a partner answers, it is there; what it has to say about our token is another matter."""
        try:
            await self._clients.versions(peer)
        except (PeerUnreachable, httpx.HTTPError) as error:
            log.info("partner_does_not_answer", platform_id=peer.id, reason=str(error))
            async with self._db.tx() as tx:
                await note_unreachable(tx, peer.id)
            return
        except (PeerError, Refused) as error:
            log.info("partner_answers_with_an_error", platform_id=peer.id, reason=str(error))
        self._notices.heard(peer.id)

    async def _learn(self, platform_id: str, findings: Mapping[str, Any]) -> None:
        async with self._db.tx() as tx:
            row = await tx.first(select(Platform).where(col(Platform.id) == platform_id).with_for_update())
            if row is None:
                return
            before = quirks = Quirks.of_json(orjson.loads(row.quirks))
            for name, value in findings.items():
                quirks = quirks.learned(name, value, tx.now)
            if quirks != before:
                row.quirks = orjson.dumps(quirks.as_json())
                tx.ring(DOORBELL)
