"""Transactions from the socket to the stored record, in both versions, as chargers really tell them."""

import asyncio
import itertools
from decimal import Decimal

import pytest

from csms.events import ConnectorStatusChanged, StationBooted, TransactionChanged
from csms.record import Review
from csms.station import ChargingState
from csms.tables import Connector
from tests.csms.told import event, metered, started, status, stopped

pytestmark = pytest.mark.anyio


TOKEN = {"idToken": "TAG", "type": "ISO14443"}


async def test_a_transaction_of_1_6_from_start_to_stop(world) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    assert 0 < number < 2**31
    assert await point.call("MeterValues", metered(1400, 10, number)) == {}
    live = await world.record(number)
    assert (live.energy_wh, live.ended_at, live.meter_wh) == (400, None, 1400)
    assert (await point.call("StopTransaction", stopped(number, 1900, 20, idTag="tag"))) == {
        "idTagInfo": {"status": "Accepted"}
    }
    record = await world.record(number)
    assert (record.energy_wh, record.token, record.evse_id, record.stop_reason) == (900, "TAG", 1, "Local")
    assert record.review == frozenset()
    [row] = await world.transactions()
    assert (row.energy_wh, row.ended_at, row.needs_review) == (Decimal(900), record.ended_at, False)


async def test_a_transaction_of_2_0_1_from_start_to_end(world) -> None:
    point = await world.point(protocol="ocpp2.0.1")
    answer = await point.call("TransactionEvent", event("Started", 0, 1000, idToken=TOKEN))
    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    assert await point.call("TransactionEvent", event("Updated", 1, 1400)) == {}
    assert await point.call("TransactionEvent", event("Ended", 2, 1900)) == {}
    [row] = await world.transactions()
    assert (row.reference, row.energy_wh, row.token, row.authorization_reference) == ("tx-1", 900, "TAG", "ref-1")
    record = await world.record(row.id)
    assert (record.energy_wh, record.stop_reason, record.review) == (900, "Local", frozenset())


async def test_start_end_and_state_are_events_and_meter_values_are_not(world, heard) -> None:
    kinds = (StationBooted, ConnectorStatusChanged, TransactionChanged)
    await heard(*kinds)
    point = await world.point()
    await point.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    await point.call("StatusNotification", status("Preparing", 0))
    assert await heard() == [StationBooted("CP1"), ConnectorStatusChanged("CP1", 1, 1, "preparing")]
    await point.call("StatusNotification", status("Preparing", 0))
    assert await heard() == []
    await point.call("Authorize", {"idTag": "TAG"})
    number = (await point.call("StartTransaction", started()))["transactionId"]
    assert await heard() == [TransactionChanged(number)]
    await point.call("StatusNotification", status("Charging", 1))
    assert await heard() == [ConnectorStatusChanged("CP1", 1, 1, "charging")]
    await point.call("MeterValues", metered(1400, 10, number))
    assert await heard() == []
    assert world.metered == [number]
    await point.call("StatusNotification", status("SuspendedEV", 11))
    assert TransactionChanged(number) in await heard()
    await point.call("StopTransaction", stopped(number, 1900, 20))
    assert await heard() == [TransactionChanged(number)]
    assert world.metered == [number]


async def test_status_tells_the_charging_state_of_a_1_6_transaction(world) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    await point.call("MeterValues", metered(1400, 10, number))
    await point.call("StatusNotification", status("SuspendedEV", 11))
    await point.call("StatusNotification", status("Charging", 15))
    await point.call("StopTransaction", stopped(number, 1900, 20))
    await point.call("StatusNotification", status("Finishing", 20))
    record = await world.record(number)
    assert [(period.state, period.from_at.minute, period.energy_wh) for period in record.periods] == [
        (ChargingState.CHARGING, 0, 0),
        (ChargingState.SUSPENDED_EV, 11, 400),
        (ChargingState.CHARGING, 15, 400),
    ]
    async with world.db.read() as tx:
        assert (await tx.get(Connector, ("CP1", 1, 1))).status == "finishing"


async def test_a_start_that_is_sent_again_is_the_same_transaction(world) -> None:
    point = await world.point()
    both = [await point.send("StartTransaction", started()) for _ in range(4)]
    numbers = {(await answer)[2]["transactionId"] for answer in both}
    await point.close()
    again = await world.point()
    numbers.add((await again.call("StartTransaction", started()))["transactionId"])
    assert len(numbers) == 1
    assert len(await world.transactions()) == 1


async def test_a_start_that_another_process_recorded_is_the_same_transaction(build) -> None:
    first, second = await build(), await build()
    old = await first.point()
    await old.call("MeterValues", metered(1, 0))
    other = await second.point()
    await other.call("MeterValues", metered(1, 0))
    number = (await other.call("StartTransaction", started()))["transactionId"]
    await other.call("StopTransaction", stopped(number, 1500, 20))
    for minute in range(1, 12):
        # So many others that the first process does not find it among the recent ones.
        one = (await other.call("StartTransaction", started(minute=minute + 20)))["transactionId"]
        await other.call("StopTransaction", stopped(one, 1500, minute + 21))
    again = await first.point()
    assert (await again.call("StartTransaction", started()))["transactionId"] == number
    assert (await first.record(number)).energy_wh == 500


async def test_numbers_of_two_processes_never_meet(build) -> None:
    worlds = [await build(), await build()]
    points = [await world.point(f"CP{index}") for index, world in enumerate(worlds)]
    answers = [await point.send("StartTransaction", started(minute=minute)) for minute in range(20) for point in points]
    numbers = [(await answer)[2]["transactionId"] for answer in answers]
    assert len(set(numbers)) == 40


async def test_a_transaction_goes_on_after_a_restart_of_the_central_system(build) -> None:
    world = await build()
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    await point.call("MeterValues", metered(1400, 10, number))
    await world.system.stop()
    world = await build()
    point = await world.point()
    await point.call("MeterValues", metered(1600, 15, number))
    assert (await world.record(number)).energy_wh == 600
    await point.call("StopTransaction", stopped(number, 1900, 20))
    record = await world.record(number)
    assert (record.energy_wh, record.review) == (900, frozenset())


@pytest.mark.parametrize("unnamed", [0, -1])
async def test_a_stop_without_a_number_finds_its_transaction_by_the_token(world, unnamed: int) -> None:
    point = await world.point()
    first = (await point.call("StartTransaction", started(idTag="AAA")))["transactionId"]
    other = (await point.call("StartTransaction", started(idTag="BBB", connectorId=2)))["transactionId"]
    stop = stopped(unnamed, 1500, 20, idTag="aaa")
    await point.call("StopTransaction", stop)
    await point.call("StopTransaction", stop)
    assert (await world.record(first)).energy_wh == 500
    assert (await world.record(first)).review == frozenset()
    assert (await world.record(other)).ended_at is None
    assert all(message.transaction_id is not None for message in await world.messages())


async def test_a_stop_that_can_only_be_guessed_is_for_a_person_to_see(world) -> None:
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    await point.call("StopTransaction", stopped(-1, 1500, 20))
    assert (await world.record(number)).review == {Review.GUESSED}


async def test_a_stop_of_nothing_known_is_kept_as_an_orphan(world) -> None:
    point = await world.point()
    assert await point.call("StopTransaction", stopped(-1, 1500, 20, idTag="TAG")) == {}
    assert await point.call("StopTransaction", stopped(77, 1500, 20, idTag="TAG")) == {}
    assert [(message.kind, message.transaction_id) for message in await world.messages()] == [
        ("ended", None),
        ("ended", None),
    ]
    assert await world.transactions() == []


async def test_a_station_cannot_end_the_transaction_of_another(world) -> None:
    point, stranger = await world.point(), await world.point("CP2")
    number = (await point.call("StartTransaction", started()))["transactionId"]
    await stranger.call("StopTransaction", stopped(number, 1500, 20, idTag="TAG"))
    await stranger.call("MeterValues", metered(9000, 10, number))
    record = await world.record(number)
    assert (record.ended_at, record.energy_wh) == (None, 0)


async def test_meter_values_without_or_with_a_wrong_number_go_to_what_runs_there(world) -> None:
    point = await world.point()
    await point.call("MeterValues", metered(1000, 0))
    old = (await point.call("StartTransaction", started()))["transactionId"]
    await point.call("StopTransaction", stopped(old, 1500, 5))
    number = (await point.call("StartTransaction", started(1500, 10)))["transactionId"]
    await point.call("MeterValues", metered(1600, 11))
    await point.call("MeterValues", metered(1700, 12, 999_999))
    await point.call("MeterValues", metered(1800, 13, old))
    await point.call("MeterValues", metered(1900, 14, connector=0))
    assert (await world.record(number)).energy_wh == 400
    assert (await world.record(old)).energy_wh == 500
    await point.call("MeterValues", metered(5000, 15, connector=2))
    assert [message.transaction_id for message in await world.messages()].count(None) == 2


async def test_meter_values_after_the_stop_do_not_reopen_anything(world, heard) -> None:
    await heard(TransactionChanged)
    point = await world.point()
    number = (await point.call("StartTransaction", started()))["transactionId"]
    await point.call("StopTransaction", stopped(number, 1500, 20))
    await heard()
    await point.call("MeterValues", metered(9000, 21, number))
    record = await world.record(number)
    assert (record.energy_wh, record.ended_at.minute) == (500, 20)
    assert record.review == {Review.ENERGY_AFTER_END}
    assert await heard() == [TransactionChanged(number)]
    [row] = await world.transactions()
    assert row.needs_review


async def test_a_transaction_that_was_never_stopped_ends_when_the_next_begins(world) -> None:
    point = await world.point()
    first = (await point.call("StartTransaction", started()))["transactionId"]
    await point.call("MeterValues", metered(1400, 10, first))
    second = (await point.call("StartTransaction", started(5000, 40, idTag="NEXT")))["transactionId"]
    record = await world.record(first)
    assert (record.energy_wh, record.ended_at.minute, record.review) == (400, 10, {Review.NEVER_ENDED})
    await point.call("StopTransaction", stopped(first, 1600, 15))
    record = await world.record(first)
    assert (record.energy_wh, record.ended_at.minute, record.review) == (600, 15, frozenset())
    assert (await world.record(second)).ended_at is None


async def test_two_alike_transactions_of_a_station_without_a_clock_are_two(world) -> None:
    point = await world.point()
    unset = {"timestamp": "1970-01-01T00:00:07Z"}
    numbers = []
    for _ in range(2):
        both = [await point.call("StartTransaction", started(**unset)) for _ in range(2)]
        assert both[0] == both[1]
        numbers.append(both[0]["transactionId"])
        await point.call("StopTransaction", stopped(-1, 1000, 0, idTag="TAG", **unset))
    assert len(set(numbers)) == 2
    for number in numbers:
        record = await world.record(number)
        assert record.ended_at is not None
        assert record.review == {Review.CLOCK_UNSURE}


async def test_events_of_2_0_1_in_any_order_give_one_record(world) -> None:
    told = [
        event("Started", 0, 1000, idToken=TOKEN),
        event("Updated", 1, 1200),
        event("Updated", 2, 1500, transactionInfo={"transactionId": "tx-1", "chargingState": "SuspendedEV"}),
        event("Ended", 3, 1900),
    ]
    for index, order in enumerate(itertools.permutations(told)):
        point = await world.point(f"P{index}", "ocpp2.0.1")
        for one in [*order, order[1]]:
            await point.call("TransactionEvent", one)
    rows = await world.transactions()
    assert len(rows) == 24
    for row in rows:
        record = await world.record(row.id)
        assert (record.energy_wh, record.token, record.review) == (900, "TAG", frozenset())
        assert [(period.state, period.from_at.minute) for period in record.periods] == [
            ("charging", 0),
            ("suspended_ev", 2),
        ]
        assert (row.energy_wh, row.started_at, row.ended_at) == (900, record.started_at, record.ended_at)
        assert row.authorization_status == "accepted"


async def test_a_token_that_comes_after_the_start_is_asked_for_then(world) -> None:
    point = await world.point(protocol="ocpp2.0.1")
    assert await point.call("TransactionEvent", event("Started", 0, 1000)) == {}
    answer = await point.call("TransactionEvent", event("Updated", 1, 1000, idToken=TOKEN))
    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    answer = await point.call("TransactionEvent", event("Ended", 2, 1900, idToken=TOKEN))
    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    assert len(world.desk.asked) == 1
    [row] = await world.transactions()
    assert (row.token, row.authorization_status) == ("TAG", "accepted")


async def test_an_evse_that_is_told_once_holds_for_the_whole_transaction(world) -> None:
    point = await world.point(protocol="ocpp2.0.1")
    await point.call("TransactionEvent", event("Started", 0, 1000))
    for kind, number in (("Updated", 1), ("Ended", 2)):
        told = event(kind, number, 1000 + number)
        del told["evse"]
        await point.call("TransactionEvent", told)
    [row] = await world.transactions()
    assert (row.evse_id, row.connector_id, row.energy_wh) == (1, 1, 2)


async def test_a_transaction_message_waits_for_the_database_and_is_never_refused(world) -> None:
    point = await world.point()
    await point.call("Heartbeat", {})
    world.db.away = True
    waiting = await point.send("StartTransaction", started())
    assert (await point.call("Heartbeat", {}))["currentTime"]
    await asyncio.sleep(0.3)
    assert not waiting.done()
    world.db.away = False
    frame = await asyncio.wait_for(waiting, 30)
    assert frame[0] == 3
    number = frame[2]["transactionId"]
    world.db.away = True
    waiting = await point.send("StopTransaction", stopped(number, 1500, 20))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    world.db.away = False
    assert (await asyncio.wait_for(waiting, 30))[0] == 3
    assert (await world.record(number)).energy_wh == 500
