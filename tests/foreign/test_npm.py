"""A charger of another project's making in another language: npm's `ocpp-rpc`, which checks all it hears and says."""

from pathlib import Path

import pytest

from tests.foreign.node import install, running
from tests.journeys.network import Network, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CARD = "04AABBCCDD"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The charger beside its packages."""
    return install("npm", tmp_path_factory.mktemp("npm"))


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_a_strict_charger_of_npm_charges_obeys_and_finds_nothing_against_the_schemas(
    network: Network, folder: Path, protocol: str
) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
    made = await network.send("POST", "/stations", {"id": "NPM-1", "location_id": "LOC1"}, expect=201)
    arguments = (network.up.ocpp_url, "NPM-1", made["password"], CARD, protocol)

    async with running(folder / "charger.mjs", *arguments) as charger:
        assert await charger.tells("protocol") == protocol
        assert await charger.tells("boot") == "Accepted"
        assert await charger.tells("authorized") == "Accepted"
        assert await charger.tells("started") == "Accepted"
        assert await charger.tells("stopped") == "Local"
        start = await network.send("POST", "/starts", {"token_uid": CARD, "station_id": "NPM-1"}, expect=202)
        assert await charger.tells("started") == "Accepted"

        async def charging() -> bool:
            sessions = (await network.get("/sessions"))["items"]
            return any(session["start_id"] == start["id"] and float(session["kwh"]) == 0.7 for session in sessions)

        await eventually(charging)
        assert (await network.send("POST", f"/starts/{start['id']}/stop", None))["accepted"]
        assert await charger.tells("stopped") == "Remote"
        kind = "Hard" if protocol == "ocpp1.6" else "Immediate"
        await network.send("POST", "/stations/NPM-1/calls", {"action": "Reset", "payload": {"type": kind}})
        assert await charger.tells("violations") == 0

    async def billed() -> bool:
        return sorted(float(cdr["kwh"]) for cdr in (await network.get("/cdrs"))["items"]) == [0.7, 1.234]

    await eventually(billed)
    [station] = (await network.get("/stations"))["items"]
    assert (station["vendor"], station["protocol"]) == ("npm", protocol)
    sessions = (await network.get("/sessions"))["items"]
    assert {(session["status"], session["review"]) for session in sessions} == {("COMPLETED", None)}
