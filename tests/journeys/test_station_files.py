"""Firmware to chargers and logs from them."""

from typing import Any

import pytest

from simulators.station import SimulatedStation
from simulators.station.maintenance import LOG
from tests.journeys.network import Network, eventually, http_client, operator_api

pytestmark = pytest.mark.anyio

VERSIONS = pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
FIRMWARE = "https://vendor.example/fw-2.bin"


async def ask(network: Network, operation: str, **fields: Any) -> Any:
    body = {"operation": operation, **fields}
    return await network.send("POST", "/stations/CS-1/operations", body, expect=201)


async def place(network: Network, protocol: str) -> SimulatedStation:
    await network.publish()
    return await network.station(protocol=protocol)


async def progress(network: Network, asked: Any, wanted: str) -> Any:
    async def told() -> Any:
        now = await network.get(f"/stations/CS-1/operations/{asked['id']}")
        return now if now["progress"] == wanted else None

    return await eventually(told)


@VERSIONS
@pytest.mark.parametrize("kind", ["diagnostics", "security"])
async def test_a_log_comes_to_us_by_a_signed_url(network: Network, protocol: str, kind: str) -> None:
    station = await place(network, protocol)
    asked = await ask(network, "send_log", kind=kind)
    assert (asked["status"], asked["result"]) == ("accepted", {"file_name": "log.txt"})
    await progress(network, asked, "uploaded")
    [file] = await network.get("/stations/CS-1/files")
    assert (file["kind"], file["file_name"], file["size"]) == (kind, "log.txt", len(LOG))
    assert file["request_id"] == asked["request_id"]
    answer = await network.api.get(f"/stations/CS-1/files/{file['id']}")
    assert (answer.content, answer.headers["content-type"]) == (LOG, "application/octet-stream")
    assert "attachment" in answer.headers["content-disposition"]
    [url] = [_location(payload) for action, payload in station.received if action in ("GetLog", "GetDiagnostics")]
    async with http_client() as client:
        assert (await client.put(f"{url}x/log.txt", content=b"1")).status_code == 403
        assert (await client.get(url)).status_code == 405
        assert (await client.post(url, content=b"again")).status_code == 201


def _location(payload: dict[str, Any]) -> str:
    return str(payload["location"] if "location" in payload else payload["log"]["remoteLocation"])


async def test_only_operators_see_files(network: Network) -> None:
    async with operator_api(network.up.http_url, "plb_wrong") as stranger:
        for path in ("/stations/CS-1/files", "/stations/CS-1/files/x"):
            assert (await stranger.get(path)).status_code == 401
            assert (await network.api.get(path)).status_code == 404


@VERSIONS
async def test_firmware_is_installed_and_how_far_it_is_is_told(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    asked = await ask(network, "update_firmware", location=FIRMWARE)
    assert asked["status"] == "accepted"
    done = await progress(network, asked, "installed")
    assert done["progress_word"] == "Installed"
    signed = await ask(network, "update_firmware", location=FIRMWARE, certificate="PEM", signature="c2ln")
    await progress(network, signed, "installed")
    assert station.upkeep.maintenance.installed == [FIRMWARE, FIRMWARE]
    station.upkeep.maintenance.fails = True
    asked = await ask(network, "update_firmware", location=FIRMWARE)
    assert (await progress(network, asked, "failed"))["progress_word"] == "InstallationFailed"


async def test_firmware_from_nowhere_is_refused(network: Network) -> None:
    for fields in ({"location": "file:///etc/passwd"}, {"location": FIRMWARE, "certificate": "PEM"}):
        body = {"operation": "update_firmware", **fields}
        await network.send("POST", "/stations/CS-1/operations", body, expect=422)
