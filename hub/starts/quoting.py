"""Promising a price, and keeping it, inside one transaction."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from hub.locations import service as locations
from hub.locations import tree
from hub.starts.places import Where
from hub.starts.quote_tables import QuoteRow, locked_quote
from hub.starts.quotes import VALIDITY, NoPrice, QuoteUsed, WrongSignature, charging_s, estimate
from hub.starts.service import tariffs_at
from hub.tariffs.choosing import choose, wanted_type
from hub.tariffs.pricing import Priced
from kit.crypto import KeyRing
from kit.errors import NotFound
from kit.tx import Tx
from payments.hold_policy import Expectation, HoldPolicy, hold_amount

Json = dict[str, Any]

_PURPOSE = "quote"
GUEST = "guest"
"""The payer of a quote that names nobody: whoever holds its signature."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a driver wants to take, for the estimate and for what is put aside."""

    energy_wh: Decimal
    parking_s: Decimal


@dataclass(frozen=True, slots=True)
class Promised:
    """A quote, and what a session of the wanted size comes to that takes `charging_s` at the connector's full power."""

    row: QuoteRow
    estimate: Priced
    charging_s: Decimal


async def promise(tx: Tx, *, payer: str, where: Where, wanted: Wanted, policy: HoldPolicy) -> Promised:
    """The price at a connector for a payer. Raises `NotFound`, `NoPrice`: what cannot be priced is not promised."""
    place = where.place
    location = await locations.get(tx, place.country_code, place.party_id, place.location_id)
    evse = tree.evse(location, place.evse_uid) if location else None
    connector = tree.connector(evse, place.connector_id) if evse else None
    if location is None or connector is None:
        raise NotFound("no such connector")
    tariff = choose(await tariffs_at(tx, place, location), tx.now, wanted=wanted_type(ad_hoc=payer.startswith(GUEST)))
    if tariff is None:
        raise NoPrice("the operator has published no tariff for this connector")
    currency, time_zone = tariff["currency"].upper(), location.get("time_zone")
    lasts_s = charging_s(wanted.energy_wh, connector)
    expected = estimate(
        tariff,
        currency,
        time_zone,
        began=tx.now,
        energy_wh=wanted.energy_wh,
        charging_s=lasts_s,
        parking_s=wanted.parking_s,
    )
    row = QuoteRow(
        payer=payer,
        station_id=where.station_id,
        evse_id=where.evse_id,
        country_code=place.country_code,
        party_id=place.party_id,
        location_id=place.location_id,
        evse_uid=place.evse_uid,
        connector_id=place.connector_id,
        currency=currency,
        time_zone=time_zone,
        tariff=orjson.dumps(tariff),
        hold_minor=hold_amount(policy, Expectation(flat=expected.total.incl_vat), currency).amount_minor,
        made_at=tx.now,
        expires_at=tx.now + VALIDITY,
    )
    tx.add(row)
    return Promised(row, expected, lasts_s)


def signature(ring: KeyRing, row: QuoteRow) -> str:
    """What proves that a quote is ours."""
    return ring.digest(_PURPOSE, row.quote().statement())


async def check_signature(tx: Tx, ring: KeyRing, *, quote_id: str, signed: str, payer: str) -> None:
    """That a quote is ours and this payer's, whatever became of it. Raises `WrongSignature`."""
    row = await tx.get(QuoteRow, quote_id)
    if row is None or row.payer != payer or not ring.matches(_PURPOSE, row.quote().statement(), signed):
        raise WrongSignature


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
