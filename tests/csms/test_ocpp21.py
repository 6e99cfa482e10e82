"""OCPP 2.1 on the wire: what it adds to 2.0.1 below the messages."""

import asyncio
import json

import pytest

from csms.commands import CommandStatus, Reset

pytestmark = pytest.mark.anyio

STREAM = {"id": 1, "pending": 0, "basetime": "2026-05-01T10:00:00Z", "data": [{"t": 0, "v": "230.1"}]}


async def test_a_stream_is_taken_in_without_an_answer(world) -> None:
    point = await world.point(protocol="ocpp2.1")
    stream = {"constantStreamData": {"id": 1, "params": {"interval": 1}, "variableMonitoringId": 7}}
    assert await point.call("OpenPeriodicEventStream", stream) == {"status": "Accepted"}
    for sent in (STREAM, {"id": "one"}, {}):
        await point.raw(json.dumps([6, "s1", "NotifyPeriodicEventStream", sent]))
    await point.raw(json.dumps([6, "s2", "Heartbeat", {}]))
    assert (await point.call("Heartbeat", {}))["currentTime"]
    assert await point.call("ClosePeriodicEventStream", {"id": 1}) == {}
    assert point.unmatched == []
    assert (await point.frame("NotifyPeriodicEventStream", STREAM))[2] == "NotSupported", "it is no call"


async def test_a_station_is_told_that_its_answer_is_none(world) -> None:
    point = await world.point("A", "ocpp2.1")
    point.answer = lambda _action, _payload: {"status": 5}
    outcome = await world.system.link.call("A", Reset())
    assert outcome.status is CommandStatus.FAILED
    async with asyncio.timeout(30):
        while not point.unmatched:
            await asyncio.sleep(0.01)
    [complaint] = point.unmatched
    assert complaint[0] == 5
    assert complaint[2] == "TypeConstraintViolation"


async def test_a_complaint_about_our_answer_does_no_harm(world) -> None:
    point = await world.point(protocol="ocpp2.1")
    await point.raw('[5,"x","FormatViolation","no such key",{}]')
    await point.raw('[5,"x"]')
    assert (await point.call("Heartbeat", {}))["currentTime"]
