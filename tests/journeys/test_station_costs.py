"""What a charger shows to its driver: the price, the cost while it rises, and the total; if it can show them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simulators.station import SimulatedStation
from tests.journeys.apps import App, driver_app
from tests.journeys.network import Network, eventually
from tests.journeys.peers import hub_with

pytestmark = pytest.mark.anyio


@pytest.fixture
async def network(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[Network]:
    settings = {"station_cost_interval_s": 0.4, "session_update_interval_s": 0.1, "driver_requests_per_s": 0}
    async with hub_with(tmp_path, migrated_database_url, **settings) as opened:
        await opened.publish()
        yield opened


async def showing(network: Network, protocol: str, *, shows: bool = True) -> SimulatedStation:
    station = await network.station(protocol=protocol)
    station.configuration["CustomDisplayCostAndPrice"] = "true" if shows else "false"
    return station


def messages(station: SimulatedStation, name: str) -> list[dict[str, Any]]:
    """The data of California pricing's messages of this name."""
    found = [each for each in station.upkeep.costs if each.get("messageId") == name]
    return [json.loads(each["data"]) for each in found]


async def charged(network: Network, app: App, station: SimulatedStation, times: int) -> dict[str, Any]:
    """A session in which the charger was told the cost so often, or that has lasted a while."""
    start = await app.start(await app.quote(energy_kwh=10))
    await app.until(start, "CHARGING")

    async def enough() -> bool:
        seen = await app.see(start)
        return float(seen["energy_kwh"] or 0) > 1 and len(running(station)) >= times

    await eventually(enough)
    await app.stop(start)
    return await app.until(start, "ENDED")


def running(station: SimulatedStation) -> list[float]:
    """The costs that were shown while the session ran."""
    is_16 = station.protocol == "ocpp1.6"
    if is_16:
        return [each["cost"] for each in messages(station, "RunningCost")]
    return [payload["totalCost"] for action, payload in station.received if action == "CostUpdated"]


def totals(station: SimulatedStation) -> list[float]:
    """What answers to the end of a session said."""
    return [each["totalCost"] for each in station.upkeep.costs if each.get("ended")]


async def test_a_charger_of_1_6_shows_price_cost_and_total(network: Network) -> None:
    station = await showing(network, "ocpp1.6")
    app = await driver_app(network, payment="invoice")
    ended = await charged(network, app, station, 3)

    async def told() -> bool:
        return bool(messages(station, "FinalCost"))

    await eventually(told)
    [price] = messages(station, "SetUserPrice")
    assert "kWh" in price["priceText"]
    costs = running(station)
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]
    [final] = messages(station, "FinalCost")
    assert final["cost"] == float(ended["cost"])
    assert final["priceText"] == f"{ended['cost']} EUR"
    first = messages(station, "RunningCost")[0]
    assert (first["state"], first["transactionId"]) == ("Charging", station.finished[0].transaction_id)


@pytest.mark.parametrize("protocol", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_charger_of_2_shows_the_cost_and_learns_the_total_as_it_ends(network: Network, protocol: str) -> None:
    station = await showing(network, protocol)
    app = await driver_app(network, payment="invoice")
    ended = await charged(network, app, station, 2)
    costs = running(station)
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]
    reference = station.finished[0].reference
    assert {each["transactionId"] for each in station.upkeep.costs} == {reference}
    # A figure that was on its way when the session ended may come after the total.
    assert totals(station) == [float(ended["cost"])]


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_charger_that_shows_no_costs_is_told_none(network: Network, protocol: str) -> None:
    station = await showing(network, protocol, shows=False)
    asked = {"GetConfiguration", "GetVariables"}
    station.delays_s |= dict.fromkeys(asked, 0.8)  # so that the price and the cost both come while it thinks
    app = await driver_app(network, payment="invoice")
    await charged(network, app, station, 0)
    assert len([action for action, _ in station.received if action in asked]) == 1, "it is asked once whether it can"
    assert not [action for action, _ in station.received if action in ("CostUpdated", "DataTransfer")]


async def test_a_free_session_is_shown_as_free(network: Network) -> None:
    station = await showing(network, "ocpp2.0.1")
    app = await driver_app(network, payment="free")
    await charged(network, app, station, 1)
    assert set(running(station)) == {0}
    assert totals(station) == [0]
