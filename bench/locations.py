"""A hub with a hundred thousand locations and a registered partner, and what its list pages cost.

asked again     the same page of 50, over and over
first time      each page once, from anywhere: it comes out of the database
deep offset     such pages at the end of the list, next to those at its beginning
"""

import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson

from bench.harness import Measured, Server, compare, server
from bench.http_load import get_often, get_once_each
from bench.hubs import environment_in, operator_key
from hub import schema
from hub.locations.tables import Location
from hub.parties import counts
from hub.parties.visibility import Shelf
from kit.clock import SystemClock
from kit.tx import Database
from ocpi.headers import authorization
from simulators.partner.server import running_partner

STORED = 100_000
PAGE = 50
EVSES = 4
CONNECTIONS = 32
AGAIN, ONCE = 250, 60
"""Requests of each connection in a round."""
ROUNDS = 15
TARGET_AGAIN, TARGET_FIRST, TARGET_DEEP = 0.35, 0.12, 0.8
_STORED_AT_ONCE = 2_000
_OWNER = {"country_code": "NL", "party_id": "PLB"}
_MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _location(number: int) -> dict[str, Any]:
    return {
        **_OWNER,
        "id": f"LOC{number}",
        "publish": True,
        "name": f"Canal Street {number}",
        "address": f"Canal Street {number}",
        "city": "Utrecht",
        "postal_code": "3511AB",
        "country": "NLD",
        "coordinates": {"latitude": "52.09083", "longitude": "5.12222"},
        "time_zone": "Europe/Amsterdam",
        "parking_type": "ON_STREET",
        "facilities": ["RESTAURANT", "BUS_STOP"],
        "opening_times": {"twentyfourseven": True},
        "last_updated": "2026-03-01T12:00:00Z",
        "evses": [_evse(number, place) for place in range(1, EVSES + 1)],
    }


def _evse(number: int, place: int) -> dict[str, Any]:
    return {
        "uid": f"EVSE-{number}-{place}",
        "evse_id": f"NL*PLB*E{number:06}*{place}",
        "status": "AVAILABLE",
        "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE", "UNLOCK_CAPABLE"],
        "physical_reference": str(place),
        "last_updated": "2026-03-01T12:00:00Z",
        "connectors": [
            {
                "id": "1",
                "standard": "IEC_62196_T2",
                "format": "SOCKET",
                "power_type": "AC_3_PHASE",
                "max_voltage": 400,
                "max_amperage": 32,
                "tariff_ids": ["STANDARD"],
                "last_updated": "2026-03-01T12:00:00Z",
            }
        ],
    }


async def _store(database_url: str) -> None:
    """Store the locations in large transactions that count them, as `hub.parties.objects.keep` would one by one."""
    await schema.upgrade(database_url)
    db, table = Database(database_url, clock=SystemClock()), Location.__table__  # type: ignore[attr-defined]
    try:
        for start in range(0, STORED, _STORED_AT_ONCE):
            async with db.tx() as tx:
                ids = await tx.reserve_ids(table, _STORED_AT_ONCE)
                rows = [
                    {
                        **_OWNER,
                        "id": row_id,
                        "object_id": f"loc{number}",
                        "last_updated": _MOMENT,
                        "doc": orjson.dumps(_location(number)),
                    }
                    for number, row_id in enumerate(ids, start)
                ]
                await tx.insert(table, rows)
                counts.put_many(tx, Location.module, Shelf("NL", "PLB", ""), ids)
    finally:
        await db.close()


@asynccontextmanager
async def _registered(url: str, key: str) -> AsyncIterator[str]:
    """A partner, there as long as it is measured: the hub would look for it. Gives the Authorization it presents."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"{url}/api/operator/v1", headers=headers, trust_env=False) as operator:
        invited = {"name": "Partner", "roles": [{"role": "EMSP", "party": "DE*EMS"}]}
        invitation = (await operator.post("/partners/invitations", json=invited)).raise_for_status().json()
    async with running_partner(role="EMSP", party="DE*EMS", name="Partner") as partner:
        await partner.register(invitation["versions_url"], invitation["token"])
        assert partner.state.link is not None
        yield authorization(partner.state.link.token_out)


async def measure(name: str, database_url: str) -> None:
    """Fill the database, run a hub on it, and print a line for each way to ask."""
    with tempfile.TemporaryDirectory() as folder:
        await _store(database_url)
        environment = environment_in(folder, database_url)
        key = operator_key(environment)
        with server("bench.servers.hub", environment=environment) as ours:
            async with _registered(ours.url, key) as presented:
                headers = {"Authorization": presented}
                page = await _one_page(ours, headers)
                prebuilt = Path(folder) / "page.json"
                prebuilt.write_bytes(page)
                with server("bench.servers.bare_page", str(prebuilt)) as bare:
                    await _measure(name, ours, bare, headers)


async def _measure(name: str, ours: Server, bare: Server, headers: dict[str, str]) -> None:
    url, anywhere = _list_url(ours), _offsets(0, STORED - PAGE, step=7919)
    beginning, end = _offsets(1, STORED // 20), _offsets(STORED - STORED // 20, STORED - PAGE)

    async def ceiling() -> int:
        return await get_often(bare.url, {}, connections=CONNECTIONS, requests=AGAIN)

    async def again() -> int:
        return await get_often(url, headers, connections=CONNECTIONS, requests=AGAIN)

    def once(offsets: Iterator[int]) -> Measured:
        urls = (f"{url}&offset={offset}" for offset in offsets)
        return Measured(ours, lambda: get_once_each(urls, headers, connections=CONNECTIONS, requests=ONCE))

    bare_pages = Measured(bare, ceiling)
    await compare(f"{name}_again", target=TARGET_AGAIN, ours=Measured(ours, again), bare=bare_pages, rounds=ROUNDS)
    await compare(f"{name}_first_time", target=TARGET_FIRST, ours=once(anywhere), bare=bare_pages, rounds=ROUNDS)
    await compare(f"{name}_deep_offset", target=TARGET_DEEP, ours=once(end), bare=once(beginning), rounds=ROUNDS)


def _list_url(ours: Server) -> str:
    return f"{ours.url}/ocpi/2.2.1/sender/locations?limit={PAGE}"


def _offsets(start: int, stop: int, step: int = 1) -> Iterator[int]:
    """Each offset once, in steps around the circle."""
    return (start + place * step % (stop - start) for place in itertools.count())


async def _one_page(ours: Server, headers: dict[str, str]) -> bytes:
    async with httpx.AsyncClient(trust_env=False) as client:
        page = (await client.get(_list_url(ours), headers=headers)).raise_for_status()
    assert len(page.json()["data"]) == PAGE
    assert page.headers["X-Total-Count"] == str(STORED)
    return page.content
