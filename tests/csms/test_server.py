"""The listener: who gets in, under which name and version, and how connections end."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from csms.backoffice import Admission, AuthorizeRequest, BootVerdict, Knock, Refusal, RefusalReason
from csms.backoffice import Authorization as Verdict
from csms.server import CentralSystem, Limits
from csms.station import Booted, CertificateStatus, SigningAsked, StatusWanted
from csms.tables import Station
from tests.csms.waiting import until

pytestmark = pytest.mark.anyio

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


async def refused(world, **how) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await world.point(**how)
    return caught.value.response.status_code


async def test_a_station_boots_and_is_remembered(world) -> None:
    point = await world.point("CP1")
    answer = await point.call("BootNotification", BOOT)
    assert answer["status"] == "Accepted"
    assert answer["interval"] == 300
    async with world.db.read() as tx:
        station = await tx.get(Station, "CP1")
    assert (station.vendor, station.model, station.protocol) == ("V", "M", "ocpp1.6")
    assert station.booted_at is not None


async def test_booting_twice_is_fine(world) -> None:
    point = await world.point()
    await point.call("BootNotification", BOOT)
    await point.call("BootNotification", {**BOOT, "chargePointModel": "M2"})
    async with world.db.read() as tx:
        assert (await tx.get(Station, "CP1")).model == "M2"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("ocpp1.6", "ocpp1.6"),
        ("ocpp2.0.1", "ocpp2.0.1"),
        ("ocpp1.6,ocpp2.0.1", "ocpp2.0.1"),
        ("ocpp9.9,ocpp1.6", "ocpp1.6"),
    ],
)
async def test_the_newest_version_that_both_know_is_spoken(world, offered: str, chosen: str) -> None:
    point = await world.point(protocol=offered)
    assert point.socket.subprotocol == chosen


async def test_without_a_common_version_the_handshake_fails(world) -> None:
    assert await refused(world, protocol="ocpp9.9") == 400
    assert await refused(world, protocol=None) == 400


async def test_a_station_known_to_forget_its_version_gets_the_one_that_is_assumed(world) -> None:
    world.desk.admission = lambda name: Admission(name, assume_protocol="ocpp1.6")
    point = await world.point(protocol=None)
    assert point.socket.subprotocol is None
    assert (await point.call("BootNotification", BOOT))["status"] == "Accepted"
    assert await refused(world, protocol="ocpp9.9") == 400


async def test_unknown_stations_and_paths_are_not_found(world) -> None:
    world.desk.unknown.add("CP9")
    assert await refused(world, station_id="CP9") == 404
    base = f"ws://127.0.0.1:{world.system.port}"
    for path in ("/", "/ocpp", "/ocpp/", "/other/CP1", "/ocpp/%FF", "/ocpp/a%00b", "/ocpp/" + "x" * 65):
        assert await refused(world, url=base + path) == 404


async def test_credentials_are_judged_before_the_upgrade(world) -> None:
    world.desk.passwords["CP1"] = "secret"
    assert await refused(world, password="wrong") == 401
    assert await refused(world) == 401
    assert await refused(world, password="secret", user="CP2") == 401
    assert (await (await world.point(password="secret")).call("Heartbeat", {}))["currentTime"]


async def test_malformed_credentials_are_refused(world) -> None:
    for header in ("Bearer x", "Basic", "Basic %%%", "Basic " + "bm9jb2xvbg=="):
        with pytest.raises(InvalidStatus) as caught:
            await connect(
                world.url("CP1"),
                subprotocols=[Subprotocol("ocpp1.6")],
                additional_headers={"Authorization": header},
                proxy=None,
            )
        assert caught.value.response.status_code == 401
        assert "Basic" in caught.value.response.headers["WWW-Authenticate"]


async def test_a_blocked_station_is_forbidden(build) -> None:
    class Blocking:
        async def admit(self, knock: Knock) -> Admission | Refusal:
            return Refusal(RefusalReason.BLOCKED)

        async def booted(self, station_id: str, boot: Booted) -> BootVerdict:
            raise NotImplementedError

        async def certify(self, station_id: str, asked: SigningAsked) -> bool:
            raise NotImplementedError

        async def certificate_status(self, wanted: StatusWanted) -> CertificateStatus:
            raise NotImplementedError

        async def authorize(self, request: AuthorizeRequest) -> Verdict:
            raise NotImplementedError

    assert await refused(await build(backoffice=Blocking())) == 403


async def test_a_back_office_that_fails_turns_stations_away_for_now(build) -> None:
    class Failing:
        async def admit(self, knock: Knock) -> Admission | Refusal:
            raise RuntimeError("down")

        async def booted(self, station_id: str, boot: Booted) -> BootVerdict:
            raise NotImplementedError

        async def certify(self, station_id: str, asked: SigningAsked) -> bool:
            raise NotImplementedError

        async def certificate_status(self, wanted: StatusWanted) -> CertificateStatus:
            raise NotImplementedError

        async def authorize(self, request: AuthorizeRequest) -> Verdict:
            raise NotImplementedError

    assert await refused(await build(backoffice=Failing())) == 503


@pytest.mark.parametrize("path", ["/ocpp//RDAM%7C0", "/ocpp/RDAM%7C0/", "//ocpp///RDAM%7C0//", "/ocpp/RDAM%7C0?x=1"])
async def test_odd_paths_name_the_station_all_the_same(world, path: str) -> None:
    url = f"ws://127.0.0.1:{world.system.port}{path}"
    await world.point("RDAM|0", password="any", url=url)
    await until(lambda: world.system.registry.get("RDAM|0"))


async def test_the_canonical_name_is_the_back_offices(world) -> None:
    world.desk.admission = lambda name: Admission(name.upper())
    await world.point("cp1")
    await until(lambda: world.system.registry.get("CP1"))


async def test_the_newest_connection_of_a_station_wins(world) -> None:
    first = await world.point()
    await first.call("Heartbeat", {})
    session = world.system.registry.get("CP1")
    second = await world.point()
    await asyncio.wait_for(first.socket.wait_closed(), 30)
    assert first.socket.close_code == 1001
    assert (await second.call("Heartbeat", {}))["currentTime"]
    assert world.system.registry.get("CP1") is not session
    assert len(world.system.registry) == 1


async def test_a_message_that_is_too_large_ends_its_connection_and_nothing_else(world) -> None:
    other = await world.point("CP2")
    point = await world.point("CP1")
    await point.raw(json.dumps([2, "1", "DataTransfer", {"vendorId": "v", "data": "x" * 2**21}]))
    await asyncio.wait_for(point.socket.wait_closed(), 30)
    assert point.socket.close_code == 1009
    assert (await other.call("Heartbeat", {}))["currentTime"]


async def test_stopping_closes_the_sockets_with_the_code_for_a_restart(build) -> None:
    world = await build()
    point = await world.point()
    await point.call("BootNotification", BOOT)
    await world.system.stop()
    await asyncio.wait_for(point.socket.wait_closed(), 30)
    assert point.socket.close_code == 1012
    async with world.db.read() as tx:
        assert (await tx.get(Station, "CP1")).disconnected_at is not None


async def test_when_a_station_was_heard_is_written_now_and_then(build) -> None:
    world = await build(limits=Limits(seen_interval_s=0.05))
    point = await world.point()
    await point.call("BootNotification", BOOT)
    async with world.db.read() as tx:
        before = (await tx.get(Station, "CP1")).last_seen_at
    await point.call("Heartbeat", {})
    async with asyncio.timeout(30):
        while True:
            async with world.db.read() as tx:
                if (await tx.get(Station, "CP1")).last_seen_at > before:
                    return
            await asyncio.sleep(0.02)


async def test_a_plain_http_request_is_no_station(world) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.system.port)
    writer.write(b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 426 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_the_port_is_known_only_once_started(world, db, bus, accept_all) -> None:
    from kit.clock import SystemClock

    system = CentralSystem(db, accept_all, bus, clock=SystemClock(), port=0)
    with pytest.raises(RuntimeError):
        _ = system.port
    with pytest.raises(ConnectionClosed):
        point = await world.point()
        await point.close()
        await point.call("Heartbeat", {})
