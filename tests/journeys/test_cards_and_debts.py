"""Saved cards, a start with one of them, and what was not paid: shown, in the way, and paid by another card."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.money import Money
from payments import cards, debts
from tests.journeys.apps import App, Bank, driver_app, hub_with_cards
from tests.journeys.network import Json, Network, eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[tuple[Network, Bank]]:
    async with hub_with_cards(tmp_path, migrated_database_url) as opened:
        yield opened


async def in_debt(network: Network, driver: App, minor: int = 700) -> Json:
    """A driver whose session cost more than was put aside."""
    start = await driver.start(
        await driver.quote(),
    )
    await driver.until(start, "CHARGING")
    await driver.stop(start)
    await driver.until(start, "ENDED")
    hub = network.up.hub
    async with hub.db.tx() as tx:
        customer_id = await cards.customer_id_of(tx, f"driver:{driver.driver_id}")
        await debts.owe(tx, start["id"], Money(minor, "EUR"), customer_id=customer_id)

    async def tried() -> Json | None:
        [debt] = await driver.get("/debts")
        return debt if debt["state"] != "OWED" or debt["reason"] else None

    found: Json = await eventually(tried)
    return found


async def test_cards_are_saved_preferred_and_forgotten(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    driver, other = await driver_app(network, payment="card"), await driver_app(network, payment="card")
    begun = await driver.post("/cards", None, expect=201)
    assert (await driver.post(f"/cards/{begun['id']}/finish", None, expect=409))["code"] == "card_not_saved"
    await bank.enter_card(begun["client_secret"], "pm_card_authenticationRequiredOnSetup", kind="setup_intents")
    await bank.authenticate(begun["client_secret"])
    assert (await other.post(f"/cards/{begun['id']}/finish", None, expect=404))["code"] == "not_found"
    first = await driver.post(f"/cards/{begun['id']}/finish", None, expect=200)
    assert await driver.post(f"/cards/{begun['id']}/finish", None, expect=200) == first, "again is the same"
    second = await driver.save_card(bank, "pm_card_mastercard")
    assert [(card["brand"], card["is_default"]) for card in await driver.get("/cards")] == [
        ("mastercard", True),
        ("visa", False),
    ]
    for method, path in (("PUT", f"/cards/{first['id']}/default"), ("DELETE", f"/cards/{first['id']}")):
        assert (await other.http.request(method, path)).status_code == 404
    assert (await driver.http.put(f"/cards/{first['id']}/default")).status_code == 204
    assert (await driver.get("/cards"))[0]["id"] == first["id"]
    assert (await driver.http.delete(f"/cards/{first['id']}")).status_code == 204
    assert [(card["id"], card["is_default"]) for card in await driver.get("/cards")] == [(second["id"], True)]
    assert await other.get("/cards") == []
    assert (await driver.post("/cards/seti_made_up/finish", None, expect=404))["code"] == "not_found"


async def test_a_start_with_a_saved_card_needs_no_form(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    driver, other = await driver_app(network, payment="card"), await driver_app(network, payment="card")
    card = await driver.save_card(bank)
    assert (await other.start(await other.quote(), card_id=card["id"], expect=404))["code"] == "not_found"
    start = await driver.start(await driver.quote(), card_id=card["id"])
    assert start["payment"]["client_secret"] is None
    charging = await driver.until(start, "CHARGING")
    assert charging["payment"]["state"] == "HELD"


async def test_a_debt_is_shown_is_in_the_way_and_is_paid_by_another_card(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    driver, other = await driver_app(network, payment="invoice"), await driver_app(network, payment="invoice")
    await driver.save_card(bank, "pm_card_chargeCustomerFail")
    debt = await in_debt(network, driver)
    assert (debt["state"], debt["amount"], debt["reason"]) == ("OWED", "7.00", "declined")
    assert debt["message"]
    refused = await driver.start(await driver.quote(), expect=402)
    assert (refused["code"], refused["owed"], refused["next_step"]) == ("debt_open", "7.00", "pay_debt")
    assert await other.get("/debts") == []
    assert (await other.post(f"/debts/{debt['id']}/pay", {}, expect=404))["code"] == "not_found"

    still = await driver.post(f"/debts/{debt['id']}/pay", {}, expect=200)
    assert (still["state"], still["reason"]) == ("OWED", "declined")
    card = await driver.save_card(bank)
    paid = await driver.post(f"/debts/{debt['id']}/pay", {"card_id": card["id"]}, expect=200)
    assert (paid["state"], paid["client_secret"]) == ("PAID", None)
    assert (await driver.post(f"/debts/{debt['id']}/pay", {}, expect=200))["state"] == "PAID", "once"
    start = await driver.start(await driver.quote())
    await driver.until(start, "CHARGING")
    charged = [each for each in await bank.intents() if each["status"] == "succeeded"]
    assert [each["amount_received"] for each in charged] == [700]


async def test_a_debt_that_the_bank_wants_confirmed_is_confirmed_in_the_app(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    driver = await driver_app(network, payment="invoice")
    begun = await driver.post("/cards", None, expect=201)
    await bank.enter_card(begun["client_secret"], "pm_card_authenticationRequired", kind="setup_intents")
    await bank.authenticate(begun["client_secret"])
    await driver.post(f"/cards/{begun['id']}/finish", None, expect=200)
    debt = await in_debt(network, driver)
    assert debt["reason"] == "authentication_required"
    asked = await driver.post(f"/debts/{debt['id']}/pay", {}, expect=200)
    assert asked["state"] == "OWED"
    await bank.enter_card(asked["client_secret"], "pm_card_authenticationRequired")
    await bank.authenticate(asked["client_secret"])
    paid = await driver.post(f"/debts/{debt['id']}/pay", {}, expect=200)
    assert paid["state"] == "PAID"


async def test_a_driver_without_a_card_is_told_to_save_one(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    driver = await driver_app(network, payment="invoice")
    debt = await in_debt(network, driver)
    assert (debt["state"], debt["reason"]) == ("GIVEN_UP", "card_gone")
    still = await driver.post(f"/debts/{debt['id']}/pay", {}, expect=200)
    assert (still["state"], still["reason"]) == ("GIVEN_UP", "card_gone")
    card = await driver.save_card(bank)
    assert (await driver.post(f"/debts/{debt['id']}/pay", {"card_id": card["id"]}, expect=200))["state"] == "PAID"
    found = await network.get(f"/drivers/{driver.driver_id}/debts")
    assert [each["state"] for each in found] == ["PAID"]
