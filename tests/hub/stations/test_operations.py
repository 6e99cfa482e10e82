"""Operations at stations that are not there: noted, tried again, taken back, never sent twice."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from csms.events import StationBooted
from csms.link import Link
from csms.operations import ListEntry
from csms.registry import Registry
from hub.stations.intents import OneCommand
from hub.stations.operation_schemas import INTENT, INTENTS, OperationOut
from hub.stations.operation_tables import KEPT, UNKNOWN_AFTER, OperationState, StationOperation
from hub.stations.operations import OPERATE, Operations
from hub.stations.procedures import PROCEDURES
from hub.stations.reservations import StationReservation
from hub.stations.tables import Station
from hub.stations.uploads import StationFile, Uploads
from kit.bus import connect
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.errors import Conflict, NotFound
from kit.job_rows import JobRow
from kit.jobs import Worker
from kit.tx import Database, Tx

pytestmark = pytest.mark.anyio


async def nobody(tx: Tx) -> list[ListEntry]:
    """Nobody may charge without being asked for."""
    return []


@pytest.fixture
async def operations(db: Database, keys: KeyRing, tmp_path: Path) -> AsyncIterator[Operations]:
    """Operations at the station CS-1, which is not connected."""
    bus = await connect("memory://")
    uploads = Uploads(db, keys, tmp_path, "https://hub.example.com", timedelta(hours=1), 1000)
    made = Operations(db, keys, Link(Registry(bus), bus), nobody, uploads)
    db.reactions.job(OPERATE, made.operate)
    db.reactions.on(StationBooted, made.on_booted)
    async with db.tx() as tx:
        tx.add(
            Station(
                id="CS-1",
                folded_id="cs-1",
                password_digest="",
                country_code="NL",
                party_id="PLB",
                location_id="LOC1",
                created_at=tx.now,
            )
        )
    yield made
    await bus.close()


async def ask(operations: Operations, **fields: Any) -> OperationOut:
    row = await operations.ask("cs-1", INTENT.validate_python({"operation": "reset", **fields}))
    return operations.shown(row)


async def now(operations: Operations, operation_id: str) -> OperationOut:
    async with operations.db.read() as tx:
        row = await tx.get(StationOperation, operation_id)
    assert row is not None
    return operations.shown(row)


async def test_a_station_that_is_not_there_is_said_to_be_offline(operations: Operations) -> None:
    told = await ask(operations)
    assert (told.station_id, told.state, told.status, told.attempts) == ("CS-1", "done", "offline", 1)
    assert told.ended_at is not None
    with pytest.raises(NotFound):
        await operations.ask("CS-2", INTENT.validate_python({"operation": "reset"}))


async def test_it_is_tried_again_for_as_long_as_the_operator_wants(operations: Operations, clock: ManualClock) -> None:
    told = await ask(operations, keep_trying_s=60)
    assert (told.state, told.status) == ("waiting", "offline")
    attempts = []
    for _ in range(12):
        clock.advance(10)
        await Worker(operations.db).drain()
        attempts.append((await now(operations, told.id)).attempts)
    after = await now(operations, told.id)
    assert (after.state, after.status) == ("done", "offline")
    assert after.attempts == 4, "after 5, 15 and 35 s; another 40 s later would be too late"
    assert attempts == sorted(attempts)


async def test_what_is_noted_for_an_attempt_is_noted_once(operations: Operations, clock: ManualClock) -> None:
    expires_at = (clock.now() + timedelta(hours=1)).isoformat()
    asked = {"operation": "reserve", "token_uid": "04AA", "evse_id": 1, "expires_at": expires_at}
    reserved = await ask(operations, **asked, keep_trying_s=60)
    log = await ask(operations, operation="send_log", keep_trying_s=60)
    clock.advance(10)
    await Worker(operations.db).drain()
    assert [(await now(operations, each.id)).attempts for each in (reserved, log)] == [2, 2]
    async with operations.db.read() as tx:
        [reservation] = await tx.all(select(StationReservation))
        [file] = await tx.all(select(StationFile))
    assert (reservation.number, reservation.state) == (reserved.request_id, "refused")
    assert file.request_id == log.request_id


async def test_a_boot_brings_it_forward(operations: Operations, clock: ManualClock) -> None:
    told = await ask(operations, keep_trying_s=3600)
    for _ in range(6):
        clock.advance(200)
        await Worker(operations.db).drain()
    before = (await now(operations, told.id)).attempts
    async with operations.db.tx() as tx:
        tx.emit(StationBooted("CS-1"))
    await Worker(operations.db).drain()
    assert (await now(operations, told.id)).attempts == before + 1


async def test_what_is_for_later_waits_for_its_time_and_can_be_taken_back(
    operations: Operations, clock: ManualClock
) -> None:
    at = (clock.now() + timedelta(hours=3)).isoformat()
    later, gone = await ask(operations, at=at), await ask(operations, at=at)
    assert (later.state, later.status, later.attempts) == ("waiting", None, 0)
    await operations.cancel("CS-1", gone.id)
    async with operations.db.tx() as tx:
        tx.emit(StationBooted("CS-1"))
    await Worker(operations.db).drain()
    assert (await now(operations, later.id)).attempts == 0, "a boot does not hurry it"
    clock.advance(3 * 3600)
    await Worker(operations.db).drain()
    assert (await now(operations, later.id)).status == "offline"
    assert (await now(operations, gone.id)).state == "cancelled"
    with pytest.raises(Conflict):
        await operations.cancel("CS-1", later.id)
    with pytest.raises(NotFound):
        await operations.cancel("CS-2", later.id)


async def test_what_lost_its_process_is_closed_and_not_repeated(operations: Operations, clock: ManualClock) -> None:
    told = await ask(operations, at=(clock.now() + timedelta(seconds=5)).isoformat())
    async with operations.db.tx() as tx:
        running = {"state": OperationState.RUNNING, "begun_at": tx.now}
        await tx.execute(update(StationOperation).values(**running))
    clock.advance(10)
    await Worker(operations.db).drain()
    assert (await now(operations, told.id)).attempts == 0, "its job has begun before: it is not sent again"
    clock.advance(UNKNOWN_AFTER.total_seconds())
    await operations.tidy(operations.db, {})
    after = await now(operations, told.id)
    assert (after.state, after.status, after.reason) == ("done", "failed", "the outcome is not known")
    clock.advance(KEPT.total_seconds() + 1)
    await operations.tidy(operations.db, {})
    async with operations.db.read() as tx:
        assert await tx.get(StationOperation, told.id) is None


async def test_cards_and_secrets_are_neither_shown_nor_stored_in_clear(operations: Operations) -> None:
    secret = "SECRET-VALUE-1"
    asked = [
        {"operation": "write_settings", "values": {"AuthorizationKey": secret}},
        {"operation": "customer_information", "token_uid": secret},
    ]
    for fields in asked:
        told = await ask(operations, **fields, keep_trying_s=60)
        assert secret not in told.model_dump_json()
    async with operations.db.read() as tx:
        for table in (StationOperation, JobRow):
            rows = (await tx.execute(table.__table__.select())).all()  # type: ignore[attr-defined]
            assert secret not in str(rows)


def test_every_intent_is_one_command_or_has_a_procedure() -> None:
    for intent in INTENTS:
        assert issubclass(intent, OneCommand) != (intent in PROCEDURES), intent
