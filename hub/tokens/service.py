"""Tokens inside one transaction."""

from typing import Any

from hub.parties.objects import ObjectKey, find, keep
from hub.tokens.tables import Token, object_id, uid_digests
from kit.crypto import KeyRing
from kit.tx import Tx

Json = dict[str, Any]


async def put(tx: Tx, ring: KeyRing, body: Json, *, platform_id: str | None) -> bool:
    """Store a whole Token; True when it is new. See `hub.parties.objects.keep` for what is passed over.

    `body` is a valid 2.2.1 Token, `platform_id` where it came from (None: our own drivers').
    """
    key = ObjectKey.of(body["country_code"], body["party_id"], object_id(ring, body["uid"], body["type"]))
    digest = uid_digests(ring, body["uid"])[0]
    return (await keep(tx, Token, key, body, platform_id=platform_id, uid_digest=digest)).is_new


async def get(tx: Tx, ring: KeyRing, country_code: str, party_id: str, uid: str, token_type: str) -> Token | None:
    """A stored token, or None."""
    return await find(tx, Token, ObjectKey.of(country_code, party_id, object_id(ring, uid, token_type)))


def cdr_token(body: Json) -> Json:
    """What sessions and CDRs carry of a token (OCPI 2.2.1, mod_cdrs, CdrToken)."""
    return {name: body[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}
