"""The two crawlers that `bench_ocpi_crawl` compares: ours, and a bare loop. Prints what one took, as JSON."""

import asyncio
import json
import sqlite3
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import orjson
import psutil
import uvloop
from sqlalchemy import func, select

from hub import schema
from hub.app import ocpi_intakes
from hub.locations.tables import Location
from hub.parties import pulls
from hub.parties.clients import Clients
from hub.parties.directory import Directory
from hub.parties.notices import Notices
from hub.parties.presented import SECRET_PURPOSE, Presented
from hub.parties.pull import Pace, Puller
from hub.parties.tables import CONNECTED, PartyRow, Platform
from hub.sessions.tables import Session
from kit.clock import SystemClock
from kit.crypto import KeyRing
from kit.tx import Database, Tx
from ocpi.paging import next_link


async def bare(url: str, path: Path, count: int) -> None:
    """Fetch a page, parse it, store its objects as bytes by one commit, go on."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(
        "CREATE TABLE location (id INTEGER PRIMARY KEY, country_code TEXT, party_id TEXT, object_id TEXT,"
        " last_updated TEXT, doc BLOB, UNIQUE (country_code, party_id, object_id))"
    )
    async with httpx.AsyncClient(trust_env=False) as http:
        following: str | None = f"{url}?limit=100"
        while following is not None:
            answer = await http.get(following)
            items = orjson.loads(answer.content)["data"]
            rows = [
                (item["country_code"], item["party_id"], item["id"], item["last_updated"], orjson.dumps(item))
                for item in items
            ]
            database.executemany(
                "INSERT INTO location (country_code, party_id, object_id, last_updated, doc) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            database.commit()
            following = next_link(answer.headers.get("link"))
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
    async with httpx.AsyncClient(trust_env=False) as http:
        clients = Clients(http, Presented(keys), clock, "NL*PLH", 30.0, notices)
        pace = Pace(overlap=timedelta(minutes=5), full_every=timedelta(days=7))
        puller = Puller(db, directory, clients, notices, ocpi_intakes(keys, on_session), pace)
        settling = asyncio.create_task(puller.settle())
        while not settling.done():
            await asyncio.sleep(0.2)
            if not half:
                async with db.read() as tx:
                    states = await pulls.states_of(tx, row.id)
                if states[0].position >= count // 2:
                    half = psutil.Process().memory_info().rss
        await settling
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
    before = psutil.Process().cpu_times()
    grown_mb = 0.0
    if kind == "bare":
        await bare(url, path, count)
    else:
        grown_mb = await ours(url, path, count)
    after = psutil.Process().cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    print(json.dumps({"cpu_s": cpu_s, "grown_mb": grown_mb, "objects": await _stored(path)}))


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
