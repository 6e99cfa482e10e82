"""Going down and coming back: calls are finished, connections close a few at a time, and not all come back at once."""

import asyncio

import pytest
from sqlmodel import select
from websockets.exceptions import ConnectionClosed, InvalidStatus

from csms.commands import CommandStatus, Trigger
from csms.server import Limits
from csms.tables import TransactionMessage
from kit.clock import ManualClock
from tests.csms.waiting import until

pytestmark = pytest.mark.anyio


async def test_a_call_under_way_is_finished_before_the_connection_closes(build) -> None:
    world = await build()
    point = await world.point()
    point.answer = lambda _action, _payload: None
    calling = asyncio.create_task(world.system.link.call("CP1", Trigger("Heartbeat"), timeout_s=10))
    while not point.calls:
        await asyncio.sleep(0.01)
    stopping = asyncio.create_task(world.system.stop())
    await asyncio.sleep(0.05)
    late = await world.system.link.call("CP1", Trigger("Heartbeat"))
    assert late.status is CommandStatus.OFFLINE
    session = world.system.registry.get("CP1")
    await point.raw(f'[3,"{session._calls._pending[0]}",{{"status":"Accepted"}}]')
    assert (await asyncio.wait_for(calling, 30)).status is CommandStatus.ACCEPTED
    await asyncio.wait_for(stopping, 30)
    assert point.socket.close_code == 1012


async def test_a_call_that_is_never_answered_does_not_keep_the_process_from_ending(build) -> None:
    world = await build(limits=Limits(drain_calls_s=0.1))
    point = await world.point()
    point.answer = lambda _action, _payload: None
    calling = asyncio.create_task(world.system.link.call("CP1", Trigger("Heartbeat"), timeout_s=60))
    while not point.calls:
        await asyncio.sleep(0.01)
    await asyncio.wait_for(world.system.stop(), 30)
    assert (await calling).status is CommandStatus.DISCONNECTED


async def test_connections_are_closed_a_few_at_a_time_and_served_until_then(build) -> None:
    clock = ManualClock()
    world = await build(limits=Limits(drain_per_s=40), clock=clock)
    points = [await world.point(f"CP{number}") for number in range(20)]
    await until(lambda: len(world.system.registry) == 20)
    url, began = world.url("LATE"), clock.monotonic()
    stopping = asyncio.create_task(world.system.stop())
    await until(lambda: [point.socket.close_code for point in points].count(1012) == 2)
    left = [point for point in points if point.socket.close_code is None]
    assert len(left) == 18
    assert (await left[-1].call("Heartbeat", {}))["currentTime"]
    with pytest.raises((OSError, InvalidStatus)):
        await world.point("LATE", url=url)
    await until(lambda: clock.advance(0.01) or stopping.done())
    await stopping
    assert clock.monotonic() - began >= 0.45
    assert {point.socket.close_code for point in points} == {1012}


async def test_who_comes_too_fast_is_told_when_to_come_again(build) -> None:
    clock = ManualClock()
    world = await build(limits=Limits(handshakes_per_s=5, handshake_burst=3), clock=clock)
    for number in range(3):
        await world.point(f"CP{number}")
    with pytest.raises(InvalidStatus) as caught:
        await world.point("CP9")
    assert caught.value.response.status_code == 503
    assert int(caught.value.response.headers["Retry-After"]) >= 1
    clock.advance(0.4)
    await world.point("CP9")


@pytest.mark.slow
async def test_stations_that_all_drop_and_come_back_at_once_lose_nothing_that_was_acknowledged(build) -> None:
    """Each tells meter values, is cut off in the midst of it by a restart, and comes back as soon as it is let in."""
    fleet, acknowledged = 300, set[str]()
    first = await build(limits=Limits(handshakes_per_s=0))
    second = await build(limits=Limits(handshakes_per_s=200, handshake_burst=50))
    where, refused, back = [first], [0], set[str]()

    async def station(name: str) -> None:
        number = 0
        while number < 6:
            try:
                point = await where[0].point(name)
            except (InvalidStatus, OSError, ConnectionClosed):
                refused[0] += 1
                await asyncio.sleep(0.2)
                continue
            if where[0] is second:
                back.add(name)
            try:
                while number < 6:
                    sample = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": str(number)}]}
                    told = {"connectorId": 1, "meterValue": [sample]}
                    waiting = asyncio.ensure_future(await point.send("MeterValues", told))
                    lost = asyncio.ensure_future(point.socket.wait_closed())
                    await asyncio.wait([waiting, lost], return_when=asyncio.FIRST_COMPLETED)
                    lost.cancel()
                    if not waiting.done():
                        break
                    assert waiting.result()[0] == 3
                    acknowledged.add(f"{name}/{number}")
                    number += 1
                    if number == 2:
                        await asyncio.sleep(2.0 if where[0] is first else 0)
            except ConnectionClosed:
                continue

    tasks = [asyncio.create_task(station(f"CP{number}")) for number in range(fleet)]
    while len(first.system.registry) < fleet:
        await asyncio.sleep(0.05)
    stopping = asyncio.create_task(first.system.stop())
    where[0] = second
    await asyncio.wait_for(asyncio.gather(*tasks), 90)
    await stopping
    assert len(back) == fleet
    assert refused[0] > 0, "nobody was asked to wait: the door was not tested"
    async with second.db.read() as tx:
        stored = await tx.all(select(TransactionMessage))
    kept = {f"{row.station_id}/{_value(row.doc)}" for row in stored}
    assert acknowledged <= kept
    assert len(acknowledged) == fleet * 6


def _value(doc: bytes) -> str:
    import orjson

    return str(orjson.loads(doc)["readings"][0]["samples"][0][1])
