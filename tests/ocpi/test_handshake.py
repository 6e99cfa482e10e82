"""The credentials handshake, both sides over real sockets."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ocpi.call import Answer, Call
from ocpi.endpoint import Interface, Verb
from ocpi.errors import (
    MethodNotAllowed,
    MissingEndpoints,
    PeerRefused,
    PeerUnintelligible,
    Unauthenticated,
    UnsupportedVersion,
    UnusableClientApi,
)
from ocpi.handshake import Discovery, discover, register, unregister, update
from ocpi.headers import token_candidates
from ocpi.server import build_router
from ocpi.types import Role
from ocpi.v221.credentials import Credentials, CredentialsRole
from ocpi.v221.locations import BusinessDetails

pytestmark = pytest.mark.anyio

Serve = Callable[[Sequence[BaseRoute]], AbstractAsyncContextManager[str]]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SENDER, RECEIVER = Interface.SENDER, Interface.RECEIVER


def now() -> datetime:
    return NOW


class Platform:
    """A platform with credentials in memory."""

    def __init__(self, name: str, http: httpx.AsyncClient, *, required: Sequence[tuple[str, Interface]] = ()) -> None:
        self.name = name
        self.http = http
        self.required = required
        self.tokens = {"token-a": "invited"}
        self.url = ""
        self.peer: Discovery | None = None
        self.peer_token = ""
        self.issued = 0

    def routes(self) -> list[BaseRoute]:
        handlers = {
            ("credentials", SENDER, Verb.POST, "credentials"): self.registered,
            ("credentials", SENDER, Verb.PUT, "credentials"): self.updated,
            ("credentials", SENDER, Verb.DELETE, "credentials"): self.left,
            ("tokens", SENDER, Verb.GET, "list"): self.left,
        }
        return build_router("2.2.1", handlers, self.authenticate, now=now)

    async def authenticate(self, headers: Mapping[str, str], module: str) -> object:
        for token in token_candidates(headers.get("authorization")):
            if token in self.tokens:
                return token
        raise Unauthenticated

    def credentials(self, token: str) -> Credentials:
        details = BusinessDetails(name=self.name)
        role = CredentialsRole(role=Role.CPO, business_details=details, party_id="ABC", country_code="NL")
        return Credentials(token=token, url=f"{self.url}/ocpi/versions", roles=[role])

    def issue(self, state: str) -> str:
        self.issued += 1
        token = f"{self.name}-{self.issued}"
        self.tokens[token] = state
        return token

    async def registered(self, call: Call) -> Answer:
        if self.tokens[str(call.caller)] == "registered":
            raise MethodNotAllowed
        return await self._accept(call)

    async def updated(self, call: Call) -> Answer:
        if self.tokens[str(call.caller)] != "registered":
            raise MethodNotAllowed
        return await self._accept(call)

    async def _accept(self, call: Call) -> Answer:
        theirs = call.model(Credentials)
        self.peer = await discover(self.http, theirs.url, theirs.token, now=now, required=self.required)
        self.peer_token = theirs.token
        del self.tokens[str(call.caller)]
        return Answer.of(self.credentials(self.issue("registered")))

    async def left(self, call: Call) -> Answer:
        if self.tokens.pop(str(call.caller)) != "registered":
            raise MethodNotAllowed
        return Answer()


@pytest.fixture
async def platforms(serve: Serve, http: httpx.AsyncClient):  # type: ignore[no-untyped-def]
    ours, theirs = Platform("ours", http), Platform("theirs", http)
    async with serve(ours.routes()) as ours.url, serve(theirs.routes()) as theirs.url:
        yield ours, theirs


async def test_registration_update_and_leave(platforms: tuple[Platform, Platform], http: httpx.AsyncClient) -> None:
    ours, theirs = platforms
    found = await discover(http, f"{theirs.url}/ocpi/versions", "token-a", now=now)
    assert (found.version, found.versions, found.encode_token) == ("2.2.1", ["2.2.1"], True)
    assert found.credentials_url == f"{theirs.url}/ocpi/2.2.1/credentials"
    assert found.endpoints["tokens", SENDER] == f"{theirs.url}/ocpi/2.2.1/sender/tokens"

    answer = await register(http, found, "token-a", ours.credentials(ours.issue("offered")), now=now)
    assert answer.token == "theirs-1"
    assert theirs.peer is not None
    assert theirs.peer.endpoints["tokens", SENDER] == f"{ours.url}/ocpi/2.2.1/sender/tokens"
    assert theirs.peer_token == "ours-1"

    with pytest.raises(UnusableClientApi) as spent:
        await discover(http, f"{theirs.url}/ocpi/versions", "token-a", now=now)
    assert isinstance(spent.value.__cause__, PeerRefused)
    assert spent.value.__cause__.http_status == 401

    with pytest.raises(PeerRefused) as again:
        await register(http, found, answer.token, ours.credentials(ours.issue("offered")), now=now)
    assert again.value.http_status == 405

    renewed = await update(http, found, answer.token, ours.credentials(ours.issue("offered")), now=now)
    assert renewed.token == "theirs-2"
    await unregister(http, found, renewed.token, now=now)
    await unregister(http, found, renewed.token, now=now)


async def test_a_call_back_that_fails_is_3001_and_changes_nothing(
    platforms: tuple[Platform, Platform], http: httpx.AsyncClient
) -> None:
    ours, theirs = platforms
    found = await discover(http, f"{theirs.url}/ocpi/versions", "token-a", now=now)
    with pytest.raises(PeerRefused) as caught:
        await register(http, found, "token-a", ours.credentials("never-issued"), now=now)
    assert (caught.value.http_status, caught.value.status_code) == (200, 3001)
    assert theirs.tokens == {"token-a": "invited"}
    assert theirs.peer is None


async def test_endpoints_that_the_receiver_needs_are_3003(
    platforms: tuple[Platform, Platform], http: httpx.AsyncClient
) -> None:
    ours, theirs = platforms
    theirs.required = [("cdrs", RECEIVER)]
    found = await discover(http, f"{theirs.url}/ocpi/versions", "token-a", now=now)
    with pytest.raises(PeerRefused) as caught:
        await register(http, found, "token-a", ours.credentials(ours.issue("offered")), now=now)
    assert caught.value.status_code == 3003
    assert "token-a" in theirs.tokens


def platform_with(
    versions: object, details: object = None, *, plain_token: bool = False
) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        if plain_token and request.headers["authorization"] != "Token token-a":
            return JSONResponse({"status_code": 2000}, 401)
        base = str(request.base_url).rstrip("/")
        data = details if request.url.path.endswith("/details") else versions
        return JSONResponse({"data": _with_base(data, base), "status_code": 1000})

    return answer


def _with_base(value: object, base: str) -> object:
    if isinstance(value, str):
        return value.replace("{base}", base)
    if isinstance(value, list):
        return [_with_base(each, base) for each in value]
    if isinstance(value, dict):
        return {name: _with_base(each, base) for name, each in value.items()}
    return value


def routes_of(answer: Callable[[Request], Response]) -> list[BaseRoute]:
    async def endpoint(request: Request) -> Response:
        return answer(request)

    return [Route("/{path:path}", endpoint, methods=["GET", "POST", "PUT", "DELETE"])]


VERSIONS = [{"version": "2.1.1", "url": "{base}/old"}, {"version": "2.2.1", "url": "{base}/details"}]
DETAILS = {
    "version": "2.2.1",
    "endpoints": [
        {"identifier": "credentials", "role": "RECEIVER", "url": "{base}/credentials"},
        {"identifier": "locations", "url": "{base}/locations"},
        {"identifier": "nltnm-tokens", "role": "SENDER", "url": "{base}/custom"},
        {"identifier": "broken"},
        "nonsense",
    ],
}


async def test_the_best_common_version_and_odd_endpoints(serve: Serve, http: httpx.AsyncClient) -> None:
    async with serve(routes_of(platform_with(VERSIONS, DETAILS, plain_token=True))) as url:
        found = await discover(http, f"{url}/versions", "token-a", now=now)
        again = await discover(http, f"{url}/versions", "token-a", now=now, encode_token=False)
    assert (found.version, found.versions, found.encode_token) == ("2.2.1", ["2.1.1", "2.2.1"], False)
    assert again == found
    assert found.endpoints == {
        ("credentials", SENDER): f"{url}/credentials",
        ("credentials", RECEIVER): f"{url}/credentials",
        ("locations", SENDER): f"{url}/locations",
        ("locations", RECEIVER): f"{url}/locations",
        ("nltnm-tokens", SENDER): f"{url}/custom",
    }


@pytest.mark.parametrize(
    ("versions", "details", "error"),
    [
        ([{"version": "2.0", "url": "{base}/details"}], DETAILS, UnsupportedVersion),
        ([], DETAILS, UnsupportedVersion),
        (None, DETAILS, UnsupportedVersion),
        ([{"version": "2.2.1"}], DETAILS, UnsupportedVersion),
        ([{"version": ["2.2.1"], "url": "{base}/details"}], DETAILS, UnsupportedVersion),
        (VERSIONS, None, MissingEndpoints),
        (VERSIONS, {"version": "2.2.1", "endpoints": []}, MissingEndpoints),
        ([{"version": "2.2.1", "url": "http://127.0.0.1:1/details"}], None, UnusableClientApi),
    ],
)
async def test_what_a_discovery_may_find_wrong(
    versions: object, details: object, error: type[Exception], serve: Serve, http: httpx.AsyncClient
) -> None:
    async with serve(routes_of(platform_with(versions, details))) as url:
        with pytest.raises(error):
            await discover(http, f"{url}/versions", "token-a", now=now, supported=["2.2.1"])


async def test_a_required_endpoint_is_missed(serve: Serve, http: httpx.AsyncClient) -> None:
    async with serve(routes_of(platform_with(VERSIONS, DETAILS))) as url:
        with pytest.raises(MissingEndpoints, match="cdrs RECEIVER"):
            await discover(http, f"{url}/versions", "token-a", now=now, required=[("cdrs", RECEIVER)])


async def test_nobody_there_is_3001(http: httpx.AsyncClient) -> None:
    for encode in (None, True):
        with pytest.raises(UnusableClientApi):
            await discover(http, "http://127.0.0.1:1/versions", "token-a", now=now, encode_token=encode)


async def test_a_second_post_that_is_answered_with_a_token_is_success(serve: Serve, http: httpx.AsyncClient) -> None:
    ours = Platform("ours", http)
    ours.url = "https://ours.example"
    answer = ours.credentials("rotated").model_dump(mode="json", exclude_none=True)
    discovery = {"endpoints": {}, "version": "2.2.1", "versions": [], "versions_url": "", "details_url": ""}
    async with serve(routes_of(lambda _: JSONResponse({"data": answer, "status_code": 1000}))) as url:
        found = Discovery(**{**discovery, "endpoints": {("credentials", SENDER): f"{url}/c"}})  # type: ignore[arg-type]
        assert (await register(http, found, "b", ours.credentials("new"), now=now)).token == "rotated"
    async with serve(routes_of(lambda _: JSONResponse({"status_code": 1000}))) as url:
        found = Discovery(**{**discovery, "endpoints": {("credentials", SENDER): f"{url}/c"}})  # type: ignore[arg-type]
        with pytest.raises(PeerUnintelligible):
            await register(http, found, "b", ours.credentials("new"), now=now)
    async with serve(routes_of(lambda _: JSONResponse({"status_code": 2000}, 403))) as url:
        found = Discovery(**{**discovery, "endpoints": {("credentials", SENDER): f"{url}/c"}})  # type: ignore[arg-type]
        with pytest.raises(PeerRefused):
            await unregister(http, found, "b", now=now)
