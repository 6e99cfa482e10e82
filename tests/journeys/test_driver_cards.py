"""Cards of our drivers at chargers, ours and a partner's: paid in the driver's way while the charger waits."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kit.money import round_to_minor
from payments.hold_lifecycle import Wish
from payments.ledger.check import check
from payments.tables import hold_by_reference
from tests.journeys.apps import App, Bank, driver_app, hub_with_cards
from tests.journeys.network import LOCATION, TARIFF, Json, Network, eventually

pytestmark = pytest.mark.anyio
CARD = "04AABBCCDD"


@pytest.fixture
async def shop(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[tuple[Network, Bank]]:
    async with hub_with_cards(tmp_path, migrated_database_url) as opened:
        yield opened


async def with_card(network: Network, uid: str = CARD, **wanted: Any) -> App:
    """A driver with a card."""
    driver = await driver_app(network, **wanted)
    path = f"/drivers/{driver.driver_id}/tokens"
    linked = await network.send("POST", path, {"uid": uid, "visual_number": "0007"}, expect=201)
    assert (linked["kind"], linked["uid_end"], linked["valid"]) == ("card", uid[-4:], True)
    return driver


async def newest(driver: App) -> Json:
    found: Json = (await driver.get("/starts"))["items"][0]
    return found


async def until_billed(driver: App) -> Json:
    async def billed() -> Json | None:
        start = await newest(driver)
        return start if start["payment"]["state"] == "CAPTURED" else None

    found: Json = await eventually(billed)
    return found


async def credit(network: Network, driver: App, amount: str) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    await network.send("POST", f"/drivers/{driver.driver_id}/wallet/credits", {"amount": amount}, headers=headers)


async def partner_with_charger(network: Network) -> Any:
    """A partner whose location and tariff we know."""
    cpo = await network.partner("CPO", "BE*CPO", charging_s=0.4)
    stamped = {"last_updated": "2026-01-01T00:00:00Z"}
    evses = [
        {**evse, **stamped, "connectors": [{**plug, **stamped} for plug in evse["connectors"]]}
        for evse in LOCATION["evses"]
    ]
    await cpo.push("locations", {**LOCATION, "id": "BE-1", "evses": evses})
    await cpo.push("tariffs", {**TARIFF, "id": "STANDARD"})
    return cpo


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_tap_is_paid_by_the_drivers_saved_card(shop: tuple[Network, Bank], protocol: str) -> None:
    network, bank = shop
    await network.publish()
    station = await network.station(protocol=protocol)
    driver = await with_card(network, payment="card")
    assert await station.authorize(CARD) != "Accepted", "there is no card to charge"
    refused = await newest(driver)
    assert (refused["method"], refused["state"], refused["code"]) == ("RFID", "REFUSED", "no_card")
    assert refused["next_step"] == "add_card"

    await driver.save_card(bank)
    charged = await station.tap(CARD, seconds=0.6)
    assert charged is not None
    start = await until_billed(driver)
    assert start["payment"]["method"] == "card"
    assert start["payment"]["captured"] == start["cost"]
    assert float(start["energy_kwh"]) == charged.energy_wh / 1000
    taken = [each for each in await bank.intents() if each["amount_received"]]
    assert [each["amount_received"] for each in taken] == [int(Decimal(start["cost"]) * 100)]
    held = [each for each in await bank.intents() if each["status"] == "requires_capture"]
    assert held == [], "whatever the charger asked, one amount was put aside"

    async def posted() -> bool:
        found = (await check(network.up.hub.db)).balances
        return not any(amount for (account, _), amount in found.items() if account.kind == "driver_receivable")

    await eventually(posted)


@pytest.mark.parametrize(
    ("card", "code", "next_step"),
    [
        ("pm_card_chargeCustomerFail", "payment_declined", "use_another_card"),
        ("pm_card_authenticationRequired", "payment_needs_driver", "start_in_app"),
    ],
)
async def test_a_tap_that_the_bank_refuses_is_refused_and_the_app_says_why(
    shop: tuple[Network, Bank], card: str, code: str, next_step: str
) -> None:
    network, bank = shop
    await network.publish()
    station = await network.station()
    driver = await with_card(network, payment="card")
    await driver.save_card(bank, card) if card != "pm_card_authenticationRequired" else await confirmed(driver, bank)
    assert await station.authorize(CARD) != "Accepted"
    start = await newest(driver)
    assert (start["state"], start["code"], start["next_step"]) == ("REFUSED", code, next_step)

    async def given_back() -> bool:
        return all(each["status"] in ("canceled", "requires_payment_method") for each in await bank.intents())

    await eventually(given_back)


async def confirmed(driver: App, bank: Bank) -> None:
    """A saved card whose bank wants its holder each time."""
    begun = await driver.post("/cards", None, expect=201)
    await bank.enter_card(begun["client_secret"], "pm_card_authenticationRequired", kind="setup_intents")
    await bank.authenticate(begun["client_secret"])
    await driver.post(f"/cards/{begun['id']}/finish", None, expect=200)


async def test_a_bank_that_is_too_slow_lets_nobody_charge_and_holds_nothing(
    tmp_path: Path, migrated_database_url: str
) -> None:
    async with hub_with_cards(tmp_path, migrated_database_url, authorize_deadline_s=1.0) as (network, bank):
        await network.publish()
        station = await network.station()
        driver = await with_card(network, payment="card")
        await driver.save_card(bank)
        await bank.control("delivery", {"when": "held"})
        await bank.control("plans", [{"do": "hang", "match": "POST /v1/payment_intents", "seconds": 20}])
        assert await station.authorize(CARD) != "Accepted"
        start = await newest(driver)
        assert (start["state"], start["code"]) == ("REFUSED", "payment_slow")

        async def unwanted() -> bool:
            async with network.up.hub.db.read() as tx:
                hold = await hold_by_reference(tx, start["id"])
            return hold is not None and hold.wish == Wish.RELEASE

        await eventually(unwanted)


async def test_a_tap_is_paid_from_the_wallet_and_refused_without_enough(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    station = await network.station()
    driver = await with_card(network, payment="wallet")
    assert await station.authorize(CARD) != "Accepted"
    assert (await newest(driver))["code"] == "wallet_too_low"
    await credit(network, driver, "20")
    assert await station.tap(CARD, seconds=0.6) is not None
    start = await until_billed(driver)
    assert start["payment"]["captured"] == start["cost"]
    left = Decimal(20) - Decimal(start["cost"])
    await driver.until_available(str(left))


async def test_a_tap_of_a_driver_with_an_invoice_is_billed(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    station = await network.station()
    driver = await with_card(network, payment="invoice")
    assert await station.tap(CARD, seconds=0.3) is not None

    async def owed() -> Decimal:
        found = (await check(network.up.hub.db)).balances
        return sum(
            (a.to_decimal() for (account, _), a in found.items() if account.kind == "driver_receivable"), Decimal(0)
        )

    receivable = await eventually(owed)
    start = await newest(driver)
    assert (start["method"], start["state"], start["payment"]["method"]) == ("RFID", "ENDED", "invoice")
    assert receivable == Decimal(start["cost"])


async def test_a_start_by_the_operator_with_a_drivers_card_is_the_drivers(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    await network.station()
    driver = await with_card(network, payment="wallet")
    await credit(network, driver, "20")
    start = await network.send("POST", "/starts", {"token_uid": CARD, "station_id": "CS-1", "evse_id": 1}, expect=202)

    async def charging() -> bool:
        return bool((await network.get(f"/starts/{start['id']}"))["state"] == "CHARGING")

    await eventually(charging)
    await network.send("POST", f"/starts/{start['id']}/stop", None)
    ended = await until_billed_somehow(driver)
    assert Decimal(ended["payment"]["captured"]) > 0
    await driver.until_available(str(Decimal(20) - Decimal(ended["payment"]["captured"])))


async def until_billed_somehow(driver: App) -> Json:
    async def billed() -> Json | None:
        starts = (await driver.get("/starts"))["items"]
        return starts[0] if starts and (starts[0]["payment"] or {}).get("state") == "CAPTURED" else None

    found: Json = await eventually(billed)
    return found


async def test_what_a_partner_let_charge_unasked_is_billed_by_its_cdr(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    cpo = await partner_with_charger(network)
    driver = await with_card(network, payment="wallet")
    await credit(network, driver, "3")
    uid, party = CARD, {"country_code": "NL", "party_id": "PLB"}
    token = {**party, "uid": uid, "type": "RFID", "contract_id": "NL-PLB-C1"}
    place = cpo.chargers.place(None)
    session = cpo.chargers._begin(place, token, {"auth_method": "WHITELIST"})
    await cpo.chargers._charge(session, place, Decimal(10))
    start = await until_billed_somehow(driver)
    [cdr] = (await network.get("/cdrs"))["items"]
    total = cdr["cdr"]["total_cost"]
    gross = round_to_minor(Decimal(str(total.get("incl_vat", total["excl_vat"]))), "EUR").to_decimal()
    assert Decimal(start["payment"]["captured"]) == Decimal(3) < gross

    async def tried() -> Json | None:
        [debt] = await driver.get("/debts")
        return debt if debt["reason"] else None

    debt = await eventually(tried)
    assert Decimal(debt["amount"]) == gross - 3
    assert (debt["start_id"], debt["reason"]) == (start["id"], "card_gone")


async def test_a_blocked_driver_and_a_lost_card_charge_nothing(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    station = await network.station()
    driver = await with_card(network, payment="invoice")
    other = await driver_app(network, payment="invoice")
    assert await station.authorize(CARD) == "Accepted"
    await network.send("PATCH", f"/drivers/{driver.driver_id}", {"blocked": True})

    async def invalid() -> bool:
        [token] = await network.get(f"/drivers/{driver.driver_id}/tokens")
        return not token["valid"]

    await eventually(invalid)
    await network.send("PATCH", f"/drivers/{driver.driver_id}", {"blocked": False})

    async def valid() -> bool:
        [token] = await driver.get("/tokens")
        return bool(token["valid"])

    await eventually(valid)
    taken = await network.send("POST", f"/drivers/{other.driver_id}/tokens", {"uid": CARD}, expect=409)
    assert taken["code"] == "token_taken"
    [token] = await driver.get("/tokens")
    assert (await other.http.delete(f"/tokens/{token['id']}")).status_code == 404
    assert (await driver.http.delete(f"/tokens/{token['id']}")).status_code == 204
    assert await driver.get("/tokens") == []
    second = await network.station("CS-2")
    assert await second.authorize(CARD) != "Accepted"


async def test_a_card_at_a_partners_charger_is_paid_as_at_ours(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    cpo = await partner_with_charger(network)
    cpo.billing_error = Decimal("0.5")
    driver = await with_card(network, payment="wallet")
    refused = await cpo.tap(CARD, kwh="2")
    assert refused["allowed"] == "NO_CREDIT"
    await credit(network, driver, "25")
    tapped = await cpo.tap(CARD, kwh="2")
    assert tapped["allowed"] == "ALLOWED"
    start = await until_billed(driver)
    assert start["method"] == "RFID"
    [cdr] = (await network.get("/cdrs"))["items"]
    by_price, by_partner = Decimal(str(cdr["priced_cost"])), Decimal(str(cdr["total_cost"]))
    assert by_partner == by_price + Decimal("0.5")
    paid = Decimal(start["payment"]["captured"])
    assert paid == round_to_minor(by_price * Decimal("1.21"), "EUR").to_decimal(), (
        "the price at the tap, whatever the partner bills"
    )
    await driver.until_available(str(Decimal(25) - Decimal(start["payment"]["captured"])))
