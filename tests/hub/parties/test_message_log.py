"""The queue, the batches and the retention of the message log, on a real database."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.parties.directory import Directory
from hub.parties.message_log import MessageLog, forgetter
from hub.parties.message_log_rows import opened, page_asked
from hub.parties.message_log_tables import Message, MessageContent
from hub.parties.presented import Presented
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.http import Exchanged
from kit.tx import Database
from ocpi.call import Served
from ocpi.endpoint import Interface, Verb
from ocpi.headers import MessageHeaders, Party

pytestmark = pytest.mark.anyio

KEY = ("sessions", Interface.RECEIVER, Verb.PUT, "session")
ANSWER = b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}'


def log_of(db: Database, keys: KeyRing, **options: Any) -> MessageLog:
    options = {"body_bytes": 1000, "queue_bytes": 1_000_000, **options}
    return MessageLog(db, keys, Directory(db, keys), Presented(keys), **options)


def served(raw: bytes = b"{}", answer: bytes = ANSWER, **changes: Any) -> Served:
    now = time.monotonic()
    given: dict[str, Any] = {
        "method": "PUT",
        "target": "/ocpi/2.2.1/receiver/sessions/BE/CPO/S1",
        "key": KEY,
        "path": {},
        "caller": None,
        "headers": MessageHeaders("r-1", "c-1"),
        "http_headers": {"authorization": "Token abc", "content-type": "application/json"},
        "raw": raw,
        "http_status": 200,
        "status_code": None,
        "answer": answer,
        "started": now - 0.05,
        "ended": now,
    }
    return Served(**{**given, **changes})


async def rows(db: Database) -> list[Message]:
    async with db.read() as tx:
        return list(await tx.all(select(Message).order_by(Message.id)))  # type: ignore[arg-type]


async def count(db: Database, model: type[Message] | type[MessageContent]) -> int:
    async with db.read() as tx:
        return (await tx.execute(select(func.count()).select_from(model))).scalar_one()


async def test_many_are_written_in_the_order_in_which_they_began(db: Database, keys: KeyRing) -> None:
    log = log_of(db, keys)
    now = time.monotonic()
    for number in reversed(range(450)):
        log.received(served(started=now + number / 1000, headers=MessageHeaders(f"r-{number}", "c")))
    await log.flush()
    assert [row.request_id for row in await rows(db)] == [f"r-{number}" for number in range(450)]


async def test_the_exact_bytes_are_sealed_without_credentials_and_outlive_a_rotation(db: Database) -> None:
    old = KeyRing.generate()
    log = log_of(db, old)
    log.received(served(b' {"power": 1e2} '))
    await log.flush()
    async with db.read() as tx:
        [row] = await tx.all(select(MessageContent))
    assert b"power" not in row.sealed
    content = opened(old.rotated(), row.sealed)
    assert (content.request, content.response) == (b' {"power": 1e2} ', ANSWER)
    assert content.headers == {"content-type": "application/json"}


async def test_what_is_no_json_is_not_shown(db: Database, keys: KeyRing) -> None:
    log = log_of(db, keys)
    log.received(served(b"\x00\xff<html>0411AABBCC", answer=b"[" * 5000))
    await log.flush()
    [row] = await rows(db)
    assert (row.request_body, row.response_body) == ("[not JSON: 18 bytes]", "[not shown: 5000 bytes]")


async def test_a_request_without_an_answer_has_its_error(db: Database, keys: KeyRing) -> None:
    log = log_of(db, keys)
    log.sent(
        Exchanged("PUT", "https://h/x/0411AABBCC?a=b", {"OCPI-to-country-code": "DE"}, b"", 1.0, 2.5, error="Gone")
    )
    await log.flush()
    [row] = await rows(db)
    assert (row.direction, row.http_status, row.error, row.duration_ms) == ("OUT", None, "Gone", 1500)
    assert row.path == "https://h/x/*?a=***"


async def test_a_full_queue_drops_the_newest_and_counts_them(db: Database, keys: KeyRing) -> None:
    dropped: list[int] = []
    log = log_of(db, keys, queue_bytes=5000, on_drop=dropped.append)
    for _ in range(5):
        log.received(served())
    await log.flush()
    assert (await count(db, Message), log.dropped, sum(dropped)) == (2, 3, 3)
    log.received(served())
    await log.flush()
    assert await count(db, Message) == 3, "there is room again"


async def test_the_database_may_be_away_for_a_while(
    db: Database, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(db, keys)
    monkeypatch.setattr("kit.spool.RETRY_S", 0.05)
    working, calls = Database.write, 0

    async def failing(self: Database, *batch: Any) -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise OSError("no database")
        await working(self, *batch)

    monkeypatch.setattr(Database, "write", failing)
    writing = asyncio.create_task(log.run())
    log.received(served())
    async with asyncio.timeout(30):
        while not await rows(db):
            await asyncio.sleep(0.02)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert len(await rows(db)) == 1
    assert log.dropped == 0


async def test_a_stop_right_after_the_commit_of_a_batch_loses_and_doubles_nothing(
    db: Database, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, stops = MessageLog._write, [asyncio.CancelledError()]

    async def stopped(self: MessageLog, batch: Any) -> None:
        await written(self, batch)
        if stops:
            raise stops.pop()

    monkeypatch.setattr(MessageLog, "_write", stopped)
    log = log_of(db, keys)
    log.received(served())
    log.received(served())
    with pytest.raises(asyncio.CancelledError):
        await log.flush()
    log.received(served())
    await log.flush()
    assert (await count(db, Message), await count(db, MessageContent)) == (3, 3)


async def test_each_store_is_emptied_after_its_own_time(
    db: Database, keys: KeyRing, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.parties.message_log.FORGET_BATCH", 3)
    log, forget = log_of(db, keys), forgetter(timedelta(days=30), timedelta(days=7))
    for _ in range(8):
        log.received(served())
    await log.flush()
    for days, left in ((6, (8, 8)), (2, (8, 0)), (23, (0, 0))):
        clock.advance(days * 86_400)
        await forget(db, {})
        assert (await count(db, Message), await count(db, MessageContent)) == left


async def test_of_a_page_one_row_is_kept_as_long_as_it_tells_everything(db: Database, keys: KeyRing) -> None:
    log, page = log_of(db, keys), b"[" + b"1," * 600 + b"1]" + ANSWER
    key = ("locations", Interface.SENDER, Verb.GET, "list")
    asked = {"method": "GET", "key": key, "answer": page, "raw": b"", "http_headers": {"authorization": "Token abc"}}
    message = MessageHeaders("r-1", "c-1", Party("BE", "CPO"), Party("DE", "EMS"))
    urls = [f"/ocpi/2.2.1/sender/locations{query}" for query in ("", "?limit=5&offset=10", "?limit=5&card=0411AABBCC")]
    for url in (*urls, urls[1]):
        log.received(served(target=url, headers=message, **asked))
    await log.flush()
    plain, sliced, secret, again = await rows(db)
    assert [page_asked(each) is not None for each in (plain, sliced, secret, again)] == [True, True, False, True]
    assert (secret.path, secret.response_body) == (
        "/ocpi/2.2.1/sender/locations?limit=5&card=***",
        f"[not shown: {len(page)} bytes]",
    )
    assert await count(db, MessageContent) == 1
    assert sliced.status_code == 1000
    told = page_asked(sliced)
    assert told is not None
    assert (told.method, told.url, told.request, told.response, told.response_cut) == ("GET", urls[1], b"", b"", True)
    assert told.headers == {
        "x-request-id": "r-1",
        "x-correlation-id": "c-1",
        "ocpi-to-country-code": "BE",
        "ocpi-to-party-id": "CPO",
        "ocpi-from-country-code": "DE",
        "ocpi-from-party-id": "EMS",
    }


async def test_what_the_database_does_not_take_keeps_no_other_message_out(db: Database, keys: KeyRing) -> None:
    log = log_of(db, keys)
    log.received(served(headers=MessageHeaders("r-\x00", "c-1")))
    log.received(served(target="/ocpi/2.2.1/sender/sessions?date_to=%00&limit=5", method="GET"))
    log.received(served())
    await log.flush()
    found = await rows(db)
    assert "r-1" in {row.request_id for row in found}
    assert "/ocpi/2.2.1/sender/sessions?date_to=%00&limit=5" in {row.path for row in found}
    assert len(found) + log.dropped == 3
