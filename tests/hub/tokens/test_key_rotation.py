"""Tokens outlive the key that they were stored under."""

from typing import Any

import pytest
from sqlmodel import select

from hub.tokens import service
from hub.tokens.tables import Token, by_uid
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.tx import Database

pytestmark = pytest.mark.anyio


def token(last_updated: str = "2026-01-01T00:00:00Z", **fields: Any) -> dict[str, Any]:
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": "0411AABBCC",
        "type": "RFID",
        "contract_id": "DE-EMS-C1",
        "issuer": "An eMSP",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": last_updated,
        **fields,
    }


async def put(db: Database, ring: KeyRing, body: dict[str, Any]) -> bool:
    async with db.tx() as tx:
        return await service.put(tx, ring, body, platform_id="P1")


async def test_a_token_that_was_stored_under_an_old_key_is_found_and_replaced(
    db: Database, keys: KeyRing, clock: ManualClock
) -> None:
    assert await put(db, keys, token())
    rotated = keys.rotated().rotated()

    async with db.read() as tx:
        found = await service.get(tx, rotated, "de", "ems", "0411aabbcc", "RFID")
        assert found is not None
        assert [row.id for row in await by_uid(tx, rotated, "0411AABBCC")] == [found.id]
    assert not await put(db, rotated, token("2026-01-02T00:00:00Z", valid=False)), "it is not new"
    async with db.read() as tx:
        [row] = await tx.all(select(Token))
        assert row.body()["valid"] is False
        only_new = KeyRing.parse(rotated.to_text().split(",")[0])
        assert [each.id for each in await by_uid(tx, only_new, "0411AABBCC")] == [row.id], "taps need the new key alone"


async def test_tokens_differ_by_type_and_by_emsp(db: Database, keys: KeyRing) -> None:
    assert await put(db, keys, token())
    assert await put(db, keys, token(type="OTHER"))
    assert await put(db, keys, token(party_id="EM2"))
    assert not await put(db, keys, token("2026-01-02T00:00:00Z", uid="0411aabbcc"))
    async with db.read() as tx:
        assert len(await by_uid(tx, keys, "0411AABBCC")) == 3
        assert await service.get(tx, keys, "DE", "EMS", "0411AABBCC", "APP_USER") is None
