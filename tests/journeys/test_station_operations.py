"""What operators have their chargers do, by the API, the same for every version of OCPP."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from auth.keys import create_key
from auth.subjects import OperatorRole
from csms.store import open_transactions
from hub.cli import cli
from simulators.station import SimulatedStation
from tests.journeys.network import Network, eventually, operator_api

pytestmark = pytest.mark.anyio

VERSIONS = pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


async def ask(network: Network, operation: str, **fields: Any) -> Any:
    return await network.send("POST", "/stations/CS-1/operations", {"operation": operation, **fields}, expect=201)


async def status(network: Network, operation: str, **fields: Any) -> str:
    told = await ask(network, operation, **fields)
    assert told["state"] == "done", told
    return str(told["status"])


async def place(network: Network, protocol: str) -> SimulatedStation:
    await network.publish()
    return await network.station(protocol=protocol)


@VERSIONS
async def test_the_everyday_operations(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    assert await status(network, "unlock") == "accepted"
    assert await status(network, "clear_cache") == "accepted"
    assert await status(network, "trigger", message="StatusNotification") == "accepted"
    assert await status(network, "trigger", message="Heartbeat") == "accepted"
    assert await status(network, "set_availability", operative=False) == "accepted"
    assert await eventually(lambda: _is(station.evses[1].operative is False))
    assert await status(network, "set_availability", operative=True, evse_id=1) == "accepted"
    told = await ask(network, "transfer_data", vendor="com.nobody", message="hi", data="x")
    assert (told["status"], told["reason"]) == ("unsupported", "UnknownVendorId")
    await station.start("04AABBCCDD")
    assert await status(network, "set_availability", operative=False, evse_id=1) == "scheduled"
    await station.stop()
    sent = station.received[:]
    assert [action for action, _ in sent].count("TriggerMessage") == 2
    if protocol == "ocpp1.6":
        assert all(payload.get("connectorId") == 1 for action, payload in sent if action == "TriggerMessage")
    page = await network.get("/stations/CS-1/operations", limit=3)
    assert (page["total"], [each["operation"] for each in page["items"]]) == (
        8,
        ["set_availability", "transfer_data", "set_availability"],
    )


async def _is(value: bool) -> bool:
    return value


@VERSIONS
async def test_settings_are_written_and_read_back(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    read = await ask(network, "read_settings", names=["HeartbeatInterval", "OCPPCommCtrlr.HeartbeatInterval"])
    assert {value["name"] for value in read["result"]["values"]} <= {
        "HeartbeatInterval",
        "OCPPCommCtrlr.HeartbeatInterval",
    }
    assert read["result"]["values"][0]["value"] == "300"
    values = {"HeartbeatInterval": "60", "StopTransactionOnInvalidId": "TRUE"}
    told = await ask(network, "write_settings", values=values)
    assert told["status"] == "accepted", told
    assert [value["verified"] for value in told["result"]["values"]] == [True, True]
    assert station.configuration["HeartbeatInterval"] == "60"
    refused = await ask(network, "write_settings", values={"HeartbeatInterval": "never", "Another": "1"})
    assert refused["status"] == "rejected"
    assert len(refused["result"]["values"]) == 1, "nothing is written after a refusal"
    everything = await ask(network, "read_settings")
    assert everything["status"] == ("accepted" if protocol == "ocpp1.6" else "scheduled")


@VERSIONS
async def test_what_a_charger_accepts_and_does_not_do_is_found_out(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    named = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    station.answers["ChangeConfiguration"] = {"status": "Accepted"}
    station.answers["SetVariables"] = {"setVariableResult": [{"attributeStatus": "Accepted", **named}]}
    told = await ask(network, "write_settings", values={"HeartbeatInterval": "61"})
    assert (told["status"], told["reason"]) == ("failed", "HeartbeatInterval: accepted, but it reads otherwise")
    station.answers["ChangeConfiguration"] = {"status": "RebootRequired"}
    station.answers["SetVariables"] = {"setVariableResult": [{"attributeStatus": "RebootRequired", **named}]}
    assert await status(network, "write_settings", values={"HeartbeatInterval": "61"}) == "reboot_required"


@VERSIONS
async def test_a_restart_now_and_one_when_nothing_charges(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    assert await status(network, "reset", kind="soft") == "accepted"
    assert await eventually(lambda: _is(station.boot_status == "Accepted" and station.online))
    await station.start("04AABBCCDD")
    told = await ask(network, "reset", kind="on_idle")
    assert told["status"] == "scheduled"
    assert told["state"] == ("waiting" if protocol == "ocpp1.6" else "done")
    if protocol == "ocpp1.6":
        assert told["reason"] == "a transaction runs"
        await network.api.delete(f"/stations/CS-1/operations/{told['id']}")
    await station.stop()
    assert await eventually(lambda: _is(station.boot_status == "Accepted" and station.online))
    told = await ask(network, "reset", kind="on_idle")
    assert told["status"] == "accepted", "nothing charges"
    one = await ask(network, "reset", evse_id=1)
    assert one["status"] == ("unsupported" if protocol == "ocpp1.6" else one["status"])


async def test_a_restart_for_later_is_a_job(network: Network) -> None:
    station = await place(network, "ocpp1.6")
    at = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    told = await ask(network, "reset", at=at)
    assert (told["state"], told["status"]) == ("waiting", None)

    async def done() -> bool:
        now = await network.get(f"/stations/CS-1/operations/{told['id']}")
        return bool(now["state"] == "done" and now["status"] == "accepted")

    assert await eventually(done)
    assert "Reset" in [action for action, _ in station.received]


@VERSIONS
async def test_the_upkeep_of_a_charger(network: Network, protocol: str) -> None:
    station = await place(network, protocol)
    only_2 = "unsupported" if protocol == "ocpp1.6" else "accepted"
    await station.start("04AABBCCDD")
    transaction_id = await _transaction(network)
    assert await status(network, "show_message", message_id=1, text="Hello") == only_2
    assert await status(network, "read_messages") == only_2
    assert await status(network, "clear_message", message_id=1) == only_2
    cost = {"transaction_id": transaction_id, "total": "1.55", "meter_wh": 1, "measured_at": "2026-06-01T12:00:00Z"}
    assert await status(network, "tell_cost", **cost) == "accepted"
    assert "1.55" in str(station.upkeep.costs)
    told = await ask(network, "read_transaction_status", transaction_id=transaction_id)
    assert told["status"] == only_2
    monitor = await ask(network, "set_monitor", name="EVSE@1.Power", kind="above", value="11000")
    assert monitor["status"] == only_2
    if protocol != "ocpp1.6":
        assert told["result"] == {"running": True, "messages_wait": False}
        assert monitor["result"] == {"monitor_id": 1}
        assert await status(network, "clear_monitors", monitor_ids=[1]) == "accepted"
        assert await status(network, "clear_monitors", monitor_ids=[1]) == "rejected"
        assert await status(network, "read_monitors") == "accepted"
        assert await status(network, "set_monitoring_level", severity=3) == "accepted"
        assert await status(network, "customer_information", token_uid="04AABBCCDD") == "accepted"
    assert await status(network, "install_certificate", use="central_system", certificate="none") == "rejected"
    assert await status(network, "install_certificate", use="central_system", certificate=PEM) == "accepted"
    [named] = (await ask(network, "read_certificates", use="central_system"))["result"]["certificates"]
    assert named.pop("use") == "central_system"
    assert await status(network, "delete_certificate", **named) == "accepted"
    assert (await ask(network, "read_certificates", use="central_system"))["result"] == {"certificates": []}


async def _transaction(network: Network) -> int:
    async def session() -> Any:
        async with network.up.hub.db.read() as tx:
            return [row.id for row in await open_transactions(tx, "CS-1")]

    return int((await eventually(session))[0])


async def test_an_operation_under_a_key_is_one_operation(network: Network) -> None:
    station = await place(network, "ocpp1.6")
    answers = [
        await network.api.post(
            "/stations/CS-1/operations", json={"operation": "unlock"}, headers={"Idempotency-Key": "unlock-once"}
        )
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert [action for action, _ in station.received].count("UnlockConnector") == 1


async def test_capabilities_come_from_the_model(network: Network) -> None:
    await place(network, "ocpp1.6")
    told = await network.get("/stations/CS-1/capabilities")
    assert (told["vendor"], told["quirks"]) == ("Plugbridge", [])
    assert told["capabilities"]["settings_read"] == "all"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/stations/CS-1/operations"),
        ("GET", "/stations/CS-1/operations"),
        ("GET", "/stations/CS-1/operations/x"),
        ("DELETE", "/stations/CS-1/operations/x"),
        ("GET", "/stations/CS-1/capabilities"),
    ],
)
async def test_nobody_else_gets_in(network: Network, method: str, path: str) -> None:
    body = {"operation": "unlock"} if method == "POST" else None
    async with operator_api(network.up.http_url, "plb_wrong") as stranger:
        assert (await stranger.request(method, path, json=body)).status_code == 401
    async with network.up.hub.db.tx() as tx:
        key = await create_key(tx, network.up.hub.keys, name="viewer", role=OperatorRole.VIEWER)
    async with operator_api(network.up.http_url, key) as viewer:
        expected = 404 if method == "GET" else 403
        assert (await viewer.request(method, path, json=body)).status_code == expected


async def test_the_command_line_does_the_same(network: Network) -> None:
    station = await place(network, "ocpp1.6")
    key = network.api.headers["Authorization"].removeprefix("Bearer ")

    async def run(*words: str) -> tuple[int, str]:
        arguments = ["station", *words, "--url", network.up.http_url, "--key", key]
        done = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
        said = [line for line in done.stderr.splitlines() if not line.startswith("{")]  # the hub logs there, too
        return done.exit_code, done.stdout or f"{said[-1]}\n"

    assert await run("unlock", "CS-1") == (0, "accepted: Unlocked\n")
    code, told = await run("write-settings", "CS-1", "--values", '{"HeartbeatInterval": "61"}', "--json")
    assert (code, json.loads(told)["result"]["values"][0]["verified"]) == (0, True)
    assert await run("reset", "CS-1", "--evse-id", "1") == (
        1,
        "unsupported: OCPP 1.6 restarts the whole station only\n",
    )
    code, told = await run("read-settings", "CS-1", "--names", "HeartbeatInterval", "--names", "Nonsense")
    assert (code, json.loads(told.partition("\n")[2])["values"][0]["value"]) == (0, "61")
    assert (await run("reset", "CS-1", "--kind", "sideways"))[0] == 1
    assert (await run("unlock", "CS-2")) == (1, "plugbridge: no such station\n")
    assert station.configuration["HeartbeatInterval"] == "61"
