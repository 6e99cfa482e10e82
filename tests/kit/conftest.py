"""A database with kit's own tables, on whichever database the run is about; and a server to send requests to."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from sqlmodel import SQLModel

from kit.clock import ManualClock
from kit.http import Egress
from kit.job_rows import JobRow
from kit.reactions import Reactions
from kit.tx import Database
from tests.kit.http_server import Fetch, Server, serving


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))


@pytest.fixture
def reactions() -> Reactions:
    return Reactions()


@pytest.fixture
async def db(database_url: str, clock: ManualClock, reactions: Reactions) -> AsyncIterator[Database]:
    database = Database(database_url, clock=clock, reactions=reactions)
    async with database.tx() as tx:
        await tx.connection.run_sync(SQLModel.metadata.create_all, tables=[JobRow.__table__])  # type: ignore[attr-defined]
    yield database
    await database.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture(params=["httpx", "direct"])
def fetch(request: pytest.FixtureRequest) -> Fetch:
    """GET by one of the two clients, and read the body."""

    async def by_httpx(egress: Egress, url: str) -> bytes:
        async with egress.client() as client:
            return (await client.get(url)).content

    async def directly(egress: Egress, url: str) -> bytes:
        async with aclosing(egress.direct()) as direct:
            return (await direct.request("GET", url, {})).body

    return by_httpx if request.param == "httpx" else directly
