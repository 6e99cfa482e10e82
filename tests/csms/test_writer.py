"""The group commit: many writes in one commit, and one bad write that harms nobody."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlmodel import select

from csms.tables import Connector, TransactionMessage
from csms.writer import Conflict, Op, Unstorable, Writer
from kit.clock import SystemClock

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def message(key: str, transaction_id: int | None = None) -> tuple[Op, dict[str, object]]:
    row = {"station_id": "CP1", "transaction_id": transaction_id, "key": key, "kind": "metered", "received_at": NOW}
    return Op.MESSAGE, {**row, "doc": b"{}"}


def opened(number: int, origin: str) -> tuple[Op, dict[str, object]]:
    empty = "evse_id connector_id token token_type authorization_status authorization_reference remote_start_id"
    row: dict[str, object] = dict.fromkeys(f"{empty} reservation_id ended_at state stop_reason".split())
    row |= {"id": number, "station_id": "CP1", "reference": str(number), "origin": origin, "started_at": NOW}
    return Op.TRANSACTION_OPENED, {**row, "energy_wh": Decimal(0), "needs_review": False, "doc": b"{}"}


@pytest.fixture
async def writer(db):
    one = Writer(db, SystemClock())
    yield one
    await one.close()


async def stored(db) -> list[str]:
    async with db.read() as tx:
        return sorted(row.key for row in await tx.all(select(TransactionMessage)))


async def test_what_is_queued_together_is_stored_together(db, writer) -> None:
    await asyncio.gather(*(writer.submit([message(f"{number:03}")]) for number in range(1200)))
    assert await stored(db) == [f"{number:03}" for number in sorted(range(1200), key=lambda n: f"{n:03}")]


async def test_a_message_that_is_told_again_is_stored_once(db, writer) -> None:
    await asyncio.gather(*(writer.submit([message("same")]) for _ in range(5)))
    await writer.submit([message("same")])
    assert await stored(db) == ["same"]


async def test_the_last_status_in_a_batch_stands(db, writer) -> None:
    def status(word: str) -> tuple[Op, dict[str, object]]:
        key = {"station_id": "CP1", "evse_id": 1, "connector_id": 1}
        return Op.CONNECTOR, {**key, "status": word, "error": None, "info": None, "at": NOW}

    await asyncio.gather(*(writer.submit([status(word)]) for word in ("available", "preparing", "charging")))
    async with db.read() as tx:
        assert (await tx.get(Connector, ("CP1", 1, 1))).status == "charging"


async def test_a_row_that_cannot_be_stored_harms_no_other(db, writer) -> None:
    writes = [writer.submit([message("a")]), writer.submit([message("bad", 2**80)]), writer.submit([message("b")])]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), Unstorable, type(None)]
    assert await stored(db) == ["a", "b"]


async def test_a_second_start_of_the_same_origin_is_a_conflict_and_leaves_nothing(db, writer) -> None:
    await writer.submit([opened(1, "same"), message("one", 1)])
    with pytest.raises(Conflict):
        await writer.submit([opened(2, "same"), message("two", 2)])
    assert await stored(db) == ["one"]


async def test_everything_waits_while_the_database_is_away(db, writer) -> None:
    db.away = True
    waiting = [writer.submit([message(str(number))]) for number in range(3)]
    await asyncio.sleep(0.3)
    assert not any(write.done() for write in waiting)
    db.away = False
    await asyncio.gather(*waiting)
    assert await stored(db) == ["0", "1", "2"]


async def test_numbers_are_never_given_twice(db) -> None:
    writers = [Writer(db, SystemClock()) for _ in range(3)]
    numbers = await asyncio.gather(*(writers[index % 3].next_number() for index in range(500)))
    assert len(set(numbers)) == 500
    assert min(numbers) == 1
