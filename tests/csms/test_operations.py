"""What operators have stations do, in the words of each version, and what the answers mean."""

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms import operations
from csms.backoffice import AuthorizationStatus
from csms.charging import ChargingProfile, LimitUnit, Period, ProfileKind, ProfilePurpose
from csms.commands import CommandStatus, Operation, Reset, ResetKind, Trigger, Unlock
from csms.dialect import DIALECTS, Dialect
from csms.operations import (
    AskCustomerInformation,
    CertificateHash,
    CertificateUse,
    ClearCache,
    ClearMessage,
    ClearMonitors,
    ClearProfiles,
    DeleteCertificate,
    InstallCertificate,
    ListEntry,
    LogKind,
    MonitorKind,
    NotInThisVersion,
    ReadCertificates,
    ReadListVersion,
    ReadMessages,
    ReadMonitors,
    ReadSchedule,
    ReadSettings,
    ReadTransactionStatus,
    SendList,
    SendLog,
    SetMonitor,
    SetMonitoringLevel,
    SetProfile,
    ShowMessage,
    TellCost,
    TransferData,
    UpdateFirmware,
    WriteSetting,
)
from csms.setting_names import UnknownName, key_of, name_of, variable_of
from csms.wire import decode_request, encode_request

V16, V201, V21 = DIALECTS["ocpp1.6"], DIALECTS["ocpp2.0.1"], DIALECTS["ocpp2.1"]
ALL = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PROFILE = ChargingProfile(
    7,
    ProfilePurpose.DEFAULT,
    ProfileKind.DAILY,
    LimitUnit.AMPERE,
    (Period(0, Decimal("16.1"), 3), Period(3600, Decimal(0))),
    stack_level=2,
    start_at=AT,
    duration_s=86400,
    valid_from=AT,
    valid_to=AT,
)
OF_ONE = ChargingProfile(
    8, ProfilePurpose.TRANSACTION, ProfileKind.RELATIVE, LimitUnit.WATT, (Period(0, Decimal(11000)),)
)
HASH = CertificateHash("SHA256", "aa", "bb", "01")
BOTH: list[Operation] = [
    ClearCache(),
    ReadSettings(("HeartbeatInterval",)),
    ReadSettings(("OCPPCommCtrlr.MessageAttempts[TransactionEvent]",)),
    ReadSettings(request_id=4),
    WriteSetting("HeartbeatInterval", "60"),
    TransferData("com.vendor", "hello", "data"),
    TransferData("com.vendor", None, {"some_key": [1, "x"]}),
    ReadListVersion(),
    SendList(3, True),
    SendList(
        4,
        False,
        (
            ListEntry("TAG", group="FAMILY", expires_at=AT),
            ListEntry("BAD", status=AuthorizationStatus.NOT_ALLOWED_HERE),
            ListEntry("GONE", status=None),
        ),
    ),
    SetProfile(1, PROFILE),
    SetProfile(1, OF_ONE, transaction_id=12),
    ClearProfiles(),
    ClearProfiles(profile_id=7),
    ClearProfiles(evse_id=1, purpose=ProfilePurpose.STATION, stack_level=0),
    ReadSchedule(1, 3600),
    ReadSchedule(0, 3600, LimitUnit.WATT),
    UpdateFirmware(1, "https://a.example/fw.bin", AT),
    UpdateFirmware(1, "https://a.example/fw.bin", AT, AT, "PEM", "SIG", 3, 60),
    SendLog(2, LogKind.DIAGNOSTICS, "https://a.example/up", AT, AT, 3, 60),
    SendLog(2, LogKind.SECURITY, "https://a.example/up"),
    InstallCertificate(CertificateUse.CENTRAL_SYSTEM, "PEM"),
    ReadCertificates(CertificateUse.MANUFACTURER),
    DeleteCertificate(HASH),
    TellCost(12, Decimal("1.55"), AT, 1200),
    TellCost(12, Decimal("1.55"), AT, 1200, final=True, text="1.55 EUR"),
]
ONLY_2: list[Operation] = [
    InstallCertificate(CertificateUse.VEHICLES, "PEM"),
    ReadCertificates(CertificateUse.CONTRACTS),
    ShowMessage(1, "Hello", priority="always_front", state="idle", start_at=AT, end_at=AT, transaction_id=12),
    ClearMessage(1),
    ReadMessages(2),
    ReadTransactionStatus(),
    ReadTransactionStatus(12),
    SetMonitor("EVSE@1.Power", MonitorKind.ABOVE, Decimal("11000.5"), severity=3),
    SetMonitor("Connector@1:1.Temperature", MonitorKind.EVERY, Decimal(60), transaction_only=True, monitor_id=5),
    ClearMonitors((1, 2)),
    ReadMonitors(3),
    SetMonitoringLevel(4),
    AskCustomerInformation(5, True, True, token="TAG"),
    AskCustomerInformation(5, True, False, customer="C-1"),
]
names = pytest.mark.parametrize("operation", [*BOTH, *ONLY_2], ids=lambda each: type(each).__name__)


def said(dialect: Dialect, operation: Operation) -> tuple[str, dict[str, Any]]:
    action, payload = dialect.request(operation, "ref-1")
    written = orjson.loads(orjson.dumps(payload))
    assert dialect.schemas.is_strictly_valid_request(action, written), (action, written)
    return action, written


def test_every_operation_is_tried_here() -> None:
    kinds = {kind for kind in vars(operations).values() if isinstance(kind, type) and issubclass(kind, Operation)}
    assert kinds - {Operation} == {type(each) for each in (*BOTH, *ONLY_2)}


@ALL
@names
def test_an_operation_fits_its_schema_or_is_refused_before_it_is_sent(dialect: Dialect, operation: Operation) -> None:
    if dialect is V16 and operation in ONLY_2:
        with pytest.raises(NotInThisVersion):
            dialect.request(operation, "ref-1")
    else:
        said(dialect, operation)


@names
def test_an_operation_survives_the_way_over_the_bus(operation: Operation) -> None:
    command, timeout_s = decode_request(orjson.loads(encode_request(operation, 2.5)))
    assert (command, timeout_s) == (operation, 2.5)
    for each in fields(operation):
        assert type(getattr(command, each.name)) is type(getattr(operation, each.name)), each.name


@ALL
@names
def test_an_answer_without_a_word_is_never_an_exception(dialect: Dialect, operation: Operation) -> None:
    for answer in ({}, {"status": "Perhaps"}, {"status": None}):
        assert dialect.outcome(operation, answer).payload == answer


def test_a_trigger_always_names_a_connector_on_1_6() -> None:
    assert V16.request(Trigger("Heartbeat"), None) == (
        "TriggerMessage",
        {"requestedMessage": "Heartbeat", "connectorId": 1},
    )
    assert V201.request(Trigger("Heartbeat"), None)[1] == {"requestedMessage": "Heartbeat"}
    status = V201.request(Trigger("StatusNotification", 2), None)[1]
    assert status["evse"] == {"id": 2, "connectorId": 1}
    assert V16.request(Trigger("LogStatusNotification", 1), None)[0] == "ExtendedTriggerMessage"


def test_the_kinds_of_a_reset() -> None:
    assert [V16.request(Reset(kind), None)[1] for kind in (ResetKind.SOFT, ResetKind.HARD)] == [
        {"type": "Soft"},
        {"type": "Hard"},
    ]
    for refused in (Reset(ResetKind.ON_IDLE), Reset(evse_id=1)):
        with pytest.raises(NotInThisVersion):
            V16.request(refused, None)
    assert V201.request(Reset(ResetKind.ON_IDLE, 2), None)[1] == {"type": "OnIdle", "evseId": 2}


@ALL
def test_a_cable_that_stays_locked_is_a_failure(dialect: Dialect) -> None:
    assert dialect.outcome(Unlock(1), {"status": "UnlockFailed"}).status is CommandStatus.FAILED


def test_settings_are_read_under_the_name_that_was_asked_for() -> None:
    asked = ReadSettings(("OCPPCommCtrlr.HeartbeatInterval", "Nonsense"))
    assert said(V16, asked)[1] == {"key": ["HeartbeatInterval", "Nonsense"]}
    answer = {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}],
        "unknownKey": ["Nonsense"],
    }
    read = V16.outcome(asked, answer)
    assert read.ok
    assert read.result == {
        "values": [
            {"name": "OCPPCommCtrlr.HeartbeatInterval", "value": "60", "status": "accepted", "readonly": False},
            {"name": "Nonsense", "value": None, "status": "unknown", "readonly": None},
        ]
    }
    only = {"unknownKey": ["Nonsense"], "configurationKey": []}
    assert V16.outcome(ReadSettings(("Nonsense",)), only).status is CommandStatus.REJECTED
    found = {"attributeStatus": "Accepted", "attributeValue": "60", **variable_of("HeartbeatInterval")}
    read = V201.outcome(ReadSettings(("HeartbeatInterval",)), {"getVariableResult": [found]})
    assert read.result is not None
    assert read.result["values"][0] == {
        "name": "HeartbeatInterval",
        "value": "60",
        "status": "accepted",
        "readonly": None,
    }


def test_all_settings_of_2_come_later() -> None:
    assert V201.outcome(ReadSettings(), {"status": "Accepted"}).status is CommandStatus.SCHEDULED
    assert V201.outcome(ReadSettings(), {"status": "NotSupported"}).status is CommandStatus.UNSUPPORTED


@ALL
def test_a_setting_may_want_a_restart(dialect: Dialect) -> None:
    answer: dict[str, Any] = {"status": "RebootRequired"}
    if dialect is not V16:
        answer = {"setVariableResult": [{"attributeStatus": "RebootRequired", **variable_of("CpoName")}]}
    outcome = dialect.outcome(WriteSetting("CpoName", "x"), answer)
    assert (outcome.status, outcome.ok) == (CommandStatus.REBOOT_REQUIRED, True)


def test_what_a_station_adds_to_its_status_is_the_reason() -> None:
    answer = {"status": "Rejected", "statusInfo": {"reasonCode": "NotEnabled", "additionalInfo": "no cache"}}
    outcome = V201.outcome(ClearCache(), answer)
    assert (outcome.status, outcome.reason) == (CommandStatus.REJECTED, "Rejected (NotEnabled: no cache)")


def test_a_station_without_a_list_says_so_in_1_6() -> None:
    assert V16.outcome(ReadListVersion(), {"listVersion": -1}).status is CommandStatus.UNSUPPORTED
    assert V16.outcome(ReadListVersion(), {"listVersion": 5}).result == {"version": 5}
    assert V201.outcome(ReadListVersion(), {"versionNumber": 5}).result == {"version": 5}


def test_a_composite_schedule_reads_the_same_in_every_version() -> None:
    periods = [{"startPeriod": 0, "limit": 16.1}, {"startPeriod": 60, "limit": 0}]
    told = {"chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    answer = {"status": "Accepted", "scheduleStart": "2026-06-01T12:00:00Z", "chargingSchedule": told}
    expected = {
        "unit": "A",
        "start_at": "2026-06-01T12:00:00Z",
        "periods": [{"start_s": 0, "limit": "16.1"}, {"start_s": 60, "limit": "0"}],
    }
    assert V16.outcome(ReadSchedule(1, 600), answer).result == expected
    schedule = {"evseId": 1, "duration": 600, "scheduleStart": "2026-06-01T12:00:00Z", **told}
    assert V201.outcome(ReadSchedule(1, 600), {"status": "Accepted", "schedule": schedule}).result == expected


def test_a_cost_reaches_a_1_6_display_by_the_pricing_extension() -> None:
    action, payload = said(V16, TellCost(12, Decimal("1.55"), AT, 1200))
    assert (action, payload["vendorId"], payload["messageId"]) == (
        "DataTransfer",
        "org.openchargealliance.costmsg",
        "RunningCost",
    )
    assert orjson.loads(payload["data"]) == {
        "transactionId": 12,
        "cost": 1.55,
        "timestamp": "2026-06-01T12:00:00.000Z",
        "meterValue": 1200,
        "state": "Charging",
    }
    assert said(V21, TellCost(12, Decimal("1.55"), AT, 1200)) == (
        "CostUpdated",
        {"totalCost": 1.55, "transactionId": "ref-1"},
    )


def test_certificates_are_named_the_same_in_every_version() -> None:
    named = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "01"}
    expected = {
        "certificates": [
            {
                "use": "manufacturer",
                "algorithm": "SHA256",
                "issuer_name_hash": "aa",
                "issuer_key_hash": "bb",
                "serial_number": "01",
            }
        ]
    }
    ask = ReadCertificates(CertificateUse.MANUFACTURER)
    assert V16.outcome(ask, {"status": "Accepted", "certificateHashData": [named]}).result == expected
    chain = {"certificateType": "ManufacturerRootCertificate", "certificateHashData": named}
    assert V201.outcome(ask, {"status": "Accepted", "certificateHashDataChain": [chain]}).result == expected
    for dialect in (V16, V201):
        none = dialect.outcome(ask, {"status": "NotFound"})
        assert (none.ok, none.result) == (True, {"certificates": []})


def test_monitors_that_are_not_there_are_named() -> None:
    answer = {"clearMonitoringResult": [{"id": 1, "status": "Accepted"}, {"id": 2, "status": "NotFound"}]}
    outcome = V201.outcome(ClearMonitors((1, 2)), answer)
    assert (outcome.status, outcome.reason) == (CommandStatus.REJECTED, "2: notfound")


part = st.text("abcXYZ0189-_", min_size=1, max_size=20)


@given(part, st.none() | part, st.none() | st.integers(1, 99), st.none() | st.integers(1, 9), part, st.none() | part)
def test_any_variable_can_be_named(
    component: str, instance: str | None, evse: int | None, connector: int | None, variable: str, of: str | None
) -> None:
    place = {"id": evse, **({"connectorId": connector} if connector else {})} if evse else None
    made = {"name": component, **({"instance": instance} if instance else {}), **({"evse": place} if place else {})}
    named = {"name": variable, **({"instance": of} if of else {})}
    assert variable_of(name_of(made, named)) == {"component": made, "variable": named}


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_a_typed_error(text: str) -> None:
    key_of(text)
    try:
        named = variable_of(text)
    except UnknownName:
        return
    assert set(named) == {"component", "variable"}


@given(st.integers(0, 10_000_000), st.sampled_from([V16, V201, V21]))
def test_every_limit_of_a_tenth_fits_the_schema(tenths: int, dialect: Dialect) -> None:
    periods = (Period(0, Decimal(tenths) / 10),)
    profile = ChargingProfile(1, ProfilePurpose.DEFAULT, ProfileKind.RELATIVE, LimitUnit.AMPERE, periods)
    said(dialect, SetProfile(0, profile))
