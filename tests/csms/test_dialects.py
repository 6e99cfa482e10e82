"""What 1.6 and 2.0.1 say in the neutral words, and the other way round."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from csms.backoffice import Authorization, AuthorizationStatus
from csms.charging import ChargingProfile, LimitUnit, Period, ProfileKind, ProfilePurpose
from csms.commands import (
    CancelReservation,
    Command,
    CommandOutcome,
    CommandStatus,
    RawCall,
    Reserve,
    Reset,
    ResetKind,
    SetAvailability,
    StartCharging,
    StopCharging,
    Trigger,
    Unlock,
)
from csms.dialect import DIALECTS, Dialect
from csms.meters import instant, interval_wh, register_wh
from csms.schemas import Fault, SchemaViolation
from csms.station import (
    AuthorizeAsked,
    Booted,
    BootStatus,
    ChargingState,
    ConnectorStatus,
    PlainlyAnswered,
    Reading,
    StatusChanged,
    TokenType,
)
from csms.wire import decode_outcome, decode_request, encode_outcome, encode_request

V16, V201, V21 = DIALECTS["ocpp1.6"], DIALECTS["ocpp2.0.1"], DIALECTS["ocpp2.1"]
T = "2026-05-01T10:00:00Z"
AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
BOTH = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
EXPIRES = datetime(2026, 6, 1, 12, 30, 0, 123456, tzinfo=UTC)
PROFILE = ChargingProfile(
    8, ProfilePurpose.TRANSACTION, ProfileKind.RELATIVE, LimitUnit.AMPERE, (Period(0, Decimal("10.1")),)
)
COMMANDS: list[Command] = [
    StartCharging("TAG", TokenType.RFID, 1, 77),
    StartCharging("TAG", TokenType.CENTRAL, None, 77, group="FAMILY"),
    StartCharging("TAG", TokenType.RFID, 1, 77, profile=PROFILE),
    StopCharging(12),
    Unlock(1),
    Reset(),
    Reset(ResetKind.HARD),
    Trigger("StatusNotification", 1),
    Trigger("Heartbeat"),
    SetAvailability(False),
    SetAvailability(True, 2),
    Reserve(5, "TAG", TokenType.RFID, EXPIRES, evse_id=1, group="FAMILY"),
    CancelReservation(5),
]


def tell(dialect: Dialect, action: str, payload: dict[str, Any]) -> Any:
    dialect.schemas.check_request(action, payload)
    return dialect.fact(action, payload)


def test_the_newest_version_is_preferred() -> None:
    assert list(DIALECTS) == ["ocpp2.1", "ocpp2.0.1", "ocpp1.6"]


@BOTH
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_command_fits_its_schema(dialect: Dialect, command: Command) -> None:
    action, payload = dialect.request(command, "ref-1")
    assert dialect.schemas.is_strictly_valid_request(action, orjson.loads(orjson.dumps(payload)))


@BOTH
@pytest.mark.parametrize("status", AuthorizationStatus)
def test_every_verdict_fits_its_schema(dialect: Dialect, status: AuthorizationStatus) -> None:
    verdict = Authorization(status, "ref", group="G" * 40, expires_at=EXPIRES)
    assert dialect.schemas.is_strictly_valid_response("Authorize", dialect.authorize_answer(verdict))
    boot = dialect.boot_answer(AT, 300, BootStatus.ACCEPTED)
    assert dialect.schemas.is_strictly_valid_response("BootNotification", boot)
    assert boot["currentTime"] == "2026-05-01T10:00:00.000Z"
    actions = ["TransactionEvent"] if dialect is not V16 else ["StartTransaction", "StopTransaction", "MeterValues"]
    for action in actions:
        for authorization in (verdict, None):
            answer = dialect.transaction_answer(action, 7, authorization)
            assert dialect.schemas.is_strictly_valid_response(action, answer)


@BOTH
def test_every_plain_answer_fits_its_schema(dialect: Dialect) -> None:
    told = {
        "BootNotification",
        "StatusNotification",
        "Authorize",
        "StartTransaction",
        "StopTransaction",
        "MeterValues",
        "TransactionEvent",
        "DataTransfer",
        "SignCertificate",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "SignedFirmwareStatusNotification",
        "GetCertificateStatus",
        "GetCertificateChainStatus",
    }
    for action in dialect.understood - told:
        fact = dialect.fact(action, {})
        assert isinstance(fact, PlainlyAnswered)
        if action in dialect.schemas.sends:
            assert fact.answer == {}
        else:
            assert dialect.schemas.is_strictly_valid_response(action, dict(fact.answer)), action


def test_2_1_says_all_that_2_0_1_says_and_more() -> None:
    assert V201.understood < V21.understood
    assert {"NotifyPeriodicEventStream"} == V21.schemas.sends
    told = tell(V21, "VatNumberValidation", {"vatNumber": "NL1", "evseId": 1})
    assert told == PlainlyAnswered({"vatNumber": "NL1", "status": "Rejected"})


def test_a_boot_of_either_version() -> None:
    payload = {"chargePointVendor": "V", "chargePointModel": "M", "chargeBoxSerialNumber": "S", "firmwareVersion": "1"}
    assert tell(V16, "BootNotification", payload) == Booted("V", "M", "S", "1")
    station = {"vendorName": "V", "model": "M", "serialNumber": "S", "firmwareVersion": "1"}
    told = tell(V201, "BootNotification", {"reason": "PowerUp", "chargingStation": station})
    assert told == Booted("V", "M", "S", "1", "PowerUp")


def test_a_status_of_either_version() -> None:
    payload = {"connectorId": 2, "errorCode": "NoError", "status": "SuspendedEV", "timestamp": T}
    expected = StatusChanged(2, 1, ConnectorStatus.SUSPENDED_EV, AT, state=ChargingState.SUSPENDED_EV)
    assert tell(V16, "StatusNotification", payload) == expected
    payload = {"connectorId": 0, "errorCode": "GroundFailure", "status": "Faulted", "info": "wet"}
    expected = StatusChanged(0, 0, ConnectorStatus.FAULTED, None, "GroundFailure", "wet")
    assert tell(V16, "StatusNotification", payload) == expected
    payload = {"timestamp": T, "connectorStatus": "Occupied", "evseId": 2, "connectorId": 3}
    assert tell(V201, "StatusNotification", payload) == StatusChanged(2, 3, ConnectorStatus.OCCUPIED, AT)


def test_an_authorize_of_either_version() -> None:
    assert tell(V16, "Authorize", {"idTag": "TAG"}) == AuthorizeAsked("TAG", TokenType.RFID)
    told = tell(V201, "Authorize", {"idToken": {"idToken": "NL-1", "type": "eMAID"}})
    assert told == AuthorizeAsked("NL-1", TokenType.CONTRACT)


def test_a_transaction_of_1_6() -> None:
    payload = {"connectorId": 2, "idTag": "TAG", "meterStart": 1000, "timestamp": T, "reservationId": 9}
    fact = tell(V16, "StartTransaction", payload)
    assert (fact.kind, fact.opens, fact.reference, fact.evse_id, fact.connector_id) == ("started", True, None, 2, 1)
    assert (fact.token, fact.meter_wh, fact.reservation_id, fact.state) == ("TAG", 1000, 9, "charging")
    assert fact.key == tell(V16, "StartTransaction", dict(payload)).key
    assert fact.key != tell(V16, "StartTransaction", {**payload, "meterStart": 1001}).key
    stop = {"transactionId": 12, "idTag": "tag", "meterStop": 1500, "timestamp": T, "reason": "EVDisconnected"}
    fact = tell(V16, "StopTransaction", stop)
    assert (fact.kind, fact.reference, fact.meter_wh, fact.stop_reason) == ("ended", "12", 1500, "EVDisconnected")
    for unnamed in (0, -1):
        assert tell(V16, "StopTransaction", {**stop, "transactionId": unnamed}).reference is None


def test_a_transaction_of_2_0_1() -> None:
    def sampled(value: float, context: str) -> dict[str, Any]:
        return {
            "timestamp": T,
            "sampledValue": [{"value": value, "context": context, "unitOfMeasure": {"unit": "kWh"}}],
        }

    payload = {
        "eventType": "Started",
        "timestamp": T,
        "triggerReason": "Authorized",
        "seqNo": 0,
        "offline": True,
        "transactionInfo": {"transactionId": "abc", "chargingState": "EVConnected", "remoteStartId": 7},
        "evse": {"id": 2, "connectorId": 1},
        "idToken": {"idToken": "TAG", "type": "ISO14443"},
        "meterValue": [sampled(1.5, "Sample.Periodic"), sampled(1.25, "Transaction.Begin")],
    }
    fact = tell(V201, "TransactionEvent", payload)
    assert (fact.kind, fact.reference, fact.evse_id, fact.token, fact.token_type) == (
        "started",
        "abc",
        2,
        "TAG",
        "rfid",
    )
    assert (fact.state, fact.seq_no, fact.remote_start_id, fact.offline) == ("ev_connected", 0, 7, True)
    assert fact.meter_wh == 1250
    end = {**payload, "eventType": "Ended", "transactionInfo": {"transactionId": "abc"}}
    fact = tell(V201, "TransactionEvent", end)
    assert (fact.kind, fact.stop_reason, fact.meter_wh) == ("ended", "Local", 1250)


def sampled_16(**value: str) -> Reading:
    payload = {"connectorId": 1, "meterValue": [{"timestamp": T, "sampledValue": [value]}]}
    fact = tell(V16, "MeterValues", payload)
    return fact.readings[0]  # type: ignore[no-any-return]


def test_units_and_measurands_have_their_defaults_and_thousands_are_brought_down() -> None:
    assert register_wh(sampled_16(value="1234")) == 1234
    assert register_wh(sampled_16(value="1.2345678", unit="kWh")) == Decimal("1234.568")
    assert register_wh(sampled_16(value="755295.01", unit="Wh")) == Decimal("755295.010")
    assert register_wh(sampled_16(value="16.0", measurand="Current.Import")) is None
    assert interval_wh(sampled_16(value="0.5", measurand="Energy.Active.Import.Interval", unit="kWh")) == 500


def test_what_is_no_number_is_kept_as_it_came() -> None:
    signed = sampled_16(value="OCMF|{}|{}", format="SignedData")
    assert signed.samples == ()
    assert signed.raw == ({"value": "OCMF|{}|{}", "format": "SignedData"},)
    for nonsense in ("NaN", "Infinity", "1e400", "", "twelve", "1e-999999"):
        assert register_wh(sampled_16(value=nonsense)) is None


def test_a_total_is_not_counted_again_with_its_phases() -> None:
    def value(wh: str, **more: str) -> dict[str, str]:
        return {"value": wh, "measurand": "Energy.Active.Import.Register", "unit": "Wh", **more}

    def told(*values: dict[str, str]) -> Decimal | None:
        payload = {"connectorId": 1, "meterValue": [{"timestamp": T, "sampledValue": list(values)}]}
        return register_wh(tell(V16, "MeterValues", payload).readings[0])

    phases = [value("10", phase="L1"), value("20", phase="L2-N"), value("30", phase="L3")]
    assert told(*phases) == 60
    assert told(*phases, value("61")) == 61
    assert told(value("5", location="EV"), value("7")) == 7
    assert told(value("5", location="EV")) == 5


def test_a_multiplier_of_2_0_1_is_applied() -> None:
    sample = {"value": 1.5, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}
    payload = {"evseId": 1, "meterValue": [{"timestamp": T, "sampledValue": [sample]}]}
    assert register_wh(tell(V201, "MeterValues", payload).readings[0]) == 1500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (T, AT),
        ("2026-05-01T10:00:00", AT),
        ("2026-05-01T12:00:00+02:00", AT),
        ("2026-05-01T10:00:00.1234567Z", AT + timedelta(microseconds=123456)),
        ("1970-01-01T00:00:07Z", datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
        (7, None),
    ],
)
def test_times_are_read_however_they_are_written(text: object, expected: datetime | None) -> None:
    assert instant(text) == expected


def test_harmless_violations_pass_and_are_named_without_their_values() -> None:
    payload = {
        "chargePointVendor": "A vendor with a name that is much too long",
        "chargePointModel": "M",
        "firmwareVersion": None,
        "vendorThing": {"a": 1},
    }
    violations = V16.schemas.check_request("BootNotification", payload)
    assert {(violation.path, violation.rule) for violation in violations} == {
        ("firmwareVersion", "null"),
        ("chargePointVendor", "maxLength"),
        ("", "additionalProperties"),
    }
    assert tell(V16, "BootNotification", payload).firmware is None


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": T, "sampledValue": [{"value": 12.5}]}]}),
        (
            "MeterValues",
            {"connectorId": 1, "meterValue": [{"timestamp": T, "sampledValue": [{"value": "1", "unit": "Hz"}]}]},
        ),
        ("StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 12.5, "timestamp": T}),
        ("StatusNotification", {"connectorId": 1, "errorCode": "Odd", "status": "Dancing"}),
        ("MeterValues", {"connectorId": 1, "meterValue": []}),
    ],
)
def test_what_chargers_really_send_in_1_6_is_understood(action: str, payload: dict[str, Any]) -> None:
    assert not V16.schemas.is_strictly_valid_request(action, payload)
    tell(V16, action, payload)


@pytest.mark.parametrize(
    ("action", "payload", "fault"),
    [
        ("BootNotification", {"chargePointModel": "M"}, Fault.MISSING),
        ("BootNotification", {"chargePointModel": "M", "chargePointVendor": None}, Fault.MISSING),
        ("Authorize", {"idTag": {"a": 1}}, Fault.WRONG_TYPE),
        ("Authorize", {"idTag": 5}, Fault.WRONG_TYPE),
        ("StartTransaction", {"connectorId": "one", "idTag": "T", "meterStart": 1, "timestamp": T}, Fault.WRONG_TYPE),
        ("StartTransaction", {"connectorId": 2**40, "idTag": "T", "meterStart": 1, "timestamp": T}, Fault.OUT_OF_RANGE),
        ("StatusNotification", {"connectorId": -1, "errorCode": "NoError", "status": "Available"}, Fault.OUT_OF_RANGE),
        ("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": T}]}, Fault.MISSING),
        ("MeterValues", {"connectorId": True, "meterValue": []}, Fault.WRONG_TYPE),
    ],
)
def test_what_cannot_be_understood_is_a_typed_fault(action: str, payload: dict[str, Any], fault: Fault) -> None:
    with pytest.raises(SchemaViolation) as caught:
        tell(V16, action, payload)
    assert caught.value.fault is fault
    assert fault in V16.fault_codes
    assert fault in V201.fault_codes


def test_a_payload_that_is_nested_too_deeply_is_a_fault() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    with pytest.raises(SchemaViolation) as caught:
        V16.schemas.check_request("DataTransfer", {"vendorId": "v", "data": deep})
    assert caught.value.fault in (Fault.UNREADABLE, Fault.WRONG_TYPE)
    payload = {"evseId": 1, "meterValue": [], "customData": {"vendorId": "v", "deep": deep}}
    with pytest.raises(SchemaViolation):
        tell(V201, "MeterValues", payload)


@BOTH
def test_a_raw_call_that_was_answered_is_accepted_whatever_the_answer_says(dialect: Dialect) -> None:
    command = RawCall("GetConfiguration", {})
    assert dialect.request(command, None) == ("GetConfiguration", {})
    outcome = dialect.outcome(command, {"status": "Rejected", "x": 1})
    assert outcome == CommandOutcome(CommandStatus.ACCEPTED, "Rejected", {"status": "Rejected", "x": 1})


@BOTH
def test_an_unknown_word_is_a_refusal(dialect: Dialect) -> None:
    assert dialect.outcome(Unlock(1), {"status": "Unlocked"}).ok
    assert dialect.outcome(Reset(), {"status": "Scheduled"}).status in (CommandStatus.SCHEDULED, CommandStatus.ACCEPTED)
    assert dialect.outcome(Reset(), {"status": "Perhaps"}).status is CommandStatus.REJECTED
    assert dialect.outcome(Reset(), {}).status is CommandStatus.REJECTED


@pytest.mark.parametrize("command", [*COMMANDS, RawCall("Any", {"a": [1, "x"]})], ids=lambda c: type(c).__name__)
def test_commands_and_outcomes_survive_the_way_over_the_bus(command: Command) -> None:
    assert decode_request(orjson.loads(encode_request(command, 12.5))) == (command, 12.5)
    outcome = CommandOutcome(CommandStatus.REJECTED, "Rejected", {"status": "Rejected"})
    assert decode_outcome(encode_outcome(outcome)) == outcome
