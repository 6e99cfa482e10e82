"""Messages of vendors' own, in both directions, over real sockets."""

import asyncio

import pytest

from csms.commands import CommandStatus
from csms.operations import TransferData
from csms.vendors import VendorAnswer, VendorMessage, VendorVerdict

pytestmark = pytest.mark.anyio

VERSIONS = pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])


@VERSIONS
async def test_a_message_of_a_vendors_own_reaches_its_handler(build, protocol: str) -> None:
    heard: list[VendorMessage] = []

    async def hello(message: VendorMessage) -> VendorAnswer:
        heard.append(message)
        return VendorAnswer(VendorVerdict.ACCEPTED, {"some_key": 1})

    world = await build(vendors={"com.Vendor": hello})
    point = await world.point(protocol=protocol)
    answer = await point.call("DataTransfer", {"vendorId": "COM.vendor", "messageId": "hi", "data": "x"})
    assert answer["status"] == "Accepted"
    assert answer["data"] == ('{"some_key":1}' if protocol == "ocpp1.6" else {"some_key": 1})
    assert heard == [VendorMessage("CP1", "COM.vendor", "hi", "x")]
    assert await point.call("DataTransfer", {"vendorId": "com.other"}) == {"status": "UnknownVendorId"}


async def test_a_handler_holds_nothing_up_and_its_failure_is_answered(build) -> None:
    gate = asyncio.Event()

    async def slow(message: VendorMessage) -> VendorAnswer:
        await gate.wait()
        raise RuntimeError

    world = await build(vendors={"slow": slow})
    point = await world.point()
    waiting = await point.send("DataTransfer", {"vendorId": "slow"})
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    assert (await point.call("BootNotification", boot))["status"] == "Accepted"
    gate.set()
    assert (await asyncio.wait_for(waiting, 30))[2] == "InternalError"


@VERSIONS
async def test_a_message_of_a_vendors_own_is_sent_to_a_station(world, protocol: str) -> None:
    point = await world.point(protocol=protocol)
    point.answer = lambda _action, payload: {"status": "Accepted", "data": payload["data"]}
    outcome = await world.system.link.call("CP1", TransferData("com.vendor", "hi", "x"))
    assert (outcome.status, outcome.result) == (CommandStatus.ACCEPTED, {"data": "x"})
    point.answer = lambda _action, _payload: {"status": "UnknownVendorId"}
    outcome = await world.system.link.call("CP1", TransferData("com.vendor"))
    assert (outcome.status, outcome.reason) == (CommandStatus.UNSUPPORTED, "UnknownVendorId")
