"""A driver of ours for whom a charger was kept: the quote, what is put aside, the app and the bill count it alike."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from csms.station import FactKind, TokenType, TransactionFact
from hub.drivers.tables import Driver, PaymentMethod
from hub.starts.quote_tables import QuoteRow
from hub.starts.taps import Tap
from hub.stations import reservations
from hub.stations.reservations import ReservationState
from hub.tariffs import service as tariffs
from hub.tokens import linked
from payments.tables import Hold
from tests.journeys.house import STATION, Charging, House, open_house, priced

pytestmark = pytest.mark.anyio

CARD = "04AABBCCDD"
HALF_AN_HOUR = 1800


@pytest.fixture
async def house(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[House]:
    """With 20 an hour for a reservation beside 0.40 a kWh, and 21 % VAT on both."""
    async with open_house(tmp_path, migrated_database_url) as opened:
        waiting = {"type": "TIME", "price": 20, "vat": 21.0, "step_size": 1}
        body = priced()
        element = {"price_components": [waiting], "restrictions": {"reservation": "RESERVATION"}}
        body |= {"elements": [element, *body["elements"]], "last_updated": "2026-03-02T00:00:00Z"}
        async with opened.db.tx() as tx:
            await tariffs.put(tx, body, platform_id=None)
        yield opened


async def reserve(house: House, uid: str) -> int:
    """Keep the charger for a token since half an hour; its number."""
    async with house.db.tx() as tx:
        row = reservations.make(
            tx,
            house.hub.keys,
            station_id=STATION,
            evse_id=1,
            token=uid,
            token_type=TokenType.RFID,
            expires_at=tx.now + timedelta(hours=1),
        )
        row.state = ReservationState.HELD
    house.clock.advance(HALF_AN_HOUR)
    return row.number


async def driver_of(house: House) -> Driver:
    async with house.db.read() as tx:
        [driver] = await tx.all(select(Driver))
    return driver


async def test_an_app_is_told_and_pays_what_the_reservation_costs(house: House) -> None:
    key = await house.driver("K-1")
    number = await reserve(house, (await driver_of(house)).token_uid)
    async with house.app(key) as app:
        quote = await app.quote(location_id="LOC1", evse_uid="E1", energy_kwh=10)
        lines = {line["kind"]: (line["volume"], line["incl_vat"]) for line in quote["estimate"]["lines"]}
        assert {kind: (Decimal(volume), Decimal(cost)) for kind, (volume, cost) in lines.items()} == {
            "ENERGY": (Decimal(10), Decimal("4.84")),
            "RESERVATION_TIME": (Decimal("0.5"), Decimal("12.10")),
        }
        assert (quote["estimate"]["total"], quote["hold"]) == ("16.94", "19.00"), "a tenth more, in whole euros"
    start_id = await house.held(key)
    [order] = house.heard
    charging = Charging(1, order.remote_start_id or None, order.token)
    house.transactions.append(charging)
    fact = TransactionFact(
        FactKind.STARTED,
        "begun",
        house.clock.now(),
        evse_id=1,
        token=order.token,
        remote_start_id=order.remote_start_id,
        reservation_id=number,
        meter_wh=Decimal(0),
    )
    await house._record(charging, fact)
    await house.work()
    async with house.app(key) as app:
        assert (await app.see({"id": start_id}))["cost"] == "12.10", "owed before the first watt-hour"
    house.clock.advance(60)
    await house.meters(charging, 10_000)
    await house.work()
    assert house.told_to_stop == [], "what was owed at the beginning is no pace"
    await house.ends(charging)
    await house.resolve()
    [hold] = await house.rows(Hold)
    assert hold.captured_minor == 1694
    async with house.app(key) as app:
        assert (await app.see({"id": start_id}))["cost"] == "16.94"


async def test_what_is_put_aside_for_a_card_counts_its_reservation(house: House) -> None:
    await house.driver("K-1", PaymentMethod.INVOICE)
    driver = await driver_of(house)
    async with house.db.tx() as tx:
        await linked.link(tx, house.hub.keys, driver, linked.Wanted(CARD), issuer="Plugbridge")
    await house.hub.taps.tap(Tap(STATION, 1, CARD, TokenType.RFID))
    house.clock.advance(3600)
    await reserve(house, CARD.lower())
    await house.hub.taps.tap(Tap(STATION, 1, CARD, TokenType.RFID))
    plain, reserved = await house.rows(QuoteRow)
    assert plain.hold_minor == 1100, "20 kWh, and a tenth more, in whole euros"
    assert reserved.hold_minor == 2400, "the same with 12.10 for the reservation"
