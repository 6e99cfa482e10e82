"""Tokens inside one transaction."""

from typing import Any

from hub.parties.objects import ObjectKey, find, keep
from hub.tokens.tables import Token, object_ids, uid_digests
from kit.crypto import KeyRing
from kit.tx import Tx

Json = dict[str, Any]


async def put(tx: Tx, ring: KeyRing, body: Json, *, platform_id: str | None) -> bool:
    """Store a whole Token; True when it is new. See `hub.parties.objects.keep` for what is passed over.

    `body` is a valid 2.2.1 Token, `platform_id` where it came from (None: our own drivers').
    """
    known = await get(tx, ring, body["country_code"], body["party_id"], body["uid"], body["type"])
    current = object_ids(ring, body["uid"], body["type"])[0]
    key = known.key if known else ObjectKey.of(body["country_code"], body["party_id"], current)
    digest = uid_digests(ring, body["uid"])[0]
    return (await keep(tx, Token, key, body, platform_id=platform_id, uid_digest=digest)).is_new


async def get(tx: Tx, ring: KeyRing, country_code: str, party_id: str, uid: str, token_type: str) -> Token | None:
    """A stored token, or None. It keeps the id that it was first stored under, whatever key was current then."""
    for object_id in object_ids(ring, uid, token_type):
        row = await find(tx, Token, ObjectKey.of(country_code, party_id, object_id))
        if row is not None:
            return row
    return None
