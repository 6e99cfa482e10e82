"""URLs that lead from one partner to another through the hub: the next page, a CDR's Location; attempts to get in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from starlette.responses import Response

from hub.parties.callbacks import Callback, sign
from kit.clock import ManualClock
from kit.crypto import KeyRing
from ocpi.headers import Party, authorization
from tests.journeys.network import PARTNER_TOKEN, Json, Network, http_client
from tests.journeys.peers import Ocpi, Seen, Stranger, addressed, cdr_of, credentials, hub_with, stranger, success, trap
from tests.journeys.sharing import Shared

pytestmark = pytest.mark.anyio

CPO, EMSP = Party("BE", "CPO"), Party("DE", "EMS")
TOKEN: Json = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
TO_CPO, TO_EMSP = addressed(to="BE*CPO"), addressed(to="DE*EMS")
BOTH_SIDES = [
    f"{side}/{module}"
    for side in ("SENDER", "RECEIVER")
    for module in ("locations", "tariffs", "sessions", "cdrs", "tokens", "commands", "chargingprofiles")
]


@dataclass
class Pair:
    """A CPO (BE*CPO) and an eMSP (DE*EMS) that answer what a test tells them to, and what they may send."""

    network: Network
    cpo: Ocpi
    cpo_server: Stranger
    emsp: Ocpi
    emsp_server: Stranger

    async def given_url(self, command: str = "UNLOCK_CONNECTOR", **fields: Any) -> str:
        """The `response_url` that the CPO gets with a command of the eMSP."""
        self.cpo_server.replies["/"] = lambda _: success({"result": "ACCEPTED", "timeout": 30})
        answer = await self.emsp.send("POST", f"receiver/commands/{command}", self.command(**fields), headers=TO_CPO)
        assert answer.json()["status_code"] == 1000, answer.text
        url: str = orjson.loads(self.cpo_server.seen[-1].body)["response_url"]
        return url.partition("/2.2.1/")[2]

    def command(self, **fields: Any) -> Json:
        place = {"location_id": "L1", "evse_uid": "E1", "connector_id": "1"}
        return {**place, "token": TOKEN, "response_url": f"{self.emsp_server.url}/results/1?a=b%26c", **fields}


async def joined(network: Network, http: httpx.AsyncClient, server: Stranger, role: str) -> Ocpi:
    versions = server.speaks({name: f"{server.url}/{name.lower()}" for name in BOTH_SIDES})
    invitation = await network.send("POST", "/partners/invitations", {"name": role}, expect=201)
    invitee = Ocpi.with_token(network, http, invitation["token"])
    answer = await invitee.send("POST", "credentials", credentials(versions, role))
    server.seen.clear()
    return Ocpi.with_token(network, http, answer.json()["data"]["token"])


async def pair_on(network: Network, http: httpx.AsyncClient) -> Pair:
    cpo_server, emsp_server = [await network.stack.enter_async_context(stranger()) for _ in range(2)]
    return Pair(
        network,
        await joined(network, http, cpo_server, "CPO:BE*CPO"),
        cpo_server,
        await joined(network, http, emsp_server, "EMSP:DE*EMS"),
        emsp_server,
    )


@pytest.fixture(scope="module")
async def module_pair(shared_hub: Shared) -> AsyncIterator[Pair]:
    async with http_client() as http:
        made = await pair_on(shared_hub.network, http)
        await shared_hub.remember()
        yield made


@pytest.fixture
async def pair(module_pair: Pair, network: Network) -> Pair:
    module_pair.cpo_server.forget()
    module_pair.emsp_server.forget()
    return replace(module_pair, network=network)


# Pages


def paged(server: Stranger, items: int) -> None:
    """A list of tokens, two to a page, whose links only its own server understands."""

    def page(seen: Seen) -> Response:
        query = dict(httpx.QueryParams(seen.query))
        offset = int(query.get("cursor", "0"))
        data = [{"uid": f"T{number}"} for number in range(offset, min(offset + 2, items))]
        headers = {"X-Total-Count": str(items), "X-Limit": "2"}
        if offset + 2 < items:
            link = f"{server.url}/sender/tokens?date_from={query.get('date_from', '')}&cursor={offset + 2}&x=a%26b"
            headers["Link"] = f'<{link}>; rel="next"'
        body = {"data": data, "status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"}
        return Response(orjson.dumps(body), 200, headers)

    server.replies["/sender/tokens"] = page


async def test_a_list_of_another_partner_is_read_page_by_page_through_the_hub(pair: Pair) -> None:
    paged(pair.emsp_server, 5)
    found: list[str] = []
    path: str | None = "sender/tokens?date_from=2026-01-01T00:00:00Z"
    headers = TO_EMSP
    while path is not None:
        answer = await pair.cpo.send("GET", path, headers=headers)
        assert answer.headers["x-total-count"] == "5"
        assert answer.headers["ocpi-from-party-id"] == "EMS"
        found += [item["uid"] for item in answer.json()["data"]]
        link = answer.links.get("next")
        assert link is None or link["url"].startswith(f"{pair.cpo.base}/sender/tokens?hub_page=")
        path = link["url"].partition("/2.2.1/")[2] if link else None
        headers = {}  # the URL says whose page it is
    assert found == ["T0", "T1", "T2", "T3", "T4"]
    assert [seen.headers["authorization"] for seen in pair.emsp_server.seen] == [authorization("OUR-TOKEN-1")] * 3
    assert pair.emsp_server.seen[2].query.endswith("cursor=4&x=a%26b")


LINKS_ELSEWHERE = [
    '<http://127.0.0.2:9/next>; rel="next"',
    '<https://{host}/sender/tokens?offset=2>; rel="next"',
    '<http://user@{host}/next>; rel="next"',
    '<http://{host}\\@evil.example/next>; rel="next"',
    '<javascript:alert(1)>; rel="next"',
    '<http://{host}/prev>; rel="prev"',
    "nonsense",
]


async def test_a_link_that_leads_off_the_platform_is_left_out(pair: Pair) -> None:
    body = b'{"data":[],"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}'
    for link in LINKS_ELSEWHERE:
        header = {"Link": link.format(host=pair.emsp_server.url.removeprefix("http://"))}
        pair.emsp_server.replies["/sender/tokens"] = lambda _, header=header: Response(body, 200, header)
        answer = await pair.cpo.send("GET", "sender/tokens", headers=TO_EMSP)
        assert answer.status_code == 200
        assert "link" not in answer.headers, link


async def test_a_relative_link_is_followed_from_where_it_was_given(pair: Pair) -> None:
    pages = {"": '<?cursor=2>; rel="next"', "cursor=2": ""}
    pair.emsp_server.replies["/sender/tokens"] = lambda seen: Response(
        b'{"data":[],"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}',
        200,
        {"Link": pages[seen.query]} if pages[seen.query] else {},
    )
    answer = await pair.cpo.send("GET", "sender/tokens", headers=TO_EMSP)
    link = answer.links["next"]["url"].partition("/2.2.1/")[2]
    assert (await pair.cpo.send("GET", link)).status_code == 200
    assert [(seen.path, seen.query) for seen in pair.emsp_server.seen] == [
        ("/sender/tokens", ""),
        ("/sender/tokens", "cursor=2"),
    ]


# CDRs


async def test_the_location_of_a_forwarded_cdr_can_be_read_through_the_hub(pair: Pair) -> None:
    cdr = cdr_of("BE*CPO", "C1", "DE*EMS")
    pair.emsp_server.replies["/receiver/cdrs"] = lambda _: Response(
        b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}', 201, {"Location": "/kept/cdrs/17"}
    )
    pair.emsp_server.replies["/kept/cdrs/17"] = lambda _: success(cdr)
    answer = await pair.cpo.send("POST", "receiver/cdrs", cdr, headers=TO_EMSP)
    assert answer.status_code == 201
    location = answer.headers["location"]
    assert location.startswith(f"{pair.cpo.base}/receiver/cdrs/BE/CPO/")
    assert len(location) <= 255
    path = location.partition("/2.2.1/")[2]
    read = await pair.cpo.send("GET", path)
    assert read.json()["data"] == cdr
    assert pair.emsp_server.seen[-1].path == "/kept/cdrs/17"
    assert await pair.emsp.code("GET", path) == (404, 2000), "nobody but who posted it"


async def test_a_location_elsewhere_is_left_out(pair: Pair) -> None:
    pair.emsp_server.replies["/receiver/cdrs"] = lambda _: Response(
        b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}', 201, {"Location": "http://127.0.0.2:9/cdrs/17"}
    )
    answer = await pair.cpo.send("POST", "receiver/cdrs", cdr_of("BE*CPO", "C1", "DE*EMS"), headers=TO_EMSP)
    assert answer.status_code == 201
    assert "location" not in answer.headers


async def test_nobody_bills_in_the_name_of_another_cpo(pair: Pair) -> None:
    cdr = cdr_of("FR*CPO", "C1", "DE*EMS")
    assert await pair.cpo.code("POST", "receiver/cdrs", cdr, headers=TO_EMSP) == (200, 2001)
    assert pair.emsp_server.seen == []


# Attempts to get in


URLS_ELSEWHERE = [
    "http://127.0.0.2:{port}/inside",
    "http://localhost:{port}/inside",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/",
    "https://{host}/another-scheme",
    "http://{host}.evil.example/",
    "http://{host}@127.0.0.2:{port}/",
    "http://user:secret@{host}/",
    "http://{host}\\@127.0.0.2:{port}/",
    "http://127.0.0.2:{port}\\@{host}/",
    "http://{host}/with space",
    "http://{host}/\r\nX-Injected: yes",
    "http://{host}/\u00e9",
    "http://[::1",
    "//{host}/",
    "/relative",
    "file:///etc/passwd",
    "x",
    "",
    7,
    None,
]


async def test_a_response_url_that_is_not_on_the_senders_platform_is_refused(pair: Pair) -> None:
    host, path = pair.emsp_server.url.removeprefix("http://"), "receiver/chargingprofiles/S1"
    async with trap("127.0.0.2") as (port, caught):
        for url in URLS_ELSEWHERE:
            asked = url.format(host=host, port=port) if isinstance(url, str) else url
            query = httpx.QueryParams({"duration": "9", "response_url": str(asked or "")})
            tries: list[tuple[str, str, Json | None]] = [
                ("POST", "receiver/commands/UNLOCK_CONNECTOR", pair.command(response_url=asked)),
                ("POST", "receiver/commands/START_SESSION", pair.command(response_url=asked)),
                ("PUT", path, {"charging_profile": {"charging_rate_unit": "W"}, "response_url": asked}),
                ("GET", f"{path}?{query}", None),
                ("DELETE", f"{path}?{query}", None),
            ]
            for method, target, body in tries:
                assert await pair.emsp.code(method, target, body, headers=TO_CPO) == (200, 2001), (url, method)
        assert (pair.cpo_server.seen, caught) == ([], [])


async def test_two_response_urls_in_one_body_are_refused(pair: Pair) -> None:
    """A reader that takes the first would see another one than a reader that takes the last."""
    good = f"{pair.emsp_server.url}/r"
    raw = b'{"response_url":"http://127.0.0.2/","location_id":"L1","response\\u005furl":"%b"}' % good.encode()
    path = "receiver/commands/UNLOCK_CONNECTOR"
    assert await pair.emsp.code("POST", path, raw=raw, headers=TO_CPO) == (200, 2001)
    assert await pair.emsp.code("POST", path, raw=b"not json", headers=TO_CPO) == (400, 2001)
    assert await pair.emsp.code("POST", path, raw=b"[]", headers=TO_CPO) == (200, 2001)
    assert pair.cpo_server.seen == []


async def test_a_result_reaches_the_url_that_was_meant_and_is_answered_by_it(pair: Pair) -> None:
    path = await pair.given_url()
    pair.emsp_server.replies["/results"] = lambda _: success(status=200, code=2001)
    raw = b'{ "result" : "ACCEPTED" , "x" : 1.50 }'
    headers = {"X-Request-ID": "r1", "X-Correlation-ID": "story"}
    answer = await pair.cpo.send("POST", path, raw=raw, headers=headers)
    (seen,) = pair.emsp_server.seen
    assert (seen.method, seen.path, seen.query, seen.body) == ("POST", "/results/1", "a=b%26c", raw)
    assert seen.headers["x-correlation-id"] == "story"
    assert seen.headers["x-request-id"] != "r1"
    addresses = {name: seen.headers[f"ocpi-{name}-party-id"] for name in ("from", "to")}
    assert addresses == {"from": "CPO", "to": "EMS"}
    assert (answer.json()["status_code"], answer.headers["x-request-id"]) == (2001, "r1")
    assert (answer.headers["ocpi-from-party-id"], answer.headers["ocpi-to-party-id"]) == ("EMS", "CPO")


async def test_a_forged_url_leads_nowhere(pair: Pair) -> None:
    path = await pair.given_url()
    kind, _, token = path.rpartition("/")
    until = datetime.now(UTC) + timedelta(days=1)
    home = {peer["name"]: peer["id"] for peer in await pair.network.get("/partners")}
    stolen = Callback(f"{pair.emsp_server.url}/anything", EMSP, CPO, until)
    forged = sign(
        KeyRing.generate(),
        stolen,
        kind="commands/UNLOCK_CONNECTOR",
        owner_platform=home["EMSP:DE*EMS"],
        user_platform=home["CPO:BE*CPO"],
    )
    body = {"result": "ACCEPTED"}
    for tried in (
        f"{kind}/{forged}",
        f"{kind}/{token[:-4]}AAAA",
        f"{kind}/{token[:-1]}",
        f"{kind}/{'A' * 60}",
        f"sender/commands/START_SESSION/{token}",
        f"sender/chargingprofiles/set_profile_result/{token}",
    ):
        assert await pair.cpo.code("POST", tried, body) == (404, 2000), tried
    assert await pair.cpo.code("GET", f"sender/tokens?hub_page={token}") == (404, 2000)
    assert await pair.cpo.code("GET", "sender/tokens?hub_page=x") == (404, 2000)
    assert await pair.cpo.code("GET", f"receiver/cdrs/BE/CPO/{token}") == (404, 2000)
    assert pair.emsp_server.seen == []


async def test_a_url_is_of_no_use_to_another_platform_nor_without_a_token(pair: Pair) -> None:
    path, body = await pair.given_url(), {"result": "ACCEPTED"}
    third = Ocpi.of(pair.network, await pair.network.partner("CPO", "FR*CPO"))
    for thief in (third, pair.emsp):
        assert await thief.code("POST", path, body) == (404, 2000)
        assert await thief.code("POST", path, body, headers=addressed(sender="BE*CPO")) == (200, 2001)
    stranger_to_us = Ocpi.with_token(pair.network, pair.cpo.http, "nobody")
    assert await stranger_to_us.code("POST", path, body) == (401, 2000)
    assert pair.emsp_server.seen == []
    assert await pair.cpo.code("POST", path, raw=b"nonsense") == (400, 2001)
    await pair.emsp.send("DELETE", "credentials")
    assert await pair.cpo.code("POST", path, body) == (404, 2000), "who has left is not called"
    assert pair.emsp_server.seen == []


async def test_a_url_ends_and_survives_a_restart_and_a_new_key(
    tmp_path: Path, migrated_database_url: str, http: httpx.AsyncClient
) -> None:
    clock = ManualClock(datetime(2026, 6, 1, tzinfo=UTC))
    async with hub_with(tmp_path, migrated_database_url, clock=clock) as network:
        pair = await pair_on(network, http)
        pair.emsp_server.replies["/results"] = lambda _: success()
        path, body = await pair.given_url(), {"result": "ACCEPTED"}
        keys = tmp_path / "keys"
        keys.write_text(KeyRing.load_or_create(keys).rotated().to_text())
        async with hub_with(tmp_path, migrated_database_url, clock=clock) as restarted:
            again = Ocpi.with_token(restarted, http, pair.cpo.token)
            clock.advance(86_000)
            assert await again.code("POST", path, body) == (200, 1000)
            assert await again.code("POST", path, body) == (200, 1000), "as often as there is something to say"
            clock.advance(1_000)
            assert await again.code("POST", path, body) == (404, 2000)
        assert [seen.path for seen in pair.emsp_server.seen if seen.method == "POST"] == ["/results/1"] * 2


async def test_a_result_that_nobody_takes_in_time_is_a_timeout(
    tmp_path: Path, migrated_database_url: str, http: httpx.AsyncClient
) -> None:
    async with hub_with(tmp_path, migrated_database_url, egress_timeout_s=5.0) as network:
        pair = await pair_on(network, http)
        path = await pair.given_url()
        pair.emsp_server.delay_s = 60
        assert await pair.cpo.code("POST", path, {"result": "ACCEPTED"}) == (200, 4002)
        pair.emsp_server.delay_s = 0


async def test_no_header_is_smuggled_in_either_direction(pair: Pair) -> None:
    pair.emsp_server.replies["/sender/tokens"] = lambda _: Response(
        b'{"data":[],"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}',
        200,
        {"X-Total-Count": "7\u00e9", "X-Limit": "1", "Set-Cookie": "a=b", "OCPI-from-party-id": "XXX", "Server": "own"},
    )
    odd = {
        "X-Custom": "mine",
        "Cookie": "a=b",
        "X-Forwarded-For": "10.0.0.1",
        "X-Correlation-ID": "caf\u00e9".encode("latin-1"),
    }
    answer = await pair.cpo.send("GET", "sender/tokens?x=%0d%0aX-Injected:%20yes", headers={**TO_EMSP, **odd})  # type: ignore[dict-item]
    assert answer.status_code == 200
    assert not {"set-cookie", "x-total-count"} & set(answer.headers)
    assert answer.headers["ocpi-from-party-id"] == "EMS"
    (seen,) = pair.emsp_server.seen
    assert not {"x-custom", "cookie", "x-forwarded-for", "x-injected"} & set(seen.headers)
    assert seen.headers["x-correlation-id"].isascii()
    assert "%0D%0A" in seen.query.upper()


async def test_a_redirect_is_not_followed_but_for_a_slash(pair: Pair) -> None:
    pair.emsp_server.replies["/sender/tokens"] = lambda _: Response(
        b"", 307, {"Location": f"{pair.cpo_server.url}/elsewhere"}
    )
    assert await pair.cpo.code("GET", "sender/tokens", headers=TO_EMSP) == (200, 4003)
    assert pair.cpo_server.seen == []
    pair.emsp_server.replies["/sender/tokens"] = lambda seen: (
        success([]) if seen.path.endswith("/") else Response(b"", 307, {"Location": f"{seen.path}/"})
    )
    assert await pair.cpo.code("GET", "sender/tokens", headers=TO_EMSP) == (200, 1000)
