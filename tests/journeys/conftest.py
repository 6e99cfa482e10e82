"""A whole hub on real sockets for the journeys: one for each test, or one that the tests of a module share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from hub.parties.changes import Cursor
from hub.parties.tables import PartyRow, Platform, PlatformToken
from tests.journeys.network import Network, http_client, tidy_up
from tests.journeys.peers import Ocpi, Stranger, hub_with, stranger
from tests.journeys.writes import Two

REGISTRATIONS = [str(model.__tablename__) for model in (Platform, PlatformToken, PartyRow, Cursor)]


@pytest.fixture
async def network(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[Network]:
    """A hub of the test's own."""
    async with hub_with(tmp_path, migrated_database_url) as network:
        yield network


@pytest.fixture(scope="module")
async def module_network(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> AsyncIterator[Network]:
    """One hub for the tests of a module. They take it through a fixture that tidies up after each."""
    async with hub_with(tmp_path_factory.mktemp("hub"), module_database_url) as network:
        yield network


@pytest.fixture
async def tidy_network(module_network: Network) -> AsyncIterator[Network]:
    """The module's hub, with nothing in it: for tests that start no station and look at no job."""
    async with AsyncExitStack() as stack:
        yield replace(module_network, stack=stack)
    await tidy_up(module_network)


@pytest.fixture(scope="module")
async def module_two(module_network: Network) -> Two:
    """Two partners for the tests of a module."""
    cpo = await module_network.partner("CPO", "BE*CPO")
    emsp = await module_network.partner("EMSP", "DE*EMS")
    return Two(module_network, Ocpi.of(module_network, cpo), Ocpi.of(module_network, emsp))


@pytest.fixture
async def two(module_two: Two) -> AsyncIterator[Two]:
    """The module's hub and its two partners, none of which has sent anything: for tests that leave them registered."""
    yield module_two
    await tidy_up(module_two.network, keep=REGISTRATIONS)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Requests in anybody's name."""
    async with http_client(timeout=20) as client:
        yield client


@pytest.fixture
async def other() -> AsyncIterator[Stranger]:
    """A partner's server that offers a version and takes locations."""
    async with stranger() as made:
        made.speaks({"RECEIVER/locations": f"{made.url}/locations"})
        yield made
