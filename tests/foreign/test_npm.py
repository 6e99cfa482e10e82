"""A charger of another project's making in another language: npm's `ocpp-rpc`, which checks all it hears and says."""

from pathlib import Path

import pytest

from tests.foreign.charging import both_are_billed, charges_and_obeys, expected
from tests.foreign.node import install, running
from tests.journeys.network import Network

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The charger beside its packages."""
    return install("npm", tmp_path_factory.mktemp("npm"))


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_a_strict_charger_of_npm_charges_obeys_and_finds_nothing_against_the_schemas(
    network: Network, folder: Path, protocol: str
) -> None:
    arguments = await expected(network, "NPM-1")
    async with running(folder / "charger.mjs", *arguments, protocol) as charger:
        await charges_and_obeys(network, charger, "NPM-1", protocol)
        assert await charger.tells("violations") == 0
    await both_are_billed(network)
    [station] = (await network.get("/stations"))["items"]
    assert (station["vendor"], station["protocol"]) == ("npm", protocol)
    sessions = (await network.get("/sessions"))["items"]
    assert {(session["status"], session["review"]) for session in sessions} == {("COMPLETED", None)}
