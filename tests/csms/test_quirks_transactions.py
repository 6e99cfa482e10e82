"""How chargers tell transactions, one test for each quirk of the field (1 to 14, 41, 42, 44, 45)."""

import asyncio
import itertools
from typing import Any

import pytest

from csms.backoffice import Authorization, AuthorizationStatus
from csms.commands import StartCharging
from csms.documents import read_fact
from csms.record import Review
from csms.station import TokenType
from tests.csms.told import at, event, metered, started, stopped

pytestmark = pytest.mark.anyio


async def test_quirk_01_a_stop_register_one_watt_hour_below_the_start(world) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started(269_456)))["transactionId"]
    assert await point.call("StopTransaction", stopped(number, 269_455, 20)) == {}
    record = await world.record(number)
    assert (record.energy_wh, record.review) == (0, {Review.REGISTER_FELL_SLIGHTLY})


@pytest.mark.parametrize("again", [0, 300])
async def test_quirk_02_a_register_that_is_reset(world, again: int) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started(500_000)))["transactionId"]
    await point.call("MeterValues", metered(501_000, 5, number))
    await point.call("MeterValues", metered(again, 6, number))
    await point.call("StopTransaction", stopped(number, 700, 20))
    record = await world.record(number)
    assert record.energy_wh == 1000 + 700 - again, "what it showed first after the reset was never seen to flow"
    assert Review.REGISTER_FELL in record.review


async def test_quirk_03_meter_values_after_the_stop(world) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    await point.call("StopTransaction", stopped(number, 1500, 20))
    assert await point.call("MeterValues", metered(1700, 21, number)) == {}
    record = await world.record(number)
    assert (record.energy_wh, record.ended_at.minute, record.review) == (500, 20, {Review.ENERGY_AFTER_END})


@pytest.mark.parametrize("stuck", [0, 4, 2**31 - 1])
async def test_quirk_04_meter_values_for_an_unknown_transaction(world, stuck: int) -> None:
    point = await world.point()
    assert await point.call("MeterValues", metered(900, 0, stuck)) == {}
    number = (await point.call("StartTransaction", started(minute=1)))["transactionId"]
    assert await point.call("MeterValues", metered(1400, 5, stuck)) == {}
    assert (await world.record(number)).energy_wh == 400
    first = (await world.messages())[0]
    assert first.transaction_id is None, "kept as an orphan"


@pytest.mark.parametrize("unnamed", [-1, 0])
async def test_quirk_05_a_stop_without_a_number_after_an_offline_start(world, unnamed: int) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    assert (await point.frame("StopTransaction", stopped(unnamed, 1500, 20, idTag="TAG")))[0] == 3
    record = await world.record(number)
    assert (record.energy_wh, record.ended_at.minute) == (500, 20)


async def test_quirk_06_the_same_start_again_under_the_same_or_another_message_id(world) -> None:
    point = await world.point()
    numbers = set()
    for call_id in ("one", "one", "two", "three"):
        answer = await asyncio.wait_for(await point.send("StartTransaction", started(), call_id), 30)
        assert answer[2]["idTagInfo"]["status"] == "Accepted", "and not ConcurrentTx"
        numbers.add(answer[2]["transactionId"])
    assert len(numbers) == 1
    assert len(await world.transactions()) == 1


async def test_quirk_07_a_database_that_fails_never_refuses_a_transaction_message(world) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    world.db.away = True
    waiting = await point.send("StopTransaction", stopped(number, 1500, 20))
    await asyncio.sleep(0.3)
    assert not waiting.done(), "held, and not answered with an error that the charger would repeat for ever"
    world.db.away = False
    assert (await asyncio.wait_for(waiting, 30))[0] == 3


@pytest.mark.parametrize("reason", ["EVDisconnected", "PowerLoss"])
async def test_quirk_08_a_stop_without_a_token(world, reason: str) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    assert await point.call("StopTransaction", stopped(number, 1500, 20, reason=reason)) == {}
    record = await world.record(number)
    assert (record.energy_wh, record.stop_reason, record.review) == (500, reason, frozenset())


async def test_quirk_09_no_stop_at_all_before_the_next_start(world) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    await point.call("MeterValues", metered(1300, 10, number))
    await point.call("StartTransaction", started(2000, 40, idTag="NEXT"))
    record = await world.record(number)
    assert (record.energy_wh, record.ended_at.minute, record.review) == (300, 10, {Review.NEVER_ENDED})


async def test_quirk_10_two_starts_in_one_millisecond_have_numbers_of_their_own(world) -> None:
    point = await world.point()
    both = [await point.send("StartTransaction", started(connectorId=connector)) for connector in (1, 2)]
    numbers = {(await answer)[2]["transactionId"] for answer in both}
    assert len(numbers) == 2
    assert all(0 < number < 2**31 for number in numbers)


async def test_quirk_11_events_out_of_order_replayed_and_with_a_gap(world) -> None:
    told = [event("Started", 0, 1000), event("Updated", 1, 1200), event("Updated", 2, 1500), event("Ended", 4, 1900)]
    for index, order in enumerate(itertools.permutations(told)):
        point = await world.point(f"P{index}", "ocpp2.0.1")
        for one in (*order, *order):
            await point.call("TransactionEvent", one)
    records = [await world.record(row.id) for row in await world.transactions()]
    assert len(records) == 24
    assert {record.energy_wh for record in records} == {900}
    assert {record.review for record in records} == {frozenset({Review.MESSAGES_MISSING})}


async def test_quirk_12_the_evse_is_told_in_the_first_event_alone(world) -> None:
    point = await world.point(protocol="ocpp2.0.1")
    await point.call("TransactionEvent", event("Started", 0, 1000, evse={"id": 2}))
    for kind, number in (("Updated", 1), ("Ended", 2)):
        told = event(kind, number, 1000 + number)
        del told["evse"]
        await point.call("TransactionEvent", told)
    [row] = await world.transactions()
    assert (row.evse_id, row.connector_id, row.energy_wh) == (2, None, 2)


async def test_quirk_13_a_token_that_comes_back_longer_than_it_was(world) -> None:
    point = await world.point()
    tag = "A" * 22
    assert (await point.call("Authorize", {"idTag": tag}))["idTagInfo"]["status"] == "Accepted"
    number = (await point.call("StartTransaction", started(idTag=tag)))["transactionId"]
    assert (await world.record(number)).token == tag
    order = asyncio.create_task(
        world.system.link.call("CP1", StartCharging("B" * 18, TokenType.CENTRAL, 1, remote_start_id=7), 30)
    )
    assert (await order).ok


async def test_quirk_14_a_token_in_another_case(world) -> None:
    point = await world.point()
    first = (await point.call("StartTransaction", started(idTag="04aaBB")))["transactionId"]
    other = (await point.call("StartTransaction", started(idTag="04CC", connectorId=2)))["transactionId"]
    await point.call("StopTransaction", stopped(-1, 1500, 20, idTag="04AABB"))
    record = await world.record(first)
    assert (record.energy_wh, record.token) == (500, "04aaBB"), "as it was first written"
    assert (await world.record(other)).ended_at is None


async def test_quirk_41_a_history_of_weeks_is_flushed_at_once(world) -> None:
    point = await world.point()
    waiting = []
    for day in range(1, 15):
        for hour in range(24):
            values = [{"timestamp": f"2026-04-{day:02}T{hour:02}:00:00Z", "sampledValue": [{"value": "1"}]}]
            waiting.append(await point.send("MeterValues", {"connectorId": 1, "meterValue": values}))
    assert {(await asyncio.wait_for(answer, 30))[0] for answer in waiting} == {3}
    assert len(await world.messages()) == 14 * 24


@pytest.mark.parametrize("verdict", [AuthorizationStatus.CONCURRENT, AuthorizationStatus.INVALID])
async def test_quirk_42_charging_goes_on_although_it_was_refused(world, verdict: AuthorizationStatus) -> None:
    world.desk.verdicts["TAG"] = Authorization(verdict)
    point = await world.point()
    answer = await point.call("StartTransaction", started())
    assert answer["idTagInfo"]["status"] != "Accepted"
    await point.call("StopTransaction", stopped(-1, 1800, 20, idTag="TAG"))
    [row] = await world.transactions()
    assert (row.energy_wh, row.authorization_status) == (800, verdict.value), "the energy has flowed all the same"


SIGNED = 'OCMF|{"FV":"1.0","GI":"ABL SBC-301"}|{"SD":"30 45"}'


@pytest.mark.parametrize("where", ["StopTransaction", "MeterValues"])
async def test_quirk_44_signed_data_is_kept_byte_for_byte_wherever_it_comes(world, where: str) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    signed = {"timestamp": at(19), "sampledValue": [{"value": SIGNED, "format": "SignedData"}]}
    if where == "MeterValues":
        await point.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [signed]})
        await point.call("StopTransaction", stopped(number, 1500, 20))
    else:
        await point.call("StopTransaction", stopped(number, 1500, 20, transactionData=[signed]))
    kept: list[Any] = []
    for message in await world.messages():
        for reading in read_fact(message.kind, message.key, message.doc).readings:
            kept += [raw["value"] for raw in reading.raw]
    assert kept == [SIGNED]
    assert (await world.record(number)).energy_wh == 500


@pytest.mark.parametrize("connector", [0, 4])
async def test_quirk_45_connectors_that_begin_at_zero_or_anywhere(world, connector: int) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started(connectorId=connector)))["transactionId"]
    await point.call("MeterValues", metered(1200, 5, number, connector))
    await point.call("StopTransaction", stopped(number, 1500, 20))
    record = await world.record(number)
    assert (record.energy_wh, record.evse_id, record.review) == (500, connector, frozenset())
