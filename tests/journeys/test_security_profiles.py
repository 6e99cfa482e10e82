"""Security profiles over a whole hub: passwords over TLS, certificates of our own CA and of another, and their end."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import select
from websockets.exceptions import InvalidStatus

from hub.stations.certificate_tables import Authority, Certificate
from hub.stations.events import CertificateExpires
from simulators.station import SimulatedStation
from simulators.station.identity import Identity
from tests.csms.pki import Pki
from tests.journeys.network import Network, eventually
from tests.journeys.peers import hub_with

pytestmark = pytest.mark.anyio

PASSWORD = "a-password-of-our-own"


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


@pytest.fixture
async def hub(tmp_path: Path, migrated_database_url: str, pki: Pki) -> AsyncIterator[Network]:
    files = {
        "ocpp_tls_certificate": pki.certificate,
        "ocpp_tls_key": pki.key,
        "ocpp_tls_station_cas": pki.authority_file,
    }
    async with hub_with(tmp_path, migrated_database_url, ocpp_tls_port=0, **files) as network:
        await network.publish()
        yield network


async def registered(hub: Network, station_id: str = "CS-1") -> None:
    body = {"id": station_id, "location_id": "LOC1", "password": PASSWORD}
    await hub.send("POST", "/stations", body, expect=201)


def tls_station(hub: Network, identity: Identity, station_id: str = "CS-1", **options) -> SimulatedStation:
    url = f"wss://localhost:{hub.up.hub.csms.tls_port}/ocpp"
    station = SimulatedStation(station_id, url, identity=identity, **options)
    hub.stack.push_async_callback(station.close)
    return station


async def refusal(station: SimulatedStation) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await station.connect()
    return caught.value.response.status_code


async def certificates(hub: Network) -> list[dict]:
    return (await hub.get("/station-certificates"))["items"]


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_a_station_gets_a_certificate_of_our_own_ca_and_comes_in_with_it(hub, pki, protocol) -> None:
    await registered(hub)
    station = tls_station(hub, Identity(pki.authority), password=PASSWORD, protocol=protocol)
    await station.connect()
    assert (await hub.get("/stations/CS-1/door"))["seen_profile"] == 2
    answer = await hub.api.post("/stations/CS-1/renewal")
    assert answer.status_code == 202, answer.text

    async def installed() -> bool:
        return station.identity.chain is not None

    await eventually(installed)
    [issued] = await certificates(hub)
    assert (issued["is_ours"], issued["used_at"]) == (True, None)
    bare = tls_station(hub, station.identity, protocol=protocol)
    await bare.connect()
    assert bare.boot_status == "Accepted"
    assert (await hub.get("/stations/CS-1/door"))["seen_profile"] == 3
    [used] = await certificates(hub)
    assert used["used_at"] is not None


async def test_a_certificate_of_a_configured_ca_is_bound_to_the_station_that_it_names(hub, pki) -> None:
    await registered(hub)
    await registered(hub, "CS-2")
    identity = pki.station("cs-1")
    await tls_station(hub, identity).connect()
    assert await refusal(tls_station(hub, identity, "CS-2")) == 401
    assert await refusal(tls_station(hub, identity, "CS-2", password=PASSWORD)) == 401
    [shown] = await certificates(hub)
    assert (shown["station_id"], shown["is_ours"]) == ("CS-1", False)


async def test_a_station_has_to_come_with_the_profile_that_is_stored_for_it(hub, pki) -> None:
    await registered(hub)
    plain = SimulatedStation("CS-1", hub.up.ocpp_url, password=PASSWORD)
    hub.stack.push_async_callback(plain.close)
    await hub.send("PATCH", "/stations/CS-1/door", {"minimum_profile": 2})
    assert await refusal(plain) == 403
    with_password = tls_station(hub, Identity(pki.authority), password=PASSWORD)
    await with_password.connect()
    await hub.send("PATCH", "/stations/CS-1/door", {"minimum_profile": 3}, expect=409)
    await tls_station(hub, pki.station("CS-1")).connect()
    await hub.send("PATCH", "/stations/CS-1/door", {"minimum_profile": 3})
    assert await refusal(with_password) == 403


async def test_a_certificate_that_was_taken_back_opens_no_door(hub, pki) -> None:
    await registered(hub)
    station = tls_station(hub, pki.station("CS-1"))
    await station.connect()
    [shown] = await certificates(hub)
    path = f"/stations/CS-1/certificates/{shown['fingerprint']}/revocation"
    assert (await hub.api.post(path)).status_code == 204

    async def sent_away() -> bool:
        return not station.online

    await eventually(sent_away)
    assert await refusal(station) == 401
    assert (await hub.api.post(path.replace("CS-1", "CS-9"))).status_code == 404


async def test_a_certificate_whose_end_is_near_is_told_of_once_and_renewed(hub, pki) -> None:
    await registered(hub)
    station = tls_station(hub, Identity(pki.authority), password=PASSWORD)
    await station.connect()
    await hub.api.post("/stations/CS-1/renewal")

    async def installed() -> str | None:
        return station.identity.chain

    first = await eventually(installed)
    await station.connect()
    running = hub.up.hub
    async with running.db.tx() as tx:
        await tx.execute(update(Certificate).values(expires_at=tx.now + timedelta(days=5)))
    assert len((await hub.get("/station-certificates", expiring_within_days=10))["items"]) == 1
    async with running.db.read() as tx:
        assert await running.certificates.expiring(tx) == 1
    await running.certificates.watch(running.db, {})

    async def renewed() -> bool:
        return station.identity.chain != first

    await eventually(renewed)
    async with running.db.read() as tx:
        [warned] = [row for row in await tx.all(select(Certificate)) if row.warned_at is not None]
    assert CertificateExpires("CS-1", warned.fingerprint).replace_key() == warned.fingerprint
    await station.connect()
    async with running.db.read() as tx:
        assert await running.certificates.expiring(tx) == 0
    await running.certificates.watch(running.db, {})


async def test_the_key_of_our_ca_is_kept_encrypted(hub) -> None:
    shown = await hub.get("/station-authority")
    assert "BEGIN CERTIFICATE" in shown["certificate"]
    async with hub.up.hub.db.read() as tx:
        row = await tx.get(Authority, 1)
    assert row.certificate == shown["certificate"]
    assert "PRIVATE" not in row.sealed_key


@pytest.mark.parametrize("request_text", ["nonsense", "", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END"])
async def test_what_is_no_request_for_a_certificate_is_refused(hub, pki, request_text) -> None:
    await registered(hub)
    station = tls_station(hub, Identity(pki.authority), password=PASSWORD)
    await station.connect()
    assert (await station.call("SignCertificate", {"csr": request_text}))["status"] == "Rejected"
    assert await certificates(hub) == []
