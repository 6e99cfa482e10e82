"""Attempts to get in by a token: that of a registration, that of another platform, and none, at every endpoint."""

import httpx
import pytest

from ocpi import registry
from ocpi.endpoint import Endpoint, Verb
from tests.journeys.network import Network
from tests.journeys.peers import Ocpi, Stranger, addressed, credentials
from tests.journeys.registering import invited, registered, status_of, stored
from tests.journeys.writes import WRITES, Two, module_of

pytestmark = pytest.mark.anyio

ENDPOINTS = registry.ENDPOINTS["2.2.1"]
FILLED = {"country_code": "BE", "party_id": "CPO", "command": "START_SESSION"}


def path_of(endpoint: Endpoint) -> str:
    """A URL of an endpoint below the version."""
    module = endpoint.module.identifier
    if module == "credentials":
        return module
    segments = (FILLED.get(each[1:-1], "X1") if each.startswith("{") else each for each in endpoint.path)
    return "/".join((endpoint.interface.value.lower(), module, *segments))


async def test_a_registration_token_opens_registration_and_nothing_else(
    network: Network, http: httpx.AsyncClient
) -> None:
    _, invitee = await invited(network, http, "CPO:BE*CPO", "EMSP:BE*CPO")
    before = await stored(network)
    tried = [each for each in ENDPOINTS if each.module.identifier != "credentials"]
    assert len(tried) > 30
    for endpoint in tried:
        for headers in ({}, addressed(to="NL*PLB", sender="BE*CPO")):
            answer = await invitee.code(endpoint.verb.value, path_of(endpoint), {}, headers=headers)
            assert answer == (401, 2000), endpoint.key
    assert await invitee.code("GET", "credentials") == (200, 1000)
    assert await stored(network) == before


@pytest.mark.parametrize("token", ["nobody", "A" * 64, "NL*PLH"])
async def test_no_endpoint_answers_to_a_token_that_the_hub_has_not_given(
    network: Network, http: httpx.AsyncClient, token: str
) -> None:
    nobody = Ocpi.with_token(network, http, token)
    for endpoint in ENDPOINTS:
        assert await nobody.code(endpoint.verb.value, path_of(endpoint), {}) == (401, 2000), endpoint.key
    for path in ("ocpi/versions", "ocpi/2.2.1"):
        answer = await http.get(f"{network.up.http_url}/{path}")
        assert (answer.status_code, answer.json()["status_code"]) == (401, 2000)


async def test_the_token_that_the_hub_presents_to_a_partner_opens_nothing_at_the_hub(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    await registered(network, http, other, "EMSP:DE*EMS")
    partners_own = Ocpi.with_token(network, http, "OUR-TOKEN-1")
    for endpoint in ENDPOINTS:
        assert await partners_own.code(endpoint.verb.value, path_of(endpoint), {}) == (401, 2000), endpoint.key


async def test_a_platform_cannot_renew_or_end_the_registration_of_another(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    await registered(network, http, other, "EMSP:DE*EMS")
    victim = next(each["id"] for each in await network.get("/partners"))
    thief = await registered(network, http, other, "EMSP:AT*RIV")
    before = await stored(network)
    for roles in (["EMSP:DE*EMS"], ["EMSP:AT*RIV", "EMSP:DE*EMS"], ["EMSP:AT*RIV", "CPO:NL*PLB"]):
        answer = await thief.code("PUT", "credentials", credentials(f"{other.url}/versions", *roles))
        assert answer[1] == 2000, roles
    assert await stored(network) == before
    assert await thief.code("DELETE", "credentials", headers=addressed(to="DE*EMS", sender="DE*EMS")) == (200, 1000)
    assert await status_of(network, victim) == "CONNECTED", "it was its own registration that it ended"


@pytest.mark.parametrize("name", [name for name in WRITES if name != "credentials"])
async def test_what_a_partner_writes_is_refused_from_another_platform(two: Two, name: str) -> None:
    method, path, body = WRITES[name]
    thief = two.emsp if two.caller_of(module_of(path)) is two.cpo else two.cpo
    for headers in ({}, addressed(sender="BE*CPO"), addressed(sender="DE*EMS"), addressed(to="NL*PLB")):
        answer = (await thief.send(method, path, body, headers=headers)).json()
        said = (answer.get("data") or {}).get("result")
        assert answer["status_code"] >= 2000 or said == "UNKNOWN_SESSION", (headers, answer)
    if method == Verb.PUT:
        assert (await two.caller_of(module_of(path)).code("GET", path))[0] == 404, "nothing was stored"
