"""A hub and its eMSPs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.hub.tokens.emsps import DEADLINE_S, Emsps
from tests.journeys.peers import hub_with


@pytest.fixture
async def emsps(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[Emsps]:
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        hub_with(tmp_path, migrated_database_url, authorize_deadline_s=DEADLINE_S) as network,
        AsyncExitStack() as stack,
    ):
        yield Emsps(network, stack, http)
