"""What must not get through a registration: other roles, taken parties, dead ends, ways into our network."""

from pathlib import Path

import httpx
import pytest
from starlette.responses import RedirectResponse, Response

from tests.journeys.network import Network
from tests.journeys.peers import Stranger, credentials, hub_with, success, trap
from tests.journeys.registering import invited, registered, status_of, stored

pytestmark = pytest.mark.anyio


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
