"""The bodies of requests over real sockets: how they are read and checked, and how much of them."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import httpx
import pytest
from starlette.routing import BaseRoute

from ocpi.call import Answer
from ocpi.endpoint import Verb
from ocpi.errors import TokenNotFound
from ocpi.v221.commands import CommandResult
from ocpi.v221.tokens import LocationReferences
from tests.ocpi.recorder import AUTH, CDR, LOCATION, LOCATION_URL, RECEIVER, SENDER, TOKEN, Recorder, location_handlers

pytestmark = pytest.mark.anyio

Serve = Callable[[Sequence[BaseRoute]], AbstractAsyncContextManager[str]]
Now = Callable[[], datetime]


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in LOCATION.items() if key != name}).encode()


def having(**changes: object) -> bytes:
    return json.dumps({**LOCATION, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "http_status", "code", "message"),
    [
        (b"", 400, 2001, "not valid JSON"),
        (b"{", 400, 2001, "not valid JSON"),
        (b"[" * 100_000, 400, 2001, "not valid JSON"),
        (b'{"a":' + b"[" * 600 + b"]" * 600 + b"}", 400, 2001, "not valid JSON"),
        (b"[]", 200, 2001, "no JSON object"),
        (b"null", 200, 2001, "no JSON object"),
        (without("city"), 200, 2001, "/city: Field required"),
        (having(city=5), 200, 2001, "/city: "),
        (having(id="LOC2"), 200, 2001, "/id: differs from the one in the URL"),
        (having(country_code="NL"), 200, 2001, "/country_code: differs"),
        (having(party_id="XXX"), 200, 2001, "/party_id: differs"),
        (having(id="loc1", country_code="be", party_id="bec"), 200, 1000, None),
        (having(parking_type="ON_THE_MOON", brand_new_field=1), 200, 1000, None),
    ],
)
async def test_a_body_is_checked(
    body: bytes,
    http_status: int,
    code: int,
    message: str | None,
    serve: Serve,
    router: Callable[..., list[BaseRoute]],
    http: httpx.AsyncClient,
) -> None:
    handler = Recorder()
    async with serve(router(location_handlers(handler))) as url:
        response = await http.put(f"{url}{LOCATION_URL}", content=body, headers=AUTH)
    assert (response.status_code, response.json()["status_code"]) == (http_status, code)
    assert message is None or message in response.json()["status_message"]
    assert bool(handler.calls) is (code == 1000)


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({"status": "CHARGING", "last_updated": "2019-06-24T12:39:09Z"}, 1000),
        ({"status": "CHARGING"}, 2001),
        ({"uid": "9999", "last_updated": "2019-06-24T12:39:09Z"}, 2001),
        ({"connectors": [], "last_updated": "2019-06-24T12:39:09Z"}, 2001),
        ([], 2001),
    ],
)
async def test_a_patch_reaches_its_handler_as_json(
    patch: dict[str, object], code: int, serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder()
    async with serve(router(location_handlers(handler))) as url:
        response = await http.patch(f"{url}{LOCATION_URL}/3256", json=patch, headers=AUTH)
    assert (response.status_code, response.json()["status_code"]) == (200, code)
    if code == 1000:
        assert handler.call.patch() == patch
        assert handler.call.path["evse_uid"] == "3256"


@pytest.mark.parametrize(
    ("query", "code"), [("", 1000), ("?type=RFID", 1000), ("?type=rfid", 1000), ("?type=APP_USER", 2001)]
)
async def test_the_token_type_in_the_url_must_agree(
    query: str, code: int, serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handlers = {("tokens", RECEIVER, Verb.PUT, "token"): Recorder()}
    async with serve(router(handlers)) as url:
        address = f"{url}/ocpi/2.2.1/receiver/tokens/NL/TNM/012345678{query}"
        assert (await http.put(address, json=TOKEN, headers=AUTH)).json()["status_code"] == code


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b" "])
async def test_an_authorization_needs_no_body(
    body: bytes, serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder(TokenNotFound())
    async with serve(router({("tokens", SENDER, Verb.POST, "authorize"): handler})) as url:
        address = f"{url}/ocpi/2.2.1/sender/tokens/0123%2F45/authorize?type=RFID"
        response = await http.post(address, content=body, headers=AUTH)
        await http.post(address, json={"location_id": "LOC1"}, headers=AUTH)
    assert (response.status_code, response.json()["status_code"]) == (404, 2004)
    assert handler.calls[0].body is None
    assert handler.calls[0].path == {"token_uid": "0123/45"}
    assert handler.calls[0].query == {"type": "RFID"}
    assert handler.calls[1].model(LocationReferences).location_id == "LOC1"


async def test_a_command_result_is_read_bare_and_wrapped(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder()
    async with serve(router({("commands", SENDER, Verb.POST, "result"): handler})) as url:
        address = f"{url}/ocpi/2.2.1/sender/commands/START_SESSION/123"
        await http.post(address, json={"result": "ACCEPTED"}, headers=AUTH)
        await http.post(address, json={"data": {"result": "FAILED"}, "status_code": 1000}, headers=AUTH)
    assert [call.model(CommandResult).result for call in handler.calls] == ["ACCEPTED", "FAILED"]


async def test_a_body_beyond_the_limit_is_413(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    async with serve(router(location_handlers(Recorder()), max_body_bytes=1000)) as url:
        response = await http.put(f"{url}{LOCATION_URL}", content=b"x" * 1001, headers=AUTH)
    assert (response.status_code, response.json()["status_code"]) == (413, 2000)
    assert response.headers["Connection"] == "close"


async def test_a_chunked_body_is_read_no_further_than_the_limit(
    serve: Serve, router: Callable[..., list[BaseRoute]]
) -> None:
    async with serve(router(location_handlers(Recorder()), max_body_bytes=100_000)) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"PUT {LOCATION_URL} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {AUTH['Authorization']}\r\n"
        writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 100_000_000:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    assert reader.exception() is not None
    assert sent < 20_000_000


async def test_a_cdr_post_names_where_it_is(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder(Answer(http_status=201, headers={"Location": "https://hub.example/cdrs/1"}))
    async with serve(router({("cdrs", RECEIVER, Verb.POST, "list"): handler})) as url:
        response = await http.post(f"{url}/ocpi/2.2.1/receiver/cdrs", content=CDR, headers=AUTH)
    assert (response.status_code, response.headers["Location"]) == (201, "https://hub.example/cdrs/1")
