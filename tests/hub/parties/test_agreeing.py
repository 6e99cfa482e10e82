"""Agreements that change while partners are being told: nothing that was granted is skipped."""

import pytest

from hub.locations.tables import Location
from hub.parties import agreeing, delivery
from hub.parties.agreements import Term
from hub.parties.directory import Directory, Peer
from hub.parties.objects import ObjectKey, keep
from hub.parties.outbox import Outgoing
from kit.crypto import KeyRing
from kit.tx import Database
from tests.hub.parties.test_delivery import SOURCES, Partners, add_partner

pytestmark = pytest.mark.anyio


@pytest.fixture
async def denying(db: Database) -> Directory:
    return Directory(db, KeyRing.generate(), agreed_by_default=False)


async def put(db: Database, party: str, name: str) -> None:
    body = {"country_code": "BE", "party_id": party, "id": name, "last_updated": "2026-03-01T12:00:00Z"}
    async with db.tx() as tx:
        await keep(tx, Location, ObjectKey.of("BE", party, name), body, platform_id=None)


async def agree(db: Database, directory: Directory, cpo: str, allowed: bool = True) -> None:
    async with db.tx() as tx:
        await agreeing.put(tx, directory, Term(cpo, "DE*E01", allowed))


async def test_what_is_granted_is_told_and_what_is_taken_away_is_not(db: Database, denying: Directory) -> None:
    partners = Partners()
    deliverer = delivery.Deliverer(db, denying, SOURCES, partners)
    await add_partner(db, "emsp", "E01")
    await add_partner(db, "other", "E02")
    await put(db, "ONE", "L1")
    await deliverer.settle()
    assert partners.sent == []
    await agree(db, denying, "BE*ONE")
    await deliverer.settle()
    assert [body["id"] for body in partners.got("emsp")] == ["L1"]
    assert partners.got("other") == []
    await agree(db, denying, "BE*ONE", False)
    await put(db, "ONE", "L2")
    await deliverer.settle()
    assert len(partners.got("emsp")) == 1
    await agree(db, denying, "BE*TWO", False)
    await deliverer.settle()
    assert len(partners.got("emsp")) == 1, "who is shown nothing new is sent nothing again"


async def test_an_agreement_in_the_middle_of_a_delivery_is_not_lost(db: Database, denying: Directory) -> None:
    """The sender has read the log under the old terms; its cursor must not pass what the new ones show."""

    class Interrupted(Partners):
        async def __call__(self, peer: Peer, module: str, outgoing: Outgoing, *, to: str | None) -> str | None:
            if not self.sent:
                await agree(db, denying, "BE*TWO")
            return await super().__call__(peer, module, outgoing, to=to)

    partners = Interrupted()
    deliverer = delivery.Deliverer(db, denying, SOURCES, partners)
    await add_partner(db, "emsp", "E01")
    await agree(db, denying, "BE*ONE")
    await put(db, "TWO", "HIDDEN")
    await put(db, "ONE", "SHOWN")
    await deliverer.settle()
    assert {body["id"] for body in partners.got("emsp")} == {"HIDDEN", "SHOWN"}


async def test_another_process_goes_by_what_is_stored_and_not_by_what_it_remembers(
    db: Database, denying: Directory
) -> None:
    partners = Partners()
    elsewhere = delivery.Deliverer(db, Directory(db, KeyRing.generate(), agreed_by_default=False), SOURCES, partners)
    await add_partner(db, "emsp", "E01")
    await put(db, "ONE", "L1")
    await elsewhere.settle()
    await agree(db, denying, "BE*ONE")
    await elsewhere.settle()
    assert [body["id"] for body in partners.got("emsp")] == ["L1"]
