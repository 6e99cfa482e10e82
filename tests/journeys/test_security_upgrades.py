"""Stations are moved from one security profile to another, and none is locked out on the way."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from simulators.station import SimulatedStation
from simulators.station.identity import Identity
from tests.csms.pki import Pki
from tests.journeys.network import Network, eventually
from tests.journeys.peers import hub_with

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

OLD = "the-password-of-old"
TLS_URL = "wss://chargers.example.com/ocpp"


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


@pytest.fixture
async def hub(tmp_path: Path, migrated_database_url: str, pki: Pki) -> AsyncIterator[Network]:
    changes = {
        "ocpp_tls_port": 0,
        "ocpp_tls_certificate": pki.certificate,
        "ocpp_tls_key": pki.key,
        "public_ocpp_tls_url": TLS_URL,
    }
    async with hub_with(tmp_path, migrated_database_url, **changes) as network:
        await network.publish()
        await network.send("POST", "/stations", {"id": "CS-1", "location_id": "LOC1", "password": OLD}, expect=201)
        yield network


def station_of(hub: Network, password: str, identity: Identity | None = None, **options) -> SimulatedStation:
    url = hub.up.ocpp_url if identity is None else f"wss://localhost:{hub.up.hub.csms.tls_port}/ocpp"
    station = SimulatedStation("CS-1", url, password=password, identity=identity, **options)
    hub.stack.push_async_callback(station.close)
    return station


async def connected_16(hub: Network, identity: Identity | None = None) -> SimulatedStation:
    station = station_of(hub, OLD, identity)
    station.configuration |= {"AuthorizationKey": "", "SecurityProfile": "1", "VendorUrl": ""}
    await station.connect()
    return station


async def state_is(hub: Network, *wanted: str) -> dict:
    async def look() -> dict | None:
        found = await hub.get("/stations/CS-1/security-upgrade")
        return found if found["state"] in wanted else None

    return await eventually(look)


async def reset(station: SimulatedStation) -> None:
    """The station was told to restart, and has done so."""

    async def is_reset() -> bool:
        return any(action == "Reset" for action, _ in station.received) and not station._tasks

    await eventually(is_reset)


async def begin(hub: Network, expect: int = 202, **body) -> dict:
    return await hub.send("POST", "/stations/CS-1/security-upgrade", body, expect=expect)


async def refusal(station: SimulatedStation) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await station.connect()
    return caught.value.response.status_code


@pytest.mark.parametrize("takes_it_literally", [False, True], ids=["decoded", "literal"])
async def test_a_station_of_1_6_moves_to_tls_with_a_new_password(hub, pki, takes_it_literally: bool) -> None:
    station = await connected_16(hub)
    await begin(hub, profile=2, new_password=True, url_key="VendorUrl")
    await state_is(hub, "waiting")
    await reset(station)
    assert station.configuration["SecurityProfile"] == "2"
    assert station.configuration["VendorUrl"] == TLS_URL
    told = station.configuration["AuthorizationKey"]
    await station_of(hub, OLD).connect()  # the old way is as good as it was
    assert (await hub.get("/stations/CS-1/door"))["minimum_profile"] == 1
    password = told if takes_it_literally else bytes.fromhex(told).decode()
    await station_of(hub, password, Identity(pki.authority)).connect()
    assert (await state_is(hub, "verified"))["finished_at"]
    assert (await hub.get("/stations/CS-1/door"))["minimum_profile"] == 2
    assert await refusal(station_of(hub, OLD, Identity(pki.authority))) == 401
    assert await refusal(station_of(hub, password)) == 403


@pytest.mark.parametrize("protocol", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_station_of_2_gets_a_network_profile_and_keeps_the_old_one_behind_it(hub, pki, protocol) -> None:
    station = station_of(hub, OLD, protocol=protocol)
    priority = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
    password = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    station.answers |= {
        "GetVariables": {"getVariableResult": [{**priority, "attributeStatus": "Accepted", "attributeValue": "1, 3"}]},
        "SetVariables": {"setVariableResult": [{**one, "attributeStatus": "Accepted"} for one in (priority, password)]},
        "SetNetworkProfile": {"status": "Accepted"},
    }
    await station.connect()
    await begin(hub, profile=2, new_password=True, interface="Wireless0")
    await state_is(hub, "waiting")
    calls = dict(station.received)
    profile = calls["SetNetworkProfile"]
    assert profile["configurationSlot"] == 2
    assert profile["connectionData"]["ocppCsmsUrl"] == TLS_URL
    assert profile["connectionData"]["securityProfile"] == 2
    told = [one["setVariableData"][0]["attributeValue"] for action, one in station.received if action == "SetVariables"]
    assert told[1] == "2,1,3"
    await reset(station)
    await station_of(hub, told[0], Identity(pki.authority), protocol=protocol).connect()
    await state_is(hub, "verified")


async def test_a_station_gets_its_certificate_before_it_is_told_to_use_it(hub, pki) -> None:
    station = await connected_16(hub, Identity(pki.authority))
    await begin(hub, profile=3)
    await state_is(hub, "waiting", "verified")  # it is back with its certificate as soon as it was told to restart
    await reset(station)
    assert station.identity.chain is not None
    order = [action for action, _ in station.received]
    assert order.index("CertificateSigned") < order.index("ChangeConfiguration")
    await station_of(hub, "", station.identity).connect()
    await state_is(hub, "verified")
    assert await refusal(station_of(hub, OLD, Identity(pki.authority))) == 403


async def test_a_station_that_refuses_stays_as_it_is(hub) -> None:
    station = station_of(hub, OLD)
    await station.connect()
    await begin(hub, profile=2)
    failed = await state_is(hub, "failed")
    assert "SecurityProfile: NotSupported" in failed["detail"]
    await station.connect()
    assert (await hub.get("/stations/CS-1/door"))["minimum_profile"] == 1


async def test_an_upgrade_that_is_not_followed_in_time_has_failed_but_counts_when_it_is_late(hub, pki) -> None:
    await connected_16(hub)
    await begin(hub, profile=2)
    await state_is(hub, "waiting")
    await hub.up.hub.upgrader.expire(hub.up.hub.db, {"station_id": "CS-1"})
    await state_is(hub, "failed")
    await station_of(hub, OLD).connect()
    await station_of(hub, OLD, Identity(pki.authority)).connect()
    await state_is(hub, "verified")


async def test_what_makes_no_sense_is_refused(hub) -> None:
    assert (await hub.api.get("/stations/CS-1/security-upgrade")).status_code == 404
    await connected_16(hub)
    await begin(hub, expect=409, profile=1)
    assert (await hub.api.post("/stations/NO/security-upgrade", json={"profile": 2})).status_code == 404


async def test_only_the_password_can_be_changed(hub) -> None:
    station = await connected_16(hub)
    await begin(hub, profile=1, new_password=True)
    await state_is(hub, "waiting")
    await reset(station)
    assert station.configuration["SecurityProfile"] == "1"
    password = bytes.fromhex(station.configuration["AuthorizationKey"]).decode()
    await station_of(hub, password).connect()
    await state_is(hub, "verified")
    assert await refusal(station_of(hub, OLD)) == 401


async def test_a_second_upgrade_tells_the_password_that_the_first_has_told(hub, pki) -> None:
    station = await connected_16(hub)
    await begin(hub, profile=1, new_password=True)
    await reset(station)
    first = station.configuration["AuthorizationKey"]
    station.received.clear()
    await begin(hub, profile=2, new_password=True)
    await reset(station)
    assert station.configuration["AuthorizationKey"] == first
    await station_of(hub, bytes.fromhex(first).decode(), Identity(pki.authority)).connect()
    await state_is(hub, "verified")
    assert (await hub.get("/stations/CS-1/door"))["minimum_profile"] == 2
