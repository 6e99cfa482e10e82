"""The hub is killed in the middle of a handshake: nothing half written remains, and both can begin anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.journeys.network import Network, eventually
from tests.journeys.peers import Ocpi, Stranger, credentials, stranger, success
from tests.journeys.process import HubProcess, hub_process, network_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STEPS = ["/versions", "/details"]


@pytest.fixture
async def hub(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[HubProcess]:
    async with hub_process(tmp_path, migrated_database_url) as hub:
        yield hub


@pytest.fixture
async def network(hub: HubProcess) -> AsyncIterator[Network[HubProcess]]:
    async with network_of(hub) as network:
        yield network


@pytest.fixture
async def other() -> AsyncIterator[Stranger]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(stranger())


async def reached(other: Stranger, path: str) -> None:
    async def is_there() -> bool:
        return any(seen.path == path for seen in other.seen)

    await eventually(is_there)


@pytest.mark.parametrize("step", STEPS)
async def test_a_partner_whose_registration_was_cut_off_registers_again_with_the_same_token(
    hub: HubProcess, network: Network[HubProcess], other: Stranger, step: str
) -> None:
    versions = other.speaks({})
    body = {"name": "partner", "roles": [{"role": "EMSP", "party": "DE*EMS"}]}
    invitation = await network.send("POST", "/partners/invitations", body, expect=201)
    ours = Ocpi(f"{hub.http_url}/ocpi/2.2.1", network.api, invitation["token"])
    other.delay_s = 0.5
    posting = asyncio.create_task(ours.send("POST", "credentials", credentials(versions, "EMSP:DE*EMS")))
    await reached(other, step)
    await hub.kill()
    await asyncio.gather(posting, return_exceptions=True)
    other.delay_s = 0.0
    await hub.start()
    [partner] = await network.get("/partners")
    assert (partner["status"], partner["parties"]) == ("INVITED", [])
    answer = await ours.send("POST", "credentials", credentials(versions, "EMSP:DE*EMS"))
    assert answer.status_code == 200, answer.text
    [partner] = await network.get("/partners")
    assert partner["status"] == "CONNECTED"


@pytest.mark.parametrize("step", [*STEPS, "/credentials"])
async def test_our_own_registration_that_was_cut_off_can_be_begun_anew(
    hub: HubProcess, network: Network[HubProcess], other: Stranger, step: str
) -> None:
    versions = other.speaks({})
    other.replies["/credentials"] = lambda _: success(credentials(versions, "CPO:BE*CPO"))
    invited = {"name": "partner", "versions_url": versions, "token": "TOKEN-A"}
    other.delay_s = 0.5
    registering = asyncio.create_task(network.api.post("/partners", json=invited))
    await reached(other, step)
    await hub.kill()
    await asyncio.gather(registering, return_exceptions=True)
    other.delay_s = 0.0
    await hub.start()
    left = await network.get("/partners")
    assert [(each["status"], each["parties"], each["endpoints"]) for each in left] == [("INVITED", [], [])]
    made = await network.send("POST", "/partners", invited, expect=201)
    assert (made["status"], [each["party"] for each in made["parties"]]) == ("CONNECTED", ["BE*CPO"])
