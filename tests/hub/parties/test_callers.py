"""Who calls: remembered as long as it is true, and not a request longer."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlmodel import col

from hub.parties.callers import Callers
from hub.parties.directory import DOORBELL, TOKEN_PURPOSE, Directory
from hub.parties.notices import Notices
from hub.parties.tables import CONNECTED, SUSPENDED, AgreementRow, PartyRow, Platform, PlatformToken
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.tx import Database
from ocpi.errors import Unauthenticated
from ocpi.headers import authorization

pytestmark = pytest.mark.anyio

TOKEN = "TOKEN-OF-THE-PARTNER"
HEADERS = {"authorization": authorization(TOKEN)}


@pytest.fixture
async def callers(db: Database, keys: KeyRing) -> Callers:
    """Knows one partner, DE*EMS, that has called before: what it remembers of it is on trial."""
    async with db.tx() as tx:
        platform = Platform(id="partner", name="Partner", status=CONNECTED, created_at=tx.now)
        tx.add(platform)
        await tx.flush()
        tx.add(PlatformToken(digest=keys.digest(TOKEN_PURPOSE, TOKEN), platform_id="partner", created_at=tx.now))
        tx.add(
            PartyRow(
                country_code="DE",
                party_id="EMS",
                role="EMSP",
                platform_id="partner",
                business_name="Partner",
                last_updated=tx.now,
            )
        )
    found = Callers(db, Directory(db, keys), Notices())
    assert await found.authenticate(HEADERS, "locations") is await found.authenticate(HEADERS, "locations")
    return found


async def test_a_token_that_was_taken_away_is_good_for_no_further_request(callers: Callers, db: Database) -> None:
    async with db.tx() as tx:
        await tx.execute(delete(PlatformToken))
        tx.ring(DOORBELL)
    with pytest.raises(Unauthenticated):
        await callers.authenticate(HEADERS, "locations")


async def test_a_partner_that_was_suspended_is_let_in_no_further(callers: Callers, db: Database) -> None:
    async with db.tx() as tx:
        await tx.execute(update(Platform).values(status=SUSPENDED))
        tx.ring(DOORBELL)
    with pytest.raises(Unauthenticated):
        await callers.authenticate(HEADERS, "locations")


async def test_a_token_in_its_grace_ends_with_it_without_any_ring(
    callers: Callers, db: Database, clock: ManualClock
) -> None:
    async with db.tx() as tx:
        await tx.execute(update(PlatformToken).values(valid_until=tx.now + timedelta(seconds=10)))
        tx.ring(DOORBELL)
    await callers.authenticate(HEADERS, "locations")
    clock.advance(10)
    with pytest.raises(Unauthenticated):
        await callers.authenticate(HEADERS, "locations")


async def test_an_agreement_that_is_ended_hides_the_owner_at_the_next_request(callers: Callers, db: Database) -> None:
    async def not_owners() -> frozenset[str]:
        return (await callers.authenticate(HEADERS, "locations")).visibility("locations").not_owners

    assert "BE*CPO" not in await not_owners()
    async with db.tx() as tx:
        tx.add(AgreementRow(cpo="BE*CPO", emsp="DE*EMS", allowed=False, updated_at=tx.now))
        tx.ring(DOORBELL)
    assert "BE*CPO" in await not_owners()
    async with db.tx() as tx:
        await tx.execute(delete(AgreementRow).where(col(AgreementRow.cpo) == "BE*CPO"))
        tx.ring(DOORBELL)
    assert "BE*CPO" not in await not_owners()


async def test_a_token_for_registration_opens_nothing_else(callers: Callers, db: Database) -> None:
    async with db.tx() as tx:
        await tx.execute(update(PlatformToken).values(registers=True))
        tx.ring(DOORBELL)
    assert (await callers.authenticate(HEADERS, "credentials")).registers
    with pytest.raises(Unauthenticated):
        await callers.authenticate(HEADERS, "locations")
