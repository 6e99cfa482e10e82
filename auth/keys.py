"""Keys: a prefix, 43 random characters, 6 of a checksum. `plb_` is an operator's, `pld_` a driver's, `pls_` a guest's.

The prefix and the checksum let secret scanners recognise a leaked key, and let us refuse a mistyped one before any
look at the database.
"""

import zlib

from auth.subjects import DriverIdentity, Operator, OperatorRole
from auth.tables import ApiKey, DriverKey, driver_key_by_digest, key_by_digest
from kit.crypto import KeyRing
from kit.errors import Unauthenticated
from kit.ids import random_token
from kit.tx import Database, Tx

PREFIX = "plb_"
DRIVER_PREFIX = "pld_"
GUEST_PREFIX = "pls_"
_PURPOSE = "api-key"
_DRIVER_PURPOSE = "driver-key"


def new_key(prefix: str = PREFIX) -> str:
    """A fresh secret key."""
    secret = random_token(32)
    return f"{prefix}{secret}{_checksum(secret)}"


def is_well_formed(key: str, prefix: str = PREFIX) -> bool:
    """Whether prefix and checksum fit; says nothing about whether the key is known."""
    secret, checksum = key[len(prefix) : -6], key[-6:]
    return key.startswith(prefix) and len(secret) >= 32 and _checksum(secret) == checksum


async def create_key(tx: Tx, ring: KeyRing, *, name: str, role: OperatorRole) -> str:
    """Store a new key's digest and return the key: the only time that it can be read."""
    key = new_key()
    tx.add(ApiKey(name=name, role=role, digest=ring.digest(_PURPOSE, key), created_at=tx.now))
    return key


async def operator_of(db: Database, ring: KeyRing, key: str) -> Operator:
    """Who presents this key. Raises `Unauthenticated` for a malformed, unknown or revoked one, without saying which."""
    row = await key_by_digest(db, ring.digests(_PURPOSE, key)) if is_well_formed(key) else None
    if row is None:
        raise Unauthenticated("the API key is not valid", headers={"WWW-Authenticate": "Bearer"})
    return Operator(key_id=row.id, name=row.name, role=OperatorRole(row.role))


async def create_driver_key(tx: Tx, ring: KeyRing, *, driver_id: str, name: str) -> tuple[DriverKey, str]:
    """Store a new key of a driver: its row, and the key itself, which can be read only this once."""
    key = new_key(DRIVER_PREFIX)
    row = DriverKey(driver_id=driver_id, name=name, digest=ring.digest(_DRIVER_PURPOSE, key), created_at=tx.now)
    tx.add(row)
    return row, key


async def driver_of(tx: Tx, ring: KeyRing, key: str) -> DriverIdentity:
    """Which driver presents this key. Raises `Unauthenticated`, like `operator_of`."""
    known = is_well_formed(key, DRIVER_PREFIX)
    row = await driver_key_by_digest(tx, ring.digests(_DRIVER_PURPOSE, key)) if known else None
    if row is None:
        raise Unauthenticated("the key is not valid", headers={"WWW-Authenticate": "Bearer"})
    return DriverIdentity(driver_id=row.driver_id, key_id=row.id)


def _checksum(secret: str) -> str:
    return f"{zlib.crc32(secret.encode()):08x}"[-6:]
