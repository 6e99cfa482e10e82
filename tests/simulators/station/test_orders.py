"""What a central system may ask of a station: first the answer, then the deed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulators.station import SimulatedStation, StopReason

pytestmark = pytest.mark.anyio

Made = Callable[..., SimulatedStation]
Eventually = Callable[[Callable[[], Any]], Awaitable[Any]]
Json = dict[str, Any]


def start_order(protocol: str, evse_id: int | None = 1) -> tuple[str, Json]:
    if protocol == "ocpp1.6":
        return "RemoteStartTransaction", {"idTag": "REMOTE1"} | ({"connectorId": evse_id} if evse_id else {})
    order = {"idToken": {"idToken": "REMOTE1", "type": "Central"}, "remoteStartId": 77}
    return "RequestStartTransaction", order | ({"evseId": evse_id} if evse_id else {})


@pytest.mark.parametrize("evse_id", [None, 1])
async def test_a_remote_start_charges_until_the_remote_stop(
    central: Any, make: Made, protocol: str, evse_id: int | None, eventually: Eventually
) -> None:
    station = make(protocol)
    await station.connect()
    assert (await central.ask(*start_order(protocol, evse_id)))[2] == {"status": "Accepted"}
    charging = await eventually(lambda: station.charging.get(1))
    await eventually(lambda: charging.energy_wh > 0)
    if protocol != "ocpp1.6":
        started = central.payloads("TransactionEvent")[0]
        assert started["transactionInfo"]["remoteStartId"] == 77
        assert started["idToken"] == {"idToken": "REMOTE1", "type": "Central"}
        stop = ("RequestStopTransaction", {"transactionId": charging.reference})
    else:
        stop = ("RemoteStopTransaction", {"transactionId": charging.transaction_id})
    assert (await central.ask(*stop))[2] == {"status": "Accepted"}
    await eventually(lambda: station.finished)
    assert charging.stop_reason is StopReason.REMOTE
    assert (await central.ask(*stop))[2] == {"status": "Rejected"}


async def test_a_place_that_is_taken_or_missing_is_not_started(central: Any, make: Made, protocol: str) -> None:
    station = make(protocol)
    await station.connect()
    await station.start("04AABBCC")
    assert (await central.ask(*start_order(protocol, 1)))[2] == {"status": "Rejected"}
    assert (await central.ask(*start_order(protocol, 9)))[2] == {"status": "Rejected"}


async def test_a_station_may_ask_about_a_remote_start_first(
    central: Any, make: Made, protocol: str, eventually: Eventually
) -> None:
    info = "idTagInfo" if protocol == "ocpp1.6" else "idTokenInfo"
    central.answers["Authorize"] = {info: {"status": "Blocked"}}
    station = make(protocol)
    station.configuration["AuthorizeRemoteTxRequests"] = "true"
    await station.connect()
    await central.ask(*start_order(protocol))
    await eventually(lambda: central.payloads("Authorize"))
    assert station.charging == {}


@pytest.mark.parametrize(
    ("protocol", "kind", "reason"),
    [
        ("ocpp1.6", "Hard", StopReason.HARD_RESET),
        ("ocpp1.6", "Soft", StopReason.SOFT_RESET),
        ("ocpp2.0.1", "Immediate", StopReason.HARD_RESET),
    ],
)
async def test_a_reset_ends_what_runs_and_boots_again(
    central: Any, make: Made, protocol: str, kind: str, reason: StopReason, eventually: Eventually
) -> None:
    station = make(protocol)
    await station.connect()
    charging = await station.start("04AABBCC")
    assert (await central.ask("Reset", {"type": kind}))[2] == {"status": "Accepted"}
    await eventually(lambda: central.connections == 2 and central.actions().count("BootNotification") == 2)
    assert charging.stop_reason is reason
    if protocol != "ocpp1.6":
        assert central.payloads("BootNotification")[1]["reason"] == "RemoteReset"


async def test_a_reset_on_idle_waits_for_the_driver(central: Any, make: Made, eventually: Eventually) -> None:
    station = make("ocpp2.0.1")
    await station.connect()
    await station.start("04AABBCC")
    assert (await central.ask("Reset", {"type": "OnIdle"}))[2] == {"status": "Scheduled"}
    await station.meter(1, 100)
    assert central.connections == 1
    await station.stop()
    await eventually(lambda: central.connections == 2)


@pytest.mark.parametrize("message", ["BootNotification", "Heartbeat", "StatusNotification", "MeterValues"])
async def test_messages_are_sent_when_they_are_asked_for(
    central: Any, make: Made, protocol: str, message: str, eventually: Eventually
) -> None:
    station = make(protocol)
    await station.connect()
    await station.start("04AABBCC")
    sent = "TransactionEvent" if protocol != "ocpp1.6" and message == "MeterValues" else message
    before = central.actions().count(sent)
    assert (await central.ask("TriggerMessage", {"requestedMessage": message}))[2] == {"status": "Accepted"}
    await eventually(lambda: central.actions().count(sent) > before)


async def test_a_message_that_it_does_not_know_is_not_sent(central: Any, make: Made, protocol: str) -> None:
    station = make(protocol)
    await station.connect()
    asked = {"requestedMessage": "FirmwareStatusNotification"}
    assert (await central.ask("TriggerMessage", asked))[2] == {"status": "NotImplemented"}
    place = {"connectorId": 9} if protocol == "ocpp1.6" else {"evse": {"id": 9}}
    assert (await central.ask("TriggerMessage", {"requestedMessage": "Heartbeat", **place}))[2] == {
        "status": "Rejected"
    }


async def test_unlocking_frees_the_cable_of_1_6(central: Any, make: Made, eventually: Eventually) -> None:
    station = make()
    await station.connect()
    assert (await central.ask("UnlockConnector", {"connectorId": 1}))[2] == {"status": "Unlocked"}
    assert (await central.ask("UnlockConnector", {"connectorId": 4}))[2] == {"status": "NotSupported"}
    charging = await station.start("04AABBCC")
    assert (await central.ask("UnlockConnector", {"connectorId": 1}))[2] == {"status": "Unlocked"}
    await eventually(lambda: station.finished)
    assert charging.stop_reason is StopReason.UNLOCK_COMMAND


async def test_unlocking_does_not_end_a_transaction_of_2_0_1(central: Any, make: Made) -> None:
    station = make("ocpp2.0.1")
    await station.connect()
    asked = {"evseId": 1, "connectorId": 1}
    assert (await central.ask("UnlockConnector", asked))[2] == {"status": "Unlocked"}
    await station.start("04AABBCC")
    assert (await central.ask("UnlockConnector", asked))[2] == {"status": "OngoingAuthorizedTransaction"}
    assert (await central.ask("UnlockConnector", {"evseId": 3, "connectorId": 1}))[2] == {"status": "UnknownConnector"}


async def test_a_place_out_of_service_does_not_start(
    central: Any, make: Made, protocol: str, eventually: Eventually
) -> None:
    station = make(protocol)
    await station.connect()

    def order(operative: bool) -> Json:
        word = "Operative" if operative else "Inoperative"
        return {"connectorId": 0, "type": word} if protocol == "ocpp1.6" else {"operationalStatus": word}

    assert (await central.ask("ChangeAvailability", order(False)))[2] == {"status": "Accepted"}
    await eventually(lambda: station.evses[1].status == "Unavailable")
    assert (await central.ask(*start_order(protocol)))[2] == {"status": "Rejected"}
    await central.ask("ChangeAvailability", order(True))
    await eventually(lambda: station.evses[1].status == "Available")
    await station.start("04AABBCC")
    assert (await central.ask("ChangeAvailability", order(False)))[2] == {"status": "Scheduled"}
    await station.stop()
    assert station.evses[1].status == "Unavailable"


async def test_configuration_keys_are_read_and_changed(central: Any, make: Made) -> None:
    station = make()
    await station.connect()
    answer = (await central.ask("GetConfiguration", {"key": ["HeartbeatInterval", "Wings"]}))[2]
    assert answer == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}],
        "unknownKey": ["Wings"],
    }
    assert len((await central.ask("GetConfiguration", {}))[2]["configurationKey"]) == len(station.configuration)
    for key, value, status in [
        ("MeterValueSampleInterval", "60", "Accepted"),
        ("MeterValueSampleInterval", "often", "Rejected"),
        ("MeterValueSampleInterval", "0", "Rejected"),
        ("StopTransactionOnInvalidId", "True", "Accepted"),
        ("StopTransactionOnInvalidId", "maybe", "Rejected"),
        ("NumberOfConnectors", "7", "Rejected"),
        ("Wings", "2", "NotSupported"),
    ]:
        assert (await central.ask("ChangeConfiguration", {"key": key, "value": value}))[2] == {"status": status}
    assert station.meter_interval_s == 60 / station.speed
    assert station.configuration["StopTransactionOnInvalidId"] == "true"


async def test_variables_are_read_and_changed(central: Any, make: Made) -> None:
    station = make("ocpp2.0.1")
    await station.connect()
    interval = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "TxUpdatedInterval"}}
    wings = {"component": {"name": "Wings"}, "variable": {"name": "Span"}}
    colour = {"component": {"name": "TxCtrlr"}, "variable": {"name": "Colour"}}
    sent = {"setVariableData": [{**each, "attributeValue": "120"} for each in (interval, wings, colour)]}
    results = (await central.ask("SetVariables", sent))[2]["setVariableResult"]
    assert [each["attributeStatus"] for each in results] == ["Accepted", "UnknownComponent", "UnknownVariable"]
    asked = {"getVariableData": [interval, wings, {**interval, "attributeType": "Target"}]}
    results = (await central.ask("GetVariables", asked))[2]["getVariableResult"]
    assert [each["attributeStatus"] for each in results] == [
        "Accepted",
        "UnknownComponent",
        "NotSupportedAttributeType",
    ]
    assert results[0]["attributeValue"] == "120"
    assert station.meter_interval_s == 120 / station.speed


async def test_what_it_does_not_do_is_refused_in_the_right_words(central: Any, make: Made, protocol: str) -> None:
    station = make(protocol)
    await station.connect()
    undone = "SecurityEventNotification" if protocol == "ocpp1.6" else "UnpublishFirmware"
    assert (await central.ask(undone, {}))[2] == "NotSupported"
    assert (await central.ask("Nonsense", {}))[2] == "NotImplemented"
    malformed = "FormationViolation" if protocol == "ocpp1.6" else "FormatViolation"
    assert (await central.ask("Reset", {}))[2] == malformed


async def test_a_test_may_choose_the_answer(central: Any, make: Made) -> None:
    station = make()
    station.answers["ClearCache"] = {"status": "Rejected"}
    await station.connect()
    assert (await central.ask("ClearCache", {}))[2] == {"status": "Rejected"}
    assert station.received == [("ClearCache", {})]
