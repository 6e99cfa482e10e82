"""What stations do wrong is counted: by place and rule, within bounds, without a value."""

import pytest

from csms.commands import RawCall
from csms.conformance import MOST_ROWS, OTHERS, Conformance, breaches_of, shown_path

pytestmark = pytest.mark.anyio

CARD = "04CAFEBABE1234"


@pytest.fixture
def conformance(db) -> Conformance:
    return Conformance(db)


async def counted(db, conformance: Conformance, station_id: str = "CP1") -> dict[tuple[str, str, str, bool], int]:
    await conformance.flush()
    async with db.read() as tx:
        rows = await breaches_of(tx, station_id)
    return {(row.action, row.path, row.rule, row.refused): row.count for row in rows}


async def test_what_was_let_pass_is_counted_by_place_and_rule(build, db, conformance) -> None:
    world = await build(conformance=conformance)
    point = await world.point()
    boot = {"chargePointVendor": "V" * 30, "chargePointModel": "M", "extra": CARD, "firmwareVersion": None}
    for _ in range(2):
        await point.call("BootNotification", boot)
        sample = {"value": "1", "unit": "Hz"}
        values = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [sample, sample]}
        await point.call("MeterValues", {"connectorId": 1, "meterValue": [values]})
        await conformance.flush()
    assert await counted(db, conformance) == {
        ("BootNotification", "chargePointVendor", "maxLength", False): 2,
        ("BootNotification", "", "additionalProperties", False): 2,
        ("BootNotification", "firmwareVersion", "null", False): 2,
        ("MeterValues", "meterValue/*/sampledValue/*/unit", "enum", False): 4,
    }
    async with db.read() as tx:
        for row in await breaches_of(tx, "CP1"):
            assert row.first_at < row.last_at


async def test_what_was_refused_is_counted_with_what_is_missing(build, db, conformance) -> None:
    world = await build(conformance=conformance)
    point = await world.point()
    await point.frame("BootNotification", {})
    await point.frame("Authorize", {"idTag": 5})
    await point.frame("StatusNotification", {"connectorId": -4, "errorCode": "NoError", "status": "Available"})
    await point.frame("VendorPing", {})
    await point.raw("garbage")
    await point.call("Heartbeat", {})
    found = await counted(db, conformance)
    assert all(refused for *_, refused in found)
    assert {key[:3] for key in found} == {
        ("BootNotification", "chargePointVendor", "required"),
        ("Authorize", "idTag", "type"),
        ("StatusNotification", "connectorId", "out_of_range"),
        ("VendorPing", "", "action"),
        ("", "", "frame"),
    }


async def test_answers_of_the_station_are_judged_too(build, db, conformance) -> None:
    world = await build(conformance=conformance)
    point = await world.point()
    point.answer = lambda action, payload: {"status": "Perhaps"}
    await world.system.link.call("CP1", RawCall("Reset", {"type": "Soft"}))
    point.answer = lambda action, payload: {}
    await world.system.link.call("CP1", RawCall("Reset", {"type": "Soft"}))
    assert await counted(db, conformance) == {
        ("Reset", "status", "enum", False): 1,
        ("Reset", "status", "required", True): 1,
    }
    async with db.read() as tx:
        assert all(row.is_answer for row in await breaches_of(tx, "CP1"))


async def test_a_station_has_a_bounded_number_of_rows(build, db, conformance) -> None:
    for number in range(MOST_ROWS + 50):
        conformance.not_understood("CP1", f"Action{number}")
        conformance.not_understood("CP2", "Action")
        if number % 60 == 0:
            await conformance.flush()
    conformance.not_understood("CP1", "Action7")
    found = await counted(db, conformance)
    assert len(found) == MOST_ROWS + 1
    assert found["", "", OTHERS, False] == 50
    assert found["Action7", "", "action", True] == 2
    assert await counted(db, conformance, "CP2") == {("Action", "", "action", True): MOST_ROWS + 50}


def test_places_show_no_numbers_and_no_values() -> None:
    assert shown_path("meterValue/3/sampledValue/0/unit") == "meterValue/*/sampledValue/*/unit"
    assert shown_path("a b/\u00e4") == "?/?"
    assert shown_path("") == ""
    assert len(shown_path("/".join(["x" * 60] * 20))) == 255


async def test_an_action_that_is_no_name_is_not_quoted(build, db, conformance) -> None:
    world = await build(conformance=conformance)
    point = await world.point()
    await point.frame(f"card {CARD}", {})
    assert list(await counted(db, conformance)) == [("?", "", "action", True)]
