"""API keys: `plb_` + 43 random characters + 6 of a checksum.

The prefix and the checksum let secret scanners recognise a leaked key, and let us refuse a mistyped one before any
look at the database.
"""

import zlib

from auth.subjects import Operator, OperatorRole
from auth.tables import ApiKey, key_by_digest
from kit.crypto import KeyRing
from kit.errors import Unauthenticated
from kit.ids import random_token
from kit.tx import Tx

PREFIX = "plb_"
_PURPOSE = "api-key"


def new_key() -> str:
    """A fresh secret key."""
    secret = random_token(32)
    return f"{PREFIX}{secret}{_checksum(secret)}"


def is_well_formed(key: str) -> bool:
    """Whether prefix and checksum fit; says nothing about whether the key is known."""
    secret, checksum = key[len(PREFIX) : -6], key[-6:]
    return key.startswith(PREFIX) and len(secret) >= 32 and _checksum(secret) == checksum


async def create_key(tx: Tx, ring: KeyRing, *, name: str, role: OperatorRole) -> str:
    """Store a new key's digest and return the key: the only time that it can be read."""
    key = new_key()
    tx.add(ApiKey(name=name, role=role, digest=ring.digest(_PURPOSE, key), created_at=tx.now))
    return key


async def operator_of(tx: Tx, ring: KeyRing, key: str) -> Operator:
    """Who presents this key. Raises `Unauthenticated` for a malformed, unknown or revoked one, without saying which."""
    row = await key_by_digest(tx, ring.digests(_PURPOSE, key)) if is_well_formed(key) else None
    if row is None:
        raise Unauthenticated("the API key is not valid", headers={"WWW-Authenticate": "Bearer"})
    return Operator(key_id=row.id, name=row.name, role=OperatorRole(row.role))


def _checksum(secret: str) -> str:
    return f"{zlib.crc32(secret.encode()):08x}"[-6:]
