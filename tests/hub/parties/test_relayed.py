"""What the hub remembers of messages between partners: ids of reservations, and who set a charging profile."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from hub.parties import profile_setters, reservations
from hub.parties.profile_setters import ProfileSetter
from hub.parties.reservations import RelayedReservation
from hub.parties.tables import CONNECTED, Platform
from kit.clock import ManualClock
from kit.tx import Database
from ocpi.headers import Party

pytestmark = pytest.mark.anyio

EMSP, RIVAL, CPO, OTHER_CPO = Party("DE", "EMS"), Party("DE", "RIV"), Party("BE", "CPO"), Party("FR", "CPO")
EXPIRES = datetime(2026, 3, 1, 14, tzinfo=UTC)


@pytest.fixture
async def platform(db: Database) -> str:
    async with db.tx() as tx:
        made = Platform(name="eMSPs", status=CONNECTED, created_at=tx.now)
        tx.add(made)
        return made.id


async def mapped(
    db: Database,
    platform: str,
    reservation_id: str,
    emsp: Party = EMSP,
    cpo: Party = CPO,
    expires_at: datetime = EXPIRES,
) -> str:
    async with db.tx() as tx:
        return await reservations.mapped(
            tx, platform_id=platform, emsp=emsp, reservation_id=reservation_id, cpo=cpo, expires_at=expires_at
        )


async def test_each_emsp_and_each_cpo_has_an_id_of_its_own(db: Database, platform: str) -> None:
    ids = {
        await mapped(db, platform, "R1"),
        await mapped(db, platform, "R1", RIVAL),
        await mapped(db, platform, "R1", cpo=OTHER_CPO),
        await mapped(db, platform, "R2"),
    }
    assert len(ids) == 4
    assert all(len(each) <= 36 for each in ids)


async def test_a_reservation_keeps_its_id(db: Database, platform: str) -> None:
    first = await mapped(db, platform, "R1")
    assert await mapped(db, platform, "r1", Party("de", "ems")) == first
    async with db.read() as tx:
        found = await reservations.known(tx, platform_id=platform, emsps=["DE*EMS"], reservation_id="R1")
        assert [(each.cpo_reservation_id, each.cpo) for each in found] == [(first, "BE*CPO")]
        for platform_id, emsps in ((platform, ["DE*RIV"]), ("another", ["DE*EMS"])):
            assert await reservations.known(tx, platform_id=platform_id, emsps=emsps, reservation_id="R1") == []


async def test_two_processes_that_map_at_once_agree(db: Database, platform: str) -> None:
    found = await asyncio.gather(*(mapped(db, platform, "R1") for _ in range(5)))
    assert len(set(found)) == 1


async def test_what_is_long_over_is_forgotten(db: Database, clock: ManualClock, platform: str) -> None:
    await mapped(db, platform, "R1")
    await mapped(db, platform, "R2", expires_at=datetime(9999, 12, 31, tzinfo=UTC))
    async with db.tx() as tx:
        await profile_setters.remember(tx, cpo=CPO, session_id="S1", setter=EMSP)
    for passed, left in ((timedelta(days=29), (2, 1)), (timedelta(days=2), (1, 0)), (timedelta(days=3700), (0, 0))):
        clock.advance(passed.total_seconds())
        async with db.tx() as tx:
            await reservations.forget_past(tx)
            await profile_setters.forget_past(tx)
        async with db.read() as tx:
            counts = len(await tx.all(select(RelayedReservation))), len(await tx.all(select(ProfileSetter)))
        assert counts == left


async def test_the_last_party_that_set_a_profile_is_remembered(db: Database) -> None:
    for setter in (RIVAL, EMSP):
        async with db.tx() as tx:
            await profile_setters.remember(tx, cpo=CPO, session_id="S1", setter=setter)
    async with db.tx() as tx:
        await profile_setters.remember(tx, cpo=OTHER_CPO, session_id="S1", setter=RIVAL)
    async with db.read() as tx:
        assert await profile_setters.setters(tx, ["BE*CPO"], "s1") == {EMSP}
        assert await profile_setters.setters(tx, ["BE*CPO", "FR*CPO"], "S1") == {EMSP, RIVAL}
        assert await profile_setters.setters(tx, ["BE*CPO"], "S2") == set()
