"""The live page: who may watch, what it shows, and what watching costs."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub import serve
from hub.web import live
from kit.clock import ManualClock
from tests.journeys.network import PARTNER_TOKEN, Network, eventually, http_client
from tests.journeys.peers import hub_with

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
Opening = Callable[..., Any]


@pytest.fixture
def opening(tmp_path: Path, migrated_database_url: str) -> Opening:
    """Opens a hub with the given settings."""

    @asynccontextmanager
    async def open_network(**changes: Any) -> AsyncIterator[Network]:
        async with hub_with(tmp_path, migrated_database_url, **changes) as network:
            yield network

    return open_network


async def events(response: httpx.Response) -> AsyncIterator[Json]:
    """The snapshots of a stream."""
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def stream(network: Network, **headers: str) -> Any:
    http = http_client(timeout=10)
    network.stack.push_async_exit(http)
    return http.stream("GET", f"{network.up.http_url}/live", headers=headers)


async def test_without_a_key_nobody_watches(opening: Opening) -> None:
    async with opening() as network:
        for headers in ({}, {"Authorization": "Bearer plb_nonsense"}, {"Authorization": "Basic eDp5"}):
            async with stream(network, **headers) as refused:
                assert refused.status_code == 401
                assert refused.headers["www-authenticate"] == "Bearer"
        assert network.up.hub.live_board.computed == 0


async def test_an_operator_watches_with_a_key(opening: Opening) -> None:
    async with opening() as network, stream(network, Authorization=network.api.headers["Authorization"]) as watched:
        assert watched.status_code == 200
        assert watched.headers["content-type"].startswith("text/event-stream")
        board = await anext(events(watched))
        assert set(board) == {"at", "totals", "stations", "sessions", "cdrs", "partners"}


def is_told(board: Json) -> bool:
    """Whether the board shows a session of which power, energy and cost are known."""
    return any(
        session["kw"] and float(session["kwh"]) > 0 and float(session["cost"] or 0) > 0 for session in board["sessions"]
    )


async def test_the_board_follows_a_session_and_its_delivery_and_names_no_card(opening: Opening) -> None:
    async with opening(live_page_public=True, session_update_interval_s=0.1) as network:
        await network.publish()
        emsp = await network.partner("EMSP", "DE*EMS")
        emsp.state.tokens[PARTNER_TOKEN["uid"]] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
        station = await network.station(protocol="ocpp2.0.1")
        tapping = asyncio.create_task(station.tap(PARTNER_TOKEN["uid"], seconds=60))
        boards: list[Json] = []
        seen: Json | None = None
        async with asyncio.timeout(30), stream(network) as watched:
            async for board in events(watched):
                boards.append(board)
                if seen is None and is_told(board):
                    seen = board
                    await station.stop()
                if board["cdrs"] and board["cdrs"][0]["delivered"]:
                    break
        charged = await tapping

    assert seen is not None, "the session was seen while it ran"
    [session] = seen["sessions"]
    assert (session["place"], session["emsp"], session["kw"]) == ("Canal Street", "Partner EMSP", "11.000000")
    assert float(session["kwh"]) > 0
    assert float(session["cost"]) > 0
    assert seen["stations"][0]["connectors"] == [{"evse": 1, "status": "charging"}]
    assert seen["totals"]["charging"] == 1
    [cdr] = boards[-1]["cdrs"]
    assert float(cdr["kwh"]) == charged.energy_wh / 1000
    assert cdr["delivered"][0]["to"] == "Partner EMSP"
    [partner] = boards[-1]["partners"]
    assert (partner["status"], partner["roles"]) == ("connected", [{"role": "EMSP", "party": "DE*EMS"}])
    text = json.dumps(boards)
    for secret in (PARTNER_TOKEN["uid"], PARTNER_TOKEN["contract_id"], "AUTH-1", "token"):
        assert secret not in text


async def test_no_more_than_the_limit_may_watch(opening: Opening) -> None:
    async with opening(live_page_public=True, live_page_max_viewers=1) as network:
        async with stream(network) as first:
            watching = events(first)  # a stream that nobody reads any more is closed
            await anext(watching)
            async with stream(network) as second:
                assert second.status_code == 503
                assert second.headers["retry-after"] == "10"

        async def nobody_watches() -> bool:
            return network.up.hub.live_board.viewers == 0

        await eventually(nobody_watches)
        async with stream(network) as third:
            assert third.status_code == 200


async def test_one_snapshot_serves_all_viewers_and_none_is_made_for_nobody(
    opening: Opening,
) -> None:
    clock = ManualClock()
    async with opening(live_page_public=True, clock=clock) as network:
        board = network.up.hub.live_board
        async with stream(network) as one, stream(network) as other:
            both = [events(one), events(other)]
            await asyncio.gather(*(anext(each) for each in both))
            for made in range(1, 4):
                assert board.computed == made
                clock.advance(live.INTERVAL_S)
                await asyncio.gather(*(anext(each) for each in both))
            assert board.viewers == 2

        async def rests() -> bool:
            return board.viewers == 0

        await eventually(rests)
        clock.advance(10 * live.INTERVAL_S)
        await asyncio.sleep(0.3)
        assert board.computed == 4


async def test_a_hub_that_is_watched_ends_at_once(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "GRACE_S", 60)
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        async with opening(live_page_public=True) as network:
            http = await stack.enter_async_context(http_client())
            watched = await stack.enter_async_context(http.stream("GET", f"{network.up.http_url}/live"))
            watching = events(watched)  # a stream that nobody reads any more is closed
            await anext(watching)
            began = loop.time()
        assert loop.time() - began < 30


async def test_a_silent_board_says_that_it_is_alive(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opening(live_page_public=True) as network:
        monkeypatch.setattr(live, "FIRST_S", 0.2)
        monkeypatch.setattr(network.up.hub.live_board, "_interval_s", 60)
        async with stream(network) as watched:
            lines = watched.aiter_lines()
            while not (await anext(lines)).startswith("data: "):
                pass
            assert [await anext(lines), await anext(lines)] == ["", ": alive"]


async def test_the_page_runs_nothing_but_itself(opening: Opening) -> None:
    async with opening() as network, http_client() as http:
        page = await http.get(f"{network.up.http_url}/")
        again = await http.get(f"{network.up.http_url}/", headers={"If-None-Match": page.headers["etag"]})
    assert page.status_code == 200
    assert again.status_code == 304
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    for kind, element in (("script-src", "script"), ("style-src", "style")):
        [text] = re.findall(rf"<{element}>(.*?)</{element}>", page.text, re.DOTALL)
        assert policy[kind] == f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert re.findall(r"""\b(?:src|href)=["'](?!data:)|\bon\w+=["']|style=["']|innerHTML""", page.text) == []
