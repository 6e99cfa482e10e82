"""A reservation that nobody came for costs what the tariff says of it, once, and those who came pay nothing for it."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from csms.station import TokenType
from hub.starts.unused_reservations import biller
from hub.stations import reservations
from hub.stations.reservations import ReservationState, StationReservation
from hub.tariffs import service as tariffs
from hub.tariffs.cdr import price_cdr
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.tx import Database
from ocpi.v221.cdrs import Cdr as WireCdr
from tests.hub.starts.charger import Charger, tariff

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

EXPIRES: Json = {
    "price_components": [
        {"type": "FLAT", "price": 2, "vat": 21, "step_size": 1},
        {"type": "TIME", "price": 6, "vat": 21, "step_size": 60},
    ],
    "restrictions": {"reservation": "RESERVATION_EXPIRES"},
}


async def put_tariff(db: Database, *elements: Json) -> None:
    body = {**tariff(), "elements": [*elements, *tariff()["elements"]], "last_updated": "2026-03-01T10:00:00Z"}
    async with db.tx() as tx:
        await tariffs.put(tx, body, platform_id=None)


async def reserve(
    db: Database,
    keys: KeyRing,
    *,
    state: ReservationState = ReservationState.HELD,
    emsp: str | None = None,
    uid: str = "0411AABBCC",
) -> int:
    """A reservation for half an hour."""
    async with db.tx() as tx:
        row = reservations.make(
            tx,
            keys,
            station_id="CS-1",
            evse_id=1,
            token=uid,
            token_type=TokenType.RFID,
            expires_at=tx.now + timedelta(minutes=30),
        )
        row.state, row.emsp = state, emsp
        return row.number


async def test_nobody_came_and_it_is_billed_once(
    charger: Charger, db: Database, keys: KeyRing, clock: ManualClock
) -> None:
    await charger.store_token()
    await put_tariff(db, EXPIRES)
    number, reserved_at = await reserve(db, keys), clock.now()
    bill = biller(keys)
    clock.advance(31 * 60)
    await bill(db, {})
    assert await charger.cdrs() == [], "the charger may tell late of whoever came"
    clock.advance(15 * 60)
    await asyncio.gather(*(bill(db, {}) for _ in range(3)))
    await bill(db, {})
    [cdr] = await charger.cdrs()
    body = cdr.body()
    WireCdr.model_validate_json(orjson.dumps(body))
    assert (cdr.total_cost, cdr.energy_wh, cdr.session_id, cdr.audience) == (Decimal(5), 0, None, "DE*EMS")
    assert body["total_cost"] == body["total_reservation_cost"] == {"excl_vat": 5, "incl_vat": 6.05}
    assert (body["total_energy"], body["total_time"], body["cdr_token"]["contract_id"]) == (0, 0, "DE-EMS-C1")
    assert body["start_date_time"] == reserved_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert body["charging_periods"][0]["dimensions"] == [{"type": "RESERVATION_TIME", "volume": 0.5}]
    assert price_cdr(body["tariffs"], body).priced.total.excl_vat == 5, "a partner comes to the same"
    async with db.read() as tx:
        row = await tx.get(StationReservation, number)
    assert row is not None
    assert row.state == ReservationState.EXPIRED


@pytest.mark.parametrize(
    "state", [ReservationState.USED, ReservationState.CANCELLED, ReservationState.REFUSED, ReservationState.ASKED]
)
async def test_what_was_used_or_never_held_is_not_billed(
    charger: Charger, db: Database, keys: KeyRing, clock: ManualClock, state: ReservationState
) -> None:
    await charger.store_token()
    await put_tariff(db, EXPIRES)
    await reserve(db, keys, state=state)
    clock.advance(3600)
    await biller(keys)(db, {})
    assert await charger.cdrs() == []


async def test_a_tariff_that_says_nothing_of_it_costs_nothing(
    charger: Charger, db: Database, keys: KeyRing, clock: ManualClock
) -> None:
    await charger.store_token()
    await reserve(db, keys)
    clock.advance(3600)
    await biller(keys)(db, {})
    assert await charger.cdrs() == []


async def test_the_emsp_that_asked_is_billed_for_a_token_that_it_never_showed_us(
    charger: Charger, db: Database, keys: KeyRing, clock: ManualClock
) -> None:
    await put_tariff(db, EXPIRES)
    await reserve(db, keys, emsp="FR*ABC", uid="UNSEEN")
    await reserve(db, keys, uid="NOBODYS")
    clock.advance(3600)
    await biller(keys)(db, {})
    [cdr] = await charger.cdrs()
    assert cdr.audience == "FR*ABC"
    assert cdr.body()["cdr_token"]["uid"] == "UNSEEN"
