"""Partners that send rubbish: each request gets an envelope that blames them, and what is stored stays as it is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random

import httpx
import pytest

from tests.fuzz import mutations
from tests.fuzz.objects import REQUESTS, STORED, damaged, odd_headers, odd_target
from tests.journeys.network import LOCATION, Json, Network
from tests.journeys.peers import Ocpi, addressed, credentials, stranger
from tests.journeys.process import HubProcess

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ROUNDS = 400
HUBS_FAULT = range(3000, 4000)


@dataclass
class Partners:
    """A partner for each role, and what they have stored at the hub."""

    network: Network[HubProcess]
    by: dict[str, Ocpi]

    async def store(self) -> None:
        """Store one of each, and a charger of ours that is never there for them to command."""
        evses = [{**evse, "uid": "RUDE-1"} for evse in LOCATION["evses"]]
        await self.network.send("PUT", "/locations/RUDE", {**LOCATION, "evses": evses})
        await self.network.send("POST", "/stations", {"id": "RUDE-2", "location_id": "RUDE"}, expect=201)
        for request in STORED:
            assert (await self.by[request.by].code(request.method, request.path, request.body))[1] == 1000

    async def stored(self) -> list[Json]:
        """What the hub has of each."""
        answers = [await self.by[request.by].send("GET", request.path) for request in STORED]
        return [answer.json()["data"] for answer in answers]


@pytest.fixture
async def partners(network: Network[HubProcess]) -> AsyncIterator[Partners]:
    cpo, emsp = await network.partner("CPO", "BE*CPO"), await network.partner("EMSP", "DE*EMS")
    made = Partners(network, {"CPO": Ocpi.of(network, cpo), "EMSP": Ocpi.of(network, emsp)})
    await made.store()
    yield made
    for ocpi in made.by.values():
        assert await ocpi.code("GET", "sender/locations") == (200, 1000)


def check(answer: httpx.Response, what: object) -> int:
    """Whether it is an answer of OCPI that is no fault of the hub; its status code."""
    assert answer.status_code < 500, (what, answer.text)
    assert "application/json" in answer.headers.get("content-type", ""), (what, answer.status_code, answer.text)
    code: int = answer.json()["status_code"]
    assert code not in HUBS_FAULT, (what, answer.text)
    assert (answer.status_code < 400) or code >= 2000, (what, answer.text)
    return code


@pytest.mark.parametrize("seed", range(2))
async def test_a_damaged_object_is_taken_whole_or_refused_without_a_trace(partners: Partners, seed: int) -> None:
    random = Random(f"body {seed}")
    present = await partners.stored()
    for _ in range(ROUNDS):
        request = random.choice(REQUESTS)
        body = damaged(request, random)
        answer = await partners.by[request.by].send(request.method, request.path, raw=body)
        code = check(answer, (request, body))
        now = await partners.stored()
        if code != 1000:
            assert now == present, (request, body)
        present = now


@pytest.mark.parametrize("seed", range(2))
async def test_an_odd_path_or_query_is_answered(partners: Partners, seed: int) -> None:
    random, closed = Random(f"path {seed}"), 0
    async with httpx.AsyncClient(trust_env=False, timeout=30, follow_redirects=False) as http:
        for _ in range(ROUNDS):
            request = random.choice(REQUESTS)
            target = odd_target(request.path, random)
            ocpi = partners.by[request.by]
            method = random.choice([request.method, "GET", "PUT", "PATCH", "DELETE", "POST", "HEAD", "OPTIONS"])
            if method == "DELETE" and "credentials" in target:
                continue
            url = httpx.URL(partners.network.up.http_url).copy_with(raw_path=f"/ocpi/2.2.1/{target}".encode())
            headers = {"Authorization": f"Token {ocpi.token}"}
            try:
                answer = await http.request(method, url, headers=headers, content=damaged(request, random))
            except httpx.TransportError:
                closed += 1  # it need not read a body to its end that it does not want
                continue
            if method != "HEAD":
                check(answer, (method, target))
    assert closed < ROUNDS / 20


@pytest.mark.parametrize("seed", range(2))
async def test_odd_headers_are_answered_or_the_connection_is_closed(partners: Partners, seed: int) -> None:
    random = Random(f"headers {seed}")
    before = await partners.stored()
    host, _, port = partners.network.up.http_url.removeprefix("http://").partition(":")
    for _ in range(ROUNDS // 4):
        request = random.choice([each for each in REQUESTS if each.method == "GET"])
        token = partners.by[request.by].token.encode()
        named = [(b"Host", b"x"), (b"Connection", b"close"), (b"Authorization", b"Token " + token)]
        for _ in range(random.randint(1, 3)):
            named += odd_headers(random, token)
        lines = [f"GET /ocpi/2.2.1/{request.path} HTTP/1.1".encode(), *(name + b": " + value for name, value in named)]
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
            if random.random() < 0.5:
                writer.write(random.choice([b"0\r\n\r\n", b"zz\r\n", b"{}", b"5\r\nhello\r\n0\r\n\r\n"]))
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 30)
        except OSError:
            continue  # it was closed before all was sent
        finally:
            writer.close()
        status = answer.split(b"\r\n", 1)[0]
        assert answer == b"" or 100 <= int(status.split()[1]) < 500, (lines, answer)
        assert b"Traceback" not in answer
    assert await partners.stored() == before


@pytest.mark.parametrize("seed", range(2))
async def test_a_damaged_object_that_names_its_receiver_is_no_fault_of_the_hub(partners: Partners, seed: int) -> None:
    random = Random(f"routed {seed}")
    other = {"CPO": "DE*EMS", "EMSP": "BE*CPO"}
    for _ in range(ROUNDS // 2):
        request = random.choice([each for each in REQUESTS if each.body is not None])
        to = random.choice([other[request.by], "NL*PLB", "NL*PLH", "FR*XXX"])
        body = damaged(request, random)
        answer = await partners.by[request.by].send(request.method, request.path, raw=body, headers=addressed(to=to))
        if to != other[request.by]:  # whatever the other partner says to it goes back as it is
            check(answer, (request, to, body))


@pytest.mark.parametrize("seed", range(2))
async def test_damaged_credentials_are_refused_or_are_a_renewal(network: Network[HubProcess], seed: int) -> None:
    random = Random(f"credentials {seed}")
    async with stranger() as other, httpx.AsyncClient(trust_env=False, timeout=30) as http:
        versions = other.speaks({"RECEIVER/locations": f"{other.url}/locations"})
        good = credentials(versions, "EMSP:DE*EMS")
        invitation = await network.send("POST", "/partners/invitations", {"name": "Rude"}, expect=201)
        partner = Ocpi.with_token(network, http, invitation["token"])
        registered = False
        for _ in range(ROUNDS // 4):
            registered = await offer(partner, "PUT" if registered else "POST", good, random) or registered
        answer = await partner.send("PUT" if registered else "POST", "credentials", good)
        assert answer.json()["status_code"] == 1000, answer.text
        partner.token = answer.json()["data"]["token"]
        assert await partner.code("GET", "sender/locations") == (200, 1000)


async def offer(ocpi: Ocpi, method: str, good: Json, random: Random) -> bool:
    """Send damaged credentials. Those that are good all the same give a new token, which is used from then on."""
    body = mutations.raw(mutations.mutated(good, random, most=2), random)
    answer = await ocpi.send(method, "credentials", raw=body)
    assert answer.status_code < 500, (body, answer.text)
    code = answer.json()["status_code"]
    assert code in (1000, *range(2000, 2005), 3001, 3002, 3003), (body, answer.text)
    if code == 1000:
        ocpi.token = answer.json()["data"]["token"]
    return bool(code == 1000)
