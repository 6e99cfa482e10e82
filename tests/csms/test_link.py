"""Reaching a station from a process that does not hold its socket."""

import asyncio

import pytest

from csms.commands import CommandStatus, RawCall, Reset, StartCharging, Trigger
from csms.link import Link
from csms.registry import Registry, subject
from csms.station import TokenType
from kit.tx import NetworkInsideTx
from tests.csms.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def elsewhere(bus) -> Link:
    """The link of a process without any socket."""
    return Link(Registry(bus), bus)


async def test_a_station_is_reached_over_the_bus(world, elsewhere) -> None:
    point = await world.point("RDAM|0", url=world.url("RDAM%7C0"))
    await point.call("Heartbeat", {})
    outcome = await elsewhere.call("RDAM|0", StartCharging("TAG", TokenType.RFID, 1, 7), 30)
    assert outcome.status is CommandStatus.ACCEPTED
    assert point.calls == [("RemoteStartTransaction", {"connectorId": 1, "idTag": "TAG"})]
    point.answer = lambda _action, _payload: {"configurationKey": []}
    outcome = await elsewhere.call("RDAM|0", RawCall("GetConfiguration", {}), 30)
    assert outcome.payload == {"configurationKey": []}


async def test_a_station_that_is_not_connected_is_offline(world, elsewhere) -> None:
    assert (await elsewhere.call("CP1", Reset(), 30)).status is CommandStatus.OFFLINE
    assert (await world.system.link.call("CP1", Reset(), 30)).status is CommandStatus.OFFLINE
    point = await world.point()
    await point.call("Heartbeat", {})
    assert (await elsewhere.call("CP1", Reset(), 30)).ok
    await point.close()
    await until(lambda: world.system.registry.get("CP1") is None)
    assert (await elsewhere.call("CP1", Reset(), 30)).status is CommandStatus.OFFLINE


async def test_a_station_that_does_not_answer_times_out_over_the_bus_too(world, elsewhere) -> None:
    point = await world.point()
    await point.call("Heartbeat", {})
    point.answer = lambda _action, _payload: None
    assert (await elsewhere.call("CP1", Trigger("Heartbeat"), 0.5)).status is CommandStatus.TIMED_OUT


async def test_a_command_that_is_no_json_is_not_sent(world, elsewhere) -> None:
    await world.point()
    assert (await elsewhere.call("CP1", RawCall("X", {"bad": object()}), 30)).status is CommandStatus.INVALID


async def test_nobody_calls_a_station_inside_a_transaction(world, db) -> None:
    async with db.tx():
        with pytest.raises(NetworkInsideTx):
            await world.system.link.call("CP1", Reset())


async def test_a_station_that_connects_to_another_process_leaves_the_first(build, bus) -> None:
    first, second = await build(), await build()
    old = await first.point()
    await old.call("Heartbeat", {})
    new = await second.point()
    await new.call("Heartbeat", {})
    await asyncio.wait_for(old.socket.wait_closed(), 30)
    await until(lambda: first.system.registry.get("CP1") is None)
    assert (await first.system.link.call("CP1", Reset(), 30)).ok
    assert new.calls == [("Reset", {"type": "Soft"})]
    assert old.calls == []


async def test_a_handler_that_fails_is_an_outcome(world, elsewhere, bus) -> None:
    async def fail(_data: bytes) -> bytes:
        raise RuntimeError("broken")

    subscription = await bus.subscribe(subject("CP7"), fail)
    assert (await elsewhere.call("CP7", Reset(), 30)).status is CommandStatus.FAILED
    await subscription.close()


async def test_a_station_is_sent_away_from_wherever_it_is_and_judged_anew(world, elsewhere) -> None:
    for link in (elsewhere, world.system.link):
        point = await world.point()
        await point.call("Heartbeat", {})
        await link.send_away("CP1")
        await asyncio.wait_for(point.socket.wait_closed(), 30)
        assert point.socket.close_code == 1012
    await elsewhere.send_away("NOBODY")
