"""What stations tell and nobody else keeps: notices in order and masked, reports, and their variables."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from csms.commands import RawCall
from csms.log_tables import Notice, StationVariable
from csms.noticer import Search, forgetter, notices_of, report_of, variables_of
from csms.notices import Part, answered, is_complete, newest_report, reported
from csms.server import Limits

pytestmark = pytest.mark.anyio

CARD = "04CAFEBABE1234"
PASSWORD = "correct-horse-battery"


async def notices(db, **wanted: Any) -> list[Notice]:
    async with db.read() as tx:
        return list(await notices_of(tx, "CP1", Search(**wanted), before=None, limit=100))


async def variables(db, count: int) -> dict[str, StationVariable]:
    async with asyncio.timeout(30):
        while True:
            async with db.read() as tx:
                rows, _ = await variables_of(tx, "CP1", component=None, variable=None, offset=0, limit=100)
            if len(rows) >= count:  # counted apart, a moment later
                return {f"{row.component}.{row.variable}".strip("."): row for row in rows}
            await asyncio.sleep(0.01)


async def test_what_has_no_meaning_above_is_kept_masked_and_security_events_are_flagged(world, db) -> None:
    point = await world.point()
    event = {"type": "TamperDetectionActivated", "timestamp": "2026-01-01T00:00:00Z", "techInfo": "lid"}
    await point.call("SecurityEventNotification", event)
    await point.call("DataTransfer", {"vendorId": "acme", "data": f'{{"idTag":"{CARD}"}}'})
    await point.call("FirmwareStatusNotification", {"status": "Downloading"})
    await point.call("Heartbeat", {})
    await point.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    found = await notices(db)
    assert [row.action for row in found] == ["FirmwareStatusNotification", "DataTransfer", "SecurityEventNotification"]
    assert all(CARD.encode() not in row.doc for row in found)
    [security] = await notices(db, is_security=True)
    assert b"TamperDetectionActivated" in security.doc
    assert [row.action for row in await notices(db, action="DataTransfer")] == ["DataTransfer"]


async def test_the_station_is_answered_after_its_notice_is_stored(world, db) -> None:
    point = await world.point(protocol="ocpp2.1")
    db.away = True
    answer = await point.send("NotifyEvent", {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": [EVENT]})
    await asyncio.sleep(0.2)
    assert not answer.done()
    db.away = False
    assert (await asyncio.wait_for(answer, 30))[0] == 3
    assert [row.action for row in await notices(db)] == ["NotifyEvent"]


EVENT = {
    "eventId": 1,
    "timestamp": "2026-01-01T00:00:00Z",
    "trigger": "Alerting",
    "actualValue": "80",
    "eventNotificationType": "HardWiredNotification",
    "component": {"name": "Connector"},
    "variable": {"name": "Temperature"},
}


async def test_what_is_sent_without_being_answered_is_kept_too(world, db) -> None:
    point = await world.point(protocol="ocpp2.1")
    stream = {"id": 1, "pending": 0, "basetime": "2026-01-01T00:00:00Z", "data": [{"t": 0.5, "v": "17"}]}
    await point.raw(f'[6,"s-1","NotifyPeriodicEventStream",{json.dumps(stream)}]')
    async with asyncio.timeout(30):
        while not await notices(db, action="NotifyPeriodicEventStream"):
            await asyncio.sleep(0.01)


def report(seq_no: int, *names: str, more: bool, secret: str | None = None) -> dict[str, Any]:
    data = [
        {
            "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 2}},
            "variable": {"name": name},
            "variableAttribute": [{"value": "1", "mutability": "ReadOnly"}],
            "variableCharacteristics": {"dataType": "boolean", "supportsMonitoring": True},
        }
        for name in names
    ]
    if secret:
        data.append(
            {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "variableAttribute": [{"value": secret, "mutability": "WriteOnly"}],
            }
        )
    return {"requestId": 9, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": seq_no, "tbc": more, "reportData": data}


async def test_the_parts_of_a_report_belong_together_and_fill_the_device_model(world, db) -> None:
    point = await world.point(protocol="ocpp2.0.1")
    await point.call("NotifyReport", report(0, "Available", "Enabled", more=True))
    async with db.read() as tx:
        assert not is_complete([Part(9, row.seq_no, row.more) for row in await report_of(tx, "CP1", "NotifyReport", 9)])
    await point.call("NotifyReport", report(1, "Available", more=False, secret=PASSWORD))
    async with db.read() as tx:
        parts = await report_of(tx, "CP1", "NotifyReport", 9)
    assert [part.seq_no for part in parts] == [0, 1]
    assert is_complete([Part(9, row.seq_no, row.more) for row in parts])
    assert all(PASSWORD.encode() not in row.doc for row in parts)
    found = await variables(db, 3)
    assert found["SecurityCtrlr.BasicAuthPassword"].value is None
    available = found["Connector.Available"]
    assert (available.value, available.mutability, available.evse_id, available.connector_id) == ("1", "ReadOnly", 1, 2)
    assert b"boolean" in available.characteristics


async def test_answers_to_our_questions_and_changes_tell_of_variables(world, db) -> None:
    point = await world.point(protocol="ocpp2.0.1")
    await point.call("NotifyReport", report(0, "Available", more=False))
    place = {"component": {"name": "Connector", "evse": {"id": 1, "connectorId": 2}}, "variable": {"name": "Available"}}
    unknown = {"component": {"name": "X"}, "variable": {"name": "Y"}, "attributeStatus": "UnknownComponent"}
    read = {**place, "attributeStatus": "Accepted", "attributeValue": "false"}
    point.answer = lambda action, payload: {"getVariableResult": [read, unknown]}
    ask = {"getVariableData": [place, {"component": {"name": "X"}, "variable": {"name": "Y"}}]}
    await world.system.link.call("CP1", RawCall("GetVariables", ask))

    async def now(value: str) -> None:
        async with asyncio.timeout(30):
            while (await variables(db, 1))["Connector.Available"].value != value:
                await asyncio.sleep(0.01)

    await now("false")
    point.answer = lambda action, payload: {"setVariableResult": [{**place, "attributeStatus": "RebootRequired"}]}
    await world.system.link.call(
        "CP1", RawCall("SetVariables", {"setVariableData": [{**place, "attributeValue": "9"}]})
    )
    await now("9")
    kept = (await variables(db, 1))["Connector.Available"]
    assert (kept.mutability, list(await variables(db, 1))) == ("ReadOnly", ["Connector.Available"])


async def test_the_configuration_of_1_6_is_kept_without_its_password(world, db) -> None:
    point = await world.point()
    keys = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
        {"key": "AuthorizationKey", "readonly": False, "value": PASSWORD},
    ]
    point.answer = lambda action, payload: {"configurationKey": keys}
    await world.system.link.call("CP1", RawCall("GetConfiguration", {}))
    found = await variables(db, 3)
    assert {name: (row.value, row.mutability) for name, row in found.items()} == {
        "HeartbeatInterval": ("300", "ReadWrite"),
        "NumberOfConnectors": ("2", "ReadOnly"),
        "AuthorizationKey": (None, "ReadWrite"),
    }


async def test_notices_are_forgotten_after_their_time(world, db) -> None:
    point = await world.point()
    await point.call("DataTransfer", {"vendorId": "acme"})
    await forgetter(timedelta(days=1))(db, {})
    assert len(await notices(db)) == 1
    await forgetter(timedelta(0))(db, {})
    assert await notices(db) == []
    async with db.read() as tx:
        assert await tx.all(select(StationVariable)) == []


@given(st.integers(0, 6), st.randoms(use_true_random=False), st.booleans())
def test_a_numbered_report_is_found_whole_whatever_the_order_and_repetitions(last, random, repeats) -> None:
    parts = [Part(1, number, number < last) for number in range(last + 1)]
    came = [*parts, *(random.choices(parts, k=3) if repeats else [])]
    random.shuffle(came)
    found = [came[place] for place in newest_report(came)]
    assert found == parts
    assert is_complete(found)
    assert not is_complete(found[:-1])


def test_a_report_without_numbers_begins_after_the_end_of_the_one_before() -> None:
    old = [Part(1, None, True), Part(1, None, False)]
    new = [Part(1, None, True), Part(1, None, True), Part(1, None, False)]
    newest_first = list(reversed(old + new))
    assert newest_report(newest_first) == [2, 1, 0]
    assert newest_report(newest_first[1:]) == [1, 0]
    assert newest_report([]) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["component", "variable", "name", "key", "value", "evse"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON)
def test_whatever_is_told_is_read_as_far_as_it_can_be(told: Any) -> None:
    assert isinstance(reported("NotifyReport", {"reportData": [told]}), list)
    for action, name in (("GetConfiguration", "configurationKey"), ("GetVariables", "getVariableResult")):
        assert isinstance(answered(action, {}, {name: told}), list)


async def test_no_more_variables_are_kept_of_a_station_than_the_bound_allows(build, db) -> None:
    world = await build(limits=Limits(variables=3))
    point = await world.point(protocol="ocpp2.0.1")
    await point.call("NotifyReport", report(0, "Available", "Enabled", more=True))
    await point.call("NotifyReport", report(1, "One", "Two", more=True))
    await point.call("NotifyReport", report(2, "Three", "Available", more=False))
    assert sorted(await variables(db, 3)) == ["Connector.Available", "Connector.Enabled", "Connector.One"]
    assert len(await notices(db)) == 3, "what was told is in the notices all the same"
    other = await world.point("CP2", "ocpp2.0.1")
    await other.call("NotifyReport", report(0, "Available", more=False))
    async with db.read() as tx:
        assert len(await tx.all(select(StationVariable))) == 4
