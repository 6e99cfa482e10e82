"""Operator API: tokens of our drivers."""

from typing import Any

from fastapi import APIRouter

from auth.guards import AdminDep
from hub.parties.wire import completed, own_party
from hub.tokens import service
from hub.tokens.schemas import TokenIn, TokenOut
from kit.crypto import KeyRing
from kit.ids import uuid7
from kit.tx import Database
from ocpi.v221.tokens import Token as WireToken

Json = dict[str, Any]


def router(db: Database, keys: KeyRing, *, emsp_parties: list[str], issuer: str) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["tokens"])

    @routes.post("/tokens", operation_id="create_token", status_code=201)
    async def create_token(body: TokenIn, _: AdminDep) -> TokenOut:
        """Issue a token, or replace the one with this uid and type, and tell the CPOs."""
        country_code, party_id = own_party(body.emsp, emsp_parties)
        given = body.model_dump(exclude={"emsp"}, exclude_none=True)
        given.setdefault("contract_id", f"{country_code}-{party_id}-C{uuid7()[-12:].upper()}")
        async with db.tx() as tx:
            stored = completed(WireToken, given, party=(country_code, party_id), now=tx.now, issuer=issuer)
            await service.put(tx, keys, stored, platform_id=None)
        return TokenOut.model_validate({"visual_number": None, **stored})

    return routes
