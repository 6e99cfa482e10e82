"""A partner's server with lists that can be paged through, in the ways in which partners do it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson
from sqlmodel import select
from starlette.responses import Response

from hub.parties import pulls
from hub.parties.audience import AUDIENCE_ROLES
from hub.parties.clients import Clients
from hub.parties.directory import Directory, Peer
from hub.parties.lanes import open_cursors
from hub.parties.notices import Notices
from hub.parties.presence import Presence
from hub.parties.presented import Presented
from hub.parties.pull import Pace, Puller
from hub.parties.pulls import PullState
from hub.parts import ocpi_intakes
from hub.sessions.tables import Session
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.tx import Database, Tx
from ocpi.datetimes import parse_datetime
from tests.hub.parties.joining import joined
from tests.journeys.network import http_client
from tests.journeys.peers import STAMP, Seen, Stranger, stamped_location, success

Json = dict[str, Any]


def location(number: int, *, name: str = "Canal Street", at: str = STAMP, party: str = "BE*CPO") -> Json:
    """A location of the partner."""
    body = stamped_location(id=f"L{number}", name=name, country_code=party[:2], party_id=party[3:], last_updated=at)
    evses = [{**evse, "uid": f"E{number}", "last_updated": at} for evse in body["evses"]]
    return {**body, "evses": evses}


@dataclass
class Shelf:
    """A list at a partner. The fields are its habits."""

    url: str
    items: list[Any]
    cap: int = 2
    link: Callable[[str], str | None] = lambda url: f'<{url}>; rel="next"'
    totals: bool = True
    honours_offset: bool = True
    honours_date_from: bool = True
    omits_data: bool = False
    on_page: Callable[[int], Response | None] = lambda _: None
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, seen: Seen) -> Response:
        query = dict(parse_qsl(seen.query))
        self.asked.append(query)
        odd = self.on_page(len(self.asked))
        if odd is not None:
            return odd
        items = self.items
        if self.honours_date_from and "date_from" in query:
            since = parse_datetime(query["date_from"])
            items = [item for item in items if parse_datetime(item["last_updated"]) >= since]
        offset = int(query.get("offset", 0)) if self.honours_offset else 0
        limit = min(self.cap, int(query.get("limit", self.cap)))
        page = items[offset : offset + limit]
        answer = success(page)
        if self.omits_data and not page:
            answer = Response(orjson.dumps({"status_code": 1000, "timestamp": STAMP}), media_type="application/json")
        if self.totals:
            answer.headers["X-Total-Count"] = str(len(items))
        if offset + limit < len(items):
            filters = "".join(f"&{name}={query[name]}" for name in ("date_from",) if name in query)
            link = self.link(f"{self.url}?offset={offset + limit}&limit={limit}{filters}")
            if link is not None:
                answer.headers["Link"] = link
        return answer


@dataclass
class Reader:
    """The part of a hub that reads a partner's lists."""

    db: Database
    clock: ManualClock
    keys: KeyRing
    directory: Directory
    notices: Notices
    clients: Clients
    puller: Puller
    presence: Presence

    async def partner(self, other: Stranger, *, role: str = "CPO", party: str = "BE*CPO", **endpoints: str) -> Peer:
        """A partner that has just registered."""
        listed = {"SENDER/locations": f"{other.url}/locations"} | {
            name.replace("_", "/"): url for name, url in endpoints.items()
        }
        async with self.db.tx() as tx:
            platform_id = await joined(tx, self.keys, party, role, other.url, listed)
            await open_cursors(tx, platform_id, list(AUDIENCE_ROLES))
            await pulls.open_pulls(tx, platform_id, pulls.pullable(listed, [role]))
        return await self.peer(platform_id)

    async def peer(self, platform_id: str) -> Peer:
        return (await self.directory.snapshot()).peers[platform_id]

    async def state(self, platform_id: str, module: str = "locations") -> PullState:
        async with self.db.read() as tx:
            found = await tx.get(PullState, (platform_id, module))
        assert found is not None
        return found

    async def ask(self, platform_id: str, kind: str) -> None:
        async with self.db.tx() as tx:
            await pulls.ask(tx, platform_id, kind)

    async def settle(self) -> None:
        await self.puller.settle()
        await self.presence.flush()

    async def stored(self, model: Any) -> dict[str, Json]:
        async with self.db.read() as tx:
            return {row.object_id: row.body() for row in await tx.all(select(model))}


@asynccontextmanager
async def reading(database_url: str, clock: ManualClock) -> AsyncIterator[Reader]:
    """A reader on a database with the newest schema."""
    db, keys, notices = Database(database_url, clock=clock), KeyRing.generate(), Notices()
    directory = Directory(db, keys)

    async def on_session(tx: Tx, session: Session) -> None:
        return None

    async with http_client() as http:
        clients = Clients(http, Presented(keys), clock, "NL*PLH", 5.0, notices)
        pace = Pace(overlap=timedelta(minutes=5), full_every=timedelta(days=7), page_limit=10)
        yield Reader(
            db,
            clock,
            keys,
            directory,
            notices,
            clients,
            Puller(db, directory, clients, notices, ocpi_intakes(keys, on_session), pace),
            Presence(db, directory, clients, notices, silence=timedelta(minutes=5)),
        )
    await db.close()
