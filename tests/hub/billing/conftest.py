"""A till on whichever database the run is about."""

from collections.abc import AsyncIterator

import pytest

from tests.hub.billing.till import Till, open_till


@pytest.fixture
async def till(migrated_database_url: str) -> AsyncIterator[Till]:
    async with open_till(migrated_database_url) as opened:
        yield opened
