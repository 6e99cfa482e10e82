"""No URL that a partner gives leads into our own network: straight, from a list of endpoints, or by a redirect."""

import pytest
from sqlmodel import col, select
from starlette.responses import RedirectResponse, Response

from hub.starts.service import POST_RESULT
from kit.job_rows import JobRow
from ocpi.client import PartnerClient
from ocpi.endpoint import Interface
from simulators.partner.partner import Partner
from tests.journeys.network import PARTNER_TOKEN, Json, Network, eventually, http_client
from tests.journeys.peers import Ocpi, addressed, credentials, stamped_location, stranger, success, trap

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.hub(partners=["CPO:BE*CPO", "EMSP:DE*EMS"], egress_private_networks=["127.0.0.1/32"]),
]

TOKEN: Json = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
THEIRS: Json = {**PARTNER_TOKEN, "country_code": "AT", "party_id": "EMS"}
# The partner is on 127.0.0.1, which is allowed here; 127.0.0.2 stands for our own network.


@pytest.mark.parametrize("way", ["straight", "by a redirect"])
@pytest.mark.parametrize("command", ["START_SESSION", "STOP_SESSION", "UNLOCK_CONNECTOR"])
async def test_no_response_url_leads_into_a_private_network(network: Network, command: str, way: str) -> None:
    await network.publish()
    partner = await network.partner("EMSP", "DE*EMS")
    partner.state.tokens[TOKEN["uid"]] = TOKEN
    station = await network.station()
    body: Json = {"token": TOKEN, "location_id": "LOC1", "evse_uid": "EVSE-1", "connector_id": "1"}
    if command == "STOP_SESSION":
        body["session_id"] = await running_session(partner)
    async with trap("127.0.0.2") as (port, caught), stranger() as hop:
        inside = f"http://127.0.0.2:{port}/r"
        hop.replies["/"] = lambda _: RedirectResponse(f"{inside}/", 307)
        body["response_url"] = inside if way == "straight" else f"{hop.url}/r"

        answer = await Ocpi.of(network, partner).send("POST", f"receiver/commands/{command}", body)

        assert answer.json()["data"]["result"] == "ACCEPTED"

        async def tried() -> bool:
            return bool(hop.seen) if way == "by a redirect" else await waits_for_retry(network)

        await eventually(tried)
        assert caught == []
    await station.close()


@pytest.mark.parametrize("url", ["http://a..b/", "http://127.0.0.1:99999/", "http://xn--/", "x", "http://[::1"])
async def test_a_response_url_that_is_none_is_given_up(network: Network, url: str) -> None:
    await network.publish()
    partner = await network.partner("EMSP", "DE*EMS")
    await network.station()
    body = {"response_url": url, "location_id": "LOC1", "evse_uid": "EVSE-1", "connector_id": "1"}
    await Ocpi.of(network, partner).send("POST", "receiver/commands/UNLOCK_CONNECTOR", body)

    async def tried() -> bool:
        return await waits_for_retry(network)

    await eventually(tried)


async def running_session(partner: Partner) -> str:
    await partner.start_session(TOKEN["uid"], "LOC1")

    async def running() -> str | None:
        return next((each["id"] for each in partner.state.sessions.values() if each["status"] == "ACTIVE"), None)

    found: str = await eventually(running)
    return found


async def waits_for_retry(network: Network) -> bool:
    """Whether posting a result has failed and is to be tried again, or was given up."""
    async with network.up.hub.db.read() as tx:
        jobs = await tx.all(select(JobRow).where(col(JobRow.kind) == POST_RESULT))
    return any(job.last_error for job in jobs)


async def test_no_endpoint_of_a_partner_leads_into_a_private_network(network: Network) -> None:
    async with (
        trap("127.0.0.2") as (port, caught),
        stranger() as other,
        http_client() as http,
    ):
        inside = f"http://127.0.0.2:{port}/x"
        versions = other.speaks(
            {"RECEIVER/locations": inside, "RECEIVER/tariffs": f"{other.url}/hop", "SENDER/tokens": inside}
        )
        other.replies["/hop"] = lambda _: RedirectResponse(f"http://127.0.0.2:{port}/hop/", 308)
        invitation = await network.send("POST", "/partners/invitations", {"name": "Partner"}, expect=201)
        invitee = Ocpi.with_token(network, http, invitation["token"])
        answer = await invitee.send("POST", "credentials", credentials(versions, "EMSP:AT*EMS"))
        emsp = Ocpi.with_token(network, http, answer.json()["data"]["token"])
        await network.publish()
        station = await network.station()

        assert await station.authorize("04NOBODY") == "Invalid"
        cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
        location = stamped_location(id="L1", country_code="BE", party_id="CPO")
        to = addressed(to="AT*EMS")
        forwarded = await cpo.code("PUT", "receiver/locations/BE/CPO/L1", location, headers=to)
        assert forwarded == (200, 4003)

        async def tried() -> bool:
            rows = (await network.get("/deliveries"))["partners"]
            return {row["module"] for row in rows if row["last_error"]} >= {"locations"} and any(
                seen.path == "/hop/NL/PLB/STANDARD" for seen in other.seen
            )

        await eventually(tried)
        assert caught == []
        assert await emsp.code("GET", "sender/locations") == (200, 1000)


async def test_neither_a_receipt_nor_a_page_of_a_partner_leads_into_a_private_network(network: Network) -> None:
    """The `Location` of a CDR is kept as a text; the `Link` of a page counts at the partner's own origin alone."""
    async with (
        trap("127.0.0.2") as (port, caught),
        stranger() as other,
        http_client() as http,
    ):
        inside = f"http://127.0.0.2:{port}/x"
        versions = other.speaks({"RECEIVER/cdrs": f"{other.url}/cdrs", "SENDER/tokens": f"{other.url}/tokens"})
        allowed = {"allowed": "ALLOWED", "token": THEIRS, "authorization_reference": "R1"}
        other.replies["/tokens"] = lambda _: success(allowed)
        other.replies["/cdrs"] = lambda _: with_headers(success(), Location=inside)
        invitation = await network.send("POST", "/partners/invitations", {"name": "Partner"}, expect=201)
        invitee = Ocpi.with_token(network, http, invitation["token"])
        await invitee.send("POST", "credentials", credentials(versions, "EMSP:AT*EMS"))
        await network.publish()
        station = await network.station()
        assert await station.tap(THEIRS["uid"], seconds=0.3) is not None

        async def receipt() -> Json | None:
            return next(iter((await network.get("/deliveries"))["receipts"]), None)

        assert (await eventually(receipt))["location"] == inside
        elsewhere = f'<{inside}>; rel="next"'
        other.replies["/tokens"] = lambda asked: with_headers(success([] if asked.query else [THEIRS]), Link=elsewhere)
        endpoints = {("tokens", Interface.SENDER): f"{other.url}/tokens"}
        client = PartnerClient(network.up.hub.http, endpoints, "T", now=network.up.hub.clock.now)
        assert [item["uid"] async for item in client.items("tokens")] == [THEIRS["uid"]]
        assert caught == []


def with_headers(response: Response, **headers: str) -> Response:
    response.headers.update(headers)
    return response
