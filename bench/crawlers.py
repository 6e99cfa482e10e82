"""The crawlers that `bench_ocpi_crawl` compares: ours, and a bare loop. Prints what one took, as JSON."""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import orjson
import psutil
import uvloop
from sqlalchemy import func, select

from hub import schema
from hub.locations.tables import Location
from hub.parties import pulls
from hub.parties.clients import Clients
from hub.parties.directory import Directory
from hub.parties.notices import Notices
from hub.parties.presented import SECRET_PURPOSE, Presented
from hub.parties.pull import Pace, Puller
from hub.parties.pull_turn import STORED_AT_ONCE
from hub.parties.tables import CONNECTED, PartyRow, Platform
from hub.parties.transport import FastTransport
from hub.parts import ocpi_intakes
from hub.serve import spare_collector
from hub.sessions.tables import Session
from kit.clock import SystemClock
from kit.crypto import KeyRing
from kit.db import SQLITE_PRAGMAS
from kit.http import Egress
from kit.tx import Database, Tx
from ocpi.paging import next_link

_TABLE = """
CREATE TABLE location (
    id INTEGER PRIMARY KEY, country_code TEXT NOT NULL, party_id TEXT NOT NULL, object_id TEXT NOT NULL,
    last_updated TEXT NOT NULL, doc BLOB NOT NULL, UNIQUE (country_code, party_id, object_id)
)
"""
_UPSERT = """
INSERT INTO location (country_code, party_id, object_id, last_updated, doc) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (country_code, party_id, object_id) DO UPDATE SET last_updated = excluded.last_updated, doc = excluded.doc
"""


Fetch = Callable[[str], Awaitable[tuple[bytes, str | None]]]
"""Gives the body and the `Link` of a page."""


@asynccontextmanager
async def over_httpx() -> AsyncIterator[Fetch]:
    """The client that such a loop is mostly written with."""
    async with httpx.AsyncClient(trust_env=False) as http:

        async def fetch(url: str) -> tuple[bytes, str | None]:
            answer = await http.get(url)
            return answer.content, answer.headers.get("link")

        yield fetch


@asynccontextmanager
async def over_aiohttp() -> AsyncIterator[Fetch]:
    """The client that the hub's own requests go through."""
    async with aiohttp.ClientSession() as http:

        async def fetch(url: str) -> tuple[bytes, str | None]:
            async with http.get(url) as answer:
                return await answer.read(), answer.headers.get("link")

        yield fetch


async def bare(url: str, path: Path, fetch: Fetch) -> None:
    """Fetch pages, parse them, store their objects as bytes by one commit for as many as ours, go on.

    The table is the least that is of use: found by its key, listed by `last_updated`, and read again another day; the
    file has our settings.
    """
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in SQLITE_PRAGMAS:
        database.execute(f"PRAGMA {pragma}")
    database.execute(_TABLE)
    database.execute("CREATE INDEX ix_location_last_updated ON location (last_updated)")
    rows: list[tuple[Any, ...]] = []
    following: str | None = f"{url}?limit=100"
    while following is not None:
        body, link = await fetch(following)
        following = next_link(link)
        rows += [
            (item["country_code"], item["party_id"], item["id"], item["last_updated"], orjson.dumps(item))
            for item in orjson.loads(body)["data"]
        ]
        if len(rows) >= STORED_AT_ONCE or following is None:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(_UPSERT, rows)
            database.execute("COMMIT")
            rows = []
    database.close()


async def ours(url: str, path: Path, count: int) -> float:
    """The hub's own puller; by how many megabytes its memory grew in the second half."""
    database_url = f"sqlite:///{path}"
    clock, keys, notices = SystemClock(), KeyRing.generate(), Notices()
    db = Database(database_url, clock=clock)
    async with db.tx() as tx:
        token = keys.encrypt(SECRET_PURPOSE, b"TOKEN")
        endpoints = orjson.dumps({"SENDER/locations": url})
        row = Platform(
            name="partner", status=CONNECTED, endpoints=endpoints, credentials_token=token, created_at=tx.now
        )
        tx.add(row)
        await tx.flush()
        owner = {"country_code": "BE", "party_id": "CPO", "role": "CPO", "business_name": "partner"}
        tx.add(PartyRow(platform_id=row.id, last_updated=tx.now, **owner))
        await pulls.open_pulls(tx, row.id, ["locations"])

    async def on_session(tx: Tx, session: Session) -> None:
        return None

    directory, half = Directory(db, keys), 0
    transport = FastTransport(Egress(["127.0.0.0/8"]))
    try:
        clients = Clients(transport, Presented(keys), clock, "NL*PLH", 30.0, notices)
        pace = Pace(overlap=timedelta(minutes=5), full_every=timedelta(days=7))
        puller = Puller(db, directory, clients, notices, ocpi_intakes(keys, on_session), pace)
        settling = asyncio.create_task(puller.settle())
        while not settling.done():
            await asyncio.sleep(0.2)
            # Past SQLAlchemy, or looking would cost as much as some hundred objects each time.
            [[position]] = await db.reader.quick("SELECT position FROM pull_state")
            if not half and position >= count // 2:
                half = psutil.Process().memory_info().rss
        await settling
    finally:
        await transport.close()
        await db.close()
    grown: int = psutil.Process().memory_info().rss - half
    return grown / 2**20


async def _stored(path: Path) -> int:
    db = Database(f"sqlite:///{path}", clock=SystemClock())
    async with db.read() as tx:
        found = (await tx.execute(select(func.count()).select_from(Location.__table__))).scalar_one()  # type: ignore[attr-defined]
    await db.close()
    return int(found)


async def _main(kind: str, url: str, folder: str, count: int) -> None:
    path = Path(folder) / "crawl.db"
    if kind == "ours":
        await schema.upgrade(f"sqlite:///{path}")
    spare_collector()
    before = psutil.Process().cpu_times()
    grown_mb = 0.0
    if kind == "ours":
        grown_mb = await ours(url, path, count)
    else:
        async with over_aiohttp() if kind == "bare_aiohttp" else over_httpx() as fetch:
            await bare(url, path, fetch)
    after = psutil.Process().cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    print(json.dumps({"cpu_s": cpu_s, "grown_mb": grown_mb, "objects": await _stored(path)}))


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
