"""The frame log: every frame in order, sealed, masked when it is shown, cheap for who waits."""

import asyncio
from datetime import UTC, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from csms.backoffice import AcceptAll, Authorization, AuthorizationStatus
from csms.commands import RawCall
from csms.frame_chunks import Noted, seal, unseal
from csms.frame_log import TRACES, FrameLog, forget_frames
from csms.frame_search import Found, Frame, Search, search
from csms.log_tables import FrameChunk, Trace, TransactionFrameChunk
from csms.masking import Masker
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.log import bind_correlation, correlation_id

pytestmark = pytest.mark.anyio

KEYS = KeyRing.generate()
MASKER = Masker(lambda text: KEYS.digest("mask", text)[:16])
CARD = "04CAFEBABE1234"
PASSWORD = "correct-horse-battery"


@pytest.fixture
def frames(db) -> FrameLog:
    return FrameLog(db, KEYS, MASKER, queue_bytes=2**22)


async def shown(db, station_id: str = "CP1", *, oldest_first: bool = True, **wanted: Any) -> list[Frame]:
    found: list[Frame] = []
    after = None
    while True:
        page: Found = await search(
            db, KEYS, MASKER, station_id, Search(**wanted), after=after, oldest_first=oldest_first, limit=7
        )
        found += page.frames
        after = page.next
        if after is None:
            return found


async def charge(point, card: str = CARD) -> int:
    await point.call("Authorize", {"idTag": card})
    start = {"connectorId": 1, "idTag": card, "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    number: int = (await point.call("StartTransaction", start))["transactionId"]
    for minute in range(1, 4):
        sample = {"value": str(100 * minute)}
        values = {"timestamp": f"2026-01-01T00:0{minute}:00Z", "sampledValue": [sample]}
        await point.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [values]})
    await point.call("Heartbeat", {})
    end = {"transactionId": number, "meterStop": 400, "timestamp": "2026-01-01T00:04:00Z", "idTag": card.lower()}
    await point.call("StopTransaction", end)
    return number


async def test_every_frame_but_heartbeats_is_shown_in_order_and_no_card(build, db, frames) -> None:
    world = await build(frames=frames)
    point = await world.point()
    await charge(point)
    await frames.flush()
    log = await shown(db)
    assert [(frame.direction, frame.kind, frame.action) for frame in log] == [
        (direction, kind, action)
        for action in ("Authorize", "StartTransaction", *["MeterValues"] * 3, "StopTransaction")
        for direction, kind in (("IN", "CALL"), ("OUT", "RESULT"))
    ]
    assert frames.heartbeats == 1
    assert CARD.lower() not in repr(log).lower()
    tags = {frame.payload["idTag"] for frame in log if frame.payload and "idTag" in frame.payload}
    assert len(tags) == 1
    assert log[0].protocol == "ocpp1.6"
    assert log[0].correlation_id == log[1].correlation_id != log[2].correlation_id
    assert [frame.id for frame in await shown(db, oldest_first=False)] == [frame.id for frame in reversed(log)]


async def test_nothing_can_be_read_in_the_database_itself(build, db, frames) -> None:
    world = await build(frames=frames)
    await charge(await world.point())
    await frames.flush()
    async with db.read() as tx:
        rows = [row.sealed for model in (FrameChunk, TransactionFrameChunk) for row in await tx.all(select(model))]
    assert rows
    assert all(word not in row for row in rows for word in (CARD, "MeterValues", "idTag"))


async def test_what_tells_of_transactions_is_kept_byte_for_byte(build, db, frames) -> None:
    world = await build(frames=frames)
    point = await world.point()
    raw = '[2, "m-1",  "MeterValues", {"connectorId":1 ,"meterValue":[{"timestamp":"2026-01-01T00:00:00Z",'
    raw += '"sampledValue":[{"value":"1.50"}]}]}]'
    await point.raw(raw)
    await point.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    await frames.flush()
    async with db.read() as tx:
        [row] = await tx.all(select(TransactionFrameChunk))
    kept, answer = unseal(KEYS, "CP1", row.sealed)
    assert (kept.data, answer.direction) == (raw.encode(), "OUT")
    assert kept.size == len(raw)


async def test_the_correlation_id_of_a_tap_is_what_the_back_office_was_asked_under(build, db, frames) -> None:
    seen: list[str | None] = []

    class Desk(AcceptAll):
        async def authorize(self, request):
            seen.append(correlation_id.get())
            return Authorization(AuthorizationStatus.ACCEPTED)

    world = await build(frames=frames, backoffice=Desk())
    point = await world.point()
    await point.call("Authorize", {"idTag": CARD})
    await frames.flush()
    log = await shown(db, correlation_id=seen[0])
    assert [(frame.direction, frame.action) for frame in log] == [("IN", "Authorize"), ("OUT", "Authorize")]


async def test_our_calls_and_their_answers_go_by_the_correlation_id_they_were_made_under(build, db, frames) -> None:
    world = await build(frames=frames)
    await world.point()
    with bind_correlation("case-1"):
        change = {"key": "AuthorizationKey", "value": PASSWORD}
        await world.system.link.call("CP1", RawCall("ChangeConfiguration", change))
    await frames.flush()
    asked, answered = await shown(db, correlation_id="case-1")
    assert (asked.direction, asked.kind, answered.direction, answered.kind) == ("OUT", "CALL", "IN", "RESULT")
    assert asked.action == answered.action == "ChangeConfiguration"
    assert asked.payload == {"key": "AuthorizationKey", "value": "***"}
    assert answered.payload == {"status": "Accepted"}
    async with db.read() as tx:
        for row in await tx.all(select(FrameChunk)):
            assert all(PASSWORD.encode() not in kept.data for kept in unseal(KEYS, "CP1", row.sealed))


async def test_what_failed_and_what_is_no_frame_can_be_looked_for(build, db, frames) -> None:
    world = await build(frames=frames)
    point = await world.point(protocol="ocpp2.0.1")
    await point.raw(f"garbage {CARD}")
    await point.frame("Reboot", {"idTag": CARD})
    await point.frame(f"Card {CARD}", {})
    await point.call("Heartbeat", {})
    await frames.flush()
    failed = await shown(db, failed=True)
    assert [(frame.direction, frame.kind) for frame in failed] == [
        ("IN", "UNREADABLE"),
        ("OUT", "ERROR"),
        ("OUT", "ERROR"),
        ("OUT", "ERROR"),
    ]
    assert failed[-1].error.startswith("NotImplemented")
    assert [frame.action for frame in failed] == [None, None, "Reboot", "***"]
    assert [frame.action for frame in await shown(db, failed=False)] == ["Reboot", "***"]
    assert CARD not in repr(await shown(db))


async def test_filters_narrow_down_by_action_direction_and_time(build, db) -> None:
    clock = db.clock = ManualClock()
    frames = FrameLog(db, KEYS, MASKER, queue_bytes=2**22)
    world = await build(frames=frames)
    point = await world.point()
    await charge(point)
    await frames.flush()
    clock.advance(1)
    middle = clock.now()
    await point.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    await frames.flush()
    assert len(await shown(db, action="MeterValues", direction="IN")) == 3
    assert [frame.action for frame in await shown(db, since=middle)] == ["StatusNotification"] * 2
    assert len(await shown(db, until=middle)) == 12
    assert await shown(db, "CP2") == []


async def test_pages_join_over_many_chunks_in_both_orders(build, db, frames) -> None:
    world = await build(frames=frames)
    point = await world.point()
    for number in range(60):
        await point.call("StatusNotification", {"connectorId": number, "errorCode": "NoError", "status": "Available"})
        if number % 10 == 0:
            values = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "1"}]}
            await point.call("MeterValues", {"connectorId": number, "meterValue": [values]})
        await frames.flush()
    for oldest_first in (True, False):
        log = await shown(db, oldest_first=oldest_first, direction="IN")
        numbers = [frame.payload["connectorId"] for frame in log if frame.action == "StatusNotification"]
        assert numbers == sorted(range(60), reverse=not oldest_first)
        assert len(log) == 66


async def test_a_traced_station_has_its_heartbeats_logged_until_the_trace_is_over(build, db, frames) -> None:
    world = await build(frames=frames)
    traced, other = await world.point("CP1"), await world.point("CP2")
    running = asyncio.create_task(frames.run())
    async with db.tx() as tx:
        tx.add(Trace(station_id="CP1", until=tx.now + timedelta(minutes=5)))
        tx.ring(TRACES)
    async with asyncio.timeout(30):
        while not frames.is_traced("CP1"):
            await asyncio.sleep(0.01)
    for point in (traced, other):
        await point.call("Heartbeat", {})
    async with db.tx() as tx:
        trace = await tx.get(Trace, "CP1")
        trace.until = tx.now
        tx.ring(TRACES)
    async with asyncio.timeout(30):
        while frames.is_traced("CP1"):
            await asyncio.sleep(0.01)
    await traced.call("Heartbeat", {})
    await frames.flush()
    assert [frame.action for frame in await shown(db, "CP1")] == ["Heartbeat"] * 2
    assert await shown(db, "CP2") == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_full_log_drops_and_counts_and_the_station_notices_nothing(build, db) -> None:
    frames = FrameLog(db, KEYS, MASKER, queue_bytes=900)
    world = await build(frames=frames)
    await charge(await world.point())
    await frames.flush()
    log = await shown(db)
    assert 0 < len(log) < 12
    assert frames.spool.dropped == 12 - len(log)


async def test_frames_are_forgotten_after_their_time_and_those_of_transactions_later(build, db, frames) -> None:
    world = await build(frames=frames)
    await charge(await world.point())
    await frames.flush()

    async def left() -> tuple[int, int]:
        async with db.read() as tx:
            counts = [
                (await tx.execute(select(func.count()).select_from(model))).scalar_one()
                for model in (FrameChunk, TransactionFrameChunk)
            ]
        return counts[0], counts[1]

    await forget_frames(db, frames=timedelta(days=30), about_transactions=timedelta(days=400))
    assert await left() == (1, 1)
    await forget_frames(db, frames=timedelta(0), about_transactions=timedelta(days=400))
    assert await left() == (0, 1)
    assert [frame.direction for frame in await shown(db)] == ["IN", "OUT"] * 5
    await forget_frames(db, frames=timedelta(0), about_transactions=timedelta(0))
    assert await left() == (0, 0)


async def test_a_key_that_left_the_ring_takes_its_frames_along_and_nothing_else(build, db, frames) -> None:
    world = await build(frames=frames)
    await charge(await world.point())
    await frames.flush()
    page = await search(db, KeyRing.generate(), MASKER, "CP1", Search())
    assert (page.frames, page.next) == ([], None)
    page = await search(db, KEYS.rotated(), MASKER, "CP1", Search())
    assert len(page.frames) == 12


NOTED = st.builds(
    Noted,
    place=st.integers(1, 10_000),
    at=st.datetimes(timezones=st.just(UTC)),
    direction=st.sampled_from(["IN", "OUT"]),
    action=st.none() | st.text(st.characters(codec="utf-8"), max_size=20),
    data=st.binary(max_size=200),
    correlation_id=st.none() | st.just("c-1"),
)


@given(st.lists(NOTED, max_size=10))
def test_whatever_was_sealed_comes_out_as_it_was(noted: list[Noted]) -> None:
    kept = unseal(KEYS, "CP1", seal(KEYS, "session", "ocpp1.6", noted))
    assert [Noted(k.place, k.at, k.direction, k.action, k.data, k.correlation_id) for k in kept] == noted
    assert all(k.size == len(k.data) for k in kept)


async def test_a_frame_that_is_too_large_is_cut_unless_it_tells_of_a_transaction(build, db, frames) -> None:
    world = await build(frames=frames)
    point = await world.point()
    await point.call("DataTransfer", {"vendorId": "x", "data": "y" * 100_000})
    values = [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "1"}]}] * 2_000
    await point.call("MeterValues", {"connectorId": 1, "meterValue": values})
    await frames.flush()
    log = await shown(db, direction="IN")
    assert [(frame.kind, frame.payload is None) for frame in log] == [("CUT", True), ("CALL", False)]
    assert log[0].bytes > 100_000
    assert len(orjson.dumps(log[1].payload)) > 100_000


async def test_a_log_that_cannot_be_written_delays_no_answer(build, db, frames) -> None:
    world = await build(frames=frames)
    running = asyncio.create_task(frames.run())
    point = await world.point()
    db.away = True
    await asyncio.wait_for(point.call("Heartbeat", {}), 30)
    await asyncio.wait_for(point.frame("Reboot", {}), 30)
    db.away = False
    await frames.flush()
    assert len(await shown(db)) == 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
