"""Promising a price, and keeping it, inside one transaction."""

from decimal import Decimal
from typing import Any

import orjson

from hub.locations import service as locations
from hub.locations import tree
from hub.starts.quote_tables import QuoteRow, locked_quote
from hub.starts.quotes import VALIDITY, NoPrice, QuoteUsed, WrongSignature, estimate
from hub.starts.service import tariffs_at
from hub.stations.service import Place
from hub.tariffs.choosing import choose, wanted_type
from kit.crypto import KeyRing
from kit.errors import NotFound
from kit.tx import Tx

Json = dict[str, Any]

_PURPOSE = "quote"
_SOME = Decimal(3600)
"""A size of session to try a tariff with: watt-hours, and seconds."""


async def promise(
    tx: Tx, *, payer: str, place: Place, station_id: str | None = None, evse_id: int | None = None
) -> tuple[QuoteRow, Json]:
    """The price at a connector for a payer, and the connector. Raises `NotFound`, `NoPrice`.

    What we could not price exactly is not promised.
    """
    location = await locations.get(tx, place.country_code, place.party_id, place.location_id)
    evse = tree.evse(location, place.evse_uid) if location else None
    connector = tree.connector(evse, place.connector_id) if evse else None
    if location is None or connector is None:
        raise NotFound("no such connector")
    tariff = choose(await tariffs_at(tx, place, location), tx.now, wanted=wanted_type(ad_hoc=False))
    if tariff is None:
        raise NoPrice("the operator has published no tariff for this connector")
    row = QuoteRow(
        payer=payer,
        station_id=station_id,
        evse_id=evse_id,
        country_code=place.country_code,
        party_id=place.party_id,
        location_id=place.location_id,
        evse_uid=place.evse_uid,
        connector_id=place.connector_id,
        currency=tariff["currency"].upper(),
        time_zone=location.get("time_zone"),
        tariff=orjson.dumps(tariff),
        made_at=tx.now,
        expires_at=tx.now + VALIDITY,
    )
    estimate(
        tariff, row.currency, row.time_zone, began=tx.now, energy_wh=_SOME, charging_s=_SOME, parking_s=_SOME
    )  # raises for what cannot be priced
    tx.add(row)
    return row, connector


def signature(ring: KeyRing, row: QuoteRow) -> str:
    """What proves that a quote is ours."""
    return ring.digest(_PURPOSE, row.quote().statement())


async def redeem(tx: Tx, ring: KeyRing, *, quote_id: str, signed: str, payer: str) -> QuoteRow:
    """The quote that a payer begins with; the caller notes the start in `used_by`. It is locked until the commit.

    Raises `WrongSignature` for what is not ours or another's, `QuoteExpired`, `QuoteUsed`.
    """
    row = await locked_quote(tx, quote_id)
    if row is None or not ring.matches(_PURPOSE, row.quote().statement(), signed):
        raise WrongSignature
    row.quote().check(now=tx.now, payer=payer)
    if row.used_by is not None:
        raise QuoteUsed
    return row
