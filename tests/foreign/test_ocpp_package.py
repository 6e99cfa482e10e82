"""Chargers of another project's making, on our central system."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.foreign.ocpp_package import CHARGERS, Device
from tests.journeys.network import Json, Network, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CARD = "04AABBCCDD"
RESETS = {"ocpp1.6": {"type": "Soft"}, "ocpp2.0.1": {"type": "Immediate"}, "ocpp2.1": {"type": "Immediate"}}


@asynccontextmanager
async def plugged_in(network: Network, protocol: str) -> AsyncIterator[Device]:
    """A foreign charger that is connected and booted."""
    await network.publish()
    await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
    made = await network.send("POST", "/stations", {"id": "FOREIGN-1", "location_id": "LOC1"}, expect=201)
    device = Device(network.up.ocpp_url, "FOREIGN-1", made["password"], protocol)
    life = asyncio.create_task(device.run())
    try:
        booted = asyncio.create_task(device.booted.wait())
        await asyncio.wait((life, booted), timeout=30, return_when=asyncio.FIRST_COMPLETED)
        assert device.booted.is_set(), life.exception() if life.done() else "it does not boot"
        yield device
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def until(check: Callable[[], object]) -> None:
    async def found() -> object:
        return check()

    await eventually(found)


async def cdrs(network: Network, count: int) -> list[Json]:
    async def enough() -> list[Json] | None:
        items = (await network.get("/cdrs"))["items"]
        return items if len(items) == count else None

    found: list[Json] = await eventually(enough)
    return found


@pytest.mark.parametrize("protocol", CHARGERS)
async def test_a_driver_charges_at_a_foreign_charger(network: Network, protocol: str) -> None:
    async with plugged_in(network, protocol) as device:
        charger = device.charger
        assert charger is not None
        assert await charger.authorize("04NOBODY") == "Invalid"
        assert await charger.authorize(CARD) == "Accepted"
        await charger.begin(CARD)
        await charger.draw(1_500)
        await charger.draw(2_250)
        await charger.finish()

        [cdr] = await cdrs(network, 1)
        assert float(cdr["kwh"]) == 3.75
        [station] = (await network.get("/stations"))["items"]
        assert (station["vendor"], station["protocol"], station["connected"]) == ("Foreign", protocol, True)


@pytest.mark.parametrize("protocol", CHARGERS)
async def test_a_foreign_charger_obeys_a_start_a_stop_and_a_reset(network: Network, protocol: str) -> None:
    async with plugged_in(network, protocol) as device:
        order = {"token_uid": CARD, "station_id": "FOREIGN-1"}
        start = await network.send("POST", "/starts", order, expect=202)
        await until(lambda: device.meter.transaction is not None)
        assert device.charger is not None
        await device.charger.draw(800)

        async def charging() -> bool:
            return bool((await network.get(f"/starts/{start['id']}"))["session_id"])

        await eventually(charging)
        stopped = await network.send("POST", f"/starts/{start['id']}/stop", None)
        assert stopped["accepted"]
        [cdr] = await cdrs(network, 1)
        assert float(cdr["kwh"]) == 0.8
        await until(lambda: device.meter.transaction is None)

        await device.charger.begin(CARD)
        await device.charger.draw(300)
        answer = await network.send(
            "POST", "/stations/FOREIGN-1/calls", {"action": "Reset", "payload": RESETS[protocol]}
        )
        assert answer["payload"] == {"status": "Accepted"}
        await until(lambda: device.meter.boots == 2)
        assert device.meter.seen == ["start", "stop", "reset"]
        assert sorted(float(cdr["kwh"]) for cdr in await cdrs(network, 2)) == [0.3, 0.8]
        sessions = (await network.get("/sessions"))["items"]
        assert {(session["status"], session["review"]) for session in sessions} == {("COMPLETED", None)}
