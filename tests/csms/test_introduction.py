"""The first moments of a connection: boots, stations that wait, and when calls go out."""

import asyncio

import pytest
from sqlmodel import select

from csms.backoffice import Admission, BootVerdict
from csms.commands import CommandStatus, RawCall, Trigger
from csms.limits import SessionLimits
from csms.server import Limits
from csms.station import BootStatus
from csms.tables import Station, TransactionMessage
from kit.clock import ManualClock
from tests.csms.waiting import until

pytestmark = pytest.mark.anyio

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
START = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}


def patient(**bounds: float) -> Limits:
    return Limits(session=SessionLimits(**bounds))


async def test_quirk_22_a_station_that_never_booted_is_asked_to_once(build) -> None:
    clock = ManualClock()
    world = await build(limits=patient(patience_s=60), clock=clock)
    point = await world.point()
    assert await point.call("StatusNotification", STATUS) == {}
    clock.advance(60)
    await until(lambda: point.calls)
    [(action, payload)] = point.calls
    assert (action, payload["requestedMessage"]) == ("TriggerMessage", "BootNotification")
    assert (await point.call("BootNotification", BOOT))["status"] == "Accepted"
    clock.advance(600)
    await asyncio.sleep(0.2)
    assert len(point.calls) == 1


async def test_quirk_22_a_station_that_has_booted_before_comes_back_without_being_asked(build) -> None:
    clock = ManualClock()
    world = await build(limits=patient(patience_s=60), clock=clock)
    first = await world.point()
    await first.call("BootNotification", BOOT)
    second = await world.point()
    await second.call("Heartbeat", {})
    clock.advance(60)
    await asyncio.sleep(0.2)
    assert second.calls == []


async def test_quirk_23_no_call_goes_out_before_the_boot_has_settled(build) -> None:
    clock = ManualClock()
    world = await build(limits=patient(settle_s=10, patience_s=600), clock=clock)
    point = await world.point()
    calling = asyncio.create_task(world.system.link.call("CP1", Trigger("Heartbeat"), timeout_s=30))
    await asyncio.sleep(0.1)
    assert point.calls == []
    await point.call("BootNotification", BOOT)
    clock.advance(9)
    await asyncio.sleep(0.1)
    assert point.calls == []
    clock.advance(1)
    assert (await asyncio.wait_for(calling, 30)).status is CommandStatus.ACCEPTED


async def test_quirk_23_a_call_whose_time_is_over_before_the_station_settles_is_not_sent(build) -> None:
    world = await build(limits=patient(settle_s=30, patience_s=30))
    point = await world.point()
    outcome = await world.system.link.call("CP1", Trigger("Heartbeat"), timeout_s=0.1)
    assert outcome.status is CommandStatus.BUSY
    assert point.calls == []


async def test_a_call_that_waits_for_a_boot_fails_as_soon_as_the_station_is_gone(build) -> None:
    world = await build(limits=patient(settle_s=30, patience_s=30))
    point = await world.point()
    calling = asyncio.create_task(world.system.link.call("CP1", Trigger("Heartbeat"), timeout_s=60))
    await asyncio.sleep(0.05)
    await point.close()
    assert (await asyncio.wait_for(calling, 30)).status is CommandStatus.OFFLINE


@pytest.mark.parametrize("status", [BootStatus.PENDING, BootStatus.REJECTED])
async def test_quirk_43_a_station_that_was_told_to_wait_says_only_what_it_is_asked_for(world, status) -> None:
    world.desk.boot = BootVerdict(status, interval_s=7)
    point = await world.point()
    answer = await point.call("BootNotification", BOOT)
    assert (answer["status"].lower(), answer["interval"]) == (status.value, 7)
    frame = await point.frame("StatusNotification", STATUS)
    assert frame[0] == 4
    assert frame[2] == "SecurityError"
    await world.system.link.call("CP1", Trigger("StatusNotification"))
    assert await point.call("StatusNotification", STATUS) == {}
    assert (await point.frame("Authorize", {"idTag": "A"}))[2] == "SecurityError"
    assert "transactionId" in await point.call("StartTransaction", START), "energy has flowed"
    assert (await point.call("Heartbeat", {}))["currentTime"]
    world.desk.boot = BootVerdict()
    await world.system.link.call("CP1", RawCall("TriggerMessage", {"requestedMessage": "BootNotification"}))
    assert (await point.call("BootNotification", BOOT))["status"] == "Accepted"
    assert "transactionId" in await point.call("StartTransaction", START)


async def test_a_boot_that_nobody_can_judge_is_accepted(world) -> None:
    world.desk.boot = None
    point = await world.point()
    assert (await point.call("BootNotification", BOOT))["status"] == "Accepted"


async def test_a_station_in_quarantine_boots_as_pending_and_starts_nothing(world) -> None:
    world.desk.admission = lambda name: Admission(name, is_quarantined=True)
    point = await world.point()
    assert (await point.frame("Authorize", {"idTag": "A"}))[2] == "SecurityError"
    assert (await point.call("BootNotification", BOOT))["status"] == "Pending"
    assert await point.call("StatusNotification", STATUS) == {}
    await world.system.link.call("CP1", RawCall("TriggerMessage", {"requestedMessage": "StartTransaction"}))
    for action, payload in (("StartTransaction", START), ("Authorize", {"idTag": "A"})):
        assert (await point.frame(action, payload))[2] == "SecurityError"
    assert world.desk.asked == []
    async with world.db.read() as tx:
        assert await tx.first(select(TransactionMessage)) is None
        assert (await tx.get(Station, "CP1")).model == "M"
