"""Paid by card: an amount is put aside before the start, what is owed is taken at the end, the rest is given back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hub.starts.quote_tables import QuoteRow
from hub.starts.quoting import signature
from kit.money import Money
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.check import check
from payments.ledger.service import post
from tests.journeys.apps import KEY, Bank, driver_app, guest_app, hub_with_cards
from tests.journeys.network import Network, eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[tuple[Network, Bank]]:
    async with hub_with_cards(tmp_path, migrated_database_url) as opened:
        yield opened


async def balances(network: Network) -> dict[str, int]:
    """What is not zero in the ledger, by kind of account, once nothing is about to be posted."""
    checked = await check(network.up.hub.db)
    assert checked.findings == ()
    found: dict[str, int] = {}
    for (account, _), amount in checked.balances.items():
        found[account.kind] = found.get(account.kind, 0) + amount.amount_minor
    return {kind: minor for kind, minor in found.items() if minor}


async def settled(network: Network) -> dict[str, int]:
    """The ledger's balances when nothing is held any more, and nothing owed."""

    async def over() -> bool:
        return not {"holds", "driver_receivable"} & (await balances(network)).keys()

    await eventually(over)
    return await balances(network)


def minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


async def test_a_driver_pays_by_a_card_that_wants_3d_secure(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    driver = await driver_app(network, payment="card")

    quote = await driver.quote(energy_kwh=10)
    assert quote["hold"] == "10.00", "at least the floor"
    start = await driver.start(quote)
    assert (start["state"], start["next_step"]) == ("PAYING", "confirm_payment")
    assert start["payment"]["state"] == "NEEDS_ACTION"
    secret = start["payment"]["client_secret"]
    await bank.enter_card(secret, "pm_card_authenticationRequired")
    assert (await driver.see(start))["state"] == "PAYING"
    await bank.authenticate(secret)

    charging = await driver.until(start, "CHARGING")
    assert charging["payment"]["state"] == "HELD"
    assert charging["payment"]["client_secret"] is None
    assert (await balances(network)).get("holds") == 1000

    async def some_energy() -> bool:
        seen = await driver.see(start)
        return bool(seen["energy_kwh"]) and float(seen["energy_kwh"]) > 0.01

    await eventually(some_energy)
    await driver.stop(start)
    await driver.until(start, "ENDED")
    left = await settled(network)
    ended = await driver.see(start)
    assert ended["payment"]["state"] == "CAPTURED"
    assert ended["payment"]["captured"] == ended["cost"], "the driver paid what he saw"
    assert left["provider_clearing"] + left.get("provider_fees", 0) == minor(ended["cost"])
    [intent] = await bank.intents()
    assert (intent["status"], intent["amount_received"]) == ("succeeded", minor(ended["cost"]))
    assert intent["amount_capturable"] == 0, "the rest was given back"


async def test_an_operator_pays_a_party_out(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    party = "/party-balances/NL*PLB"
    assert (await network.get(party)) == {"party": "NL*PLB", "account_id": None, "balances": []}
    await network.send("PUT", f"{party}/account", {"account_id": "acct_nobody"}, expect=422)
    auth = {"Authorization": f"Bearer {KEY}"}
    account = (await bank.http.post(f"{bank.url}/v1/accounts", data={"type": "express"}, headers=auth)).json()
    known = await network.send("PUT", f"{party}/account", {"account_id": account["id"]})
    assert known["account_id"] == account["id"]
    payout = {"party": "NL*PLB", "amount": "5.00", "currency": "EUR", "reference": "march"}
    refused = await network.send("POST", "/payouts", payout, expect=409)
    assert refused["code"] == "over_payout"
    price = postings.Price(Money(700, "EUR"), Money(0, "EUR"), "NLD")
    async with network.up.hub.db.tx() as tx:
        await post(tx, Entry(Document("cdr", "NL*PLB*by-hand"), postings.bought_from_party("NL*PLB", price)))
    charge = {"amount": "2000", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    await bank.http.post(f"{bank.url}/v1/payment_intents", data=charge, headers=auth)
    made = await network.send("POST", "/payouts", payout, expect=202)
    assert (await network.send("POST", "/payouts", payout, expect=202))["id"] == made["id"]

    async def done() -> bool:
        return [each["state"] for each in (await network.get("/payouts"))["items"]] == ["DONE"]

    await eventually(done)
    [left] = (await network.get(party))["balances"]
    assert (left["owed"], left["available"], left["under_way"]) == ("2.00", "2.00", "0.00")
    undo = {"amount": "1.50", "reference": "too much"}
    await network.send("POST", f"/payouts/{made['id']}/reverse", {**undo, "amount": "1.505"}, expect=422)
    await network.send("POST", f"/payouts/{made['id']}/reverse", undo, expect=202)

    async def back() -> bool:
        return (await network.get(party))["balances"][0]["owed"] == "3.50"

    await eventually(back)


async def test_an_operator_compares_the_books_and_sees_that_they_match(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.send("POST", "/reconciliation", None, expect=202)

    async def compared() -> bool:
        runs = (await network.get("/reconciliation"))["runs"]
        return [(run["part"], bool(run["ended_at"])) for run in runs] == [("ledger", True), ("provider", True)]

    await eventually(compared)
    assert (await network.get("/reconciliation", all=True))["total"] == 0
    await network.send("POST", "/reconciliation/none/resolve", {"note": "gone"}, expect=404)


async def test_a_guest_pays_by_card_without_an_account(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    station = await network.station(protocol="ocpp2.0.1")
    page = await guest_app(network)

    quote = await page.quote(energy_kwh=5)
    start = await page.start(quote, language="nl")
    guest = await guest_app(network, start["token"])
    await bank.enter_card(start["payment"]["client_secret"])
    charging = await guest.until(start, "CHARGING")
    assert charging["message"] == "Aan het laden."

    async def some_energy() -> bool:
        return float((await guest.see(start))["energy_kwh"]) > 0.01

    await eventually(some_energy)
    await guest.stop(start)
    await guest.until(start, "ENDED")
    left = await settled(network)
    ended = await guest.see(start)
    assert ended["payment"]["captured"] == ended["cost"]
    assert left["provider_clearing"] + left.get("provider_fees", 0) == minor(ended["cost"])
    [charged] = station.finished
    assert float(ended["energy_kwh"]) == charged.energy_wh / 1000
    [cdr] = (await network.get("/cdrs"))["items"]
    assert cdr["cdr"]["cdr_token"]["type"] == "AD_HOC_USER"


async def test_a_guest_sees_only_what_his_token_opens(shop: tuple[Network, Bank]) -> None:
    network, _ = shop
    await network.publish()
    await network.station()
    page = await guest_app(network)
    first, second = await page.start(await page.quote()), await page.start(await page.quote())
    other = await guest_app(network, second["token"])
    driver = await driver_app(network)
    for app, status in ((page, 401), (other, 404), (driver, 404)):
        for method, path in (("GET", ""), ("POST", "/stop"), ("POST", "/payment"), ("GET", "/live")):
            answer = await app.http.request(method, f"/starts/{first['id']}{path}")
            assert answer.status_code == status, f"{method} {path}"
    refused = await page.start(await page.quote(), payment="invoice", expect=402)
    assert refused["code"] == "guests_pay_by_card"
    quote = await driver.quote()
    assert (await page.start(quote, expect=422))["code"] == "quote_signature_invalid"


async def test_a_quote_that_is_not_ours_makes_nobody_a_customer(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    page = await guest_app(network)
    for number in range(3):
        refused = await page.start({"id": f"made-up-{number}", "signature": "0" * 64}, expect=422)
        assert refused["code"] == "quote_signature_invalid"
    assert not (await bank.control("state"))["objects"].get("cus")


async def test_a_quote_of_ours_that_is_over_makes_nobody_a_customer(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    page, hub = await guest_app(network), network.up.hub
    late = await page.quote()
    async with hub.db.tx() as tx:
        row = await tx.get(QuoteRow, late["id"])
        assert row is not None
        row.expires_at = tx.now - timedelta(seconds=1)
        signed = signature(hub.keys, row)
    refused = await page.start({**late, "signature": signed}, expect=410)
    assert refused["code"] == "quote_expired"
    assert not (await bank.control("state"))["objects"].get("cus")

    used = await page.quote()
    start = await page.start(used, key="the-first-time")
    again = await page.start(used, key="another-time", expect=409)
    assert again["code"] == "quote_used"
    assert (await page.start(used, key="the-first-time"))["id"] == start["id"], "the same request is the same start"


async def test_a_declined_card_may_be_replaced_by_another(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    await network.station()
    page = await guest_app(network)
    start = await page.start(await page.quote())
    guest = await guest_app(network, start["token"])
    await bank.enter_card(start["payment"]["client_secret"], "pm_card_chargeDeclinedInsufficientFunds")
    seen = await guest.post(f"/starts/{start['id']}/payment", None, expect=200)
    assert (seen["state"], seen["next_step"]) == ("PAYING", "confirm_payment")
    await bank.enter_card(start["payment"]["client_secret"])
    await guest.until(start, "CHARGING")


async def test_a_charger_that_cannot_start_costs_nothing_and_holds_nothing(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    await network.publish()
    station = await network.station()
    await station.close()
    page = await guest_app(network)
    start = await page.start(await page.quote())
    guest = await guest_app(network, start["token"])
    await bank.enter_card(start["payment"]["client_secret"])
    failed = await guest.until(start, "FAILED")
    assert failed["code"] == "charger_out_of_order"

    async def given_back() -> bool:
        [intent] = await bank.intents()
        return bool(intent["status"] == "canceled")

    await eventually(given_back)
    assert await settled(network) == {}


@pytest.mark.slow
async def test_a_session_ends_before_it_costs_more_than_is_held(tmp_path: Path, migrated_database_url: str) -> None:
    by_energy = {"price_components": [{"type": "ENERGY", "price": 1, "step_size": 1}]}
    settings = {"hold_floor": 10, "hold_cap": 10, "session_update_interval_s": 2.0}
    async with hub_with_cards(tmp_path, migrated_database_url, **settings) as (network, bank):
        await network.publish()
        await network.send("PUT", "/tariffs/STANDARD", {"currency": "EUR", "elements": [by_energy]})
        await network.station()
        page = await guest_app(network)
        start = await page.start(await page.quote(energy_kwh=100))
        guest = await guest_app(network, start["token"])
        await bank.enter_card(start["payment"]["client_secret"])
        await guest.until(start, "ENDED")
        await settled(network)
        ended = await guest.see(start)
        assert Decimal(0) < Decimal(ended["cost"]) <= Decimal("10.00")
        assert ended["payment"]["captured"] == ended["cost"]


async def test_without_a_provider_no_cards_are_taken(own_network: Network) -> None:
    await own_network.publish()
    await own_network.station()
    page = await guest_app(own_network)
    assert (await page.start(await page.quote(), expect=409))["code"] == "cards_not_taken"
    answer = await own_network.api.post(f"{own_network.up.http_url}/payments/stripe/events", content=b"{}")
    assert answer.status_code == 404


async def test_nobody_tells_us_of_payments_but_the_provider(shop: tuple[Network, Bank]) -> None:
    network, bank = shop
    url = f"{network.up.http_url}/payments/stripe/events"
    body = b'{"id": "evt_1", "object": "event", "type": "payment_intent.succeeded"}'
    json_type = {"content-type": "application/json"}
    for headers, content, status in (
        (json_type, body, 400),
        ({**json_type, "stripe-signature": "t=1,v1=00"}, body, 400),
        ({"content-type": "text/plain"}, body, 415),
        (json_type, b"x" * 300_000, 413),
    ):
        answer = await bank.http.post(url, content=content, headers=headers)
        assert answer.status_code == status, answer.text
