"""Tariffs inside one transaction."""

from collections.abc import Sequence
from typing import Any

from hub.parties.intake import Intake, Taken
from hub.parties.objects import Keeping, KeptOne, ObjectKey, forget, keep_many, look_up
from hub.tariffs.tables import Tariff
from kit.tx import Tx
from ocpi.v221.tariffs import Tariff as WireTariff

Json = dict[str, Any]


async def put(tx: Tx, body: Json, *, platform_id: str | None) -> bool:
    """Store a whole Tariff; True when it is new. See `hub.parties.objects.keep` for what is passed over.

    `body` is a valid 2.2.1 Tariff, `platform_id` where it came from (None: our own).
    """
    [kept] = await put_many(tx, [body], platform_id=platform_id)
    return kept.is_new


async def put_many(tx: Tx, bodies: Sequence[Json], *, platform_id: str | None) -> list[KeptOne]:
    """`put` for many tariffs, in a few statements."""
    many = [
        Keeping(
            ObjectKey.of(body["country_code"], body["party_id"], body["id"]),
            body,
            columns={"currency": body["currency"].upper()},
        )
        for body in bodies
    ]
    return await keep_many(tx, Tariff, many, platform_id=platform_id)


def intake() -> Intake:
    """How partners' tariffs come in when we read their list; what is gone from it is deleted."""

    async def store(tx: Tx, bodies: Sequence[Json], platform_id: str) -> Taken:
        return Taken.of(await put_many(tx, bodies, platform_id=platform_id))

    async def gone(tx: Tx, keys: Sequence[ObjectKey], platform_id: str) -> None:
        for key in keys:
            await forget(tx, Tariff, key, platform_id=platform_id)

    return Intake(Tariff, WireTariff, store, gone)


async def remove(tx: Tx, country_code: str, party_id: str, tariff_id: str, *, platform_id: str | None) -> bool:
    """Forget a tariff and tell the partners; False when there is none."""
    return await forget(tx, Tariff, ObjectKey.of(country_code, party_id, tariff_id), platform_id=platform_id)


async def get(tx: Tx, country_code: str, party_id: str, tariff_id: str) -> Json | None:
    """A stored tariff's JSON, or None."""
    stored = await look_up(tx, Tariff, ObjectKey.of(country_code, party_id, tariff_id))
    return stored.body() if stored else None
