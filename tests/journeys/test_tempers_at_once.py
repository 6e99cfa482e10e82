"""A dead partner and a slow one beside a healthy one, which must not notice.

Two hubs run side by side: one with the healthy partner alone, one with all three. Their delays are measured in turns,
so that a machine that is busy with something else slows both.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from starlette.responses import Response

from kit.clock import SystemClock
from ocpi.datetimes import parse_datetime
from tests.journeys.network import LOCATION, Json, Network, http_client
from tests.journeys.peers import Seen, Stranger, stranger, success
from tests.journeys.process import HubProcess, hub_process, network_of
from tests.journeys.registering import registered

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LOCATIONS = 10
SAMPLES = 120
"""Changes of each hub in a round."""
ROUNDS = 5
MOST_ROUNDS = 15
"""Noise evens out; a partner that waits for another would not."""
MOST = 1.5
SLOW_S = 5.0
LONGEST_S = 30.0


@dataclass
class Side:
    """A hub, and how long its healthy partner waited for each change, from its transaction to its receipt."""

    network: Network[HubProcess]
    delays_s: list[float] = field(default_factory=list)
    _arrived: dict[str, asyncio.Event] = field(default_factory=dict)
    _changed: int = 0

    def receive(self, seen: Seen) -> Response:
        now, body = SystemClock().now(), orjson.loads(seen.body)
        self.delays_s.append((now - parse_datetime(body["last_updated"])).total_seconds())
        self._arrived.setdefault(body.get("name", ""), asyncio.Event()).set()
        return success(None)

    async def change(self) -> None:
        """Change a location, and wait until the healthy partner knows."""
        self._changed += 1
        name = f"Canal Street {self._changed}"
        arrived = self._arrived.setdefault(name, asyncio.Event())
        number = self._changed % LOCATIONS
        evses = [{**evse, "uid": f"EVSE-{number}", "evse_id": f"NL*PLB*E{number}"} for evse in LOCATION["evses"]]
        body: Json = {**LOCATION, "name": name, "evses": evses}
        await self.network.api.put(f"/locations/LOC{number}", json=body)
        async with asyncio.timeout(LONGEST_S):
            await arrived.wait()

    def p99_s(self) -> float:
        """Of the round that has ended."""
        found = statistics.quantiles(self.delays_s, n=100)[98]
        self.delays_s.clear()
        return found


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "alone", tmp_path / "beside"
    for folder in made:
        folder.mkdir()
    return made


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def side(stack: AsyncExitStack, directory: Path) -> Side:
    hub = await stack.enter_async_context(hub_process(directory, f"sqlite:///{directory}/hub.db"))
    made = Side(await stack.enter_async_context(network_of(hub)))
    healthy = await stack.enter_async_context(stranger())
    healthy.replies["/locations"] = made.receive
    await join(made, healthy, "DE*HEA")
    return made


async def join(side: Side, other: Stranger, party: str) -> None:
    other.speaks({"RECEIVER/locations": f"{other.url}/locations"})
    async with http_client() as http:
        await registered(side.network, http, other, f"EMSP:{party}")


async def test_a_dead_partner_and_a_slow_one_do_not_delay_a_healthy_one(
    stack: AsyncExitStack, folders: tuple[Path, Path]
) -> None:
    alone, beside = await side(stack, folders[0]), await side(stack, folders[1])
    slow = await stack.enter_async_context(stranger())
    slow.replies["/locations"] = lambda _: success(None)
    await join(beside, slow, "DE*SLO")
    slow.delay_s = SLOW_S
    async with stranger() as dead:
        await join(beside, dead, "DE*DEA")

    async def measured() -> float:
        for _ in range(SAMPLES):
            await alone.change()
            await beside.change()
        first, second = alone.p99_s(), beside.p99_s()
        return second / first

    for _ in range(2 * LOCATIONS):  # create them all, and warm up
        await alone.change()
        await beside.change()
    alone.p99_s(), beside.p99_s()

    ratios = [await measured() for _ in range(ROUNDS)]
    while statistics.median(ratios) > MOST and len(ratios) < MOST_ROUNDS:
        ratios.append(await measured())
    assert statistics.median(ratios) <= MOST, ratios
    told = [seen for seen in slow.seen if seen.path.startswith("/locations")]
    assert 0 < len(told) < SAMPLES, "the slow one was being told all the time, one by one"
    partners = {partner["parties"][0]["party"]: partner["status"] for partner in await beside.network.get("/partners")}
    assert (partners["DE*HEA"], partners["DE*SLO"], partners["DE*DEA"]) == ("CONNECTED", "CONNECTED", "OFFLINE")
