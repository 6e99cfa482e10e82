"""Registration in both directions, its renewal and its end."""

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from starlette.responses import Response

from kit.clock import ManualClock
from ocpi.headers import authorization
from simulators.partner.server import running_partner
from tests.journeys.network import Json, Network
from tests.journeys.peers import Ocpi, Stranger, credentials, hub_with, success
from tests.journeys.registering import FUNCTIONAL, invited, registered, renewed, status_of, stored

pytestmark = pytest.mark.anyio


LINE_FEED = b"\n"


async def test_a_partner_registers_by_invitation_and_token_a_is_dead_afterwards(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    platform_id, invitee = await invited(network, http, "EMSP:DE*EMS")
    assert await invitee.code("GET", FUNCTIONAL) == (401, 2000), "token A is for registration alone"

    answer = await invitee.send("POST", "credentials", credentials(f"{other.url}/versions", "EMSP:DE*EMS"))

    given = answer.json()["data"]
    assert given["url"] == f"{network.up.http_url}/ocpi/versions"
    assert {(role["role"], role["country_code"] + role["party_id"]) for role in given["roles"]} == {
        ("HUB", "NLPLH"),
        ("CPO", "NLPLB"),
        ("EMSP", "NLPLB"),
    }
    partner = Ocpi.with_token(network, http, given["token"])
    assert await partner.code("GET", FUNCTIONAL) == (200, 1000)
    assert await invitee.code("GET", "credentials") == (401, 2000)
    assert await invitee.code("POST", "credentials", credentials(f"{other.url}/versions", "EMSP:DE*EMS")) == (401, 2000)
    assert await partner.code("POST", "credentials", credentials(f"{other.url}/versions", "EMSP:DE*EMS")) == (405, 2000)
    assert await status_of(network, platform_id) == "CONNECTED"
    assert all(seen.headers["authorization"] == authorization("OUR-TOKEN-1") for seen in other.seen)


async def test_credentials_are_read_with_the_callers_own_token(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    partner = await registered(network, http, other, "EMSP:DE*EMS")
    assert (await partner.send("GET", "credentials")).json()["data"]["token"] == partner.token


@pytest.mark.parametrize(
    "header",
    [
        lambda token: authorization(token),
        lambda token: authorization(token, encode=False),
        lambda token: f"Token {base64.b64encode(token.encode() + LINE_FEED).decode()}",
        lambda token: f"token {base64.b64encode(token.encode()).decode().rstrip('=')}",
    ],
    ids=["base64", "plain", "base64 of a line", "without padding"],
)
async def test_a_token_is_known_in_every_spelling(
    network: Network, http: httpx.AsyncClient, other: Stranger, header: Any
) -> None:
    partner = await registered(network, http, other, "EMSP:DE*EMS")
    assert await partner.code("GET", FUNCTIONAL, headers={"Authorization": header(partner.token)}) == (200, 1000)


@pytest.mark.parametrize("header", ["", "Token", "Basic eDp5", "Token é", "Token " + "A" * 2000, "Token a b"])
async def test_what_is_no_token_is_refused(network: Network, http: httpx.AsyncClient, header: str) -> None:
    stranger_to_us = Ocpi.with_token(network, http, "x")
    for path in ("", "credentials", FUNCTIONAL):
        headers = [(b"Authorization", header.encode("latin-1"))]
        answer = await http.get(f"{stranger_to_us.base}/{path}", headers=headers)
        assert (answer.status_code, answer.json()["status_code"]) == (401, 2000)


async def test_put_and_delete_need_a_registration(network: Network, http: httpx.AsyncClient, other: Stranger) -> None:
    _, invitee = await invited(network, http)
    assert await invitee.code("PUT", "credentials", credentials(f"{other.url}/versions", "EMSP:DE*EMS")) == (405, 2000)
    assert await invitee.code("DELETE", "credentials") == (405, 2000)


async def test_a_renewal_gives_a_new_token_and_the_old_one_a_short_grace(
    tmp_path: Path, migrated_database_url: str, http: httpx.AsyncClient, other: Stranger
) -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    async with hub_with(tmp_path, migrated_database_url, clock=clock, old_token_grace_s=60) as network:
        first = await registered(network, http, other, "EMSP:DE*EMS")
        renewal = credentials(f"{other.url}/versions", "EMSP:DE*EMS", token="OUR-TOKEN-2")

        second = await renewed(network, first, renewal)

        assert second.token != first.token
        assert other.seen[-1].headers["authorization"] == authorization("OUR-TOKEN-2")
        assert await first.code("GET", FUNCTIONAL) == (200, 1000), "the answer may have been lost on its way"
        third = await renewed(network, first, renewal)
        assert await second.code("GET", FUNCTIONAL) == (401, 2000), "it was never used, and is replaced"
        clock.advance(61)
        assert await first.code("GET", FUNCTIONAL) == (401, 2000)
        assert await third.code("GET", FUNCTIONAL) == (200, 1000)


async def test_the_old_token_ends_when_the_new_one_is_used(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    first = await registered(network, http, other, "EMSP:DE*EMS")
    second = await renewed(network, first, credentials(f"{other.url}/versions", "EMSP:DE*EMS", token="OUR-TOKEN-2"))
    assert await first.code("GET", FUNCTIONAL) == (200, 1000)
    assert await second.code("GET", FUNCTIONAL) == (200, 1000)
    assert await first.code("GET", FUNCTIONAL) == (401, 2000)


async def test_without_a_grace_the_old_token_dies_at_once(
    tmp_path: Path, migrated_database_url: str, http: httpx.AsyncClient, other: Stranger
) -> None:
    async with hub_with(tmp_path, migrated_database_url, old_token_grace_s=0) as network:
        first = await registered(network, http, other, "EMSP:DE*EMS")
        answer = await first.send("PUT", "credentials", credentials(f"{other.url}/versions", "EMSP:DE*EMS"))
        assert await first.code("GET", FUNCTIONAL) == (401, 2000)
        second = Ocpi.with_token(network, http, answer.json()["data"]["token"])
        assert await second.code("GET", FUNCTIONAL) == (200, 1000)


async def test_a_renewal_that_fails_leaves_the_registration_as_it_was(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    partner = await registered(network, http, other, "EMSP:DE*EMS")
    before = await stored(network)
    assert await partner.code("PUT", "credentials", credentials("http://127.0.0.1:9/x", "EMSP:DE*EMS")) == (200, 3001)
    assert await partner.code("PUT", "credentials", credentials(f"{other.url}/versions", "CPO:DE*EMS")) == (200, 2000)
    assert await stored(network) == before
    assert await partner.code("GET", FUNCTIONAL) == (200, 1000)


async def test_after_unregistering_no_token_is_good_any_more(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    first = await registered(network, http, other, "EMSP:DE*EMS")
    answer = await first.send("PUT", "credentials", credentials(f"{other.url}/versions", "EMSP:DE*EMS"))
    second = Ocpi.with_token(network, http, answer.json()["data"]["token"])

    assert await second.code("DELETE", "credentials") == (200, 1000)

    for partner in (first, second):
        for method, path in (("GET", FUNCTIONAL), ("GET", "credentials"), ("DELETE", "credentials"), ("GET", "")):
            assert await partner.code(method, path) == (401, 2000)
    again = await registered(network, http, other, "EMSP:DE*EMS")
    assert await again.code("GET", FUNCTIONAL) == (200, 1000), "a new invitation is a new start"


async def test_we_register_with_a_partner_who_calls_back_inside_our_request(network: Network) -> None:
    """The partner fetches our versions with token B before it answers: whoever waits for the answer first hangs."""
    async with running_partner(role="CPO", party="BE*CPO", name="Partner CPO") as partner:
        invitation = partner.invite()
        body = {"name": "Partner", "versions_url": invitation["versions_url"], "token": invitation["token"]}
        async with asyncio.timeout(30):
            made = await network.send("POST", "/partners", body, expect=201)
        assert made["status"] == "CONNECTED"
        assert [party["party"] for party in made["parties"]] == ["BE*CPO"]
        assert await Ocpi.of(network, partner).code("GET", "sender/tokens") == (200, 1000)
        await partner.push(
            "tariffs",
            {
                "id": "T1",
                "currency": "EUR",
                "elements": [{"price_components": [{"type": "ENERGY", "price": 0.3, "step_size": 1}]}],
            },
        )
        assert (await network.get("/tariffs"))["total"] == 1


async def test_a_handshake_that_we_start_and_that_fails_leaves_nothing_behind(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    before = await stored(network)
    failures: dict[str, Any] = {
        "refused": lambda _: success(status=405, code=2000),
        "no credentials": lambda _: success({"token": "x"}),
        "down": lambda _: Response(status_code=500),
        "our own party": lambda _: success(credentials(f"{other.url}/versions", "CPO:NL*PLB")),
        "a dead end": lambda _: success(credentials(f"{other.url}/nowhere", "CPO:BE*CPO")),
    }
    for name, reply in failures.items():
        other.replies["/credentials"] = reply
        body = {"name": "Partner", "versions_url": f"{other.url}/versions", "token": "TOKEN-A"}
        answer = await network.api.post("/partners", json=body)
        assert (answer.status_code, answer.json()["code"]) == (502, "upstream_failed"), name
        assert "TOKEN-A" not in answer.text
        assert await stored(network) == before, name


async def test_a_partner_that_registers_itself_while_we_register_and_then_fails_leaves_nothing_behind(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    before = await stored(network)
    other.replies["/credentials"] = lambda _: Response(status_code=500)
    other.delay_s = 0.2
    body = {"name": "Partner", "versions_url": f"{other.url}/versions", "token": "TOKEN-A"}
    ours = asyncio.create_task(network.api.post("/partners", json=body))
    while not any(seen.path == "/credentials" for seen in other.seen):
        await asyncio.sleep(0.01)
    other.delay_s = 0
    token_b = orjson.loads(other.seen[-1].body)["token"]
    usurper = Ocpi.with_token(network, http, token_b)
    await usurper.send("POST", "credentials", credentials(f"{other.url}/versions", "CPO:BE*CPO"))

    assert (await ours).status_code == 502
    assert await stored(network) == before
    assert await usurper.code("GET", "credentials") == (401, 2000)


@pytest.mark.parametrize(
    "body",
    [
        {"versions_url": "http://x.example/v", "token": "two words"},
        {"versions_url": "http://x.example/v", "token": "line\r\nX-Evil: 1"},
        {"versions_url": "ftp://x.example/v", "token": "t"},
        {"versions_url": "http://x.example/v", "token": "t", "extra": 1},
        {"versions_url": "http://x.example/v"},
    ],
)
async def test_a_partner_to_register_with_is_described_in_full(network: Network, body: Json) -> None:
    await network.send("POST", "/partners", body, expect=422)
