"""Partners as they are: one test for each quirk, at a server that has it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import orjson
import pytest
from starlette.responses import Response

from hub.locations.tables import Location
from hub.parties.callers import Callers
from hub.parties.directory import TOKEN_PURPOSE, Peer
from hub.parties.outbox import Outgoing, Refused
from hub.parties.pulls import FULL
from hub.parties.registration import settle_quirks
from hub.parties.tables import PlatformToken
from hub.parties.temper import Temper
from kit.clock import ManualClock
from ocpi import handshake
from ocpi.headers import authorization
from ocpi.v221.credentials import Credentials
from tests.hub.parties.lists import Reader, Shelf, location, reading
from tests.journeys.network import http_client
from tests.journeys.peers import Seen, Stranger, credentials, stranger, success

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOMETHING = Outgoing("PUT", ("BE", "CPO", "L1"), b"{}", "NL*PLB")


@pytest.fixture
async def reader(migrated_database_url: str) -> AsyncIterator[Reader]:
    async with reading(migrated_database_url, ManualClock(NOW)) as reader:
        yield reader


@pytest.fixture
async def other() -> AsyncIterator[Stranger]:
    async with stranger() as other:
        yield other


async def read(reader: Reader, other: Stranger, shelf: Shelf) -> Peer:
    """Read a new partner's list; the partner as it is known then."""
    other.replies["/locations"] = shelf
    peer = await reader.partner(other)
    await reader.settle()
    return await reader.peer(peer.id)


def shelf(other: Stranger, count: int = 5) -> Shelf:
    return Shelf(f"{other.url}/locations", [location(number) for number in range(count)])


async def again(reader: Reader, peer: Peer) -> Peer:
    await reader.ask(peer.id, FULL)
    await reader.settle()
    return await reader.peer(peer.id)


async def test_links_that_lead_nowhere_are_not_followed_any_more(reader: Reader, other: Stranger) -> None:
    made = shelf(other)
    made.link = lambda _: f'<{other.url}/nowhere?limit=2&offset=2>; rel="next"'
    peer = await read(reader, other, made)
    assert not peer.quirks.flag("link_usable")
    assert len(await reader.stored(Location)) == 5
    other.pulled.clear()
    await again(reader, peer)
    assert {seen.path for seen in other.pulled} == {"/locations"}


async def test_the_largest_page_of_a_partner_is_asked_for(reader: Reader, other: Stranger) -> None:
    made = shelf(other)

    def capped(seen: Seen) -> Response:
        answer = made(seen)
        answer.headers["X-Limit"] = "2"
        return answer

    other.replies["/locations"] = capped
    peer = await reader.partner(other)
    await reader.settle()
    peer = await reader.peer(peer.id)
    assert peer.quirks.number("page_cap") == 2
    made.asked.clear()
    await again(reader, peer)
    assert made.asked[0]["limit"] == "2"


async def test_a_list_that_ignores_the_offset_is_asked_for_in_one_page(reader: Reader, other: Stranger) -> None:
    made = shelf(other, 12)
    made.cap, made.honours_offset = 100, False
    made.link = lambda _: None
    peer = await read(reader, other, made)
    assert not peer.quirks.flag("honours_offset")
    await again(reader, peer)
    assert len(await reader.stored(Location)) == 12


async def test_a_list_that_ignores_date_from_is_known_for_it(reader: Reader, other: Stranger) -> None:
    made = shelf(other)
    made.honours_date_from = False
    assert not (await read(reader, other, made)).quirks.flag("honours_date_from")


async def test_an_empty_list_without_data_is_empty(reader: Reader, other: Stranger) -> None:
    made = shelf(other, 0)
    made.omits_data = True
    peer = await read(reader, other, made)
    assert peer.quirks.flag("omits_empty_data")
    assert (await reader.state(peer.id)).last_error is None


async def test_a_slash_after_a_list_is_remembered(reader: Reader, other: Stranger) -> None:
    made = shelf(other)

    def slashed(seen: Seen) -> Response:
        if seen.path.endswith("/"):
            return made(seen)
        return Response(status_code=307, headers={"Location": f"{other.url}/locations/?{seen.query}"})

    other.replies["/locations"] = slashed
    peer = await reader.partner(other)
    await reader.settle()
    peer = await reader.peer(peer.id)
    assert peer.quirks.flag("slash_after_list")
    other.pulled.clear()
    made.link = lambda _: None
    await again(reader, peer)
    assert {seen.path for seen in other.pulled} == {"/locations/"}


async def test_a_slash_after_an_object_is_remembered(reader: Reader, other: Stranger) -> None:
    def slashed(seen: Seen) -> Response:
        if seen.path.endswith("/"):
            return success()
        return Response(status_code=308, headers={"Location": f"{seen.path}/"})

    other.replies["/told"] = slashed
    peer = await reader.partner(other, RECEIVER_locations=f"{other.url}/told")
    await reader.clients.deliver(peer, "locations", SOMETHING, to=None)
    await reader.presence.flush()
    other.seen.clear()
    await reader.clients.deliver(await reader.peer(peer.id), "locations", SOMETHING, to=None)
    assert [seen.path for seen in other.seen] == ["/told/BE/CPO/L1/"]


async def test_a_redirect_to_somebody_else_is_not_followed(reader: Reader, other: Stranger) -> None:
    async with stranger() as foreign:
        other.replies["/told"] = lambda seen: Response(
            status_code=307, headers={"Location": f"{foreign.url}{seen.path}/"}
        )
        peer = await reader.partner(other, RECEIVER_locations=f"{other.url}/told")
        with pytest.raises(Refused):
            await reader.clients.deliver(peer, "locations", SOMETHING, to=None)
        assert foreign.seen == []


async def test_results_are_wrapped_for_partners_that_refuse_them_bare(reader: Reader, other: Stranger) -> None:
    other.replies["/result"] = lambda seen: (
        success() if "data" in orjson.loads(seen.body) else success(status=400, code=2001)
    )
    peer = await reader.partner(other)
    body = b'{"result": "ACCEPTED"}'
    await reader.clients.post_back(peer, f"{other.url}/result", body, sender="NL*PLB", receiver=None)
    await reader.presence.flush()
    peer = await reader.peer(peer.id)
    assert peer.quirks.flag("wraps_results")
    other.seen.clear()
    await reader.clients.post_back(peer, f"{other.url}/result", body, sender="NL*PLB", receiver=None)
    assert [orjson.loads(seen.body)["data"]["result"] for seen in other.seen] == ["ACCEPTED"]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_raw_token_is_found_whatever_the_status_for_a_bad_one(other: Stranger, status: int) -> None:
    url = other.speaks({})
    versions, raw = other.replies["/versions"], authorization("TOKEN-A", encode=False)
    other.replies["/versions"] = lambda seen: (
        versions(seen) if seen.headers["authorization"] == raw else success(status=status, code=2000)
    )
    async with http_client() as http:
        found = await handshake.discover(http, url, "TOKEN-A", now=lambda: NOW)
    assert not found.encode_token
    assert found.found["bad_token_status"] == status


async def test_a_second_post_of_credentials_that_succeeds_gives_the_new_token(other: Stranger) -> None:
    url, given = other.speaks({}), iter(["FIRST", "SECOND"])
    other.replies["/credentials"] = lambda _: success(credentials(url, "CPO:BE*CPO", token=next(given)))
    ours = Credentials.model_validate(credentials("http://us.example/versions", "HUB:NL*PLH"))
    async with http_client() as http:
        found = await handshake.discover(http, url, "TOKEN-A", now=lambda: NOW)
        tokens = [(await handshake.register(http, found, "TOKEN-A", ours, now=lambda: NOW)).token for _ in range(2)]
    assert tokens == ["FIRST", "SECOND"]


async def test_a_partner_without_routing_headers_is_known_for_it(reader: Reader, other: Stranger) -> None:
    peer = await reader.partner(other)
    async with reader.db.tx() as tx:
        digest = reader.keys.digest(TOKEN_PURPOSE, "THEIRS")
        tx.add(PlatformToken(digest=digest, platform_id=peer.id, created_at=tx.now))
        tx.ring("parties")
    callers = Callers(reader.db, reader.directory, reader.notices)
    await callers.authenticate({"authorization": authorization("THEIRS")}, "locations")
    await reader.presence.flush()
    assert not (await reader.peer(peer.id)).quirks.flag("routing_headers")


async def test_last_updated_that_does_not_move_with_the_content_is_noticed(reader: Reader, other: Stranger) -> None:
    made = shelf(other)
    peer = await read(reader, other, made)
    made.items[0] = location(0, name="Other")
    peer = await again(reader, peer)
    assert peer.quirks.flag("stale_last_updated")
    assert (await reader.stored(Location))["l0"]["name"] == "Other"


async def test_last_updated_that_moves_without_the_content_is_noticed_and_told_to_nobody(
    reader: Reader, other: Stranger
) -> None:
    made = shelf(other)
    peer = await read(reader, other, made)
    made.items[0] = location(0, at="2026-02-01T00:00:00Z")
    peer = await again(reader, peer)
    assert peer.quirks.flag("bumps_last_updated")
    assert (await reader.state(peer.id)).stored == 0


async def test_a_module_that_is_not_taken_by_put_goes_by_patch(reader: Reader, other: Stranger) -> None:
    other.replies["/told"] = lambda seen: success() if seen.method == "PATCH" else Response(status_code=405)
    peer = await reader.partner(other, RECEIVER_locations=f"{other.url}/told")
    temper = Temper(reader.clients, reader.notices)
    await temper.deliver(peer, "locations", SOMETHING, to=None)
    await reader.presence.flush()
    other.seen.clear()
    await temper.deliver(await reader.peer(peer.id), "locations", SOMETHING, to=None)
    assert [seen.method for seen in other.seen] == ["PATCH"]


async def test_a_module_that_is_taken_in_no_way_is_not_tried_by_patch_again(reader: Reader, other: Stranger) -> None:
    other.replies["/told"] = lambda _: Response(status_code=405)
    peer = await reader.partner(other, RECEIVER_locations=f"{other.url}/told")
    temper = Temper(reader.clients, reader.notices)
    for methods in (["PUT", "PATCH"], ["PUT"]):
        other.seen.clear()
        with pytest.raises(Refused):
            await temper.deliver(await reader.peer(peer.id), "locations", SOMETHING, to=None)
        assert [seen.method for seen in other.seen] == methods
        await reader.presence.flush()


async def test_what_an_operator_said_is_heeded_and_stays(reader: Reader, other: Stranger) -> None:
    made = shelf(other)
    peer = await read(reader, other, made)
    async with reader.db.tx() as tx:
        await settle_quirks(tx, peer.id, {"page_cap": 3, "link_usable": False}, [])
    made.asked.clear()
    peer = await again(reader, await reader.peer(peer.id))
    assert made.asked[0]["limit"] == "3"
    assert not peer.quirks.flag("link_usable")


async def test_partners_are_learned_of_apart(reader: Reader, other: Stranger) -> None:
    async with stranger() as plain:
        plain.replies["/locations"] = shelf(plain)
        odd = shelf(other)
        odd.link = lambda _: None
        odd.honours_date_from = False
        other.replies["/locations"] = odd
        first, second = await reader.partner(other), await reader.partner(plain, party="FR*PLA")
        await asyncio.wait_for(reader.settle(), 30)
        assert not (await reader.peer(first.id)).quirks.flag("honours_date_from")
        assert (await reader.peer(second.id)).quirks.flag("honours_date_from")
