"""A hub and its eMSPs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.hub.tokens.emsps import Emsps
from tests.journeys.network import http_client
from tests.journeys.sharing import Shared, sharing


@pytest.fixture(scope="module")
async def shared_hub(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> AsyncIterator[Shared]:
    """One hub for the tests of a module."""
    directory = tmp_path_factory.mktemp("hub")
    async with sharing(directory, module_database_url) as shared:
        yield shared


@pytest.fixture
async def emsps(shared_hub: Shared) -> AsyncIterator[Emsps]:
    """The module's hub, with which nobody has registered."""
    async with shared_hub.lent() as network, http_client() as http, AsyncExitStack() as stack:
        yield Emsps(network, stack, http)
