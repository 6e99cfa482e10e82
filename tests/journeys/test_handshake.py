"""Registration in both directions, its renewal and its end, and everything that must not get through it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import func
from sqlmodel import SQLModel, select
from starlette.responses import RedirectResponse, Response

from hub.parties.changes import Cursor
from hub.parties.tables import PartyRow, Platform, PlatformToken
from kit.clock import ManualClock
from ocpi.headers import authorization
from simulators.partner.server import running_partner
from tests.journeys.network import Json, Network
from tests.journeys.peers import Ocpi, Stranger, credentials, hub_with, stranger, success, trap

pytestmark = pytest.mark.anyio

FUNCTIONAL = "sender/locations"
LINE_FEED = b"\n"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
async def other() -> AsyncIterator[Stranger]:
    async with stranger() as made:
        made.speaks({"RECEIVER/locations": f"{made.url}/locations"})
        yield made


async def invited(network: Network, http: httpx.AsyncClient, *roles: str) -> tuple[str, Ocpi]:
    """An invitation: the platform's id, and requests with token A."""
    listed = [{"role": role.partition(":")[0], "party": role.partition(":")[2]} for role in roles]
    made = await network.send("POST", "/partners/invitations", {"name": "Partner", "roles": listed}, expect=201)
    return made["platform_id"], Ocpi.with_token(network, http, made["token"])


async def registered(network: Network, http: httpx.AsyncClient, other: Stranger, role: str) -> Ocpi:
    """A partner that has registered as one party; requests with its token C."""
    _, invitee = await invited(network, http, role)
    answer = await invitee.send("POST", "credentials", credentials(f"{other.url}/versions", role))
    assert answer.json()["status_code"] == 1000, answer.text
    return Ocpi.with_token(network, http, answer.json()["data"]["token"])


async def renewed(network: Network, partner: Ocpi, body: Json) -> Ocpi:
    """Requests with the token that a renewal gives."""
    answer = await partner.send("PUT", "credentials", body)
    return Ocpi.with_token(network, partner.http, answer.json()["data"]["token"])


async def stored(network: Network) -> dict[str, int]:
    """How many rows of each kind there are; the hub's own parties are not counted."""
    found: dict[str, int] = {}
    async with network.up.hub.db.read() as tx:
        kinds: list[type[SQLModel]] = [Platform, PlatformToken, Cursor]
        for kind in kinds:
            found[kind.__name__] = (await tx.execute(select(func.count()).select_from(kind))).scalar_one()
        parties = await tx.all(select(PartyRow))
    return {**found, "PartyRow": sum(row.platform_id is not None for row in parties)}


async def status_of(network: Network, platform_id: str) -> str:
    partners = await network.get("/partners")
    return next(partner["status"] for partner in partners if partner["id"] == platform_id)


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
        assert await second.code("GET", FUNCTIONAL) == (200, 1000)
        assert await first.code("GET", FUNCTIONAL) == (200, 1000), "the answer may have been lost on its way"
        third = await renewed(network, first, renewal)
        assert await second.code("GET", FUNCTIONAL) == (401, 2000), "it was never used, and is replaced"
        assert await third.code("GET", FUNCTIONAL) == (200, 1000)
        clock.advance(61)
        assert await first.code("GET", FUNCTIONAL) == (401, 2000)
        assert await third.code("GET", FUNCTIONAL) == (200, 1000)


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


@pytest.mark.parametrize(
    "roles",
    [
        ["CPO:DE*EMS"],
        ["EMSP:DE*XXX"],
        ["EMSP:FR*EMS"],
        ["EMSP:DE*EMS", "CPO:DE*EMS"],
        ["EMSP:DE*EMS", "EMSP:de*ems"],
        ["HUB:NL*PLH"],
    ],
)
async def test_an_invitation_is_for_its_roles_alone(
    network: Network, http: httpx.AsyncClient, other: Stranger, roles: list[str]
) -> None:
    platform_id, invitee = await invited(network, http, "EMSP:DE*EMS")
    before = await stored(network)
    status, code = await invitee.code("POST", "credentials", credentials(f"{other.url}/versions", *roles))
    assert (status, code) in {(200, 2000), (200, 2001)}
    assert await stored(network) == before
    assert await status_of(network, platform_id) == "INVITED"
    assert await invitee.code("GET", "credentials") == (200, 1000), "token A may try again"


@pytest.mark.parametrize("party", ["CPO:BE*CPO", "EMSP:BE*CPO", "CPO:NL*PLB", "HUB:NL*PLH"])
async def test_a_party_has_one_home(network: Network, http: httpx.AsyncClient, other: Stranger, party: str) -> None:
    await registered(network, http, other, "CPO:BE*CPO")
    _, invitee = await invited(network, http)
    before = await stored(network)
    assert await invitee.code("POST", "credentials", credentials(f"{other.url}/versions", party)) == (200, 2000)
    assert await stored(network) == before


NO_PARTIES = ["EMSP:D**EMS", "EMSP:DE*E", "EMSP:DE*E*S", "EMSP:DE*   "]


@pytest.mark.parametrize("role", ["PIRATE:DE*EMS", f"{'X' * 90}:DE*EMS", *NO_PARTIES])
async def test_a_role_that_cannot_be_addressed_is_refused(
    network: Network, http: httpx.AsyncClient, other: Stranger, role: str
) -> None:
    _, invitee = await invited(network, http)
    assert await invitee.code("POST", "credentials", credentials(f"{other.url}/versions", role)) == (200, 2001)
    assert (await stored(network))["PartyRow"] == 0


async def test_a_partner_that_cannot_be_called_back_is_not_registered(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    _, invitee = await invited(network, http)
    before = await stored(network)
    broken: dict[str, Response] = {
        "not found": Response(status_code=404),
        "down": Response(status_code=503),
        "html": Response("<html></html>", media_type="text/html"),
        "no list": success({"version": "2.2.1"}),
        "unauthorized": success(status=401, code=2000),
    }
    for name, response in broken.items():
        other.replies["/broken"] = lambda _, response=response: response  # type: ignore[misc]
        status, code = await invitee.code("POST", "credentials", credentials(f"{other.url}/broken", "EMSP:DE*EMS"))
        assert (status, code) == (200, 3002 if name == "no list" else 3001), name
    assert await stored(network) == before


async def test_a_partner_without_a_common_version_is_told(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    _, invitee = await invited(network, http)
    other.speaks({}, version="1.9")
    assert await invitee.code("POST", "credentials", credentials(f"{other.url}/versions", "EMSP:DE*EMS")) == (200, 3002)


async def test_a_partner_without_a_credentials_endpoint_is_told(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    _, invitee = await invited(network, http)
    other.replies["/details"] = lambda _: success({"version": "2.2.1", "endpoints": []})
    assert await invitee.code("POST", "credentials", credentials(f"{other.url}/versions", "EMSP:DE*EMS")) == (200, 3003)


PRIVATE_HOSTS = [
    "127.0.0.1",
    "localhost",
    "localhost.",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::]",
    "10.0.0.1",
    "169.254.169.254",
    "[fe80::1%25lo]",
    "user:pass@127.0.0.1",
]


async def test_no_url_of_a_partner_leads_into_a_private_network(
    tmp_path: Path, migrated_database_url: str, http: httpx.AsyncClient
) -> None:
    async with (
        trap() as (port, caught),
        hub_with(tmp_path, migrated_database_url, egress_private_networks=[], egress_timeout_s=2.0) as network,
    ):
        _, invitee = await invited(network, http)
        before = await stored(network)
        for scheme in ("http", "https"):
            for host in PRIVATE_HOSTS:
                url = f"{scheme}://{host}:{port}/versions"
                body = credentials(url, "EMSP:DE*EMS")
                assert await invitee.code("POST", "credentials", body) == (200, 3001), url
                answer = await network.api.post("/partners", json={"name": "X", "versions_url": url, "token": "t"})
                assert answer.status_code == 502, url
        assert await stored(network) == before
        assert caught == []


NO_URLS = [
    *("", "x", "//host/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1", "javascript:alert(1)"),
    *("http://", "http://[::1", "http://a..b/", "http://:80/", "http://xn--/", "http://\u3002/"),
    *("http://127.0.0.1:99999/", "http://127.0.0.1:port/", "http://127.0.0.1\\@example.org/"),
    f"http://{'a' * 64}.example/",
]


async def test_a_url_that_is_none_is_told_and_no_fault_of_ours(network: Network, http: httpx.AsyncClient) -> None:
    _, invitee = await invited(network, http)
    for url in NO_URLS:
        answer = await invitee.code("POST", "credentials", credentials(url, "EMSP:DE*EMS"))
        assert answer == (200, 3001), url


async def test_neither_version_details_nor_a_redirect_lead_into_a_private_network(
    tmp_path: Path, migrated_database_url: str, http: httpx.AsyncClient, other: Stranger
) -> None:
    """The partner is on 127.0.0.1, which is allowed here; 127.0.0.2 stands for our own network."""
    only = ["127.0.0.1/32"]
    async with (
        trap("127.0.0.2") as (port, caught),
        hub_with(tmp_path, migrated_database_url, egress_private_networks=only) as network,
    ):
        inside = f"http://127.0.0.2:{port}"
        _, invitee = await invited(network, http)
        body = credentials(f"{other.url}/versions", "EMSP:DE*EMS")
        other.replies["/versions"] = lambda _: success([{"version": "2.2.1", "url": f"{inside}/details"}])
        assert await invitee.code("POST", "credentials", body) == (200, 3001)
        for status in (301, 302, 307, 308):
            other.replies["/versions"] = lambda _, status=status: RedirectResponse(f"{inside}/versions/", status)  # type: ignore[misc]
            assert await invitee.code("POST", "credentials", body) == (200, 3001)
        assert caught == []


async def test_we_register_with_a_partner_who_calls_back_inside_our_request(network: Network) -> None:
    """The partner fetches our versions with token B before it answers: whoever waits for the answer first hangs."""
    async with running_partner(role="CPO", party="BE*CPO", name="Partner CPO") as partner:
        invitation = partner.invite()
        body = {"name": "Partner", "versions_url": invitation["versions_url"], "token": invitation["token"]}
        async with asyncio.timeout(10):
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
