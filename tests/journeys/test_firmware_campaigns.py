"""One firmware for many chargers, in stages, with a brake."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from auth.keys import create_key
from auth.subjects import OperatorRole
from hub.cli import cli
from tests.journeys.network import Network, eventually, operator_api

pytestmark = pytest.mark.anyio

FIRMWARE = "https://vendor.example/fw-2.bin"


async def begin(network: Network, **fields: Any) -> str:
    body = {"name": "2.0", "location": FIRMWARE, **fields}
    return str((await network.send("POST", "/firmware-campaigns", body, expect=201))["id"])


async def until(network: Network, campaign_id: str, state: str) -> Any:
    hub = network.up.hub

    async def there() -> Any:
        await hub.campaigns.look(hub.db, {})
        told = await network.get(f"/firmware-campaigns/{campaign_id}")
        return told if told["state"] == state else None

    return await eventually(there)


def states(told: Any) -> dict[str, str]:
    return {each["station_id"]: each["state"] for each in told["stations"]}


async def test_a_campaign_goes_by_stages_and_stops_when_too_many_fail(network: Network) -> None:
    await network.publish()
    protocols = {"CS-1": "ocpp1.6", "CS-2": "ocpp2.0.1", "CS-3": "ocpp2.1"}
    made = {station_id: await network.station(station_id, protocol) for station_id, protocol in protocols.items()}
    made["CS-2"].upkeep.maintenance.fails = True
    campaign_id = await begin(network, stages=[["CS-1"], ["CS-2"], ["CS-3"]])
    paused = await until(network, campaign_id, "paused")
    assert states(paused) == {"CS-1": "installed", "CS-2": "failed", "CS-3": "waiting"}
    assert paused["reason"] == "too many stations failed"
    assert paused["stations"][1]["reason"] == "InstallationFailed"
    assert made["CS-3"].upkeep.maintenance.installed == [], "it is not asked after the brake"
    await network.send("POST", f"/firmware-campaigns/{campaign_id}/resume", None)
    finished = await until(network, campaign_id, "finished")
    assert states(finished) == {"CS-1": "installed", "CS-2": "failed", "CS-3": "installed"}
    assert made["CS-3"].upkeep.maintenance.installed == [FIRMWARE]
    assert (await network.api.post(f"/firmware-campaigns/{campaign_id}/pause")).status_code == 409
    assert [each["id"] for each in await network.get("/firmware-campaigns")] == [campaign_id]


async def test_a_charger_that_runs_the_version_already_is_not_asked(network: Network) -> None:
    await network.publish()
    station = await network.station("CS-1")
    finished = await until(network, await begin(network, stages=[["CS-1"]], expected_version="1.0"), "finished")
    assert states(finished) == {"CS-1": "installed"}
    assert station.upkeep.maintenance.installed == []
    campaign_id = await begin(network, stages=[["CS-1"]], expected_version="2.0")
    hub = network.up.hub

    async def installed() -> bool:
        await hub.campaigns.look(hub.db, {})
        return bool(station.upkeep.maintenance.installed)

    assert await eventually(installed)
    told = await network.get(f"/firmware-campaigns/{campaign_id}")
    assert (told["state"], states(told)) == ("running", {"CS-1": "asked"}), "its word is not enough"


async def test_a_pause_calls_back_what_has_not_reached_its_charger(network: Network) -> None:
    await network.publish()
    station = await network.station("CS-1")
    await station.disconnect()
    campaign_id = await begin(network, stages=[["CS-1"]])
    hub = network.up.hub

    async def tried() -> bool:
        await hub.campaigns.look(hub.db, {})
        page = await network.get("/stations/CS-1/operations")
        return bool(page["items"] and page["items"][0]["attempts"])

    assert await eventually(tried)
    paused = await network.send("POST", f"/firmware-campaigns/{campaign_id}/pause", None)
    assert states(paused) == {"CS-1": "waiting"}
    assert (await network.get("/stations/CS-1/operations"))["items"][0]["state"] == "cancelled"
    cancelled = await network.send("POST", f"/firmware-campaigns/{campaign_id}/cancel", None)
    assert cancelled["state"] == "cancelled"
    await station.connect()
    assert station.upkeep.maintenance.installed == []


async def test_a_campaign_that_makes_no_sense_is_refused(network: Network) -> None:
    for fields in ({"stages": [["CS-9"]]}, {"stages": []}, {"stages": [["CS-9"]], "signature": "x"}):
        body = {"name": "2.0", "location": FIRMWARE, **fields}
        await network.send("POST", "/firmware-campaigns", body, expect=422)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/firmware-campaigns"),
        ("GET", "/firmware-campaigns"),
        ("GET", "/firmware-campaigns/x"),
        ("POST", "/firmware-campaigns/x/pause"),
        ("POST", "/firmware-campaigns/x/resume"),
        ("POST", "/firmware-campaigns/x/cancel"),
    ],
)
async def test_only_operators_lead_campaigns(network: Network, method: str, path: str) -> None:
    body = {"name": "2.0", "location": FIRMWARE, "stages": [["CS-1"]]} if path == "/firmware-campaigns" else None
    async with operator_api(network.up.http_url, "plb_wrong") as stranger:
        assert (await stranger.request(method, path, json=body)).status_code == 401
    async with network.up.hub.db.tx() as tx:
        key = await create_key(tx, network.up.hub.keys, name="viewer", role=OperatorRole.VIEWER)
    async with operator_api(network.up.http_url, key) as viewer:
        answer = await viewer.request(method, path, json=body)
        assert answer.status_code == (403 if method == "POST" else 404 if path.endswith("x") else 200)


async def test_the_command_line_leads_a_campaign(network: Network) -> None:
    await network.publish()
    for station_id in ("CS-1", "CS-2"):
        await network.send("POST", "/stations", {"id": station_id, "location_id": "LOC1"}, expect=201)
    key = network.api.headers["Authorization"].removeprefix("Bearer ")

    async def run(*words: str) -> tuple[int, str]:
        arguments = ["station", "campaign", *words, "--url", network.up.http_url, "--key", key]
        done = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
        said = [line for line in done.stderr.splitlines() if not line.startswith("{")]  # the hub logs there, too
        return done.exit_code, done.stdout or f"{said[-1]}\n"

    named = ("--name", "2.0", "--location", FIRMWARE)
    code, told = await run("begin", *named, "--stage", "CS-1", "--stage", "CS-2", "--most-failures", "1", "--json")
    begun = json.loads(told)
    assert (code, begun["state"], begun["most_failures"]) == (0, "running", 1)
    assert states(begun) == {"CS-1": "waiting", "CS-2": "waiting"}
    code, told = await run("pause", begun["id"])
    assert (code, told.splitlines()[0]) == (0, f"{begun['id']}  paused: paused by the operator")
    assert "  stage 2  CS-2  waiting" in told.splitlines()
    assert await run("resume", begun["id"]) != (0, told)
    assert json.loads((await run("cancel", begun["id"], "--json"))[1])["state"] == "cancelled"
    assert (await run("list"))[1] == f"{begun['id']}  cancelled  2.0\n"
    assert json.loads((await run("show", begun["id"], "--json"))[1])["ended_at"] is not None
    assert await run("resume", begun["id"]) == (1, "plugbridge: the campaign is cancelled\n")
    code, told = await run("begin", *named, "--stage", "NOBODY")
    assert (code, "no such station" in told) == (1, True)
