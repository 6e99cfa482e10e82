"""A shop on whichever database the run is about."""

from collections.abc import AsyncIterator

import pytest

from tests.payments.shop import Shop, listening, open_shop


@pytest.fixture
async def shop(migrated_database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(migrated_database_url) as opened:
        yield opened


@pytest.fixture
async def listening_shop(shop: Shop) -> AsyncIterator[Shop]:
    async with listening(shop) as opened:
        yield opened
