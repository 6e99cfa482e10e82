"""hubclientinfo: partners learn who can be reached, and a partner hub tells us whom it reaches."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest

from hub.parties import hub_reading
from simulators.partner.partner import Partner
from tests.journeys.network import Json, Network, eventually
from tests.journeys.peers import STAMP, Ocpi, Stranger, addressed, credentials, stranger, success

pytestmark = pytest.mark.anyio


@pytest.fixture
async def others() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def joined(
    network: Network, others: AsyncExitStack, role: str, party: str, *modules: str
) -> tuple[Stranger, Ocpi]:
    """A stranger that has registered, with endpoints for these modules."""
    other = await others.enter_async_context(stranger())
    versions = other.speaks({each: f"{other.url}/{each.partition('/')[2]}" for each in modules})
    for each in modules:
        other.replies[f"/{each.partition('/')[2]}"] = lambda _: success()
    body = {"name": party, "roles": [{"role": role, "party": party}]}
    invitation = await network.send("POST", "/partners/invitations", body, expect=201)
    invited = Ocpi.with_token(network, network.api, invitation["token"])
    answer = await invited.send("POST", "credentials", credentials(versions, f"{role}:{party}"))
    assert answer.status_code == 200, answer.text
    return other, Ocpi.with_token(network, network.api, answer.json()["data"]["token"])


def told(other: Stranger) -> list[tuple[str, str]]:
    pushes = [seen for seen in other.seen if seen.path.startswith("/hubclientinfo")]
    assert all("ocpi-from-party-id" not in seen.headers for seen in pushes)
    return [(seen.path.removeprefix("/hubclientinfo/"), orjson.loads(seen.body)["status"]) for seen in pushes]


async def test_partners_learn_who_comes_and_goes(network: Network, others: AsyncExitStack) -> None:
    other, _ = await joined(network, others, "EMSP", "DE*EMS", "RECEIVER/hubclientinfo")
    _, cpo = await joined(network, others, "CPO", "BE*CPO", "RECEIVER/hubclientinfo")

    async def knows(status: str) -> bool:
        return ("BE/CPO", status) in told(other)

    await eventually(lambda: knows("CONNECTED"))
    assert (await cpo.code("DELETE", "credentials"))[1] == 1000
    await eventually(lambda: knows("SUSPENDED"))
    assert not [path for path, _ in told(other) if path == "DE/EMS"], "nobody is told of himself"


async def test_nobody_is_told_of_a_party_that_it_may_not_meet(network: Network, others: AsyncExitStack) -> None:
    await network.send("PUT", "/agreements/BE*CPO/DE*EMS", {"allowed": False})
    other, emsp = await joined(network, others, "EMSP", "DE*EMS", "RECEIVER/hubclientinfo")
    await joined(network, others, "CPO", "BE*CPO", "RECEIVER/hubclientinfo")
    await joined(network, others, "CPO", "FR*CPO", "RECEIVER/hubclientinfo")

    async def knows_the_last() -> bool:
        return ("FR/CPO", "CONNECTED") in told(other)

    await eventually(knows_the_last)
    listed = (await emsp.send("GET", "sender/hubclientinfo")).json()["data"]
    assert "BE/CPO" not in [path for path, _ in told(other)]
    assert {f"{each['country_code']}*{each['party_id']}" for each in listed} == {"NL*PLB", "FR*CPO"}


def info(party: str, role: str = "CPO", status: str = "CONNECTED", **fields: Any) -> Json:
    owner = {"country_code": party[:2], "party_id": party[3:]}
    return {**owner, "role": role, "status": status, "last_updated": STAMP, **fields}


async def test_a_partner_hub_tells_whom_it_reaches_and_messages_go_there(
    network: Network, others: AsyncExitStack
) -> None:
    hub, from_hub = await joined(network, others, "HUB", "FR*HUB", "RECEIVER/locations")
    emsp: Partner = await network.partner("EMSP", "DE*EMS")
    sender = Ocpi.of(network, emsp)
    assert await from_hub.code("PUT", "receiver/hubclientinfo/FR/FAR", info("FR*FAR")) == (201, 1000)
    assert await from_hub.code("PUT", "receiver/hubclientinfo/FR/FAR", info("FR*FAR")) == (200, 1000)
    answer = await from_hub.send("GET", "receiver/hubclientinfo/FR/FAR")
    assert answer.json()["data"] == info("FR*FAR")
    partners = {partner["name"]: partner["id"] for partner in await network.get("/partners")}
    [reached] = await network.get(f"/partners/{partners['FR*HUB']}/reachable-parties")
    assert (reached["party"], reached["role"], reached["status"]) == ("FR*FAR", "CPO", "CONNECTED")

    headers = addressed(to="FR*FAR", sender="DE*EMS")
    hub.seen.clear()
    await sender.send("GET", "receiver/locations/DE/EMS/L1", headers=headers)
    assert [(seen.path, seen.headers["ocpi-to-party-id"]) for seen in hub.seen] == [("/locations/DE/EMS/L1", "FAR")]


async def test_whom_a_partner_hub_reaches_is_read_from_its_list_and_what_is_gone_is_forgotten(network: Network) -> None:
    hub: Partner = await network.partner("HUB", "FR*HUB")
    [partner] = await network.get("/partners")

    async def reached() -> set[str]:
        rows = await network.get(f"/partners/{partner['id']}/reachable-parties")
        return {f"{row['party']} {row['role']}" for row in rows}

    async def all_of_them() -> bool:
        return await reached() == {"NL*HCP CPO", "NL*HEM EMSP"}

    await eventually(all_of_them)
    del hub.state.clients["NL*HEM*EMSP"]
    hub.state.clients["bad"] = {**hub.state.clients["NL*HCP*CPO"], "role": 7}
    hub.state.clients["home"] = {**hub.state.clients["NL*HCP*CPO"], "party_id": "PLB"}
    async with network.up.hub.db.tx() as tx:
        hub_reading.ask(tx, partner["id"])

    async def one_is_gone() -> bool:
        return await reached() == {"NL*HCP CPO"}

    await eventually(one_is_gone)


async def test_a_hub_does_not_take_over_parties_that_have_a_home(network: Network, others: AsyncExitStack) -> None:
    _, from_hub = await joined(network, others, "HUB", "FR*HUB")
    _, from_cpo = await joined(network, others, "CPO", "BE*CPO")
    for party in ("BE*CPO", "NL*PLB"):
        path = f"receiver/hubclientinfo/{party[:2]}/{party[3:]}"
        assert (await from_hub.code("PUT", path, info(party)))[1] == 2001
    assert (await from_cpo.code("PUT", "receiver/hubclientinfo/FR/FAR", info("FR*FAR")))[1] == 2000


async def test_an_operator_sees_pulls_and_quirks_and_may_change_them(network: Network) -> None:
    await network.partner("CPO", "BE*CPO")
    [partner] = await network.get("/partners")
    base = f"/partners/{partner['id']}"

    async def read() -> bool:
        return all(state["last_full_at"] for state in await network.get(f"{base}/pulls"))

    await eventually(read)
    started = await network.send("POST", f"{base}/pulls", {"kind": "FULL", "modules": ["locations"]}, expect=202)
    assert {state["module"] for state in started} >= {"locations", "tariffs", "sessions", "cdrs"}
    await network.send("POST", f"{base}/pulls", {"modules": ["weather"]}, expect=404)
    quirks = {each["name"]: each for each in await network.get(f"{base}/quirks")}
    assert quirks["encode_token"]["value"] is True
    said = await network.send("PATCH", f"{base}/quirks", {"set": {"page_cap": 50}})
    assert next(each for each in said if each["name"] == "page_cap")["found"]["pinned"] is True
    await network.send("PATCH", f"{base}/quirks", {"set": {"colour": True}}, expect=422)
    await network.api.get("/partners/nobody/pulls")
    assert (await network.api.get("/partners/nobody/quirks")).status_code == 404
