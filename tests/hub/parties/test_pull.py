"""Reading partners' lists: what was missed, what is gone, and what odd pages do to it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from starlette.responses import Response

from hub.locations import service as locations
from hub.locations.tables import Location
from hub.parties import pull_turn
from hub.parties.changes import Change
from hub.parties.pulls import DELTA, FULL
from hub.parties.reachability import note_reached, note_unreachable
from hub.parties.tables import CONNECTED, OFFLINE, Platform
from hub.sessions.tables import Cdr
from hub.tariffs.tables import Tariff
from hub.tokens.tables import Token
from kit.clock import ManualClock
from tests.hub.parties.lists import Reader, Shelf, location, reading
from tests.journeys.network import PARTNER_TOKEN, TARIFF
from tests.journeys.peers import STAMP, Stranger, cdr_of, stranger, success

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def reader(migrated_database_url: str) -> AsyncIterator[Reader]:
    async with reading(migrated_database_url, ManualClock(NOW)) as reader:
        yield reader


@pytest.fixture
async def other() -> AsyncIterator[Stranger]:
    async with stranger() as other:
        other.speaks({})
        yield other


def shelf(other: Stranger, count: int, **habits: object) -> Shelf:
    made = Shelf(f"{other.url}/locations", [location(number) for number in range(count)], **habits)  # type: ignore[arg-type]
    other.replies["/locations"] = made
    return made


async def changes(reader: Reader) -> int:
    async with reader.db.read() as tx:
        return len(await tx.all(select(Change).where(Change.module == "locations")))


async def positions(reader: Reader) -> set[int | None]:
    async with reader.db.read() as tx:
        return {change.seq for change in await tx.all(select(Change))}


async def status(reader: Reader, platform_id: str) -> str:
    async with reader.db.read() as tx:
        row = await tx.get(Platform, platform_id)
    assert row is not None
    return row.status


async def test_a_new_partner_is_read_wholly_and_what_did_not_change_is_told_to_nobody(
    reader: Reader, other: Stranger
) -> None:
    shelf(other, 5)
    peer = await reader.partner(other)
    await reader.settle()
    assert set(await reader.stored(Location)) == {f"l{number}" for number in range(5)}
    assert await changes(reader) == 5
    state = await reader.state(peer.id)
    assert (state.last_full_at, state.position, state.total, state.stored, state.last_error) == (NOW, 5, 5, 5, None)

    before = await positions(reader)
    await reader.ask(peer.id, FULL)
    await reader.settle()
    assert (await reader.state(peer.id)).stored == 0
    assert await positions(reader) == before


async def test_what_was_missed_is_asked_for_since_the_last_sign_of_life(reader: Reader, other: Stranger) -> None:
    list_of = shelf(other, 1)
    peer = await reader.partner(other)
    await reader.settle()
    async with reader.db.tx() as tx:
        await note_unreachable(tx, peer.id)
    reader.clock.advance(7200)
    list_of.items.append(location(7, at="2026-03-01T13:00:00Z"))
    async with reader.db.tx() as tx:
        await note_reached(tx, peer.id)
    list_of.asked.clear()
    await reader.settle()
    assert list_of.asked[0]["date_from"] == "2026-03-01T11:55:00Z"
    assert set(await reader.stored(Location)) == {"l0", "l7"}
    assert (await reader.state(peer.id)).last_delta_at == NOW + timedelta(hours=2)


async def test_a_silent_partner_is_asked_whether_it_is_there(reader: Reader, other: Stranger) -> None:
    shelf(other, 0)
    peer = await reader.partner(other)
    await reader.settle()
    reader.clock.advance(299)
    await reader.presence.probe(reader.db, {})
    assert not [seen for seen in other.seen if seen.path == "/versions"]
    reader.clock.advance(2)
    other.replies["/versions"] = lambda _: Response(status_code=503)
    await reader.presence.probe(reader.db, {})
    assert await status(reader, peer.id) == OFFLINE
    other.replies["/versions"] = lambda _: Response(status_code=401)
    await reader.presence.probe(reader.db, {})
    assert await status(reader, peer.id) == CONNECTED, "whoever answers is there"
    assert (await reader.state(peer.id)).wanted == DELTA


async def test_after_our_own_absence_we_ask_for_what_we_missed(reader: Reader, other: Stranger) -> None:
    shelf(other, 0)
    peer = await reader.partner(other)
    await reader.settle()
    reader.clock.advance(3600)
    await reader.presence.probe(reader.db, {})
    state = await reader.state(peer.id)
    assert (state.wanted, state.wanted_since) == (DELTA, NOW)


async def test_being_heard_is_written_now_and_then_and_not_for_each_request(reader: Reader, other: Stranger) -> None:
    peer = await reader.partner(other)
    reader.clock.advance(60)
    reader.notices.heard(peer.id)
    assert (await reader.peer(peer.id)).last_seen_at == NOW
    await reader.presence.flush()
    async with reader.db.read() as tx:
        row = await tx.get(Platform, peer.id)
    assert row is not None
    assert row.last_seen_at == NOW + timedelta(seconds=60)


async def test_of_many_that_were_heard_only_those_that_were_away_are_news(reader: Reader, other: Stranger) -> None:
    shelf(other, 0)
    peer = await reader.partner(other)
    await reader.settle()
    async with reader.db.tx() as tx:
        there, away = (Platform(name=name, status=CONNECTED, created_at=tx.now) for name in ("there", "away"))
        tx.add(there)
        tx.add(away)
        await tx.flush()
        await note_unreachable(tx, away.id)
    reader.clock.advance(60)
    for platform_id in (peer.id, there.id, away.id, "gone"):
        reader.notices.heard(platform_id)
    await reader.presence.flush()
    async with reader.db.read() as tx:
        rows = await tx.all(select(Platform))
    assert {(row.status, row.last_seen_at) for row in rows} == {(CONNECTED, NOW + timedelta(seconds=60))}
    assert (await reader.state(peer.id)).wanted is None


async def test_what_is_gone_from_a_whole_list_is_removed_and_can_come_back(reader: Reader, other: Stranger) -> None:
    list_of = shelf(other, 3)
    peer = await reader.partner(other)
    await reader.settle()
    gone = list_of.items.pop(1)
    reader.clock.advance(10)
    await reader.ask(peer.id, FULL)
    await reader.settle()
    stored = await reader.stored(Location)
    assert [evse["status"] for evse in stored["l1"]["evses"]] == ["REMOVED"]
    assert stored["l0"]["evses"][0]["status"] == "AVAILABLE"
    assert (await reader.state(peer.id)).removed == 1

    list_of.items.append(gone)
    reader.clock.advance(10)
    await reader.ask(peer.id, FULL)
    await reader.settle()
    assert (await reader.stored(Location))["l1"] == gone


async def test_the_first_look_takes_away_nothing_that_a_partner_has_pushed_already(
    reader: Reader, other: Stranger
) -> None:
    shelf(other, 1)
    peer = await reader.partner(other)
    async with reader.db.tx() as tx:
        await locations.put(tx, location(9), platform_id=peer.id)
    reader.clock.advance(10)
    await reader.settle()
    assert (await reader.stored(Location))["l9"]["evses"][0]["status"] == "AVAILABLE"
    assert (await reader.state(peer.id)).removed == 0


async def test_a_list_that_does_not_add_up_removes_nothing(reader: Reader, other: Stranger) -> None:
    list_of = shelf(other, 3)
    peer = await reader.partner(other)
    await reader.settle()
    list_of.items.pop()
    list_of.totals = False
    reader.clock.advance(10)
    await reader.ask(peer.id, FULL)
    await reader.settle()
    state = await reader.state(peer.id)
    assert (state.removed, state.last_error) == (0, "the list did not add up: nothing was taken for gone")


async def test_tariffs_are_deleted_tokens_invalid_and_cdrs_stay(reader: Reader, other: Stranger) -> None:
    owner = {"country_code": "BE", "party_id": "CPO", "last_updated": STAMP}
    shelves = {
        "tariffs": Shelf(f"{other.url}/tariffs", [{**TARIFF, **owner, "id": "T1"}]),
        "tokens": Shelf(f"{other.url}/tokens", [{**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}]),
        "cdrs": Shelf(f"{other.url}/cdrs", [cdr_of("BE*CPO", "C1", "DE*EMS", last_updated="2026-03-01T12:00:00Z")]),
    }
    for module, made in shelves.items():
        other.replies[f"/{module}"] = made
    shelf(other, 0)
    urls = {f"SENDER_{module}": made.url for module, made in shelves.items()}
    cpo = await reader.partner(other, **urls)
    emsp = await reader.partner(other, role="EMSP", party="DE*EMS", **urls)
    await reader.settle()
    assert (set(await reader.stored(Tariff)), set(await reader.stored(Cdr))) == ({"t1"}, {"c1"})
    assert [body["valid"] for body in (await reader.stored(Token)).values()] == [True]
    for made in shelves.values():
        made.items.clear()
    reader.clock.advance(10)
    for peer in (cpo, emsp):
        await reader.ask(peer.id, FULL)
    await reader.settle()
    assert (set(await reader.stored(Tariff)), set(await reader.stored(Cdr))) == (set(), {"c1"})
    assert [(body["valid"], body["whitelist"]) for body in (await reader.stored(Token)).values()] == [(False, "NEVER")]


async def test_a_bad_object_is_skipped_and_never_the_page(reader: Reader, other: Stranger) -> None:
    list_of = shelf(other, 3)
    list_of.items[1] = {**list_of.items[1], "coordinates": "somewhere"}
    list_of.items.append("no object")
    list_of.items.append(location(9, party="NL*PLB"))
    peer = await reader.partner(other)
    await reader.settle()
    assert set(await reader.stored(Location)) == {"l0", "l2"}
    assert (await reader.state(peer.id)).skipped == 3


async def test_an_id_that_no_database_takes_is_a_bad_object_like_others(reader: Reader, other: Stranger) -> None:
    list_of = shelf(other, 2)
    list_of.items.append({**location(2), "id": "L\x002"})
    peer = await reader.partner(other)
    await reader.settle()
    assert set(await reader.stored(Location)) == {"l0", "l1"}
    assert (await reader.state(peer.id)).skipped == 1


async def test_an_object_that_turned_bad_is_not_taken_because_it_was_good_before(
    reader: Reader, other: Stranger
) -> None:
    list_of = shelf(other, 3)
    peer = await reader.partner(other)
    await reader.settle()
    list_of.items[1] = {**list_of.items[1], "coordinates": "somewhere"}
    await reader.ask(peer.id, FULL)
    await reader.settle()
    state = await reader.state(peer.id)
    assert (state.skipped, state.stored) == (1, 0)
    assert (await reader.stored(Location))["l1"]["coordinates"] != "somewhere"


async def test_a_process_that_dies_costs_the_pages_that_were_not_stored_yet(
    reader: Reader, other: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_turn, "STORED_AT_ONCE", 4)
    list_of = shelf(other, 12)
    peer = await reader.partner(other)
    dying = asyncio.create_task(reader.puller.settle())

    def die(number: int) -> None:
        if number == 6:
            dying.cancel()

    list_of.on_page = die
    await asyncio.gather(dying, return_exceptions=True)
    assert (await reader.state(peer.id)).position == 8
    reader.clock.advance(61)
    list_of.asked.clear()
    await reader.settle()
    assert [query.get("offset") for query in list_of.asked[:2]] == ["8", "10"]
    assert len(await reader.stored(Location)) == 12


async def test_what_we_have_newer_stays(reader: Reader, other: Stranger) -> None:
    list_of = shelf(other, 1)
    list_of.items[0] = location(0, name="New", at="2026-02-01T00:00:00.500Z")
    peer = await reader.partner(other)
    await reader.settle()
    list_of.items[0] = location(0, name="Old", at="2026-01-31T00:00:00")
    await reader.ask(peer.id, FULL)
    await reader.settle()
    assert (await reader.stored(Location))["l0"]["name"] == "New"


async def test_a_pull_goes_on_where_it_stopped(reader: Reader, other: Stranger) -> None:
    list_of = shelf(other, 6)
    list_of.on_page = lambda number: Response(status_code=503) if number == 2 else None
    peer = await reader.partner(other)
    await reader.puller.settle()
    state = await reader.state(peer.id)
    assert (state.running, state.position, state.failures) == (FULL, 2, 1)
    reader.clock.advance(60)
    await reader.settle()
    assert [query.get("offset") for query in list_of.asked[:4]] == [None, "2", "2", "4"]
    assert len(await reader.stored(Location)) == 6
    assert (await reader.state(peer.id)).last_full_at == NOW


async def test_a_list_is_read_wholly_once_a_week(reader: Reader, other: Stranger) -> None:
    list_of = shelf(other, 1)
    await reader.partner(other)
    await reader.settle()
    reader.clock.advance(6 * 86_400)
    list_of.asked.clear()
    await reader.settle()
    assert list_of.asked == []
    reader.clock.advance(2 * 86_400)
    await reader.settle()
    assert list_of.asked


async def test_a_link_to_somebody_else_is_not_followed(reader: Reader, other: Stranger) -> None:
    async with stranger() as foreign:
        shelf(other, 5, link=lambda _: f'<{foreign.url}/locations?limit=2>; rel="next"')
        await reader.partner(other)
        await reader.settle()
        assert len(await reader.stored(Location)) == 5
        assert foreign.seen == foreign.pulled == []


async def test_a_link_in_a_circle_ends(reader: Reader, other: Stranger) -> None:
    shelf(other, 5, link=lambda url: f'<{url.partition("?")[0]}?offset=0&limit=2>; rel="next"')
    peer = await reader.partner(other)
    async with asyncio.timeout(30):
        await reader.settle()
    assert (await reader.state(peer.id)).running is None


async def test_a_slow_partner_keeps_nobody_waiting(reader: Reader, other: Stranger) -> None:
    shelf(other, 4)
    async with stranger() as slow:
        slow.replies["/locations"] = lambda _: success([])
        slow.delay_s = 60
        slow_peer = await reader.partner(slow, party="FR*SLO")
        quick = await reader.partner(other)
        await reader.puller.look()
        while (await reader.state(quick.id)).last_full_at is None:
            await reader.puller.look()
            await asyncio.sleep(0.02)
        assert (await reader.state(slow_peer.id)).last_full_at is None
        slow.leaving.set()
        await reader.settle()
