"""A CDR of ours is taken back by a credit CDR, once, and made anew by the charger's record."""

from typing import Any

import pytest
from sqlmodel import select

from hub.parties.objects import ObjectKey, find
from hub.sessions import crediting, service
from hub.sessions.documents import Facts
from hub.sessions.tables import Cdr
from kit.errors import Conflict
from kit.tx import Database
from ocpi.v221.cdrs import Cdr as WireCdr

pytestmark = pytest.mark.anyio


async def issued(db: Database, facts: Facts, course: Any) -> None:
    async with db.tx() as tx:
        await service.follow(tx, None, facts, course(60, "9000", ended=True), transaction_id=7, review=None)


async def credit(db: Database, *, cdr_id: str = "S-1", again: bool = False) -> Cdr:
    async with db.tx() as tx:
        row = await find(tx, Cdr, ObjectKey.of("NL", "PLB", cdr_id))
        assert row is not None
        return await crediting.credit(tx, row, again=again)


async def test_a_credit_is_the_cdr_with_its_total_below_zero(db: Database, facts: Facts, course: Any) -> None:
    await issued(db, facts, course)
    made = await credit(db)
    async with db.read() as tx:
        original = await find(tx, Cdr, ObjectKey.of("NL", "PLB", "S-1"))
    assert original is not None
    body, before = made.body(), original.body()
    WireCdr.model_validate_json(made.doc)
    assert (body["id"], body["credit"], body["credit_reference_id"]) == ("S-1-C", True, "S-1")
    assert body["total_cost"] == {name: -amount for name, amount in before["total_cost"].items()}
    changed = {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
    assert {name: body[name] for name in body if name not in changed} == {
        name: before[name] for name in before if name not in changed
    }
    assert (made.audience, made.credit_of, made.total_cost) == ("DE*EMS", "s-1", -original.total_cost)


async def test_nothing_is_credited_twice_and_no_credit_is(db: Database, facts: Facts, course: Any) -> None:
    await issued(db, facts, course)
    await credit(db)
    for cdr_id in ("S-1", "S-1-C"):
        with pytest.raises(crediting.NotCreditable):
            await credit(db, cdr_id=cdr_id)
    async with db.tx() as tx:
        row = await find(tx, Cdr, ObjectKey.of("NL", "PLB", "S-1"))
        assert row is not None
        row.platform_id = "partner"
    with pytest.raises(crediting.NotCreditable):
        await credit(db)


async def test_without_a_record_there_is_no_new_cdr_and_no_credit_either(
    db: Database, facts: Facts, course: Any
) -> None:
    await issued(db, facts, course)
    async with db.tx() as tx:
        row = await find(tx, Cdr, ObjectKey.of("NL", "PLB", "S-1"))
        assert row is not None
        row.session_id = None
    with pytest.raises(Conflict):
        await credit(db, again=True)
    async with db.read() as tx:
        assert len(await tx.all(select(Cdr))) == 1


def test_ids_have_room_for_39_characters() -> None:
    uuid = "0190c5f0-5d5e-7000-8000-000000000000"
    assert crediting._id(uuid, "C") == f"{uuid}-C"
    assert len(crediting._id("x" * 39, "C")) == 39
