"""The client against our own server, and against servers with the quirks that peers have."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ocpi.call import Answer, Authenticate, Call, Handler, ListAnswer
from ocpi.client import PartnerClient, read_data, read_result
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import EndpointMissing, NotFound, PeerRefused, PeerUnintelligible, PeerUnreachable, UnknownReceiver
from ocpi.headers import Party
from ocpi.peer_http import child_url
from ocpi.server import build_router
from ocpi.types import JsonObject, to_bytes
from ocpi.v221.commands import CommandResponse, CommandResult
from ocpi.v221.locations import Location
from ocpi.v221.tokens import Token

pytestmark = pytest.mark.anyio

Serve = Callable[[Sequence[BaseRoute]], AbstractAsyncContextManager[str]]
Now = Callable[[], datetime]

GOLDEN = Path(__file__).parent.parent / "golden" / "ocpi-2.2.1"
LOCATION = Location.model_validate_json((GOLDEN / "locations_location_1.json").read_bytes())
TOKEN: JsonObject = json.loads((GOLDEN / "tokens_token_1.json").read_text())
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
US, PEER = Party("NL", "HUB"), Party("BE", "BEC")
RECEIVER, SENDER = Interface.RECEIVER, Interface.SENDER


def client_of(http: httpx.AsyncClient, url: str, **options: object) -> PartnerClient:
    endpoints = {
        (module, interface): f"{url}/ocpi/2.2.1/{interface.lower()}/{module}"
        for module in ("locations", "tokens", "tariffs", "commands", "sessions", "hubclientinfo")
        for interface in Interface
    }
    return PartnerClient(
        http,
        endpoints,
        "secret-token",
        now=lambda: NOW,
        our_party=US,
        peer_party=PEER,
        **options,  # type: ignore[arg-type]
    )


class Peer:
    """A peer that stores what is pushed and lists tokens."""

    def __init__(self, tokens: int = 0) -> None:
        self.tokens = [json.dumps({**TOKEN, "uid": str(number)}).encode() for number in range(tokens)]
        self.calls: list[Call] = []

    async def store(self, call: Call) -> Answer:
        self.calls.append(call)
        return Answer(http_status=201)

    async def fetch(self, call: Call) -> Answer:
        self.calls.append(call)
        if call.path["location_id"] != "LOC1":
            raise NotFound
        return Answer.of(LOCATION)

    async def page(self, call: Call) -> ListAnswer:
        self.calls.append(call)
        asked = call.page_query()
        items = self.tokens[asked.offset : asked.offset + asked.capped(7)]
        return ListAnswer(total=len(self.tokens), limit=7, items=items)

    async def command(self, call: Call) -> Answer:
        self.calls.append(call)
        raise UnknownReceiver

    def routes(self, authenticate: Authenticate) -> list[BaseRoute]:
        handlers: dict[HandlerKey, Handler] = {
            ("locations", RECEIVER, Verb.GET, "location"): self.fetch,
            ("locations", RECEIVER, Verb.PUT, "location"): self.store,
            ("locations", RECEIVER, Verb.PATCH, "evse"): self.store,
            ("tariffs", RECEIVER, Verb.DELETE, "tariff"): self.store,
            ("tokens", SENDER, Verb.GET, "list"): self.page,
            ("hubclientinfo", SENDER, Verb.GET, "list"): self.page,
            ("commands", RECEIVER, Verb.POST, "STOP_SESSION"): self.command,
        }
        return build_router("2.2.1", handlers, authenticate, now=lambda: NOW)


async def test_objects_are_pushed_and_fetched(
    serve: Serve, authenticate: Authenticate, http: httpx.AsyncClient
) -> None:
    peer = Peer()
    async with serve(peer.routes(authenticate)) as url:
        client = client_of(http, url)
        pushed = await client.put("locations", RECEIVER, "BE", "BEC", "LOC1", body=to_bytes(LOCATION))
        fetched = await client.get(Location, "locations", RECEIVER, "BE", "BEC", "LOC1")
        patch = b'{"status":"CHARGING","last_updated":"2026-01-01T00:00:00Z"}'
        await client.patch("locations", RECEIVER, "BE", "BEC", "LOC1", "32/56", body=patch)
        await client.delete("tariffs", RECEIVER, "BE", "BEC", "12", query={"x": "1 2"})
    assert (pushed.http_status, pushed.envelope.ok) == (201, True)
    assert fetched == LOCATION
    put, _, patched, deleted = peer.calls
    assert put.model(Location) == LOCATION
    assert (put.headers.to_party, put.headers.from_party) == (PEER, US)
    assert patched.path["evse_uid"] == "32/56"
    assert deleted.query == {"x": "1 2"}
    assert len({call.headers.request_id for call in peer.calls}) == 4


async def test_addresses_and_correlation_can_be_given(
    serve: Serve, authenticate: Authenticate, http: httpx.AsyncClient
) -> None:
    peer = Peer()
    async with serve(peer.routes(authenticate)) as url:
        client = client_of(http, url)
        headers = client.headers(to_party=Party("DE", "XYZ"), from_party=Party("FR", "ABC"), correlation_id="c-1")
        await client.get(Location, "locations", RECEIVER, "BE", "BEC", "LOC1", headers=headers)
    assert peer.calls[0].headers == headers


@given(total=st.integers(0, 25), limit=st.none() | st.integers(1, 9))
async def test_a_list_is_crawled_to_its_end(total: int, limit: int | None) -> None:
    async def anyone(headers: Mapping[str, str], module: str) -> object:
        return None

    peer = Peer(total)
    from_app = httpx.ASGITransport(Starlette(routes=peer.routes(anyone)))
    async with httpx.AsyncClient(transport=from_app) as http:
        client = client_of(http, "http://peer")
        seen = [item["uid"] async for item in client.items("tokens", date_from=NOW, limit=limit)]
    assert seen == [str(number) for number in range(total)]
    assert len({call.headers.correlation_id for call in peer.calls}) == 1
    assert all(call.page_query().date_from == NOW for call in peer.calls)


async def test_configuration_modules_get_no_addresses(
    serve: Serve, authenticate: Authenticate, http: httpx.AsyncClient
) -> None:
    peer = Peer(3)
    async with serve(peer.routes(authenticate)) as url:
        assert len([item async for item in client_of(http, url).items("hubclientinfo")]) == 3
    assert not [name for name in peer.calls[0].http_headers if name.startswith("ocpi-")]


async def test_a_refusal_carries_its_codes(serve: Serve, authenticate: Authenticate, http: httpx.AsyncClient) -> None:
    async with serve(Peer().routes(authenticate)) as url:
        client = client_of(http, url)
        with pytest.raises(PeerRefused) as missing:
            await client.get(Location, "locations", RECEIVER, "BE", "BEC", "LOC2")
        body = b'{"response_url":"https://a.example/r","session_id":"1"}'
        with pytest.raises(PeerRefused) as unknown:
            await client.post("commands", RECEIVER, "STOP_SESSION", body=body)
        with pytest.raises(EndpointMissing):
            await client.put("cdrs", RECEIVER, body=b"{}")
        stranger = PartnerClient(http, {("tokens", SENDER): f"{url}/ocpi/2.2.1/sender/tokens"}, "x", now=lambda: NOW)
        with pytest.raises(PeerRefused) as refused:
            _ = [page async for page in stranger.pages("tokens")]
    assert (missing.value.http_status, missing.value.status_code) == (404, 2000)
    assert (unknown.value.http_status, unknown.value.status_code) == (200, 4001)
    assert unknown.value.status_message == "Unknown receiver"
    assert refused.value.http_status == 401


def quirky(answer: Response | Callable[[Request], Response]) -> list[BaseRoute]:
    async def endpoint(request: Request) -> Response:
        return answer if isinstance(answer, Response) else answer(request)

    return [Route("/{path:path}", endpoint, methods=["GET", "PUT", "POST"])]


SUCCESS = {"status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse(SUCCESS),
        JSONResponse({**SUCCESS, "data": {"anything": 1}}),
        JSONResponse({"status_code": 1000}),
        JSONResponse({**SUCCESS, "status_code": 1901}),
        Response(status_code=204),
        Response(b"", 201),
    ],
)
async def test_success_takes_many_forms(answer: Response, serve: Serve, http: httpx.AsyncClient) -> None:
    async with serve(quirky(answer)) as url:
        assert (await client_of(http, url).put("tokens", RECEIVER, "1", body=b"{}")).envelope.ok


@pytest.mark.parametrize(
    ("answer", "retry_after_s"),
    [
        (PlainTextResponse("broken", 500), None),
        (PlainTextResponse("wait", 503, {"Retry-After": "120"}), 120.0),
        (JSONResponse({"status_code": 3000}, 429, {"Retry-After": "Tue, 24 Nov 2026 12:01:00 GMT"}), 60.0),
        (PlainTextResponse("wait", 503, {"Retry-After": "later"}), None),
    ],
)
async def test_a_server_in_trouble_is_unreachable(
    answer: Response, retry_after_s: float | None, serve: Serve, http: httpx.AsyncClient
) -> None:
    async with serve(quirky(answer)) as url:
        with pytest.raises(PeerUnreachable) as caught:
            await client_of(http, url).put("tokens", RECEIVER, "1", body=b"{}")
    assert caught.value.http_status == answer.status_code
    assert caught.value.retry_after_s == retry_after_s


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("<html>welcome</html>"),
        JSONResponse([1, 2]),
        JSONResponse({"data": []}),
        Response(b"x" * 2_000_000),
        RedirectResponse("http://elsewhere.example/", 302),
    ],
)
async def test_an_answer_that_is_not_ocpi_is_unintelligible(
    answer: Response, serve: Serve, http: httpx.AsyncClient
) -> None:
    async with serve(quirky(answer)) as url:
        with pytest.raises(PeerUnintelligible):
            await client_of(http, url, max_answer_bytes=1_000_000).put("tokens", RECEIVER, "1", body=b"{}")


async def test_nobody_there_is_unreachable(http: httpx.AsyncClient, serve: Serve) -> None:
    async with serve([]) as url:
        pass
    with pytest.raises(PeerUnreachable, match="could not be reached"):
        await client_of(http, url).put("tokens", RECEIVER, "1", body=b"{}")
    with pytest.raises(PeerUnreachable):
        await client_of(http, "http://").put("tokens", RECEIVER, "1", body=b"{}")


async def test_a_peer_that_is_slow_times_out(serve: Serve, http: httpx.AsyncClient) -> None:
    async def slow(request: Request) -> Response:
        async for _ in request.stream():
            pass
        await anyio.sleep(0.5)
        return JSONResponse(SUCCESS)

    async with serve([Route("/{path:path}", slow, methods=["PUT"])]) as url:
        with pytest.raises(PeerUnreachable) as caught:
            await client_of(http, url).put("tokens", RECEIVER, "1", body=b"{}", timeout_s=0.05)
        assert caught.value.timed_out
        await anyio.sleep(0.5)


def slash_mender(request: Request) -> Response:
    if request.url.path.endswith("/"):
        return JSONResponse({**SUCCESS, "data": request.headers["authorization"] if request.method == "GET" else "put"})
    return RedirectResponse(f"{request.url.path}/", 307)


async def test_a_redirect_that_mends_a_slash_is_followed(serve: Serve, http: httpx.AsyncClient) -> None:
    async with serve(quirky(slash_mender)) as url:
        reply = await client_of(http, url).put("tokens", RECEIVER, "1", body=b"{}")
    assert reply.envelope.data == "put"


@pytest.mark.parametrize("target", ["http://evil.example/ocpi/", "/admin/", "//evil.example/", "http://["])
async def test_no_other_redirect_is_followed(target: str, serve: Serve, http: httpx.AsyncClient) -> None:
    async with serve(quirky(RedirectResponse(target, 308))) as url:
        with pytest.raises(PeerUnintelligible):
            await client_of(http, url).put("tokens", RECEIVER, "1", body=b"{}")


async def test_a_list_with_odd_items_gives_the_good_ones(serve: Serve, http: httpx.AsyncClient) -> None:
    async with serve(quirky(JSONResponse({**SUCCESS, "data": [{"id": "1"}, None, 5, {"id": "2"}]}))) as url:
        assert [item async for item in client_of(http, url).items("tokens")] == [{"id": "1"}, {"id": "2"}]
    async with serve(quirky(JSONResponse(SUCCESS))) as url:
        assert [item async for item in client_of(http, url).items("tokens")] == []
    async with serve(quirky(JSONResponse({**SUCCESS, "data": {"not": "a list"}}))) as url:
        with pytest.raises(PeerUnintelligible):
            _ = [item async for item in client_of(http, url).items("tokens")]


async def test_a_result_is_read_bare_and_wrapped() -> None:
    for body in ({"result": "ACCEPTED"}, {"status_code": 1000, "data": {"result": "ACCEPTED"}}):
        assert read_result(CommandResult, body).result == "ACCEPTED"  # type: ignore[arg-type]
    with pytest.raises(PeerUnintelligible, match="/timeout"):
        read_data(CommandResponse, {"result": "ACCEPTED"})
    with pytest.raises(PeerUnintelligible):
        read_data(Token, None)


@pytest.mark.parametrize(
    ("url", "segments", "expected"),
    [
        ("https://a/x", ("1",), "https://a/x/1"),
        ("https://a/x/", ("1", "2"), "https://a/x/1/2"),
        ("https://a/x/", (), "https://a/x/"),
        ("https://a/x", ("a/b", "c d", "é?"), "https://a/x/a%2Fb/c%20d/%C3%A9%3F"),
    ],
)
async def test_urls_are_joined_with_one_slash(url: str, segments: tuple[str, ...], expected: str) -> None:
    assert child_url(url, *segments) == expected


async def test_the_platform_of_a_url_is_known(http: httpx.AsyncClient) -> None:
    client = client_of(http, "https://peer.example")
    assert client.same_platform("https://peer.example/anything")
    assert not client.same_platform("https://evil.example/anything")
