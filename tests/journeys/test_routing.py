"""Messages between partners through the hub: what goes on unchanged, what is answered here, and what goes nowhere."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import pytest
from starlette.responses import Response

from ocpi.headers import authorization
from simulators.partner.partner import Partner
from tests.journeys.network import PARTNER_TOKEN, TARIFF, Json, Network, eventually
from tests.journeys.peers import (
    STAMP,
    Ocpi,
    Seen,
    Stranger,
    addressed,
    cdr_of,
    credentials,
    hub_with,
    session_of,
    stamped_location,
    stranger,
    success,
)

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO"])]


LOCATION = stamped_location(id="L1", country_code="BE", party_id="CPO")
WHERE = "receiver/locations/BE/CPO/L1"
IDS = {"X-Request-ID": "asked-1", "X-Correlation-ID": "story-1"}


@dataclass
class Between:
    """A hub between a CPO (BE*CPO) and a platform that answers what a test tells it to (DE*EMS, an eMSP)."""

    network: Network
    cpo: Ocpi
    emsp: Ocpi
    receiver: Stranger

    def got(self, path: str) -> Seen:
        return next(seen for seen in self.receiver.seen if seen.path.startswith(path))


MODULES = ["RECEIVER/locations", "RECEIVER/sessions", "RECEIVER/cdrs", "SENDER/tokens", "RECEIVER/tariffs"]


async def between(network: Network, receiver: Stranger, http: httpx.AsyncClient, *, encode: bool = True) -> Between:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    versions = receiver.speaks({name: f"{receiver.url}/{name.lower()}" for name in MODULES})
    if not encode:
        plain, offered = authorization("OUR-TOKEN-1", encode=False), receiver.replies["/versions"]
        refused = success(status=401, code=2000)
        receiver.replies["/versions"] = lambda seen: (
            offered(seen) if seen.headers["authorization"] == plain else refused
        )
    invitation = await network.send("POST", "/partners/invitations", {"name": "Receiver"}, expect=201)
    invitee = Ocpi.with_token(network, http, invitation["token"])
    answer = await invitee.send("POST", "credentials", credentials(versions, "EMSP:DE*EMS"))
    emsp = Ocpi.with_token(network, http, answer.json()["data"]["token"])
    receiver.seen.clear()
    return Between(network, cpo, emsp, receiver)


@pytest.fixture
async def receiver() -> AsyncIterator[Stranger]:
    async with stranger() as made:
        yield made


@pytest.fixture
async def pair(network: Network, receiver: Stranger, http: httpx.AsyncClient) -> Between:
    return await between(network, receiver, http)


async def test_a_message_to_another_partner_goes_on_byte_by_byte(pair: Between) -> None:
    """Odd spacing, unknown fields and numbers that no parser would write again: all of it arrives."""
    raw = b' {"x_own" : [1.50, 1e2, "\\u00e9"],\n"last_updated": "2026-01-01T00:00:00Z", "publish":true} '
    pair.receiver.replies["/receiver/locations"] = lambda _: Response(
        b' {"status_code" : 1000, "x":1 ,"timestamp":"2026-01-01T00:00:00Z"}',
        201,
        {"Content-Type": "application/json", "X-Internal": "secret", "Set-Cookie": "a=b"},
    )
    headers = {**addressed(to="DE*EMS", sender="BE*CPO"), **IDS}

    answer = await pair.cpo.send("PATCH", f"{WHERE}/E%2F1?x=a%26b", raw=raw, headers=headers)

    [seen] = pair.receiver.seen
    assert (seen.method, seen.body, seen.query) == ("PATCH", raw, "x=a%26b")
    assert seen.path == "/receiver/locations/BE/CPO/L1/E/1", "the receiver decodes the escaped slash itself"
    assert seen.headers["authorization"] == authorization("OUR-TOKEN-1"), "its own token, never the sender's"
    assert seen.headers["x-correlation-id"] == "story-1"
    assert seen.headers["x-request-id"] not in ("", "asked-1")
    assert read_addresses(seen.headers) == {"to": "DE*EMS", "from": "BE*CPO"}
    assert (answer.status_code, answer.content) == (
        201,
        b' {"status_code" : 1000, "x":1 ,"timestamp":"2026-01-01T00:00:00Z"}',
    )
    assert (answer.headers["x-request-id"], answer.headers["x-correlation-id"]) == ("asked-1", "story-1")
    assert read_addresses(answer.headers) == {"to": "BE*CPO", "from": "DE*EMS"}
    assert not {"x-internal", "set-cookie"} & set(answer.headers)
    assert await pair.cpo.code("GET", WHERE) == (404, 2000), "what is for one party is not kept here"


def read_addresses(headers: httpx.Headers | dict[str, str] | object) -> dict[str, str]:
    assert isinstance(headers, httpx.Headers | dict)
    return {
        direction: f"{headers[f'ocpi-{direction}-country-code']}*{headers[f'ocpi-{direction}-party-id']}"
        for direction in ("to", "from")
    }


async def test_a_sender_that_does_not_say_who_it_is_is_named_to_the_receiver(pair: Between) -> None:
    pair.receiver.replies["/"] = lambda _: success()
    assert await pair.cpo.code("PUT", WHERE, LOCATION, headers=addressed(to="de*ems")) == (200, 1000)
    assert read_addresses(pair.receiver.seen[0].headers)["from"] == "BE*CPO"


async def test_an_address_goes_on_as_its_sender_writes_it(pair: Between) -> None:
    """The case means nothing to who decides, and may mean something to who receives."""
    pair.receiver.replies["/"] = lambda _: success()
    written = ["be*CPO", "BE*CPO", "be*CPO"]
    for sender in written:
        headers = addressed(to="DE*EMS", sender=sender)
        assert await pair.cpo.code("PUT", WHERE, LOCATION, headers=headers) == (200, 1000)
    assert [read_addresses(seen.headers)["from"] for seen in pair.receiver.seen] == written


async def test_a_partner_that_takes_plain_tokens_gets_one(
    network: Network, receiver: Stranger, http: httpx.AsyncClient
) -> None:
    pair = await between(network, receiver, http, encode=False)
    receiver.replies["/receiver"] = lambda _: success()
    assert await pair.cpo.code("PUT", WHERE, LOCATION, headers=addressed(to="DE*EMS")) == (200, 1000)
    assert receiver.seen[0].headers["authorization"] == authorization("OUR-TOKEN-1", encode=False)


@pytest.mark.parametrize(
    ("status", "code"), [(200, 2003), (404, 2004), (400, 2001), (200, 3000), (500, 3000), (405, 2000)]
)
async def test_whatever_the_receiver_says_goes_back_as_it_is(pair: Between, status: int, code: int) -> None:
    pair.receiver.replies["/sender/tokens"] = lambda _: success({"any": "thing"}, status=status, code=code)
    path = "sender/tokens/04AA/authorize?type=RFID"
    answer = await pair.cpo.send("POST", path, headers=addressed(to="DE*EMS"))
    assert answer.status_code == status
    assert answer.json() == {"data": {"any": "thing"}, "status_code": code, "timestamp": STAMP}
    assert pair.got("/sender/tokens/04AA/authorize").query == "type=RFID"


async def test_a_page_of_another_partner_is_handed_back_with_its_headers(pair: Between) -> None:
    pair.receiver.replies["/sender/tokens"] = lambda _: Response(
        b'{"data":[],"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}',
        200,
        {"X-Total-Count": "7", "X-Limit": "1", "Link": f'<{pair.receiver.url}/sender/tokens?offset=1>; rel="next"'},
    )
    answer = await pair.cpo.send("GET", "sender/tokens?limit=1", headers=addressed(to="DE*EMS"))
    assert (answer.headers["x-total-count"], answer.headers["x-limit"]) == ("7", "1")
    assert answer.json()["data"] == []


async def test_who_nobody_knows_gets_nothing(pair: Between) -> None:
    assert await pair.cpo.code("PUT", WHERE, LOCATION, headers=addressed(to="FR*XXX")) == (200, 4001)
    assert pair.receiver.seen == []


async def test_who_has_left_or_lacks_the_module_is_not_connected(pair: Between) -> None:
    token = {**PARTNER_TOKEN, "country_code": "BE", "party_id": "CPO"}
    start = {"response_url": "http://127.0.0.1:9/r", "token": token, "location_id": "L"}
    headers = addressed(to="DE*EMS")
    assert await pair.cpo.code("POST", "receiver/commands/START_SESSION", start, headers=headers) == (200, 4003)
    assert await pair.cpo.code("GET", "sender/locations", headers=headers) == (200, 4003)
    await pair.emsp.send("DELETE", "credentials")
    status, code = await pair.cpo.code("PUT", WHERE, LOCATION, headers=headers)
    assert (status, code) in {(200, 4001), (200, 4003)}
    assert pair.receiver.seen == []


async def test_who_cannot_be_reached_is_not_connected(
    network: Network, receiver: Stranger, http: httpx.AsyncClient
) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    invitation = await network.send("POST", "/partners/invitations", {"name": "Receiver"}, expect=201)
    dead_ends = {
        "locations": "http://127.0.0.1:9/l",
        "tariffs": "http://a..b/",
        "sessions": "http://127.0.0.1:99999/",
        "cdrs": "ftp://127.0.0.1/",
    }
    versions = receiver.speaks({f"RECEIVER/{module}": url for module, url in dead_ends.items()})
    invitee = Ocpi.with_token(network, http, invitation["token"])
    assert await invitee.code("POST", "credentials", credentials(versions, "EMSP:DE*EMS")) == (200, 1000)
    bodies: dict[str, tuple[str, str, Json]] = {
        "locations": ("PUT", WHERE, LOCATION),
        "tariffs": ("PUT", "receiver/tariffs/BE/CPO/T1", TARIFF),
        "sessions": ("PUT", "receiver/sessions/BE/CPO/S1", session_of("BE*CPO", "S1", "DE*EMS")),
        "cdrs": ("POST", "receiver/cdrs", cdr_of("BE*CPO", "C1", "DE*EMS")),
    }
    for module, request in bodies.items():
        assert await cpo.code(*request, headers=addressed(to="DE*EMS")) == (200, 4003), module


async def test_who_does_not_answer_in_time_is_not_waited_for(
    tmp_path: Path, migrated_database_url: str, receiver: Stranger, http: httpx.AsyncClient
) -> None:
    async with hub_with(tmp_path, migrated_database_url, egress_timeout_s=5.0) as network:
        pair = await between(network, receiver, http)
        receiver.delay_s = 60
        assert await pair.cpo.code("PUT", WHERE, LOCATION, headers=addressed(to="DE*EMS")) == (200, 4002)
        receiver.delay_s = 0


async def test_nobody_speaks_for_a_party_that_lives_elsewhere(pair: Between) -> None:
    for sender in ("DE*EMS", "NL*PLB", "NL*PLH", "FR*XXX"):
        headers = addressed(to="DE*EMS", sender=sender)
        assert await pair.cpo.code("PUT", WHERE, LOCATION, headers=headers) == (200, 2001), sender
    for foreign in ("NL/PLB", "FR/XXX", "DE/EMS"):
        path = f"receiver/locations/{foreign}/L1"
        assert await pair.cpo.code("PUT", path, LOCATION, headers=addressed(to="DE*EMS")) == (404, 2000), foreign
    assert pair.receiver.seen == []


async def test_the_hub_does_not_forward_its_own_registration(pair: Between) -> None:
    answer = await pair.cpo.send("GET", "credentials", headers=addressed(to="DE*EMS"))
    assert answer.json()["data"]["token"] == pair.cpo.token
    assert await pair.cpo.code("GET", "sender/hubclientinfo", headers=addressed(to="DE*EMS")) == (200, 1000)
    assert pair.receiver.seen == []


async def test_what_is_pushed_to_the_hub_reaches_every_emsp_from_the_hub(pair: Between) -> None:
    second = await pair.network.partner("EMSP", "AT*EMS")
    other_cpo = await pair.network.partner("CPO", "FR*CPO")
    pair.receiver.replies["/receiver/locations"] = lambda _: success()
    body = {**LOCATION, "x_own": {"kept": True}}

    answer = await pair.cpo.send("PUT", WHERE, body, headers={**addressed(to="NL*PLH"), **IDS})

    assert (answer.status_code, answer.json()["status_code"]) == (201, 1000)

    async def told() -> bool:
        return bool(pair.receiver.seen) and "L1" in second.state.locations

    await eventually(told)
    [seen] = pair.receiver.seen
    assert (seen.method, seen.path) == ("PUT", "/receiver/locations/BE/CPO/L1")
    assert orjson.loads(seen.body) == body
    assert read_addresses(seen.headers) == {"to": "DE*EMS", "from": "NL*PLH"}
    assert seen.headers["x-correlation-id"] == "story-1"
    assert other_cpo.state.locations == {}
    assert await pair.cpo.code("GET", WHERE) == (200, 1000), "kept here"


async def test_sessions_and_cdrs_are_never_broadcast(pair: Between) -> None:
    second: Partner = await pair.network.partner("EMSP", "AT*EMS")
    pair.receiver.replies["/"] = lambda _: success()
    to_hub = addressed(to="NL*PLH")
    session, cdr = session_of("BE*CPO", "S1", "AT*EMS"), cdr_of("BE*CPO", "C1", "AT*EMS")
    assert (await pair.cpo.code("PUT", "receiver/sessions/BE/CPO/S1", session, headers=to_hub))[1] == 1000
    assert (await pair.cpo.code("POST", "receiver/cdrs", cdr, headers=to_hub))[1] == 1000

    async def told() -> bool:
        return bool(second.state.cdrs) and bool(second.state.sessions)

    await eventually(told)
    assert pair.receiver.seen == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "receiver/commands/START_SESSION"), ("GET", WHERE), ("POST", "sender/tokens/04AA/authorize")],
)
async def test_what_is_no_push_is_not_for_the_hub_as_such(pair: Between, method: str, path: str) -> None:
    assert await pair.cpo.code(method, path, headers=addressed(to="NL*PLH")) == (200, 2001)


async def test_a_list_of_the_hub_holds_what_all_partners_have(pair: Between) -> None:
    await pair.network.publish()
    pair.receiver.replies["/"] = lambda _: success()
    await pair.cpo.send("PUT", WHERE, LOCATION)
    for headers in ({}, addressed(to="NL*PLH"), addressed(to="NL*PLB")):
        answer = await pair.emsp.send("GET", "sender/locations", headers=headers)
        assert [location["id"] for location in answer.json()["data"]] == ["LOC1", "L1"]


async def test_a_platform_of_several_parties_is_addressed_as_the_one_that_an_object_is_for(
    network: Network, receiver: Stranger, http: httpx.AsyncClient
) -> None:
    receiver.replies["/receiver"] = lambda _: success()
    versions = receiver.speaks(
        {f"RECEIVER/{module}": f"{receiver.url}/receiver/{module}" for module in ("locations", "tokens")}
    )
    invitation = await network.send("POST", "/partners/invitations", {"name": "Both"}, expect=201)
    invitee = Ocpi.with_token(network, http, invitation["token"])
    both = credentials(versions, "CPO:DE*CPO", "EMSP:DE*EMS")
    assert await invitee.code("POST", "credentials", both) == (200, 1000)
    await network.publish()
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)

    async def told() -> dict[str, str]:
        found = {
            seen.path.split("/")[2]: read_addresses(seen.headers)["to"]
            for seen in receiver.seen
            if seen.method == "PUT"
        }
        return found if len(found) == 2 else {}

    assert await eventually(told) == {"locations": "DE*EMS", "tokens": "DE*CPO"}
