"""Tokens inside one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from csms.operations import ListEntry
from hub.drivers.tables import Driver
from hub.parties.intake import Intake, Taken
from hub.parties.objects import Keeping, KeptOne, ObjectKey, find, give_up, keep_many
from hub.tokens.tables import Token, object_ids, our_own, stored_ids, uid_digests
from kit.crypto import KeyRing
from kit.ids import short_token
from kit.tx import Tx
from ocpi.datetimes import format_datetime
from ocpi.v221.tokens import Token as WireToken

Json = dict[str, Any]


async def put(tx: Tx, ring: KeyRing, body: Json, *, platform_id: str | None) -> bool:
    """Store a whole Token; True when it is new. See `hub.parties.objects.keep` for what is passed over.

    `body` is a valid 2.2.1 Token, `platform_id` where it came from (None: our own drivers').
    """
    [kept] = await put_many(tx, ring, [body], platform_id=platform_id)
    return kept.is_new


async def put_many(tx: Tx, ring: KeyRing, bodies: Sequence[Json], *, platform_id: str | None) -> list[KeptOne]:
    """`put` for many tokens, in a few statements. A token keeps the id that it was first stored under."""
    possible = [object_ids(ring, body["uid"], body["type"]) for body in bodies]
    stored = await stored_ids(tx, [object_id for ids in possible for object_id in ids])
    many = []
    for body, ids in zip(bodies, possible, strict=True):
        keys = [ObjectKey.of(body["country_code"], body["party_id"], object_id) for object_id in ids]
        key = next((each for each in keys if each in stored), keys[0])
        many.append(Keeping(key, body, columns={"uid_digest": uid_digests(ring, body["uid"])[0]}))
    return await keep_many(tx, Token, many, platform_id=platform_id)


async def invalidate_many(tx: Tx, ring: KeyRing, keys: Sequence[ObjectKey], *, platform_id: str) -> None:
    """These tokens are gone from their eMSP's list: they are not valid any more, and no whitelist."""
    gone = []
    for key in keys:
        row = await find(tx, Token, key)
        if row is not None:
            at = format_datetime(max(tx.now, row.last_updated))
            body = {**row.body(), "valid": False, "whitelist": "NEVER", "last_updated": at}
            gone.append(Keeping(key, body, row.audience, {"uid_digest": row.uid_digest}))
    await give_up(tx, Token, gone, platform_id=platform_id)


async def charge_unasked(tx: Tx) -> list[ListEntry]:
    """Our own drivers' cards that a charger may let charge without asking, for its local list."""
    bodies = [row.body() for row in await our_own(tx)]
    return [
        ListEntry(body["uid"], group=body.get("group_id"))
        for body in bodies
        if body["type"] == "RFID" and body["valid"] and body["whitelist"] != "NEVER"
    ]


def intake(ring: KeyRing) -> Intake:
    """How partners' tokens come in when we read their list."""

    async def store(tx: Tx, bodies: Sequence[Json], platform_id: str) -> Taken:
        return Taken.of(await put_many(tx, ring, bodies, platform_id=platform_id))

    async def gone(tx: Tx, keys: Sequence[ObjectKey], platform_id: str) -> None:
        await invalidate_many(tx, ring, keys, platform_id=platform_id)

    return Intake(Token, WireToken, store, gone)


async def get(tx: Tx, ring: KeyRing, country_code: str, party_id: str, uid: str, token_type: str) -> Token | None:
    """A stored token, or None. It keeps the id that it was first stored under, whatever key was current then."""
    for object_id in object_ids(ring, uid, token_type):
        row = await find(tx, Token, ObjectKey.of(country_code, party_id, object_id))
        if row is not None:
            return row
    return None


async def app_token(tx: Tx, ring: KeyRing, driver: Driver, *, issuer: str) -> Json:
    """The token that stands for a driver's app, stored when it is not there yet."""
    country_code, party_id, _ = driver.contract_id.split("-", 2)
    known = await get(tx, ring, country_code, party_id, driver.token_uid, "APP_USER")
    if known is not None:
        return known.body()
    body: Json = {
        "country_code": country_code,
        "party_id": party_id,
        "uid": driver.token_uid,
        "type": "APP_USER",
        "contract_id": driver.contract_id,
        "issuer": issuer,
        "valid": True,
        "whitelist": "NEVER",
        "last_updated": format_datetime(tx.now),
    }
    await put(tx, ring, body, platform_id=None)
    return body


def guest_token(emsp: tuple[str, str], *, issuer: str, now: datetime) -> Json:
    """A token for one session of somebody whom nobody knows. It is not stored, and told to nobody but with a start."""
    country_code, party_id = emsp
    uid = short_token()
    return {
        "country_code": country_code,
        "party_id": party_id,
        "uid": uid,
        "type": "AD_HOC_USER",
        "contract_id": f"{country_code}-{party_id}-G{uid[:12]}",
        "issuer": issuer,
        "valid": True,
        "whitelist": "NEVER",
        "last_updated": format_datetime(now),
    }
