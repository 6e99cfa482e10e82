"""Registrations that no process can be at any more."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlmodel import select

from hub.parties.registration import LONGEST_HANDSHAKE, Registrar
from hub.parties.tables import CONNECTED, INVITED, Platform, PlatformToken
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.tx import Database
from tests.journeys.network import eventually, http_client
from tests.journeys.peers import Stranger, stranger

pytestmark = pytest.mark.anyio

VERSIONS_URL = "https://hub.example.com/ocpi/versions"
SECOND = timedelta(seconds=1)


@pytest.fixture
async def registrar(db: Database, keys: KeyRing, clock: ManualClock) -> AsyncIterator[Registrar]:
    async with http_client() as http:
        yield Registrar(
            db=db,
            keys=keys,
            http=http,
            clock=clock,
            versions_url=VERSIONS_URL,
            roles=[],
            old_token_grace=timedelta(0),
        )


@pytest.fixture
async def other() -> AsyncIterator[Stranger]:
    async with stranger() as other:
        yield other


async def names(db: Database) -> set[str]:
    async with db.read() as tx:
        return set(await tx.all(select(Platform.name)))


async def test_a_registration_that_was_begun_and_has_no_end_is_forgotten_after_the_longest_handshake(
    registrar: Registrar, other: Stranger, db: Database, clock: ManualClock
) -> None:
    versions_url = other.speaks({})
    other.delay_s = 30.0
    async with db.tx() as tx:
        tx.add(Platform(name="invited by us", status=INVITED, created_at=tx.now))
        tx.add(Platform(name="connected", status=CONNECTED, versions_url=versions_url, created_at=tx.now))
    begun = asyncio.create_task(registrar.register_with("begun", versions_url, "TOKEN-A"))

    async def is_asked() -> bool:
        return bool(other.seen)

    await eventually(is_asked)
    clock.advance(LONGEST_HANDSHAKE.total_seconds())
    await registrar.forget_unfinished(db, {})
    assert await names(db) == {"begun", "invited by us", "connected"}, "its process may still be at it"

    clock.advance(SECOND.total_seconds())
    await registrar.forget_unfinished(db, {})
    assert await names(db) == {"invited by us", "connected"}
    async with db.read() as tx:
        assert list(await tx.all(select(PlatformToken))) == []
    await registrar.forget_unfinished(db, {})

    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert await names(db) == {"invited by us", "connected"}
