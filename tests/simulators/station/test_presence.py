"""Coming, staying and coming back: boots, heartbeats, lost connections, and what was not told meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from kit.clock import ManualClock
from simulators.station import CallRefused, Offline, SimulatedStation

pytestmark = pytest.mark.anyio

Made = Callable[..., SimulatedStation]
Eventually = Callable[[Callable[[], Any]], Awaitable[Any]]


@asynccontextmanager
async def running(station: SimulatedStation) -> AsyncIterator[None]:
    task = asyncio.create_task(station.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def tick(clock: ManualClock, seconds: float, until: Callable[[], Any]) -> None:
    """Move the clock until something is so."""
    async with asyncio.timeout(30):
        while not until():
            clock.advance(seconds)
            await asyncio.sleep(0.005)


async def test_a_wrong_password_is_refused(central: Any, make: Made) -> None:
    station = make(password="wrong")
    with pytest.raises(InvalidStatus):
        await station.connect()
    assert not station.online


async def test_an_id_is_escaped_in_the_url_and_not_in_the_credentials(central: Any, make: Made) -> None:
    station = make(station_id="GB|CS/1")
    await station.connect()
    assert station.boot_status == "Accepted"


async def test_heartbeats_come_at_the_interval_that_the_boot_gave(central: Any, make: Made, protocol: str) -> None:
    central.answers["BootNotification"] = {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 45}
    clock = ManualClock()
    station = make(protocol, clock=clock)
    async with running(station):
        await tick(clock, 0, lambda: station.boot_status == "Accepted")
        began_s = clock.monotonic()
        await tick(clock, 2, lambda: central.actions().count("Heartbeat") == 3)
        assert 130 <= clock.monotonic() - began_s <= 200
    assert station.configuration["HeartbeatInterval"] == "45"


async def test_a_station_that_must_wait_says_nothing_but_its_name(
    central: Any, make: Made, protocol: str, eventually: Eventually
) -> None:
    pending = {"status": "Pending", "currentTime": "2026-01-01T00:00:00Z", "interval": 30}
    central.answers["BootNotification"] = pending
    clock = ManualClock()
    station = make(protocol, clock=clock)
    async with running(station):
        await tick(clock, 0, lambda: station.boot_status == "Pending")
        await station.start("04AABBCC")
        await station.meter(1, 700)
        await tick(clock, 5, lambda: len(central.calls) == 3)
        assert set(central.actions()) == {"BootNotification"}
        assert station.waiting == 2
        del central.answers["BootNotification"]
        await tick(clock, 5, lambda: station.waiting == 0)
    assert station.boot_status == "Accepted"


async def test_a_lost_connection_comes_back_with_patience(central: Any, make: Made, eventually: Eventually) -> None:
    clock = ManualClock()
    station = make(clock=clock)
    async with running(station):
        await tick(clock, 0, lambda: station.online)
        await central.stop()
        began_s = clock.monotonic()
        await tick(clock, 1, lambda: clock.monotonic() - began_s > 100)
        assert station.last_failure is not None
        await central.listen()
        await tick(clock, 1, lambda: station.online and station.last_failure is None)
    assert central.connections == 2


async def test_a_station_that_left_stays_away_until_it_is_called_back(
    central: Any, make: Made, eventually: Eventually
) -> None:
    clock = ManualClock()
    station = make(clock=clock)
    async with running(station):
        await tick(clock, 0, lambda: station.online)
        await station.disconnect(hard=True)
        began_s = clock.monotonic()
        await tick(clock, 5, lambda: clock.monotonic() - began_s > 200)
        assert not station.online
        await station.connect()
        await tick(clock, 1, lambda: station.online)
    assert central.connections == 2


async def test_what_happened_offline_is_told_in_order_afterwards(central: Any, make: Made, protocol: str) -> None:
    station = make(protocol)
    await station.connect()
    online = await station.start("04AABBCC")
    await station.disconnect(hard=True)
    await station.meter(1, 1200)
    await station.stop()
    offline = await station.tap("04DDEEFF", seconds=0.05)
    assert offline is not None
    told = len(central.calls)

    await station.connect()

    assert station.waiting == 0
    later = [(action, payload) for action, payload in central.calls[told:] if "Status" not in action]
    if protocol == "ocpp1.6":
        order = [action for action, _ in later if action != "MeterValues"]
        assert order == ["BootNotification", "StopTransaction", "StartTransaction", "StopTransaction"]
        stops = central.payloads("StopTransaction")
        assert (
            [stop["transactionId"] for stop in stops] == [online.transaction_id, offline.transaction_id] == [1001, 1002]
        )
    else:
        events = [payload for action, payload in later if action == "TransactionEvent"]
        assert all(event["offline"] for event in events)
        references = [event["transactionInfo"]["transactionId"] for event in events]
        assert references == sorted(references, key=[online.reference, offline.reference].index)
        for reference in (online.reference, offline.reference):
            numbers = [
                event["seqNo"]
                for event in central.payloads("TransactionEvent")
                if event["transactionInfo"]["transactionId"] == reference
            ]
            assert numbers == list(range(len(numbers)))
    assert [each.energy_wh for each in station.finished] == [1200, offline.energy_wh]


async def test_a_message_whose_answer_was_lost_is_told_again(central: Any, make: Made, protocol: str) -> None:
    action = "StartTransaction" if protocol == "ocpp1.6" else "TransactionEvent"
    central.silent.add(action)
    station = make(protocol)
    await station.connect()
    starting = asyncio.create_task(station.start("04AABBCC"))
    while action not in central.actions():
        await asyncio.sleep(0.005)
    await central.hang_up()
    await starting
    assert station.waiting == 1
    central.silent.clear()
    await station.connect()
    first, again = central.payloads(action)
    assert first == again
    assert station.waiting == 0


async def test_a_refused_transaction_message_is_dropped_after_some_attempts(
    central: Any, make: Made, protocol: str
) -> None:
    central.errors["StatusNotification"] = "InternalError"
    central.errors["MeterValues" if protocol == "ocpp1.6" else "TransactionEvent"] = "InternalError"
    clock = ManualClock()
    station = make(protocol, clock=clock)
    await station.connect()
    work = asyncio.ensure_future(station.start("04AABBCC"))
    await tick(clock, 0.5, work.done)
    metering = asyncio.ensure_future(station.meter(1, 10))
    await tick(clock, 0.5, metering.done)
    assert station.waiting == 0
    with pytest.raises(CallRefused, match="InternalError"):
        await station.call(*station.words.status(1, "Faulted", clock.now()))


async def test_a_central_system_that_does_not_answer_is_taken_for_gone(central: Any, make: Made) -> None:
    central.silent.add("Heartbeat")
    clock = ManualClock()
    station = make(clock=clock)
    await station.connect()
    beating = asyncio.ensure_future(station.heartbeat())
    await tick(clock, 5, beating.done)
    with pytest.raises(Offline):
        await beating
    await tick(clock, 0, lambda: not station.online)


async def test_nothing_can_be_called_without_a_connection(make: Made) -> None:
    station = make()
    for attempt in (station.heartbeat, lambda: station.send_raw("[]")):
        with pytest.raises(Offline):
            await attempt()


async def test_what_is_no_frame_is_ignored(central: Any, make: Made) -> None:
    station = make()
    await station.connect()
    for text in ("", "no json", "[]", "{}", "[9]", '[3,"unknown",{}]', "[3,[1],{}]", '[2,"x"]', '[4,"x"]'):
        await central.send(text)
    await station.heartbeat()
    assert station.received == []
