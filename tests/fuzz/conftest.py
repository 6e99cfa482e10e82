"""A hub process that is fed rubbish, and what must be true of it afterwards."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.network import Json, Network, eventually
from tests.journeys.process import HubProcess, hub_process, network_of

CARD = "04AABBCCDD"


@pytest.fixture
async def hub(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[HubProcess]:
    """A hub that has to live to the end, and to log no fault of its own."""
    settings = {"log_json": "true", "session_update_interval_s": "30"}
    async with hub_process(tmp_path, migrated_database_url, **settings) as hub:
        yield hub
        assert hub.running
    assert [line for line in hub.log().splitlines() if not is_calm(line)] == []


def is_calm(line: str) -> bool:
    """Whether a log line tells of no fault of the hub."""
    try:
        told: Json = json.loads(line)
    except ValueError:
        return False
    return told.get("level") not in ("error", "critical") and "exception" not in told


@pytest.fixture
async def network(hub: HubProcess) -> AsyncIterator[Network[HubProcess]]:
    """A network with a good station and a bill, which are as well afterwards as they were before."""
    async with network_of(hub) as network:
        await network.publish()
        await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
        station = await network.station("GOOD-1", "ocpp2.0.1")
        assert await station.tap(CARD, seconds=0.3) is not None
        await eventually(lambda: everything(network, "/cdrs"))
        before = {path: await everything(network, path) for path in ("/sessions", "/cdrs", "/stations")}

        yield network

        for path, items in before.items():
            after = {item["id"]: item for item in await everything(network, path)}
            assert [after[item["id"]] for item in items] == items
        bills = await everything(network, "/cdrs")
        assert await station.tap(CARD, seconds=0.3) is not None

        async def billed() -> bool:
            return len(await everything(network, "/cdrs")) == len(bills) + 1

        await eventually(billed)


async def everything(network: Network[HubProcess], path: str) -> list[Json]:
    """A whole list of the operator API, without what changes by itself."""
    items: list[Json] = []
    while True:
        page = await network.get(path, limit=500, offset=len(items))
        items += [{name: value for name, value in item.items() if name != "last_seen_at"} for item in page["items"]]
        if len(items) >= page["total"]:
            return items
