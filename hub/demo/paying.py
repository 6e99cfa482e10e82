"""The journeys that are paid by card: a driver with an app whose bank wants to see him, and a guest."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hub.demo import cast
from hub.demo.cast import Charger
from hub.demo.children import DemoFailed
from hub.demo.doors import PATIENCE_S, Door, opened, until
from hub.demo.narrator import Narrator, amount, energy
from hub.demo.network import Network
from hub.demo.proofs import Payment, Run, cdr_of, run_of
from kit.ids import uuid7
from kit.money import round_to_minor
from payments.ledger.check import check
from payments.ledger.postings import receivable

Json = dict[str, Any]

WANTED_KWH = 40
"""More than anybody charges here: what is held is enough to the end."""
LEAST_LIVE_COSTS = 2
OVER = ("REFUSED", "FAILED", "EXPIRED")


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays: as the story calls him, by what, where, and with which card."""

    who: str
    via: str
    charger: Charger
    card: str


APP = Customer("our driver", "app", cast.MARKET_1, cast.CAREFUL_PAYMENT_CARD)
GUEST = Customer("a guest", "guest's page", cast.MARKET_2, cast.PAYMENT_CARD)


async def app_with_3d_secure(network: Network, narrator: Narrator) -> list[Run]:
    """Journey 7: a driver's app, a card hold that the bank asks the driver about, a session, what is owed taken."""
    driver = await network.api.send("POST", "/drivers", {"payment": "card"})
    key = await network.api.send("POST", f"/drivers/{driver['id']}/keys", {"name": "demo app"})
    async with opened(network.driver_url, key=key["key"]) as app:
        quote, start = await _begin(app, narrator, APP)
        return [await _paid(network, narrator, APP, app, quote, start, payer=f"driver:{driver['id']}")]


async def guest_by_card(network: Network, narrator: Narrator) -> list[Run]:
    """Journey 8: nobody whom we know, with a card and nothing else."""
    async with opened(network.driver_url) as page:
        quote, start = await _begin(page, narrator, GUEST)
    async with opened(network.driver_url, key=start["token"]) as page:
        return [await _paid(network, narrator, GUEST, page, quote, start, payer=f"guest:{start['id']}")]


async def _begin(app: Door, narrator: Narrator, customer: Customer) -> tuple[Json, Json]:
    """A price, and a start with it."""
    charger = customer.charger
    asked = {"location_id": charger.location_id, "evse_uid": charger.evse_uid, "energy_kwh": WANTED_KWH}
    quote = await app.send("POST", "/quotes", asked)
    promised = f"{WANTED_KWH} kWh for about {amount(Decimal(quote['estimate']['total']), quote['currency'])}"
    narrator.tell(charger.place, f"{customer.who} sees the price", detail=f"{promised}, {charger.speaks}")
    body = {"quote_id": quote["id"], "signature": quote["signature"]}
    start = await app.send("POST", "/starts", body, key=uuid7())
    if start["state"] != "PAYING" or start["payment"]["client_secret"] is None:
        raise DemoFailed(f"a start by card is {start['state']} before there is a card")
    return quote, start


async def _paid(
    network: Network, narrator: Narrator, customer: Customer, app: Door, quote: Json, start: Json, *, payer: str
) -> Run:
    """From the card to the ledger. Raises `DemoFailed` where anything is not as it should be."""
    charger, currency, secret = customer.charger, quote["currency"], start["payment"]["client_secret"]
    wanted_to_see = await _hold(network, narrator, customer, app, start)
    costs = await _charge(network, narrator, customer, app, start)

    async def captured() -> Json | None:
        found: Json = await app.get(f"/starts/{start['id']}")
        return found if found["payment"]["state"] == "CAPTURED" else None

    ended = await until("the end of the payment", captured)
    taken, held = Decimal(ended["payment"]["captured"]), Decimal(ended["payment"]["held"])
    run = run_of(f"{customer.via}, {charger.speaks}", await cdr_of(network, ended["session_id"]))
    if taken != Decimal(ended["cost"]) or Decimal(ended["energy_kwh"]) != run.kwh:
        raise DemoFailed(f"{ended['cost']} for {ended['energy_kwh']} kWh was shown, {taken} for {run.kwh} taken")
    at_bank = await network.bank.payment(secret)
    taken_minor = round_to_minor(taken, currency).amount_minor
    if (at_bank["amount_received"], at_bank["amount_capturable"]) != (taken_minor, 0):
        raise DemoFailed(f"the bank says that {at_bank['amount_received']} was taken, and we {taken_minor}")
    narrator.tell(charger.place, f"charged {energy(run.kwh)}, {amount(taken, currency)} taken", colour="green")
    narrator.tell(cast.BANK, f"{amount(held - taken, currency)} given back", colour="magenta")
    receipt = await _receipt(app, start, held=held, taken=taken)
    narrator.tell(charger.place, f"receipt {receipt['number']}", colour="green", detail=receipt["url"])
    entries = await _balanced(network, payer)
    narrator.tell("Ledger", "nothing is owed", colour="green", detail=f"{entries} entries, every sum proved")
    paid = Payment(
        estimate=Decimal(quote["estimate"]["total"]),
        held=held,
        asked_by_bank=wanted_to_see,
        live_costs=costs,
        captured=taken,
        released=held - taken,
        receipt=receipt["number"],
        ledger_entries=entries,
    )
    return replace(run, payment=paid)


async def _hold(network: Network, narrator: Narrator, customer: Customer, app: Door, start: Json) -> bool:
    """Enter the card, and answer the bank's question if it has one; whether it had."""
    secret, payment = start["payment"]["client_secret"], start["payment"]
    wants_to_see = await network.bank.enter_card(secret, customer.card)
    if wants_to_see != (customer.card == cast.CAREFUL_PAYMENT_CARD):
        raise DemoFailed("the bank asked whom it should not ask, or the other way round")
    held = amount(Decimal(payment["held"]), payment["currency"])
    if wants_to_see:
        if (seen := await app.get(f"/starts/{start['id']}"))["state"] != "PAYING":
            raise DemoFailed(f"the bank still asks, and the start is {seen['state']}")
        narrator.tell(cast.BANK, "wants to see who pays", colour="yellow", detail="3-D Secure")
        await network.bank.authenticate(secret)
    narrator.tell(cast.BANK, f"holds {held}", colour="magenta", detail=f"for {customer.who}")
    return wants_to_see


async def _charge(network: Network, narrator: Narrator, customer: Customer, app: Door, start: Json) -> list[Decimal]:
    """Watch the session as the app does, and stop it after a while; the costs that were shown while it charged."""
    costs = list[Decimal]()
    try:
        async with asyncio.timeout(network.pace.charge_s + PATIENCE_S):
            await _watch(network, narrator, customer, app, start, costs)
    except TimeoutError:
        raise DemoFailed("the session did not end in time") from None
    if len(costs) < LEAST_LIVE_COSTS or costs != sorted(costs):
        raise DemoFailed(f"the costs that were shown are {', '.join(map(str, costs)) or 'none'}")
    return costs


async def _watch(
    network: Network, narrator: Narrator, customer: Customer, app: Door, start: Json, costs: list[Decimal]
) -> None:
    place, clock, stopped = customer.charger.place, network.up.hub.clock, False
    charging_since: float | None = None
    async with aclosing(app.listen(f"/starts/{start['id']}/live")) as live:
        async for seen in live:
            if seen["state"] in OVER:
                raise DemoFailed(f"the start ended {seen['state']}: {seen['message']}")
            if seen["state"] != "CHARGING":
                continue
            if charging_since is None:
                charging_since = clock.monotonic()
                narrator.tell(place, "charging", colour="green", detail=f"started by the {customer.via}")
            cost = Decimal(seen["cost"] or 0)
            if cost > 0 and (not costs or cost != costs[-1]):
                costs.append(cost)
            lasted_s = clock.monotonic() - charging_since
            if not stopped and len(costs) >= LEAST_LIVE_COSTS and lasted_s >= network.pace.charge_s:
                so_far = f"{energy(Decimal(seen['energy_kwh']))}, {amount(cost, seen['currency'])}"
                narrator.tell(place, f"{customer.who} sees {so_far} and stops")
                stopped = (await app.send("POST", f"/starts/{start['id']}/stop"))["accepted"]


async def _receipt(app: Door, start: Json, *, held: Decimal, taken: Decimal) -> Json:
    """The receipt, and proof that it adds up and is there as PDF. Raises `DemoFailed`."""
    receipt: Json = await app.get(f"/starts/{start['id']}/receipt")
    lines = sum(Decimal(line["net"]) for line in receipt["lines"])
    if (lines + Decimal(receipt["vat"]), Decimal(receipt["gross"])) != (taken, taken):
        raise DemoFailed(f"{taken} was taken, and receipt {receipt['number']} is over {receipt['gross']}")
    means = [Decimal(receipt["payment"][name]) for name in ("held", "taken", "released")]
    if means != [held, taken, held - taken]:
        raise DemoFailed(f"receipt {receipt['number']} tells another payment: {receipt['payment']}")
    if not (await app.file(f"/starts/{start['id']}/receipt.pdf")).startswith(b"%PDF-"):
        raise DemoFailed(f"receipt {receipt['number']} is no PDF")
    return receipt


async def _balanced(network: Network, payer: str) -> int:
    """The number of entries of a ledger that proves, in which this payer has paid. Raises `DemoFailed`."""

    async def paid() -> int | None:
        checked = await check(network.up.hub.db)
        if checked.findings:
            raise DemoFailed(f"the ledger: {checked.findings[0].where}: {checked.findings[0].what}")
        owed = [each for (account, _), each in checked.balances.items() if account == receivable(payer)]
        return checked.entries if owed and not any(owed) else None

    return await until("the driver's payment in the ledger", paid)
