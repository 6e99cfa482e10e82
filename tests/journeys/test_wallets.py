"""Paid beforehand: a wallet that is filled by card, by a rule, or by the operator, and spent by starts of the app."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from payments.ledger.check import check
from tests.journeys.apps import App, Bank, driver_app, driver_client, hub_with_cards
from tests.journeys.network import Json, Network, eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[tuple[Network, Bank]]:
    async with hub_with_cards(tmp_path, migrated_database_url) as opened:
        yield opened


async def credit(network: Network, driver: App, amount: str, *, key: str | None = None) -> Json:
    answer = await network.api.post(
        f"/drivers/{driver.driver_id}/wallet/credits",
        json={"amount": amount, "reason": "a charger was broken"},
        headers={"Idempotency-Key": key or str(uuid4())},
    )
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def some_energy(driver: App, start: Json) -> None:
    async def seen() -> bool:
        return float((await driver.see(start))["energy_kwh"] or 0) > 0.01

    await eventually(seen)


async def ledger_is_right(network: Network) -> None:
    assert (await check(network.up.hub.db)).findings == ()


async def test_a_driver_pays_in_with_3d_secure_and_charges_on_it(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    driver = await driver_app(network, payment="wallet")
    assert (await driver.get("/wallet"))["balance"] == "0.00"

    paid_in = await driver.top_up("25", key="the-first-top-up")
    assert (await driver.top_up("25", key="the-first-top-up"))["id"] == paid_in["id"]
    await bank.enter_card(paid_in["client_secret"], "pm_card_authenticationRequired")
    await bank.authenticate(paid_in["client_secret"])
    await driver.until_available("25.00")
    assert (await driver.get(f"/wallet/top-ups/{paid_in['id']}"))["state"] == "LOADED"

    start = await driver.start(await driver.quote(energy_kwh=10))
    assert start["payment"] == {
        "method": "wallet",
        "state": "HELD",
        "currency": "EUR",
        "held": "10.00",
        "captured": "0.00",
        "owed": None,
        "client_secret": None,
    }
    assert (await driver.get("/wallet"))["available"] == "15.00"
    await driver.until(start, "CHARGING")
    await some_energy(driver, start)
    await driver.stop(start)
    await driver.until(start, "ENDED")

    async def billed() -> bool:
        return bool((await driver.see(start))["payment"]["state"] == "CAPTURED")

    await eventually(billed)
    ended = await driver.see(start)
    assert ended["payment"]["captured"] == ended["cost"]
    left = Decimal(25) - Decimal(ended["cost"])
    wallet = await driver.get("/wallet")
    assert (Decimal(wallet["balance"]), wallet["reserved"]) == (left, "0.00")
    lines = (await driver.get("/wallet/transfers"))["items"]
    assert [(line["kind"], Decimal(line["amount"]), Decimal(line["balance"])) for line in lines] == [
        ("charging", -Decimal(ended["cost"]), left),
        ("top_up", Decimal(25), Decimal(25)),
    ]
    assert lines[0]["reference"] == start["id"]
    await ledger_is_right(network)


async def test_a_session_is_given_back_to_the_wallet_that_paid_it(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    await network.station()
    driver = await driver_app(network, payment="wallet")
    await credit(network, driver, "25")
    start = await driver.start(await driver.quote(energy_kwh=10))
    path, key = f"/starts/{start['id']}/refunds", {"Idempotency-Key": "refund-1"}
    asked: Json = {"amount": "0.20", "reason": "The charger was slow"}
    await network.send("POST", path, asked, expect=404, headers=key)
    await driver.until(start, "CHARGING")
    await some_energy(driver, start)
    await driver.stop(start)
    await driver.until(start, "ENDED")

    async def receipt() -> Json | None:
        answer = await driver.http.get(f"/starts/{start['id']}/receipt")
        return dict(answer.json()) if answer.status_code == 200 else None

    cost = Decimal((await eventually(receipt))["gross"])
    [first] = await network.send("POST", path, asked, expect=202, headers=key)
    assert await network.send("POST", path, asked, expect=202, headers=key) == [first]
    assert {name: first[name] for name in ("to", "state", "amount", "failure")} == {
        "to": "wallet",
        "state": "SUCCEEDED",
        "amount": "0.20",
        "failure": None,
    }
    reused = await network.send("POST", path, {**asked, "amount": "0.30"}, expect=422, headers=key)
    assert reused["code"] == "idempotency_key_reused"
    left = Decimal(25) - cost + Decimal("0.20")
    assert Decimal((await driver.get("/wallet"))["available"]) == left
    [line] = (await driver.get("/wallet/transfers"))["items"][:1]
    assert (line["kind"], line["amount"], Decimal(line["balance"])) == ("refund", "0.20", left)

    rest = cost - Decimal("0.20")
    more: Json = {"amount": f"{rest + Decimal('0.01'):f}", "reason": "All of it"}
    refused = await network.send("POST", path, more, expect=409, headers={"Idempotency-Key": "refund-2"})
    assert refused["code"] == "over_refund"
    more["amount"] = f"{rest:f}"
    await network.send("POST", path, more, expect=202, headers={"Idempotency-Key": "refund-3"})
    await driver.until_available("25.00")
    assert [(each["to"], each["reason"]) for each in await network.get(path)] == [
        ("wallet", "The charger was slow"),
        ("wallet", "All of it"),
    ]

    async def noted() -> Json | None:
        seen = await receipt()
        return seen if seen and len(seen["credit_notes"]) == 2 else None

    seen = await eventually(noted)
    assert Decimal(seen["credited"]) == cost
    whole = await network.get(f"/documents/{seen['credit_notes'][0]['id']}")
    assert (whole["kind"], whole["payment"]["method"]) == ("CREDIT_NOTE", "wallet")
    checked = await check(network.up.hub.db)
    assert checked.findings == ()
    kinds = {account.kind for (account, _), amount in checked.balances.items() if amount}
    assert not {"driver_receivable", "vat"} & kinds


async def test_a_start_without_enough_is_refused_and_the_quote_stays_good(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    await network.station()
    driver = await driver_app(network, payment="wallet")
    quote = await driver.quote()
    refused = await driver.start(quote, expect=402)
    assert (refused["code"], refused["next_step"]) == ("wallet_too_low", "top_up")
    assert (refused["needed"], refused["available"]) == ("12.00", "0.00")
    await credit(network, driver, "12.5", key="one-kindness")
    await credit(network, driver, "12.5", key="one-kindness")
    await driver.until_available("12.50")
    start = await driver.start(quote)
    again = await driver.start(await driver.quote(), expect=402)
    assert (again["code"], again["available"]) == ("wallet_too_low", "0.50")
    await driver.until(start, "CHARGING")


async def test_what_is_put_aside_is_free_again_when_the_charger_cannot_start(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    station = await network.station()
    await station.close()
    driver = await driver_app(network, payment="invoice")
    await credit(network, driver, "20")
    start = await driver.start(await driver.quote(), payment="wallet")
    failed = await driver.until(start, "FAILED")
    assert failed["payment"]["method"] == "wallet"
    await driver.until_available("20.00")


async def test_a_wallet_is_filled_by_its_rule_and_paid_out(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    driver = await driver_app(network, payment="wallet")
    await driver.save_card(bank)
    answer = await driver.http.put("/wallet/auto-reload", json={"below": "5", "amount": "20"})
    assert answer.status_code == 200, answer.text
    await driver.until_available("20.00")
    start = await driver.start(await driver.quote())
    await driver.until(start, "CHARGING")
    assert (await driver.post("/wallet/payout", None, expect=409))["code"] == "wallet_in_use"
    await some_energy(driver, start)
    await driver.stop(start)
    await driver.until(start, "ENDED")

    async def paid_out() -> bool:
        answer = await driver.http.post("/wallet/payout")
        return answer.status_code == 202 and answer.json()["amount"] != "0.00"

    await eventually(paid_out)
    emptied = await driver.until_available("0.00")
    assert emptied["auto_reload"] is None

    async def sent() -> bool:
        return bool((await driver.get("/wallet"))["balance"] == "0.00")

    await eventually(sent)
    await ledger_is_right(network)


async def test_a_rule_that_the_bank_refuses_rests_and_says_why(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    driver = await driver_app(network, payment="wallet")
    await driver.save_card(bank, "pm_card_chargeCustomerFail")
    await driver.http.put("/wallet/auto-reload", json={"below": "5", "amount": "20"})

    async def rests() -> Json | None:
        reload: Json = (await driver.get("/wallet"))["auto_reload"]
        return reload if reload["paused"] else None

    reload = await eventually(rests)
    assert reload["reason"] == "declined"
    assert reload["message"]
    assert (await driver.http.delete("/wallet/auto-reload")).json()["auto_reload"] is None


async def test_wallets_of_others_cannot_be_seen_or_filled(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    one, other = await driver_app(network, payment="wallet"), await driver_app(network, payment="wallet")
    card = await one.save_card(bank)
    paid_in = await one.top_up("20", card_id=card["id"])
    await one.until_available("20.00")
    assert (await other.http.get(f"/wallet/top-ups/{paid_in['id']}")).status_code == 404
    assert (await other.http.post(f"/wallet/top-ups/{paid_in['id']}/payment")).status_code == 404
    assert (await other.top_up("20", card_id=card["id"], expect=404))["code"] == "not_found"
    assert (await other.get("/wallet"))["balance"] == "0.00"
    assert (await other.get("/wallet/transfers"))["total"] == 0
    for amount, code in (
        ("4.99", "top_up_out_of_bounds"),
        ("0.001", "amount_too_fine"),
        ("501", "top_up_out_of_bounds"),
    ):
        assert (await one.top_up(amount, expect=422))["code"] == code
    async with driver_client(network, None) as guest:
        for path in ("/wallet", "/wallet/transfers", "/cards", "/debts"):
            assert (await guest.get(path)).status_code == 401
    found = (await network.get(f"/drivers/{one.driver_id}/wallet"))["balance"]
    assert found == "20.00"


@pytest.mark.slow
async def test_a_session_ends_before_it_costs_more_than_the_wallet_has(
    tmp_path: Path, migrated_database_url: str
) -> None:
    by_energy = {"price_components": [{"type": "ENERGY", "price": 1, "step_size": 1}]}
    settings = {"hold_floor": 10, "hold_cap": 40, "session_update_interval_s": 2.0}
    async with hub_with_cards(tmp_path, migrated_database_url, **settings) as (network, _):
        await network.publish()
        await network.send("PUT", "/tariffs/STANDARD", {"currency": "EUR", "elements": [by_energy]})
        await network.station()
        driver = await driver_app(network, payment="wallet")
        await credit(network, driver, "14")
        start = await driver.start(await driver.quote(energy_kwh=1))
        await driver.until(start, "ENDED")

        async def billed() -> Json | None:
            seen = await driver.see(start)
            return seen if seen["payment"]["state"] == "CAPTURED" else None

        ended = await eventually(billed)
        assert ended["payment"]["held"] == "14.00", "what was free was put aside, too"
        assert Decimal(0) < Decimal(ended["cost"]) <= Decimal(14)
        assert ended["payment"]["captured"] == ended["cost"]
        assert await driver.get("/debts") == []
