"""What an operator can find out about a station of a whole hub: its frames, its habits, what it told."""

from typing import Any

import orjson
import pytest
from sqlalchemy import select

from csms.tables import Transaction
from tests.journeys.network import PARTNER_TOKEN, Json, Network, eventually

pytestmark = pytest.mark.anyio

CARD = "F00D0042F00D77"


async def frames(network: Network, **wanted: Any) -> list[Json]:
    found: list[Json] = (await network.get("/stations/CS-1/frames", limit=500, **wanted))["items"]
    return found


async def test_the_frames_of_a_tap_can_be_followed_without_knowing_the_card(network: Network) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
    station = await network.station()
    await station.tap(CARD, seconds=0.2)
    log = await frames(network)
    assert {"BootNotification", "StartTransaction", "MeterValues", "StopTransaction"} <= {
        each["action"] for each in log
    }
    assert CARD not in orjson.dumps(log).decode()
    start = (await frames(network, action="StartTransaction", direction="IN"))[0]
    asked, answered = await frames(network, correlation_id=start["correlation_id"])
    assert asked["payload"]["idTag"].startswith("#")
    assert answered["payload"]["idTagInfo"]["status"] == "Accepted"
    assert log == sorted(log, key=lambda each: each["id"], reverse=True)
    assert await frames(network, failed=True) == []


async def test_one_correlation_id_leads_from_the_frame_of_a_tap_to_the_question_to_the_partner(
    network: Network,
) -> None:
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[PARTNER_TOKEN["uid"]] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    station = await network.station()
    await station.authorize(PARTNER_TOKEN["uid"])
    asked, answered = reversed(await frames(network, action="Authorize"))
    assert asked["correlation_id"] == answered["correlation_id"]
    of_the_case = await network.get("/messages", correlation_id=asked["correlation_id"])
    assert [(each["direction"], each["module"]) for each in of_the_case["items"]] == [("OUT", "tokens")]


async def test_pages_of_frames_join_and_their_export_has_all_of_them(network: Network) -> None:
    await network.publish()
    station = await network.station()
    for _ in range(8):
        await station.authorize("UNKNOWN")
    pages, cursor = [], None
    while True:
        given = {} if cursor is None else {"cursor": cursor}
        page = await network.get("/stations/cs-1/frames", limit=3, **given)
        pages += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    exported = await network.api.get("/stations/CS-1/frames/export")
    assert exported.headers["content-type"].startswith("application/x-ndjson")
    lines = [orjson.loads(line) for line in exported.text.splitlines()]
    assert [line["id"] for line in reversed(lines)] == [each["id"] for each in pages]
    assert "UNKNOWN" not in exported.text


async def test_tracing_a_station_shows_its_heartbeats_until_it_is_stopped(network: Network) -> None:
    await network.publish()
    await network.station()
    assert (await network.get("/stations/CS-1/frames"))["traced_until"] is None
    trace = await network.send("PUT", "/stations/CS-1/trace", {"minutes": 10})
    assert (await network.get("/stations/CS-1/frames"))["traced_until"] == trace["until"]

    async def is_traced(wanted: bool) -> bool:
        return network.up.hub.frames.is_traced("CS-1") is wanted

    await eventually(lambda: is_traced(True))
    await network.send("POST", "/stations/CS-1/calls", {"action": "TriggerMessage", "payload": TRIGGER})
    await eventually(lambda: frames(network, action="Heartbeat", direction="IN"))
    assert (await network.api.delete("/stations/CS-1/trace")).status_code == 204
    await eventually(lambda: is_traced(False))


TRIGGER = {"requestedMessage": "Heartbeat"}


async def test_only_operators_see_frames_and_only_of_stations_that_are_there(network: Network) -> None:
    await network.publish()
    await network.station()
    for path in ("/stations/CS-1/frames", "/stations/CS-1/frames/export"):
        assert (await network.api.get(path, headers={"Authorization": "Bearer no"})).status_code == 401
    for path in ("/stations/CS-2/frames", "/stations/CS-2/frames/export"):
        assert (await network.api.get(path)).status_code == 404
    assert (await network.api.put("/stations/CS-1/trace", json={"minutes": 0})).status_code == 422


async def test_the_conformance_report_names_the_vendor_and_what_its_charger_does_wrong(network: Network) -> None:
    await network.publish()
    station = await network.station()
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "colour": "green"}
    for _ in range(3):
        await station.call("StatusNotification", status)
    report = await network.get("/stations/CS-1/violations")
    assert report["vendor"]
    assert report["model"]
    assert (report["total"], report["refused"]) == (3, 0)
    [violation] = report["violations"]
    assert (violation["action"], violation["rule"], violation["count"]) == (
        "StatusNotification",
        "additionalProperties",
        3,
    )
    assert (await network.api.delete("/stations/CS-1/violations")).status_code == 204
    assert (await network.get("/stations/CS-1/violations"))["violations"] == []


async def test_what_a_station_told_can_be_read_in_pages_and_reports(network: Network) -> None:
    await network.publish()
    station = await network.station(protocol="ocpp2.0.1")
    event = {"type": "TamperDetectionActivated", "timestamp": "2026-01-01T00:00:00Z"}
    await station.call("SecurityEventNotification", event)
    variable = {
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Power"},
        "variableAttribute": [{"value": "22000", "mutability": "ReadOnly"}],
        "variableCharacteristics": {"dataType": "decimal", "supportsMonitoring": False, "unit": "W"},
    }
    part = {"requestId": 4, "generatedAt": "2026-01-01T00:00:00Z", "reportData": [variable]}
    await station.call("NotifyReport", {**part, "seqNo": 0, "tbc": True})
    assert not (await network.get("/stations/CS-1/reports/NotifyReport/4"))["complete"]
    await station.call("NotifyReport", {**part, "seqNo": 1, "tbc": False})
    report = await network.get("/stations/CS-1/reports/NotifyReport/4")
    assert (report["complete"], [each["seq_no"] for each in report["parts"]]) == (True, [0, 1])
    first = await network.get("/stations/CS-1/notices", limit=2)
    rest = await network.get("/stations/CS-1/notices", limit=2, cursor=first["next"])
    assert [each["action"] for each in first["items"] + rest["items"]] == [
        "NotifyReport",
        "NotifyReport",
        "SecurityEventNotification",
    ]
    [security] = (await network.get("/stations/CS-1/notices", security=True))["items"]
    assert security["payload"]["type"] == "TamperDetectionActivated"
    [power] = (await network.get("/stations/CS-1/variables", component="evse"))["items"]
    assert (power["variable"], power["value"], power["characteristics"]["unit"]) == ("Power", "22000", "W")
    assert (await network.api.get("/stations/CS-1/reports/NotifyReport/5")).status_code == 404


async def test_a_record_is_recomputed_for_a_reason_and_who_did_it_is_kept(network: Network) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
    station = await network.station()
    await station.tap(CARD, seconds=0.3)
    async with network.up.hub.db.read() as tx:
        number = (await tx.all(select(Transaction)))[0].id
    path = f"/transactions/{number}/recompute"
    await network.send("POST", path, {}, expect=422)
    done = await network.send("POST", path, {"reason": "ticket 42"})
    assert (done["stored"], done["before"], done["from_frames"] > 1) == (False, done["after"], True)
    await network.send("POST", "/transactions/99/recompute", {"reason": "ticket 43"}, expect=404)
    [kept] = (await network.get("/transactions/recomputations", transaction_id=number))["items"]
    assert (kept["reason"], kept["stored"], kept["after"]) == ("ticket 42", False, done["after"])
    assert CARD not in orjson.dumps(kept).decode()
