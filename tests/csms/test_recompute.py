"""A record made again of the frames: the same as it was, unless something had been understood wrongly or was lost."""

import asyncio
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, select
from sqlmodel import col

from csms.events import TransactionChanged
from csms.frame_log import FrameLog
from csms.masking import Masker
from csms.recompute import Recomputed, recompute, told_of
from csms.tables import Transaction, TransactionMessage
from kit.crypto import KeyRing
from kit.errors import NotFound

pytestmark = pytest.mark.anyio

KEYS = KeyRing.generate()
CARD = "04CAFEBABE1234"


@pytest.fixture
def frames(db) -> FrameLog:
    return FrameLog(db, KEYS, Masker(lambda text: text), queue_bytes=2**22)


async def again(db, frames: FrameLog, number: int, keys: KeyRing = KEYS) -> Recomputed:
    await frames.flush()
    told = await told_of(db, keys, number)
    async with db.tx() as tx:
        return await recompute(tx, number, told)


def at(minute: int) -> str:
    return f"2026-01-01T00:{minute:02}:00Z"


async def start(point) -> int:
    body = {"connectorId": 1, "idTag": CARD, "meterStart": 1000, "timestamp": at(0)}
    number: int = (await point.call("StartTransaction", body))["transactionId"]
    return number


async def meter(point, number: int, minute: int, wh: int) -> None:
    values = {"timestamp": at(minute), "sampledValue": [{"value": str(wh)}]}
    await point.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [values]})


async def stop(point, number: int, minute: int = 9, wh: int = 4000) -> None:
    await point.call("StopTransaction", {"transactionId": number, "meterStop": wh, "timestamp": at(minute)})


async def charge_16(point) -> None:
    await point.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"})
    number = await start(point)
    await meter(point, number, 2, 2000)
    suspended = {"connectorId": 1, "errorCode": "NoError", "status": "SuspendedEV", "timestamp": at(4)}
    await point.call("StatusNotification", suspended)
    await meter(point, number, 5, 3000)
    await stop(point, number)


async def charge_2(point) -> None:
    for seq_no, kind in enumerate(("Started", "Updated", "Updated", "Ended")):
        sample = {"value": 1000.5 * (seq_no + 1), "context": "Sample.Periodic"}
        event: dict[str, Any] = {
            "eventType": kind,
            "timestamp": at(seq_no),
            "triggerReason": "MeterValuePeriodic",
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": "T-1", "chargingState": "Charging"},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [{"timestamp": at(seq_no), "sampledValue": [sample]}],
        }
        if seq_no == 0:
            event["idToken"] = {"idToken": CARD, "type": "ISO14443"}
        await point.call("TransactionEvent", event)


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_frames_tell_what_was_stored_in_every_version(build, db, frames, protocol: str) -> None:
    world = await build(frames=frames)
    point = await world.point(protocol=protocol)
    await (charge_16 if protocol == "ocpp1.6" else charge_2)(point)
    [transaction] = await world.transactions()
    done = await again(db, frames, transaction.id)
    assert (done.differs, done.changed, done.added) == (False, 0, 0)
    assert done.before == done.after
    assert done.from_frames == 4, "all but the change of state, which a StatusNotification told"


async def test_what_was_understood_wrongly_is_put_right_and_told(build, db, frames, heard) -> None:
    world = await build(frames=frames)
    point = await world.point()
    number = await start(point)
    await stop(point, number)
    await heard(TransactionChanged)
    async with db.tx() as tx:
        row = await tx.first(select(TransactionMessage).where(col(TransactionMessage.kind) == "ended"))
        row.doc = orjson.dumps({**orjson.loads(row.doc), "meter_wh": "1500"})
        transaction = await tx.get(Transaction, number)
        transaction.doc = orjson.dumps({**orjson.loads(transaction.doc), "energy_wh": "500"})
    assert (await world.record(number)).energy_wh == 500
    done = await again(db, frames, number)
    assert (done.differs, done.changed, done.before["energy_wh"], done.after["energy_wh"]) == (
        True,
        1,
        "500",
        "3000.000",
    )
    assert (await world.record(number)).energy_wh == 3000
    assert (await world.transactions())[0].energy_wh == 3000
    assert await heard(TransactionChanged) == [TransactionChanged(number)]
    assert not (await again(db, frames, number)).differs


async def test_what_was_set_aside_or_lost_is_found_in_the_frames(build, db, frames) -> None:
    world = await build(frames=frames)
    point = await world.point()
    number = await start(point)
    await meter(point, number, 2, 2000)
    await stop(point, number)
    async with db.tx() as tx:
        end = await tx.first(select(TransactionMessage).where(col(TransactionMessage.kind) == "ended"))
        end.transaction_id = None
        await tx.execute(delete(TransactionMessage).where(col(TransactionMessage.kind) == "metered"))
        (await tx.get(Transaction, number)).ended_at = None
    assert (await world.record(number)).ended_at is None
    done = await again(db, frames, number)
    assert (done.differs, done.changed, done.added) == (True, 0, 2)
    assert (await world.record(number)).energy_wh == 3000
    assert (await world.transactions())[0].ended_at is not None
    assert sorted(row.kind for row in await world.messages()) == ["ended", "metered", "started"]


async def test_without_frames_the_stored_messages_are_reduced_again(build, db, frames) -> None:
    world = await build(frames=frames)
    point = await world.point()
    number = await start(point)
    await stop(point, number)
    async with db.tx() as tx:
        transaction = await tx.get(Transaction, number)
        transaction.doc = orjson.dumps({**orjson.loads(transaction.doc), "energy_wh": "1"})
    done = await again(db, frames, number, KeyRing.generate())
    assert (done.from_frames, done.changed, done.before["energy_wh"], done.after["energy_wh"]) == (
        0,
        0,
        "1",
        "3000.000",
    )


async def test_a_running_transaction_goes_on_from_what_was_recomputed(build, db, frames) -> None:
    world = await build(frames=frames)
    point = await world.point()
    number = await start(point)
    await meter(point, number, 2, 2000)
    async with db.tx() as tx:
        row = await tx.first(select(TransactionMessage).where(col(TransactionMessage.kind) == "started"))
        row.doc = orjson.dumps({**orjson.loads(row.doc), "meter_wh": "1900"})
    done = await again(db, frames, number)
    assert (done.before["energy_wh"], done.after["energy_wh"]) == ("100.000", "1000.000")
    await asyncio.sleep(0)
    await stop(point, number)
    assert (await world.record(number)).energy_wh == 3000
    assert (await world.transactions())[0].energy_wh == 3000


async def test_messages_of_other_transactions_stay_where_they_are(build, db, frames) -> None:
    world = await build(frames=frames)
    point = await world.point()
    first = await start(point)
    await stop(point, first, 3, 2000)
    body = {"connectorId": 1, "idTag": CARD, "meterStart": 2000, "timestamp": at(5)}
    second = (await point.call("StartTransaction", body))["transactionId"]
    await meter(point, first, 6, 2500)  # the number of the one that is over: the running one is meant
    await stop(point, second, 9, 3000)
    for number in (first, second):
        assert not (await again(db, frames, number)).differs


async def test_what_never_was_cannot_be_recomputed(build, db, frames) -> None:
    await build(frames=frames)
    with pytest.raises(NotFound):
        await told_of(db, KEYS, 77)
    with pytest.raises(NotFound):
        async with db.tx() as tx:
            await recompute(tx, 77, [])
