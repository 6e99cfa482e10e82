"""Promising a price, and keeping it, inside one transaction."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import orjson

from hub.locations import service as locations
from hub.locations import tree
from hub.sessions.documents import Reserved
from hub.starts.places import Where, tariffs_at
from hub.starts.quote_tables import QuoteRow, locked_quote
from hub.starts.quotes import VALIDITY, NoPrice, QuoteUsed, WrongSignature, charging_s, estimate, exchange_document
from hub.tariffs.choosing import choose, wanted_type
from hub.tariffs.pricing import Priced
from kit.crypto import KeyRing
from kit.errors import NotFound
from kit.tx import Tx
from payments.hold_policy import Expectation, HoldPolicy, hold_amount
from payments.ledger.conversion import Rate, convert
from payments.rate_tables import rate_between

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


async def promise(
    tx: Tx,
    *,
    payer: str,
    where: Where,
    wanted: Wanted,
    policy: HoldPolicy,
    pay_currency: str | None = None,
    spread_percent: Decimal = Decimal(0),
    reserved: Reserved | None = None,
) -> Promised:
    """The price at a connector for a payer. Raises `NotFound`, `NoPrice`: what cannot be priced is not promised.

    `reserved` is a reservation of the payer's that stands until now: what it costs is part of the estimate, and of what
    is put aside.

    It is paid in `pay_currency` where a rate is known, which the quote freezes with the spread; else in the tariff's.
    """
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
        reserved=reserved,
    )
    rate = await _rate(tx, currency, pay_currency, spread_percent)
    to_pay = convert(expected.payable(), rate).taken if rate else expected.payable()
    held = hold_amount(policy, Expectation(flat=to_pay.to_decimal()), to_pay.currency)
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
        exchange=orjson.dumps(exchange_document(rate)) if rate else None,
        hold_minor=held.amount_minor,
        made_at=tx.now,
        expires_at=tx.now + VALIDITY,
    )
    tx.add(row)
    return Promised(row, expected, lasts_s)


async def _rate(tx: Tx, currency: str, wanted: str | None, spread_percent: Decimal) -> Rate | None:
    """The rate of the day with our spread; None where nothing is converted, or nothing can be."""
    if wanted is None or wanted == currency:
        return None
    rate = await rate_between(tx, currency, wanted)
    return replace(rate, spread_percent=spread_percent) if rate else None


def signature(ring: KeyRing, row: QuoteRow) -> str:
    """What proves that a quote is ours."""
    return ring.digest(_PURPOSE, row.quote().statement())


async def check_signature(tx: Tx, ring: KeyRing, quote_id: str, signed: str, payer: str) -> QuoteRow:
    """A quote that is ours and this payer's, whatever became of it. Raises `WrongSignature`."""
    row = await tx.get(QuoteRow, quote_id)
    if row is None or row.payer != payer or not ring.matches(_PURPOSE, row.quote().statement(), signed):
        raise WrongSignature
    return row


async def check_unused(tx: Tx, ring: KeyRing, quote_id: str, signed: str, payer: str) -> None:
    """That a payer may begin with a quote, as far as can be seen without a lock: `redeem` has the last word.

    Raises `WrongSignature`, `QuoteExpired`, `QuoteUsed`.
    """
    row = await check_signature(tx, ring, quote_id, signed, payer)
    row.quote().check(now=tx.now, payer=payer)
    if row.used_by is not None:
        raise QuoteUsed


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
