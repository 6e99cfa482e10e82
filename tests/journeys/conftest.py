"""A whole hub on real sockets for the journeys."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from hub.serve import running
from tests.journeys.network import Network, operator_key, settings_for


@pytest.fixture
async def network(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(running(settings_for(tmp_path, migrated_database_url)))
        key = await operator_key(up)
        api = httpx.AsyncClient(
            base_url=f"{up.http_url}/api/operator/v1", headers={"Authorization": f"Bearer {key}"}, trust_env=False
        )
        await stack.enter_async_context(api)
        yield Network(up, api, stack)
