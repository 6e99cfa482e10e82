"""The directory in memory: never older than the last ring, and re-read when a ring was lost."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete
from sqlmodel import col, select

from hub.parties.directory import DOORBELL, REREAD_S, TOKEN_PURPOSE, Directory
from hub.parties.tables import CONNECTED, SUSPENDED, PartyRow, Platform, PlatformToken
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.tx import Database

pytestmark = pytest.mark.anyio


async def add(
    db: Database, keys: KeyRing, name: str, token: str, *, ring: bool = True, grace_s: int | None = None
) -> str:
    async with db.tx() as tx:
        platform = Platform(name=name, status=CONNECTED, created_at=tx.now)
        tx.add(platform)
        await tx.flush()
        until = None if grace_s is None else tx.now + timedelta(seconds=grace_s)
        digest = keys.digest(TOKEN_PURPOSE, token)
        tx.add(PlatformToken(digest=digest, platform_id=platform.id, valid_until=until, created_at=tx.now))
        tx.add(
            PartyRow(
                country_code="DE",
                party_id=name.upper()[:3],
                role="EMSP",
                platform_id=platform.id,
                business_name=name,
                last_updated=tx.now,
            )
        )
        if ring:
            tx.ring(DOORBELL)
        return platform.id


async def test_what_is_committed_is_seen_at_once(db: Database, keys: KeyRing) -> None:
    directory = Directory(db, keys)
    assert (await directory.snapshot()).peers == {}
    platform_id = await add(db, keys, "one", "TOKEN-1")

    snapshot = await directory.snapshot()

    assert snapshot.peers[platform_id].is_connected
    assert [party.key for party in snapshot.peers[platform_id].parties] == ["DE*ONE"]
    assert snapshot.peer_of("de", "one") is snapshot.peers[platform_id]
    assert await directory.snapshot() is snapshot, "nothing changed, so nothing is read"
    async with db.tx() as tx:
        row = await tx.first(select(Platform))
        assert row is not None
        row.status = SUSPENDED
        await tx.execute(delete(PlatformToken))
        tx.ring(DOORBELL)
    assert await directory.token(["TOKEN-1"]) is None
    assert not (await directory.snapshot()).peers[platform_id].is_registered


async def test_all_who_ask_at_once_share_one_reading(db: Database, keys: KeyRing, clock: ManualClock) -> None:
    directory = Directory(db, keys)
    for _ in range(2):
        snapshots = await asyncio.gather(*(directory.snapshot() for _ in range(20)))
        assert len({id(snapshot) for snapshot in snapshots}) == 1
        clock.advance(REREAD_S + 1)


async def test_what_is_rolled_back_is_never_seen(db: Database, keys: KeyRing) -> None:
    directory = Directory(db, keys)
    await directory.snapshot()
    with pytest.raises(RuntimeError):
        async with db.tx() as tx:
            tx.add(Platform(name="x", status=CONNECTED, created_at=tx.now))
            tx.ring(DOORBELL)
            await tx.flush()
            assert (await directory.snapshot()).peers == {}
            raise RuntimeError
    assert (await directory.snapshot()).peers == {}


async def test_a_lost_ring_is_made_up_for(db: Database, keys: KeyRing, clock: ManualClock) -> None:
    directory = Directory(db, keys)
    await directory.snapshot()
    await add(db, keys, "one", "TOKEN-1", ring=False)
    assert (await directory.snapshot()).peers == {}
    clock.advance(REREAD_S + 1)
    assert len((await directory.snapshot()).peers) == 1


async def test_a_ring_while_the_directory_is_read_is_not_lost(db: Database, keys: KeyRing) -> None:
    directory = Directory(db, keys)
    await add(db, keys, "one", "TOKEN-1")
    reading = db.read

    def ring_then_read():  # type: ignore[no-untyped-def]
        directory._forget()
        return reading()

    db.read = ring_then_read  # type: ignore[method-assign]
    first = await directory.snapshot()
    db.read = reading  # type: ignore[method-assign]
    assert await directory.snapshot() is not first, "it was read before the ring and is not kept"


async def test_a_token_is_known_until_its_grace_is_over_and_under_every_key(
    db: Database, keys: KeyRing, clock: ManualClock
) -> None:
    platform_id = await add(db, keys, "one", "TOKEN-1", grace_s=60)
    await add(db, keys, "two", "TOKEN-2")
    directory = Directory(db, keys.rotated())
    known = await directory.token(["nonsense", "TOKEN-1"])
    assert known is not None
    assert known.platform_id == platform_id
    assert await directory.token(["nonsense"]) is None
    clock.advance(60)
    assert await directory.token(["TOKEN-1"]) is None
    assert await directory.token(["TOKEN-1", "TOKEN-2"]) is not None
    async with db.tx() as tx:
        await tx.execute(delete(PlatformToken).where(col(PlatformToken.valid_until).is_(None)))
        tx.ring(DOORBELL)
    assert await directory.token(["TOKEN-2"]) is None
