"""Quirks of real chargers at the connection, each by the name under which it was met."""

import asyncio
import base64
import json
import os

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from csms.backoffice import Admission
from csms.commands import CommandStatus, Trigger
from csms.handshake import mend_request_line, station_id_of
from csms.limits import SessionLimits
from csms.server import Limits
from kit.clock import ManualClock
from tests.csms.waiting import until

pytestmark = pytest.mark.anyio

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


async def knock(world, line: bytes, *headers: bytes):
    """The first bytes of a handshake, as a charger with its own idea of HTTP writes them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.system.port)
    key = base64.b64encode(os.urandom(16))
    common = (b"Host: x", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + key)
    protocol = b"Sec-WebSocket-Protocol: ocpp1.6"
    writer.write(b"\r\n".join((line, *common, protocol, *headers, b"", b"")))
    return reader, writer


UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket")


async def answer_to(world, line: bytes, *headers: bytes) -> bytes:
    reader, writer = await knock(world, line, *headers)
    answer = await asyncio.wait_for(reader.readline(), 30)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_quirk_28_a_missing_subprotocol_is_refused_unless_the_station_is_known_for_it(world) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await world.point("CP1", protocol=None)
    assert caught.value.response.status_code == 400
    world.desk.admission = lambda name: Admission(name, assume_protocol="ocpp1.6")
    point = await world.point("CP1", protocol=None)
    assert (await point.call("BootNotification", BOOT))["status"] == "Accepted"


async def test_quirk_29_the_version_is_a_matter_of_the_connection(world) -> None:
    first = await world.point("CP1", protocol="ocpp1.6")
    await first.call("BootNotification", BOOT)
    second = await world.point("CP1", protocol="ocpp2.0.1")
    boot = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
    assert (await second.call("BootNotification", boot))["status"] == "Accepted"
    assert world.system.registry.get("CP1").protocol == "ocpp2.0.1"


async def test_quirk_30_a_missing_connection_header_is_made_up_for_a_station_known_for_it(world) -> None:
    line = b"GET /ocpp/CP1 HTTP/1.1"
    assert b" 426 " in await answer_to(world, line, b"Upgrade: websocket")
    world.desk.admission = lambda name: Admission(name, assume_upgrade=True)
    assert b" 101 " in await answer_to(world, line, b"Upgrade: websocket")
    assert b" 101 " in await answer_to(world, line, b"Connection: keep-alive", b"Upgrade: websocket")


async def test_quirk_31_a_reserved_bit_ends_the_connection_with_1002_and_the_station_may_come_back(world) -> None:
    for _ in range(3):
        reader, writer = await knock(world, b"GET /ocpp/CP1 HTTP/1.1", *UPGRADE)
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        mask = b"\x00\x00\x00\x00"
        writer.write(bytes([0xC1, 0x80 | 2]) + mask + b"{}")
        frame = await asyncio.wait_for(reader.readexactly(4), 30)
        assert frame[0] == 0x88
        assert int.from_bytes(frame[2:4], "big") == 1002
        writer.close()
        await writer.wait_closed()
    await until(lambda: world.system.registry.get("CP1") is None)
    assert (await (await world.point("CP1")).call("Heartbeat", {}))["currentTime"]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (b"/ocpp/RDAM%7C0", "RDAM|0"),
        (b"/ocpp/CP%201", "CP 1"),
        (b"/ocpp/CP 1", "CP 1"),
        (b"/ocpp//CP1", "CP1"),
        (b"/ocpp/CP1/", "CP1"),
        (b"//ocpp/CP1//", "CP1"),
        (b"/ocpp/CP1?token=x", "CP1"),
        (b"http://hub.example.com/ocpp/CP1", "CP1"),
        (b"ws://hub.example.com:9000/ocpp/RDAM%7C0/", "RDAM|0"),
        (b"/ocpp/ws://hub.example.com/ocpp/CP1", "CP1"),
        (b"/ocpp/100%25", "100%"),
    ],
)
async def test_quirk_32_odd_paths_name_the_station_all_the_same(world, target: bytes, name: str) -> None:
    reader, writer = await knock(world, b"GET " + target + b" HTTP/1.1", *UPGRADE)
    assert b" 101 " in await asyncio.wait_for(reader.readline(), 30)
    assert world.desk.knocks[-1].station_id == name
    writer.close()
    await writer.wait_closed()


async def test_quirk_32_the_basic_user_is_compared_with_the_decoded_id(world) -> None:
    world.desk.passwords["RDAM|0"] = "secret-secret"
    url = world.url("RDAM%7C0")
    point = await world.point("RDAM|0", password="secret-secret", url=url)
    assert (await point.call("Heartbeat", {}))["currentTime"]
    for user in ("RDAM%7C0", "RDAM|1"):
        with pytest.raises(InvalidStatus) as caught:
            await world.point("RDAM|0", password="secret-secret", user=user, url=url)
        assert caught.value.response.status_code == 401


def test_quirk_32_what_is_no_request_line_is_left_alone() -> None:
    for data in (b"", b"GET /x HTTP/1.1\r\n", b"GET /a b", b"\x16\x03\x01", b"POST /a b HTTP/1.1\r\n"):
        assert mend_request_line(data) == data
    assert mend_request_line(b"GET /a b c HTTP/1.1\r\nX: y z\r\n") == b"GET /a%20b%20c HTTP/1.1\r\nX: y z\r\n"
    assert station_id_of("http://[::1/ocpp/CP1", "/ocpp") is None


async def test_quirk_33_the_canonical_id_is_the_back_offices_whatever_the_case(world) -> None:
    world.desk.admission = lambda name: Admission(name.upper())
    point = await world.point("cp1", password="x", user="Cp1")
    await point.call("BootNotification", BOOT)
    assert world.system.registry.get("CP1") is not None
    assert world.system.registry.get("cp1") is None


async def test_quirk_34_a_new_socket_replaces_a_half_open_one_and_its_calls_fail_at_once(world) -> None:
    first = await world.point("CP1")
    first.answer = lambda _action, _payload: None
    calling = asyncio.create_task(world.system.link.call("CP1", Trigger("Heartbeat"), timeout_s=60))
    await until(lambda: first.calls)
    second = await world.point("CP1")
    outcome = await asyncio.wait_for(calling, 30)
    assert outcome.status is CommandStatus.DISCONNECTED
    await asyncio.wait_for(first.socket.wait_closed(), 30)
    assert (await second.call("Heartbeat", {}))["currentTime"]


WATCHFUL = Limits(ping_timeout_s=10, close_timeout_s=0.1, liveness_interval_s=1)


async def pass_by(clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds):
        clock.advance(1)
        await asyncio.sleep(0)  # whoever sleeps for a second begins the next one


async def test_quirk_35_a_station_that_answers_no_pings_is_there_as_long_as_it_says_anything(build) -> None:
    clock = ManualClock()
    world = await build(limits=WATCHFUL, clock=clock)
    world.desk.admission = lambda name: Admission(name, ping_interval_s=20)
    reader, writer = await knock(world, b"GET /ocpp/CP1 HTTP/1.1", *UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    await until(lambda: world.system.registry.get("CP1"))
    pulse = world.system.registry.get("CP1").pulse
    text = b'[2,"1","Heartbeat",{}]'
    for said in range(1, 21):
        writer.write(bytes([0x81, 0x80 | len(text)]) + b"\x00\x00\x00\x00" + text)
        await until(lambda said=said: pulse.heard == said)
        await pass_by(clock, 25)
    assert world.system.registry.get("CP1") is not None
    await until(lambda: clock.advance(1) or world.system.registry.get("CP1") is None)
    writer.close()


async def test_quirk_35_a_station_that_only_answers_pings_is_there(build) -> None:
    clock = ManualClock()
    world = await build(limits=WATCHFUL, clock=clock)
    world.desk.admission = lambda name: Admission(name, ping_interval_s=20)
    point = await world.point("CP1")
    await until(lambda: world.system.registry.get("CP1"))
    pulse = world.system.registry.get("CP1").pulse
    await until(lambda: clock.advance(1) or pulse.heard == 5)
    assert point.socket.close_code is None
    assert (await point.call("Heartbeat", {}))["currentTime"]


async def test_quirk_35_pings_are_sent_as_each_station_bears_them(build) -> None:
    clock = ManualClock()
    world = await build(limits=WATCHFUL, clock=clock)
    world.desk.admission = lambda name: Admission(name, ping_interval_s=None if name == "DEAF" else 20)

    async def silent(name: str):
        reader, writer = await knock(world, f"GET /ocpp/{name} HTTP/1.1".encode(), *UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        return reader, writer

    deaf, pinged = await silent("DEAF"), await silent("CP1")
    await until(lambda: len(world.system.registry) == 2)
    await until(lambda: clock.advance(1) or world.system.registry.get("CP1") is None)
    assert world.system.registry.get("DEAF") is not None
    for _, writer in (deaf, pinged):
        writer.close()


async def test_quirk_36_a_station_that_answers_no_calls_is_sent_to_connect_anew(build) -> None:
    world = await build(limits=Limits(session=SessionLimits(silent_calls=2)))
    point = await world.point("CP1")
    point.answer = lambda _action, _payload: None
    for _ in range(2):
        assert (await point.call("Heartbeat", {}))["currentTime"]
        await world.system.link.call("CP1", Trigger("Heartbeat"), timeout_s=0.5)
    await asyncio.wait_for(point.socket.wait_closed(), 30)
    assert point.socket.close_code == 1011


@pytest.mark.parametrize(("protocol", "is_compressed"), [("ocpp1.6", False), ("ocpp2.0.1", True), ("ocpp2.1", True)])
async def test_compression_is_agreed_on_from_two_on(build, protocol: str, is_compressed: bool) -> None:
    world = await build()
    async with connect(
        world.url("CP1"), subprotocols=[Subprotocol(protocol)], compression="deflate", proxy=None
    ) as socket:
        agreed = socket.response.headers.get("Sec-WebSocket-Extensions", "")
        assert ("permessage-deflate" in agreed) is is_compressed
        if is_compressed:
            assert "server_no_context_takeover" in agreed
            assert "client_no_context_takeover" in agreed
        await socket.send(json.dumps([2, "1", "Heartbeat", {}]))
        assert json.loads(await socket.recv())[0] == 3


async def test_compression_can_be_switched_off(build) -> None:
    world = await build(limits=Limits(compress=False))
    async with connect(
        world.url("CP1"), subprotocols=[Subprotocol("ocpp2.0.1")], compression="deflate", proxy=None
    ) as socket:
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
