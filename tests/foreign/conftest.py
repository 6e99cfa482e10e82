"""The hub that foreign clients talk to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.network import Network
from tests.journeys.peers import hub_with


@pytest.fixture
async def network(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[Network]:
    """A hub of the test's own."""
    async with hub_with(tmp_path, migrated_database_url) as network:
        yield network
