"""A whole hub on real sockets for the journeys: one that the tests of a module share, or one for each test."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.network import Network, http_client
from tests.journeys.peers import Ocpi, Stranger, hub_with, stranger
from tests.journeys.sharing import Shared, sharing
from tests.journeys.writes import Two


@pytest.fixture
async def own_network(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[Network]:
    """A hub of the test's own."""
    async with hub_with(tmp_path, migrated_database_url) as network:
        yield network


@pytest.fixture(scope="module")
async def shared_hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, module_database_url: str
) -> AsyncIterator[Shared]:
    """One hub for the tests of a module.

    `pytest.mark.hub(partners=["CPO:BE*CPO"], …)` on the module says who has registered with it, and its settings.
    """
    mark = request.node.get_closest_marker("hub")
    options: dict[str, Any] = mark.kwargs if mark else {}
    async with sharing(tmp_path_factory.mktemp("hub"), module_database_url, **options) as shared:
        yield shared


@pytest.fixture
async def network(shared_hub: Shared) -> AsyncIterator[Network]:
    """The module's hub with its partners, as if no test had been before."""
    async with shared_hub.lent() as network:
        yield network


@pytest.fixture
async def two(network: Network) -> Two:
    """The module's hub and two partners, none of which has sent anything."""
    cpo = await network.partner("CPO", "BE*CPO")
    emsp = await network.partner("EMSP", "DE*EMS")
    return Two(network, Ocpi.of(network, cpo), Ocpi.of(network, emsp))


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
