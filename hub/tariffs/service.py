"""Tariffs inside one transaction."""

from typing import Any

from hub.parties.objects import ObjectKey, find, forget, keep
from hub.tariffs.tables import Tariff
from kit.tx import Tx

Json = dict[str, Any]


async def put(tx: Tx, body: Json, *, platform_id: str | None) -> bool:
    """Store a whole Tariff; True when it is new. See `hub.parties.objects.keep` for what is passed over.

    `body` is a valid 2.2.1 Tariff, `platform_id` where it came from (None: our own).
    """
    key = ObjectKey.of(body["country_code"], body["party_id"], body["id"])
    kept = await keep(tx, Tariff, key, body, platform_id=platform_id, currency=body["currency"].upper())
    return kept.is_new


async def remove(tx: Tx, country_code: str, party_id: str, tariff_id: str, *, platform_id: str | None) -> bool:
    """Forget a tariff and tell the partners; False when there is none."""
    return await forget(tx, Tariff, ObjectKey.of(country_code, party_id, tariff_id), platform_id=platform_id)


async def get(tx: Tx, country_code: str, party_id: str, tariff_id: str) -> Json | None:
    """A stored tariff's JSON, or None."""
    row = await find(tx, Tariff, ObjectKey.of(country_code, party_id, tariff_id))
    return row.body() if row else None
