"""What chargers write into messages and frames, one test for each quirk of the field (15 to 21, 25, 36 to 40)."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from csms.commands import CommandStatus, Reset, Trigger
from csms.documents import read_fact
from csms.record import Review
from csms.server import Limits
from csms.session import SessionLimits
from csms.tables import Station
from kit.clock import ManualClock
from tests.csms.told import at, event, metered, started, stopped

pytestmark = pytest.mark.anyio


def sampled(minute: int, *samples: dict[str, Any], transaction_id: int | None = None) -> dict[str, Any]:
    named = {} if transaction_id is None else {"transactionId": transaction_id}
    return {"connectorId": 1, **named, "meterValue": [{"timestamp": at(minute), "sampledValue": list(samples)}]}


async def energy_of(world: Any, *values: dict[str, Any]) -> Any:
    """What a transaction from 1000 Wh on has delivered after these meter values."""
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    for one in values:
        assert await point.call("MeterValues", {**one, "transactionId": number}) == {}
    return (await world.record(number)).energy_wh


async def test_quirk_15_texts_that_are_longer_than_allowed(world) -> None:
    point = await world.point()
    boot = {
        "chargePointVendor": "Schneider Electric",
        "chargePointModel": "MONOBLOCK with a long name",
        "chargePointSerialNumber": "3" * 26,
        "chargeBoxSerialNumber": "B" * 34,
    }
    assert (await point.call("BootNotification", boot))["status"] == "Accepted"
    async with world.db.read() as tx:
        station = await tx.get(Station, "CP1")
    assert (station.model, station.serial) == ("MONOBLOCK with a long name", "3" * 26)


async def test_quirk_16_words_that_the_version_does_not_know(world) -> None:
    energy = await energy_of(
        world,
        sampled(5, {"value": "50", "unit": "Hz", "measurand": "Frequency"}, {"value": "1200"}),
        sampled(6, {"value": "1", "measurand": "Vendor.Thing", "context": "Sample.Odd"}, {"value": "1300"}),
    )
    assert energy == 300
    message = (await world.messages())[-1]
    samples = read_fact(message.kind, message.key, message.doc).readings[0].samples
    assert samples[0].measurand == "Vendor.Thing"


@pytest.mark.parametrize(
    ("sample", "energy"),
    [
        ({"value": "1400"}, "400"),
        ({"value": "1.4", "unit": "kWh"}, "400"),
        ({"value": "1400.50", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}, "400.5"),
        ({"value": 1400}, "400"),
    ],
)
async def test_quirk_17_a_measurand_or_unit_that_is_left_out(world, sample: dict[str, Any], energy: str) -> None:
    assert await energy_of(world, sampled(5, sample)) == Decimal(energy)


@pytest.mark.parametrize("doubtful", [True, False])
async def test_quirk_17_a_register_with_decimals_and_no_unit_is_taken_as_watt_hours_and_shown(world, doubtful) -> None:
    point = await world.point("P1", "ocpp2.0.1")
    for kind, number, register in (("Started", 0, "10.5"), ("Updated", 1, "11.004"), ("Ended", 2, "11.75")):
        told = event(kind, number, 0)
        [value] = told["meterValue"][0]["sampledValue"]
        value["value"] = float(register)
        value.pop("unitOfMeasure", None) if doubtful else value.update(unitOfMeasure={"unit": "Wh"})
        await point.call("TransactionEvent", told)
    [row] = await world.transactions()
    record = await world.record(row.id)
    assert (record.energy_wh, record.needs_review) == (Decimal("1.25"), doubtful)
    assert record.review == ({Review.UNIT_UNSURE} if doubtful else frozenset())


async def test_quirk_17_whole_registers_told_apart_from_the_readings_are_believed(world) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started(1000)))["transactionId"]
    await point.call("MeterValues", sampled(5, {"value": "1200.5"}, transaction_id=number))
    await point.call("StopTransaction", stopped(number, 1700, 20))
    record = await world.record(number)
    assert (record.energy_wh, record.review) == (700, frozenset())


async def test_quirk_18_a_total_that_comes_with_its_phases(world) -> None:
    register = {"measurand": "Energy.Active.Import.Register"}
    phases = [{**register, "value": "600", "phase": phase} for phase in ("L1", "L2", "L3")]
    assert await energy_of(world, sampled(5, *phases, {**register, "value": "1800"})) == 800


async def test_quirk_18_phases_alone_are_added_up(world) -> None:
    phases = [{"value": "600", "phase": phase} for phase in ("L1", "L2", "L3")]
    assert await energy_of(world, sampled(5, *phases)) == 800


async def test_quirk_19_clock_aligned_values_between_the_periodic_ones(world) -> None:
    energy = await energy_of(
        world,
        sampled(5, {"value": "1200", "context": "Sample.Periodic"}),
        sampled(5, {"value": "1200", "context": "Sample.Clock"}),
        sampled(6, {"value": "1300", "context": "Sample.Clock"}, {"value": "1300", "context": "Sample.Periodic"}),
    )
    assert energy == 300


@pytest.mark.parametrize(
    "text", ["2026-05-01T10:05:00", "2026-05-01T10:05:00.1234567Z", "2026-05-01T12:05:00+02:00", "2026-05-01 10:05:00Z"]
)
async def test_quirk_20_times_however_they_are_written(world, text: str) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started(timestamp=text)))["transactionId"]
    begun = (await world.record(number)).started_at
    assert begun.replace(microsecond=0) == datetime(2026, 5, 1, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["1970-01-01T00:00:03Z", "yesterday", "0000-00-00T00:00:00Z"])
async def test_quirk_20_a_clock_that_is_not_set(build, text: str) -> None:
    clock = ManualClock()
    world = await build(clock=clock)
    point = await world.point()
    number = (await point.call("StartTransaction", started(timestamp=text)))["transactionId"]
    record = await world.record(number)
    assert record.started_at == clock.now(), "the time of receipt stands in"
    assert record.review == {Review.CLOCK_UNSURE}


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_quirk_21_a_clock_that_goes_by_our_answers(build, protocol: str) -> None:
    world = await build(clock=ManualClock(datetime(2026, 5, 1, 10, 0, 0, 123_456, tzinfo=UTC)))
    point = await world.point(protocol=protocol)
    told = (await point.call("Heartbeat", {}))["currentTime"]
    assert told == "2026-05-01T10:00:00.123Z"


async def test_quirk_25_accepted_is_no_observation(world) -> None:
    point = await world.point()
    outcome = await world.system.link.call("CP1", Trigger("StatusNotification", 1), 30)
    assert outcome.status is CommandStatus.ACCEPTED
    assert [action for action, _ in point.calls] == ["TriggerMessage"]
    assert await world.transactions() == []
    async with world.db.read() as tx:
        assert await tx.get(Station, "CP1") is None or (await tx.get(Station, "CP1")).booted_at is None


async def test_quirk_36_heartbeats_but_no_answers(build) -> None:
    world = await build(limits=Limits(session=SessionLimits(silent_calls=2)))
    point = await world.point()
    point.answer = lambda _action, _payload: None
    for _ in range(2):
        assert (await world.system.link.call("CP1", Reset(), 0.5)).status is CommandStatus.TIMED_OUT
    await asyncio.wait_for(point.socket.wait_closed(), 30)
    again = await world.point()
    assert (await world.system.link.call("CP1", Reset(), 30)).ok
    assert again.calls


async def test_quirk_37_everybody_comes_back_at_once(world) -> None:
    points = await asyncio.gather(*(world.point(f"P{index}") for index in range(60)))
    for point in points:
        point.socket.transport.abort()
    points = await asyncio.gather(*(world.point(f"P{index}") for index in range(60)))
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    answers = await asyncio.gather(*(point.call("BootNotification", boot) for point in points))
    assert {answer["status"] for answer in answers} == {"Accepted"}


async def test_quirk_38_calls_that_do_not_wait_for_each_other(world) -> None:
    point = await world.point()
    waiting = [await point.send("MeterValues", metered(1000 + minute, minute)) for minute in range(50)]
    answers = [await asyncio.wait_for(answer, 30) for answer in waiting]
    assert {answer[0] for answer in answers} == {3}
    assert [message.id for message in await world.messages()] == sorted(
        message.id for message in await world.messages()
    )


async def test_quirk_39_answers_that_nobody_asked_for(world) -> None:
    point = await world.point()
    for index in range(1500):
        await point.raw(f'[3,"late-{index}",{{}}]')
    await point.raw('[4,"late","GenericError"]')
    await point.raw('[4,"late","GenericError","text",{},"more"]')
    assert (await world.system.link.call("CP1", Reset(), 30)).ok
    assert (await point.call("Heartbeat", {}))["currentTime"]


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_quirk_40_broken_frames(world, protocol: str) -> None:
    point = await world.point(protocol=protocol)
    for data in ("nothing", "[]", '[9,"x"]', '[2,"x",["y"],{}]', '[2,"x",{"a":1},{}]', "[" * 100_000, b"\xff\xfe"):
        await point.raw(data)
    assert (await point.call("Heartbeat", {}))["currentTime"]
