"""What chargers make of our calls, one test for each quirk of the field (23, 24, 26, 27)."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from csms.capabilities import SettingsRead, capabilities_of
from csms.charging import LimitUnit, Period, ProfilePurpose
from csms.commands import CommandStatus, StartCharging, Trigger
from csms.limits import SessionLimits
from csms.operations import SetProfile
from csms.profiles import Wish, build
from csms.server import Limits
from csms.station import TokenType
from csms.wire import decode_request, encode_request

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WISH = Wish(ProfilePurpose.TRANSACTION, LimitUnit.AMPERE, (Period(0, Decimal("15.99")),), stack_level=3)


def boot(vendor: str, model: str, firmware: str = "1") -> dict[str, Any]:
    return {"chargePointVendor": vendor, "chargePointModel": model, "firmwareVersion": firmware}


async def test_quirk_23_a_model_that_is_better_not_called_after_its_boot(world) -> None:
    point = await world.point()
    await point.call("BootNotification", boot("StarCharge", "Artemis"))
    outcome = await world.system.link.call("CP1", Trigger("StatusNotification", 1), 0.3)
    assert (outcome.status, point.calls) == (CommandStatus.BUSY, [])
    other = await world.point("CP2")
    await other.call("BootNotification", boot("Sound", "One"))
    assert (await world.system.link.call("CP2", Trigger("StatusNotification", 1), 5)).ok


async def test_quirk_24_nobody_is_asked_for_its_settings_by_the_central_system_itself(build) -> None:
    world = await build(limits=Limits(session=SessionLimits(settle_s=0.01, patience_s=0.05)))
    point = await world.point()
    await point.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    await point.call("BootNotification", boot("ABB", "Terra AC W22", "1.8.21"))
    await asyncio.sleep(0.2)
    assert {action for action, _ in point.calls} <= {"TriggerMessage"}
    assert capabilities_of("ABB", "Terra AC W22", "1.8.21").settings_read is SettingsRead.NEVER
    assert capabilities_of("ABB", "Terra AC W22", "1.8.32").settings_read is SettingsRead.ALL


@pytest.mark.parametrize(
    "message", ["BootNotification", "Heartbeat", "StatusNotification", "FirmwareStatusNotification"]
)
async def test_quirk_26_a_trigger_always_names_a_connector(world, message: str) -> None:
    point = await world.point()

    def refuse_without(action: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"status": "Accepted" if "connectorId" in payload else "Rejected"}

    point.answer = refuse_without
    assert (await world.system.link.call("CP1", Trigger(message), 5)).ok


MODELS: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
    "stack level 0 only": (("ABB", "Terra AC"), {"stackLevel": 0, "chargingProfileKind": "Relative"}),
    "relative only": (("Wallbox", "Copper SB"), {"stackLevel": 0, "chargingProfileKind": "Relative"}),
    "watts only": (("Huawei", "SCharger"), {"stackLevel": 3, "chargingProfileKind": "Relative"}),
    "nothing of it": (("Sound", "One"), {"stackLevel": 3, "chargingProfileKind": "Relative"}),
}


@pytest.mark.parametrize("names", MODELS)
async def test_quirk_27_a_limit_is_said_as_the_model_takes_it(world, names: str) -> None:
    (vendor, model), wanted = MODELS[names]
    profile = build(WISH, capabilities_of(vendor, model, None), profile_id=1, now=NOW)
    point = await world.point()
    number = (await point.call("StartTransaction", {**START}))["transactionId"]
    await world.system.link.call("CP1", SetProfile(1, profile, number), 5)
    [(action, payload)] = point.calls
    told = payload["csChargingProfiles"]
    assert (action, told["transactionId"]) == ("SetChargingProfile", number)
    assert {name: told[name] for name in wanted} == wanted
    [period] = told["chargingSchedule"]["chargingSchedulePeriod"]
    in_watts = vendor == "Huawei"
    assert told["chargingSchedule"]["chargingRateUnit"] == ("W" if in_watts else "A")
    assert period["limit"] == (11033.1 if in_watts else 15.9), "a multiple of 0.1, and never more than was wished"


START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-05-01T10:00:00Z"}


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_quirk_27_a_limit_goes_with_the_order_to_start_and_names_no_transaction(world, protocol: str) -> None:
    profile = build(WISH, capabilities_of("Sound", "One", None), profile_id=9, now=NOW)
    point = await world.point(protocol=protocol)
    command = StartCharging("TAG", TokenType.RFID, 1, remote_start_id=7, profile=profile)
    assert (await world.system.link.call("CP1", command, 5)).ok
    [(action, payload)] = point.calls
    told = payload["chargingProfile"]
    assert action == ("RemoteStartTransaction" if protocol == "ocpp1.6" else "RequestStartTransaction")
    assert (told["chargingProfilePurpose"], "transactionId" in told) == ("TxProfile", False)
    schedule = told["chargingSchedule"] if protocol == "ocpp1.6" else told["chargingSchedule"][0]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 15.9}]
    assert decode_request(orjson.loads(encode_request(command, 5))) == (command, 5.0), "over the bus, too"
    assert not capabilities_of("go-eCharger", "V4", None).start_limit, "it would refuse to start"
