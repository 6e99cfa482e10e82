"""One connection: bad frames, the order of answers, slow back offices, and our own calls."""

import asyncio
import json
from typing import Any

import pytest

from csms.backoffice import Authorization, AuthorizationStatus
from csms.commands import CommandStatus, RawCall, Reset, SetAvailability, StartCharging, StopCharging, Trigger, Unlock
from csms.limits import SessionLimits
from csms.server import Limits
from csms.station import TokenType

pytestmark = pytest.mark.anyio

BAD = ["{not json", "[]", '[9,"x",{}]', '[2,"only-id"]', '{"a":1}', '[2,"x",["y"],{}]', "[" * 100_000, b"\xff\x00"]


async def test_bad_frames_are_answered_as_1_6_wants_and_the_socket_survives(world) -> None:
    point = await world.point()
    for data in BAD:
        await point.raw(data)
    assert (await point.call("Heartbeat", {}))["currentTime"]
    assert [frame[:3] for frame in point.unmatched] == [
        [4, "only-id", "FormationViolation"],
        [4, "x", "FormationViolation"],
    ]


async def test_bad_frames_are_answered_as_2_0_1_wants_and_the_socket_survives(world) -> None:
    point = await world.point(protocol="ocpp2.0.1")
    for data in BAD:
        await point.raw(data)
    assert (await point.call("Heartbeat", {}))["currentTime"]
    assert [frame[1:3] for frame in point.unmatched] == [
        ["-1", "RpcFrameworkError"],
        ["-1", "RpcFrameworkError"],
        ["x", "MessageTypeNotSupported"],
        ["only-id", "FormatViolation"],
        ["-1", "RpcFrameworkError"],
        ["x", "FormatViolation"],
        ["-1", "RpcFrameworkError"],
        ["-1", "RpcFrameworkError"],
    ]


async def test_a_connection_that_sends_nothing_but_garbage_is_closed(build) -> None:
    world = await build(limits=Limits(session=SessionLimits(bad_frames=5)))
    point = await world.point()
    for _ in range(5):
        await point.raw("garbage")
    await asyncio.wait_for(point.socket.wait_closed(), 30)
    assert point.socket.close_code == 1002


async def test_actions_that_are_not_ours_to_serve_are_refused(world) -> None:
    for protocol in ("ocpp1.6", "ocpp2.0.1"):
        point = await world.point(protocol, protocol)
        assert (await point.frame("VendorSpecialPing", {"x": 1}))[:1] == [4]
        assert (await point.frame("VendorSpecialPing", {"x": 1}))[2] == "NotImplemented"
        assert (await point.frame("Reset", {"type": "Hard"}))[2] == "NotSupported"


async def test_payloads_that_cannot_be_understood_are_refused_in_the_words_of_the_version(world) -> None:
    old, new = await world.point("A"), await world.point("B", "ocpp2.0.1")
    assert (await old.frame("BootNotification", {}))[2] == "OccurenceConstraintViolation"
    assert (await new.frame("BootNotification", {}))[2] == "OccurrenceConstraintViolation"
    assert (await old.frame("Authorize", {"idTag": 5}))[2:4] == ["TypeConstraintViolation", "idTag has a wrong type"]
    assert (await new.frame("Authorize", {"idToken": 5}))[2] == "TypeConstraintViolation"


@pytest.mark.parametrize(("protocol", "place"), [("ocpp1.6", "connectorId"), ("ocpp2.0.1", "evseId")])
@pytest.mark.parametrize("last", [5, {}, {"timestamp": "2026-05-01T10:00:00Z", "sampledValue": [{}, 5]}])
async def test_a_fault_behind_many_harmless_violations_is_a_fault(world, protocol: str, place: str, last: Any) -> None:
    point = await world.point(protocol=protocol)
    odd = {"timestamp": "2026-05-01T10:00:00Z", "sampledValue": [{"value": 1, "measurand": "Odd"}]}
    answer = await point.frame("MeterValues", {place: 1, "meterValue": [*[odd] * 50, last]})
    assert answer[2] in ("FormationViolation", "FormatViolation")
    assert await point.call("MeterValues", {place: 1, "meterValue": [odd] * 50}) == {}


async def test_what_is_not_handled_here_is_answered_plainly(world) -> None:
    old, new = await world.point("A"), await world.point("B", "ocpp2.0.1")
    assert await old.call("DataTransfer", {"vendorId": "v"}) == {"status": "UnknownVendorId"}
    assert await new.call("DataTransfer", {"vendorId": "v"}) == {"status": "UnknownVendorId"}
    assert await old.call("FirmwareStatusNotification", {"status": "Installed"}) == {}
    security = {"type": "SettingSystemTime", "timestamp": "2026-05-01T10:00:00Z"}
    assert await new.call("SecurityEventNotification", security) == {}


async def test_a_slow_authorize_delays_neither_heartbeats_nor_meter_values(world) -> None:
    point = await world.point()
    world.desk.hold = asyncio.Event()
    slow = await point.send("Authorize", {"idTag": "TAG"})
    for _ in range(3):
        assert (await point.call("Heartbeat", {}))["currentTime"]
        values = [{"timestamp": "2026-05-01T10:00:00Z", "sampledValue": [{"value": "1"}]}]
        assert await point.call("MeterValues", {"connectorId": 1, "meterValue": values}) == {}
    assert not slow.done()
    world.desk.hold.set()
    assert (await slow)[2] == {"idTagInfo": {"status": "Accepted"}}


async def test_a_start_is_stored_before_a_slow_verdict_and_others_go_on(world) -> None:
    point = await world.point()
    world.desk.hold = asyncio.Event()
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-05-01T10:00:00Z"}
    slow = await point.send("StartTransaction", start)
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
    assert await point.call("StatusNotification", status) == {}
    assert not slow.done()
    assert [row.authorization_status for row in await world.transactions()] == [None]
    world.desk.hold.set()
    answer = (await slow)[2]
    assert answer["idTagInfo"]["status"] == "Accepted"
    [row] = await world.transactions()
    assert (row.id, row.authorization_status, row.authorization_reference) == (
        answer["transactionId"],
        "accepted",
        "ref-1",
    )


async def test_a_verdict_serves_the_start_that_follows_without_asking_again(world) -> None:
    point = await world.point()
    world.desk.verdicts["TAG"] = Authorization(AuthorizationStatus.ACCEPTED, "ref-9", group="FAMILY")
    info = (await point.call("Authorize", {"idTag": "TAG"}))["idTagInfo"]
    assert info == {"status": "Accepted", "parentIdTag": "FAMILY"}
    start = {"connectorId": 1, "idTag": "tag", "meterStart": 0, "timestamp": "2026-05-01T10:00:00Z"}
    await point.call("StartTransaction", start)
    assert len(world.desk.asked) == 1
    assert [row.authorization_reference for row in await world.transactions()] == ["ref-9"]


async def test_a_refused_token_is_told_and_its_energy_is_recorded_all_the_same(world) -> None:
    point = await world.point()
    world.desk.verdicts["TAG"] = Authorization(AuthorizationStatus.BLOCKED)
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-05-01T10:00:00Z"}
    answer = await point.call("StartTransaction", start)
    assert answer["idTagInfo"]["status"] == "Blocked"
    stop = {"transactionId": answer["transactionId"], "meterStop": 700, "timestamp": "2026-05-01T11:00:00Z"}
    assert await point.call("StopTransaction", stop) == {}
    assert (await world.record(answer["transactionId"])).energy_wh == 700


async def test_a_back_office_that_fails_or_sleeps_accepts_no_token(build) -> None:
    world = await build(limits=Limits(session=SessionLimits(authorize_timeout_s=0.05)))
    point = await world.point()
    world.desk.hold = asyncio.Event()
    assert (await point.call("Authorize", {"idTag": "TAG"}))["idTagInfo"]["status"] == "Invalid"


async def test_calls_that_are_not_waited_for_are_answered_in_order(world) -> None:
    point = await world.point()
    done: list[int] = []
    waiting = []
    for number in range(200):
        values = [{"timestamp": f"2026-05-01T10:00:{number % 60:02}Z", "sampledValue": [{"value": str(number)}]}]
        answer = await point.send("MeterValues", {"connectorId": 1, "meterValue": values})
        answer.add_done_callback(lambda _, number=number: done.append(number))
        waiting.append(answer)
    await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert done == list(range(200))
    assert len(await world.messages()) == 200


async def test_a_call_of_the_station_is_answered_while_ours_is_pending(world) -> None:
    point = await world.point()
    point.answer = lambda _action, _payload: None
    ours = asyncio.create_task(world.system.link.call("CP1", Trigger("Heartbeat"), 30))
    while not point.calls:
        await asyncio.sleep(0.01)
    assert (await point.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}))["interval"]
    assert not ours.done()
    await point.close()
    assert (await ours).status is CommandStatus.DISCONNECTED


async def test_our_calls_go_out_one_at_a_time(world) -> None:
    point = await world.point()
    flying = 0
    most = 0

    async def slowly(call_id: str) -> None:
        nonlocal flying
        await asyncio.sleep(0.02)
        flying -= 1
        await point.socket.send(json.dumps([3, call_id, {"status": "Accepted"}]))

    tasks = []

    async def read() -> None:
        nonlocal flying, most
        async for text in point.socket:
            flying += 1
            most = max(most, flying)
            tasks.append(asyncio.create_task(slowly(json.loads(text)[1])))

    point.reader.cancel()
    await asyncio.gather(point.reader, return_exceptions=True)
    point.reader = asyncio.create_task(read())
    outcomes = await asyncio.gather(*(world.system.link.call("CP1", Reset(), 30) for _ in range(5)))
    assert {outcome.status for outcome in outcomes} == {CommandStatus.ACCEPTED}
    assert most == 1


async def test_too_many_waiting_calls_are_refused(build) -> None:
    world = await build(limits=Limits(session=SessionLimits(waiting_calls=2)))
    point = await world.point()
    point.answer = lambda _action, _payload: None
    # Those that wait lose patience long before the turn is theirs.
    calls = [
        asyncio.create_task(world.system.link.call("CP1", Reset(), patience_s)) for patience_s in (1, 0.2, 0.2, 0.2)
    ]
    statuses = [outcome.status for outcome in await asyncio.gather(*calls)]
    assert sorted(statuses) == [CommandStatus.BUSY, CommandStatus.BUSY, CommandStatus.BUSY, CommandStatus.TIMED_OUT]


async def test_late_and_unsolicited_answers_are_ignored(world) -> None:
    point = await world.point()
    seen: list[str] = []
    point.answer = lambda action, _payload: seen.append(action)
    assert (await world.system.link.call("CP1", Reset(), 0.5)).status is CommandStatus.TIMED_OUT
    for number in range(2000):
        await point.raw(json.dumps([3, f"late-{number}", {"status": "Accepted"}]))
        await point.raw(json.dumps([4, f"late-{number}", "GenericError", "", {}]))
    point.answer = lambda _action, _payload: {"status": "Accepted"}
    assert (await world.system.link.call("CP1", Reset(), 30)).status is CommandStatus.ACCEPTED


async def test_a_station_that_answers_no_calls_is_disconnected(build) -> None:
    world = await build(limits=Limits(session=SessionLimits(silent_calls=2)))
    point = await world.point()
    point.answer = lambda _action, _payload: None
    for _ in range(2):
        assert (await world.system.link.call("CP1", Reset(), 0.5)).status is CommandStatus.TIMED_OUT
    await asyncio.wait_for(point.socket.wait_closed(), 30)
    assert point.socket.close_code == 1011


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"status": "Accepted"}, CommandStatus.ACCEPTED),
        ({"status": "Rejected"}, CommandStatus.REJECTED),
        ({"status": "Scheduled"}, CommandStatus.SCHEDULED),
        ({}, CommandStatus.FAILED),
        ({"status": 5}, CommandStatus.FAILED),
    ],
)
async def test_the_answer_of_the_station_is_the_outcome(world, answer: dict[str, Any], status: CommandStatus) -> None:
    point = await world.point()
    point.answer = lambda _action, _payload: answer
    outcome = await world.system.link.call("CP1", SetAvailability(True, 1), 30)
    assert outcome.status is status
    assert point.calls == [("ChangeAvailability", {"connectorId": 1, "type": "Operative"})]


async def test_an_error_of_the_station_is_an_outcome_too(world) -> None:
    point = await world.point()

    async def fail(code: str) -> CommandStatus:
        call = asyncio.create_task(world.system.link.call("CP1", Unlock(1), 30))
        point.answer = lambda _action, _payload: None
        sent: list[str] = []
        point.reader.cancel()
        await asyncio.gather(point.reader, return_exceptions=True)
        sent.append(json.loads(await point.socket.recv())[1])
        await point.raw(json.dumps([4, sent[0], code, "because", {}]))
        return (await call).status

    assert await fail("NotImplemented") is CommandStatus.UNSUPPORTED
    assert await fail("InternalError") is CommandStatus.FAILED


async def test_any_request_can_be_sent_raw(world) -> None:
    point = await world.point()
    answer = {"configurationKey": [], "unknownKey": ["x"]}
    point.answer = lambda _action, _payload: answer
    outcome = await world.system.link.call("CP1", RawCall("GetConfiguration", {"key": ["x"]}), 30)
    assert (outcome.status, outcome.payload) == (CommandStatus.ACCEPTED, answer)
    outcome = await world.system.link.call("CP1", RawCall("VendorThing", {"anything": [1]}), 30)
    assert outcome.ok
    assert point.calls[1] == ("VendorThing", {"anything": [1]})


async def test_a_request_that_does_not_fit_its_schema_is_not_sent(world) -> None:
    point = await world.point()
    for command in (
        RawCall("Reset", {"type": "Perhaps"}),
        StartCharging("A" * 21, TokenType.RFID, 1, 1),
        RawCall("VendorThing", {"bad": object()}),
        StopCharging(12345),
    ):
        assert (await world.system.link.call("CP1", command, 30)).status is CommandStatus.INVALID
    assert point.calls == []


async def test_start_and_stop_go_to_both_versions(world) -> None:
    new = await world.point("B", "ocpp2.0.1")
    assert (await world.system.link.call("B", StartCharging("TAG", TokenType.CENTRAL, 1, 42), 30)).ok
    assert new.calls == [
        (
            "RequestStartTransaction",
            {"evseId": 1, "idToken": {"idToken": "TAG", "type": "Central"}, "remoteStartId": 42},
        )
    ]
    event = {
        "eventType": "Started",
        "timestamp": "2026-05-01T10:00:00Z",
        "triggerReason": "RemoteStart",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "tx-b", "remoteStartId": 42},
        "evse": {"id": 1, "connectorId": 1},
    }
    await new.call("TransactionEvent", event)
    [row] = await world.transactions()
    assert row.remote_start_id == 42
    assert (await world.system.link.call("B", StopCharging(row.id), 30)).ok
    assert new.calls[1] == ("RequestStopTransaction", {"transactionId": "tx-b"})
    old = await world.point("A")
    assert (await world.system.link.call("A", StopCharging(row.id), 30)).status is CommandStatus.INVALID
    assert old.calls == []
