"""The router over real sockets: the steps of an exchange, and an envelope whatever happens."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import httpx
import pytest
from starlette.routing import BaseRoute

from ocpi.call import Answer, Authenticate, Call, Failure, Handler, ListAnswer, Rendered
from ocpi.endpoint import HandlerKey, Verb
from ocpi.errors import InvalidParameters, NotFound, Unauthenticated
from ocpi.headers import Party
from ocpi.paging import PageQuery
from ocpi.server import build_router
from ocpi.v221.locations import Location
from tests.ocpi.recorder import AUTH, LOCATION, LOCATION_URL, RECEIVER, SENDER, Recorder, location_handlers

pytestmark = pytest.mark.anyio

Serve = Callable[[Sequence[BaseRoute]], AbstractAsyncContextManager[str]]
Now = Callable[[], datetime]


async def test_versions_and_details_lead_to_the_endpoints(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handlers: dict[HandlerKey, Handler] = {
        **location_handlers(Recorder()),
        ("credentials", SENDER, Verb.GET, "credentials"): Recorder(),
        ("tokens", SENDER, Verb.GET, "list"): Recorder(),
    }
    async with serve(router(handlers, advertise=[("commands", RECEIVER)])) as url:
        versions = (await http.get(f"{url}/ocpi/versions", headers=AUTH)).json()
        assert versions["data"] == [{"version": "2.2.1", "url": f"{url}/ocpi/2.2.1"}]
        details = (await http.get(versions["data"][0]["url"], headers=AUTH)).json()
    assert details["status_code"] == 1000
    assert details["timestamp"] == "2026-11-24T12:00:00.250Z"
    assert details["data"] == {
        "version": "2.2.1",
        "endpoints": [
            {"identifier": "credentials", "role": "SENDER", "url": f"{url}/ocpi/2.2.1/credentials"},
            {"identifier": "locations", "role": "RECEIVER", "url": f"{url}/ocpi/2.2.1/receiver/locations"},
            {"identifier": "tokens", "role": "SENDER", "url": f"{url}/ocpi/2.2.1/sender/tokens"},
            {"identifier": "commands", "role": "RECEIVER", "url": f"{url}/ocpi/2.2.1/receiver/commands"},
        ],
    }


async def test_the_public_url_is_what_peers_are_told(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handlers = {("tokens", SENDER, Verb.GET, "list"): Recorder(ListAnswer(total=9, limit=2, items=[b"1", b"2"]))}
    async with serve(router(handlers, public_url="https://hub.example/", versions=["2.1.1", "2.2.1"])) as url:
        versions = (await http.get(f"{url}/ocpi/versions", headers=AUTH)).json()["data"]
        page = await http.get(f"{url}/ocpi/2.2.1/sender/tokens", headers=AUTH)
    assert [each["url"] for each in versions] == [f"https://hub.example/ocpi/{v}" for v in ("2.1.1", "2.2.1")]
    assert page.headers["Link"] == '<https://hub.example/ocpi/2.2.1/sender/tokens?offset=2&limit=2>; rel="next"'


async def test_a_put_reaches_its_handler_checked_and_parsed(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder(Answer(http_status=201))
    headers = {
        **AUTH,
        "X-Request-ID": "request-1",
        "X-Correlation-ID": "correlation-1",
        "OCPI-to-country-code": "NL",
        "OCPI-to-party-id": "HUB",
        "OCPI-from-country-code": "BE",
        "OCPI-from-party-id": "BEC",
    }
    async with serve(router(location_handlers(handler))) as url:
        response = await http.put(f"{url}{LOCATION_URL}", json=LOCATION, headers=headers)
    assert response.status_code == 201
    assert response.json() == {"status_code": 1000, "timestamp": "2026-11-24T12:00:00.250Z"}
    assert {name: response.headers[name] for name in ("X-Request-ID", "X-Correlation-ID")} == {
        "X-Request-ID": "request-1",
        "X-Correlation-ID": "correlation-1",
    }
    assert (response.headers["OCPI-to-country-code"], response.headers["OCPI-to-party-id"]) == ("BE", "BEC")
    assert (response.headers["OCPI-from-country-code"], response.headers["OCPI-from-party-id"]) == ("NL", "HUB")
    call = handler.call
    assert call.model(Location).evses is not None
    assert call.path == {"country_code": "BE", "party_id": "BEC", "location_id": "LOC1"}
    assert call.owner == Party("be", "bec")
    assert call.caller == "partner"
    assert call.headers.to_party == Party("NL", "HUB")
    assert json.loads(call.raw) == LOCATION
    assert call.key == ("locations", RECEIVER, Verb.PUT, "location")
    assert call.url == f"{url}{LOCATION_URL}"
    with pytest.raises(TypeError):
        call.patch()
    with pytest.raises(TypeError):
        call.page_query()


async def test_ids_are_made_when_the_peer_sends_none_and_configuration_modules_have_no_addresses(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder(Answer(b"{}"))
    handlers = {("credentials", SENDER, Verb.GET, "credentials"): handler}
    headers = {**AUTH, "OCPI-to-country-code": "NL", "OCPI-to-party-id": "HUB"}
    async with serve(router(handlers)) as url:
        response = await http.get(f"{url}/ocpi/2.2.1/credentials", headers=headers)
    assert len(response.headers["X-Request-ID"]) == 36
    assert len(response.headers["X-Correlation-ID"]) == 36
    assert not [name for name in response.headers if name.startswith("ocpi-")]
    assert handler.call.headers.to_party is None


async def test_who_answers_an_open_request_is_named(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder(Answer(sender=Party("NL", "TNM")))
    headers = {**AUTH, "OCPI-from-country-code": "BE", "OCPI-from-party-id": "BEC"}
    async with serve(router(location_handlers(handler))) as url:
        response = await http.get(f"{url}{LOCATION_URL}", headers=headers)
    assert (response.headers["OCPI-from-party-id"], response.headers["OCPI-to-party-id"]) == ("TNM", "BEC")


@pytest.mark.parametrize(
    ("path", "query", "items", "link"),
    [
        ("", "", 2, "offset=2&limit=2"),
        ("", "?limit=1", 1, "offset=1&limit=1"),
        (
            "/",
            "?date_from=2026-01-01T00:00:00Z&offset=2&limit=50",
            2,
            "date_from=2026-01-01T00:00:00Z&offset=4&limit=2",
        ),
        ("", "?offset=4", 1, None),
        ("", "?offset=9", 0, None),
    ],
)
async def test_a_page_has_its_headers(
    path: str,
    query: str,
    items: int,
    link: str | None,
    serve: Serve,
    router: Callable[..., list[BaseRoute]],
    http: httpx.AsyncClient,
) -> None:
    handler = Recorder(ListAnswer(total=5, limit=2, items=[b'{"id":"1"}'] * items))
    async with serve(router({("tokens", SENDER, Verb.GET, "list"): handler})) as url:
        asked = f"{url}/ocpi/2.2.1/sender/tokens{path}"
        response = await http.get(asked + query, headers=AUTH)
    assert response.json()["data"] == [{"id": "1"}] * items
    assert (response.headers["X-Total-Count"], response.headers["X-Limit"]) == ("5", "2")
    assert response.headers.get("Link") == (f'<{asked}?{link}>; rel="next"' if link else None)


async def test_a_ready_page_goes_out_as_it_is(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder(ListAnswer(total=5, limit=2, joined=b'{"id":"1"},{"id":"2"}'))
    async with serve(router({("tokens", SENDER, Verb.GET, "list"): handler})) as url:
        response = await http.get(f"{url}/ocpi/2.2.1/sender/tokens?offset=1", headers=AUTH)
    assert response.json()["data"] == [{"id": "1"}, {"id": "2"}]
    assert "offset=3" in response.headers["Link"]
    assert handler.call.page_query() == PageQuery(offset=1)


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({}, LOCATION_URL, 401),
        ({"Authorization": "Token bm9ib2R5"}, LOCATION_URL, 401),
        ({"Authorization": "Token token-a"}, LOCATION_URL, 401),
        ({"Authorization": "Token token-a"}, "/ocpi/2.2.1", 200),
        ({"Authorization": "Token secret-token"}, LOCATION_URL, 200),
        ({}, "/ocpi/versions", 401),
        (AUTH, "/ocpi/2.2.1/receiver/invoices", 404),
        (AUTH, "/ocpi/2.2.1/receiver/locations/BE", 404),
        (AUTH, "/ocpi/2.2.1/receiver/locations/BE/BEC/%0ALOC", 404),
        (AUTH, "/ocpi/versions/more", 404),
        (AUTH, "/ocpi/2.2.1/receiver/tariffs/BE/BEC/1", 405),
    ],
)
async def test_the_way_to_a_handler(
    headers: dict[str, str],
    path: str,
    status: int,
    serve: Serve,
    router: Callable[..., list[BaseRoute]],
    http: httpx.AsyncClient,
) -> None:
    async with serve(router(location_handlers(Recorder()))) as url:
        response = await http.get(url + path, headers={**headers, "X-Request-ID": "r1"})
    assert response.status_code == status
    body = response.json()
    assert body["status_code"] == (1000 if status == 200 else 2000)
    assert body["timestamp"] == "2026-11-24T12:00:00.250Z"
    assert response.headers["X-Request-ID"] == "r1"
    assert ("WWW-Authenticate" in response.headers) is (status == 401)


async def test_a_verb_that_nobody_handles_is_405_with_those_that_are(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    async with serve(router(location_handlers(Recorder()))) as url:
        response = await http.delete(f"{url}{LOCATION_URL}", headers=AUTH)
        details = await http.put(f"{url}/ocpi/2.2.1", headers=AUTH)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, PUT, PATCH"
    assert (details.status_code, details.headers["Allow"]) == (405, "GET")


async def test_sessions_want_date_from(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handlers = {("sessions", SENDER, Verb.GET, "list"): Recorder(ListAnswer(total=0, limit=10))}
    async with serve(router(handlers)) as url:
        address = f"{url}/ocpi/2.2.1/sender/sessions"
        without_date = await http.get(address, headers=AUTH)
        with_date = await http.get(address, params={"date_from": "2026-01-01T00:00:00"}, headers=AUTH)
    assert (without_date.status_code, without_date.json()["status_code"]) == (200, 2001)
    assert with_date.json()["data"] == []


async def test_parameters_of_a_charging_profile_are_required(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder(Answer(b'{"result":"ACCEPTED","timeout":30}'))
    async with serve(router({("chargingprofiles", RECEIVER, Verb.GET, "profile"): handler})) as url:
        address = f"{url}/ocpi/2.2.1/receiver/chargingprofiles/1234"
        good = {"duration": "900", "response_url": "https://peer.example/r?request_id=5678&x=1"}
        assert (await http.get(address, params=good, headers=AUTH)).json()["status_code"] == 1000
        for bad in ({"duration": "900"}, {**good, "duration": "long"}, {"response_url": "https://peer.example"}):
            assert (await http.get(address, params=bad, headers=AUTH)).json()["status_code"] == 2001
    assert handler.call.query == good


async def test_errors_become_envelopes_and_are_told_without_the_body(
    serve: Serve,
    authenticate: Authenticate,
    now: Now,
    http: httpx.AsyncClient,
) -> None:
    failures: list[Failure] = []
    handler = Recorder()
    routes = build_router("2.2.1", location_handlers(handler), authenticate, now=now, on_failure=failures.append)
    async with serve(routes) as url:
        handler.answer = RuntimeError("secret of the house")
        broken = await http.get(f"{url}{LOCATION_URL}", headers=AUTH)
        handler.answer = NotFound()
        missing = await http.get(f"{url}{LOCATION_URL}", headers=AUTH)
        handler.answer = Answer(headers={"Location": "https://a/\r\nX-Evil: 1"})
        smuggled = await http.get(f"{url}{LOCATION_URL}", headers=AUTH)
    assert (broken.status_code, broken.json()["status_code"]) == (200, 3000)
    assert "secret" not in broken.text
    assert (missing.status_code, missing.json()["status_code"]) == (404, 2000)
    assert (smuggled.json()["status_code"], "X-Evil" in smuggled.headers) == (3000, False)
    assert [failure.expected for failure in failures] == [False, True, False]
    assert failures[0].key == ("locations", RECEIVER, Verb.GET, "location")
    assert failures[0].request_id == broken.headers["X-Request-ID"]


async def test_a_fault_before_authentication_is_an_http_error(serve: Serve, now: Now, http: httpx.AsyncClient) -> None:
    async def authenticate(headers: Mapping[str, str], module: str) -> object:
        raise RuntimeError("the database is away")

    async with serve(build_router("2.2.1", location_handlers(Recorder()), authenticate, now=now)) as url:
        response = await http.get(f"{url}{LOCATION_URL}", headers=AUTH)
    assert (response.status_code, response.json()["status_code"]) == (500, 3000)


async def test_an_address_that_is_malformed_is_an_invalid_parameter(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    async with serve(router(location_handlers(Recorder()))) as url:
        response = await http.get(f"{url}{LOCATION_URL}", headers={**AUTH, "OCPI-to-party-id": "TNM"})
    assert (response.status_code, response.json()["status_code"]) == (200, 2001)


async def test_an_intercept_takes_a_call_before_its_body_is_looked_at(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder()
    seen: list[Call] = []

    async def intercept(call: Call) -> Answer | ListAnswer | Rendered | None:
        seen.append(call)
        if call.headers.to_party == Party("NL", "TNM"):
            return Rendered(202, [(b"x-peer", b"yes")], b"as it came")
        if call.headers.to_party == Party("NL", "NON"):
            return Rendered(204, [], b"")
        if call.verb is Verb.DELETE:
            return Answer(status_code=4001)
        return None

    routes = router(location_handlers(handler), intercept=intercept, advertise=[("tariffs", RECEIVER)])
    async with serve(routes) as url:
        to = {**AUTH, "OCPI-to-country-code": "NL", "OCPI-to-party-id": "TNM", "X-Request-ID": "r1"}
        forwarded = await http.put(f"{url}{LOCATION_URL}", content=b"not json", headers=to)
        nothing = await http.put(f"{url}{LOCATION_URL}", headers={**to, "OCPI-to-party-id": "NON"})
        deleted = await http.delete(f"{url}/ocpi/2.2.1/receiver/tariffs/BE/BEC/1", headers=AUTH)
        ours = await http.put(f"{url}{LOCATION_URL}", json=LOCATION, headers=AUTH)
        unserved = await http.get(f"{url}/ocpi/2.2.1/receiver/tariffs/BE/BEC/1", headers=AUTH)
        refused = await http.put(f"{url}{LOCATION_URL}", content=b"not json")
    assert (forwarded.status_code, forwarded.content, forwarded.headers["X-Peer"]) == (202, b"as it came", "yes")
    assert forwarded.headers.keys().isdisjoint({"x-request-id", "content-type"})
    assert (nothing.status_code, nothing.content, "content-length" in nothing.headers) == (204, b"", False)
    assert (seen[0].raw, seen[0].body) == (b"not json", None)
    assert deleted.json()["status_code"] == 4001
    assert ours.json()["status_code"] == 1000
    assert len(handler.calls) == 1
    assert (unserved.status_code, unserved.headers["Allow"]) == (405, "GET, PUT, DELETE")
    assert refused.status_code == 401
    assert len(seen) == 5


async def test_a_handler_for_an_endpoint_that_does_not_exist_is_refused(router: Callable[..., list[BaseRoute]]) -> None:
    with pytest.raises(ValueError, match="no endpoint"):
        router({("locations", SENDER, Verb.DELETE, "list"): Recorder()})


async def test_identifiers_keep_their_escaped_slashes_and_doubled_slashes_do_no_harm(
    serve: Serve, router: Callable[..., list[BaseRoute]], http: httpx.AsyncClient
) -> None:
    handler = Recorder(InvalidParameters("seen"))
    async with serve(router(location_handlers(handler))) as url:
        await http.get(f"{url}/ocpi/2.2.1/receiver/locations//BE/BEC/A%2FB%20C/", headers=AUTH)
    assert handler.call.path["location_id"] == "A/B C"


async def test_two_versions_share_one_list(serve: Serve, now: Now, http: httpx.AsyncClient) -> None:
    async def anyone(headers: Mapping[str, str], module: str) -> object:
        if "authorization" not in headers:
            raise Unauthenticated
        return None

    routes = build_router("2.2.1", {}, anyone, now=now, versions=())
    async with serve(routes) as url:
        assert (await http.get(f"{url}/ocpi/2.2.1/", headers=AUTH)).json()["data"]["version"] == "2.2.1"
        assert (await http.get(f"{url}/ocpi/versions", headers=AUTH)).status_code == 404
