"""Partners that are there without having come in by the door: for tests of what comes after."""

from collections.abc import Mapping

import orjson

from hub.parties.directory import DOORBELL
from hub.parties.presented import SECRET_PURPOSE
from hub.parties.tables import CONNECTED, PartyRow, Platform
from kit.crypto import KeyRing
from kit.tx import Tx


async def joined(tx: Tx, keys: KeyRing, party: str, role: str, url: str, endpoints: Mapping[str, str]) -> str:
    """A partner at `url` as its registration leaves it, `endpoints` as `SENDER/locations` to URL; the platform's id.

    Nobody has told it anything, and nobody reads its lists.
    """
    platform = Platform(
        name=party,
        status=CONNECTED,
        version="2.2.1",
        versions_url=f"{url}/versions",
        endpoints=orjson.dumps(endpoints),
        credentials_token=keys.encrypt(SECRET_PURPOSE, b"OUR-TOKEN-1"),
        last_seen_at=tx.now,
        created_at=tx.now,
    )
    tx.add(platform)
    await tx.flush()
    tx.add(
        PartyRow(
            country_code=party[:2],
            party_id=party[3:],
            role=role,
            platform_id=platform.id,
            business_name=party,
            last_updated=tx.now,
        )
    )
    tx.ring(DOORBELL)
    return platform.id
