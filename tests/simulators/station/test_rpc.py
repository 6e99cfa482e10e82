"""Calls over a connection that ends in the midst of them."""

import asyncio
import gc
from typing import Any

import pytest

from kit.clock import SystemClock
from simulators.station.rpc import Answered, Json, Rpc

pytestmark = pytest.mark.anyio

PASSWORD = "a-charger's-password"


async def nothing(action: str, payload: Json) -> Answered:
    raise NotImplementedError


async def test_a_call_that_is_given_up_at_the_moment_its_connection_ends_leaves_no_error_behind(central: Any) -> None:
    central.silent.add("Heartbeat")
    rpc = await Rpc.open(
        central.url, protocol="ocpp1.6", station_id="CS-1", password=PASSWORD, answer=nothing, clock=SystemClock()
    )
    calling = asyncio.create_task(rpc.call("Heartbeat", {}))
    async with asyncio.timeout(30):
        while not central.calls:
            await asyncio.sleep(0.01)
    rpc.reader.add_done_callback(lambda _: calling.cancel())
    await central.hang_up()
    await asyncio.gather(calling, return_exceptions=True)
    assert calling.cancelled()
    gc.collect()  # an error that nobody has asked for is told now
