"""Charges, and what each leaves on the balance: the amount, and a fee of 1.5 % and 25 cents unless told otherwise."""

from datetime import timedelta

from payments.fake_stripe.cards import Card
from payments.fake_stripe.faults import Json
from payments.fake_stripe.forms import Params
from payments.fake_stripe.routes import PAGING, Route
from payments.fake_stripe.world import HOLD_FOR, HOLD_FOR_OFF_SESSION, World, page

AVAILABLE_AFTER = timedelta(days=2)


def new_charge(world: World, intent: Json, method: Json, *, failed: Json | None, off_session: bool) -> Json:
    """The charge of an attempt to pay; `failed` is the error that the driver gets."""
    card = world.cards[method["id"]]
    manual = intent["capture_method"] == "manual" and failed is None
    charge = {
        "id": world.new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "captured": False,
        "created": world.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": failed["code"] if failed else None,
        "failure_message": failed["message"] if failed else None,
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": {"network_status": "declined_by_network" if failed else "approved_by_network"},
        "paid": failed is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"type": "card", "card": _details(world, intent, card, manual, off_session)},
        "refunded": False,
        "status": "failed" if failed else "succeeded",
        "transfer_group": intent["transfer_group"],
    }
    return world.keep("ch", charge)


def _details(world: World, intent: Json, card: Card, manual: bool, off_session: bool) -> Json:
    asked = intent["payment_method_options"].get("card", {}).get("request_incremental_authorization")
    available = manual and asked == "if_available" and card.increments and world.increments
    window = HOLD_FOR_OFF_SESSION if off_session and card.brand == "visa" else HOLD_FOR
    return {
        "amount_authorized": intent["amount"],
        "brand": card.brand,
        "capture_before": world.now() + int(window.total_seconds()) if manual else None,
        "country": card.country,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": card.fingerprint,
        "funding": "credit",
        "incremental_authorization": {"status": "available" if available else "unavailable"},
        "last4": card.last4,
    }


def capture(world: World, charge: Json, amount: int) -> None:
    """The money of a charge, or a part of it, is ours."""
    charge["captured"], charge["amount_captured"] = True, amount
    charge["payment_method_details"]["card"]["capture_before"] = None
    if world.fees.line_lag_s:
        world.late[charge["id"]] = world.now() + world.fees.line_lag_s
    else:
        _settle(world, charge, at=world.now())


def settle_late(world: World) -> None:
    """The charges whose line is due by now get it."""
    for charge_id, due in list(world.late.items()):
        if due <= world.now():
            del world.late[charge_id]
            _settle(world, world.get("ch", charge_id), at=due)


def _settle(world: World, charge: Json, *, at: int) -> None:
    amount, currency = charge["amount_captured"], charge["currency"]
    fee = world.fees.fee_for(world.fees.settled(amount, currency)[0])
    line = entry(world, "charge", amount, currency, charge["id"], fee=fee)
    line.update(created=at, available_on=at + int(AVAILABLE_AFTER.total_seconds()))
    charge["balance_transaction"] = line["id"]


def entry(world: World, type: str, amount: int, currency: str, source: str, *, fee: int = 0) -> Json:
    """A line on the balance; `fee` is in the currency that is paid out."""
    amount, currency, rate = world.fees.settled(amount, currency)
    details = [{"amount": fee, "currency": currency, "description": "processing fees", "type": "stripe_fee"}]
    line = {
        "id": world.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": world.now() + int(AVAILABLE_AFTER.total_seconds()),
        "created": world.now(),
        "currency": currency,
        "exchange_rate": None if rate is None else float(rate),
        "fee": fee,
        "fee_details": details if fee else [],
        "net": amount - fee,
        "reporting_category": type,
        "source": source,
        "status": "pending",
        "type": type,
    }
    return world.keep("txn", line)


def balance_of(world: World, currency: str) -> int:
    """What is on the balance of a currency."""
    return sum(line["net"] for line in world.objects["txn"].values() if line["currency"] == currency)


def retrieve(world: World, params: Params, id: str) -> Json:
    """A charge."""
    return world.get("ch", id)


def list_charges(world: World, params: Params) -> Json:
    """Charges, newest first."""
    names = ("payment_intent", "customer", "transfer_group")
    wanted = {name: params.text(name) for name in names if name in params}
    found = [each for each in world.objects["ch"].values() if all(each[name] == wanted[name] for name in wanted)]
    return page(found, params, "/v1/charges")


def balance(world: World, params: Params) -> Json:
    """What is there, by currency."""
    currencies = sorted({line["currency"] for line in world.objects["txn"].values()}) or ["eur"]
    available = [{"amount": balance_of(world, currency), "currency": currency} for currency in currencies]
    pending = [{"amount": 0, "currency": currency} for currency in currencies]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}


def retrieve_entry(world: World, params: Params, id: str) -> Json:
    """A line on the balance."""
    return world.get("txn", id)


def list_entries(world: World, params: Params) -> Json:
    """The lines on the balance, newest first."""
    names = ("source", "type", "currency")
    wanted = {name: params.text(name) for name in names if name in params}
    found = [each for each in world.objects["txn"].values() if all(each[name] == wanted[name] for name in wanted)]
    return page(found, params, "/v1/balance_transactions")


ROUTES = [
    Route("GET", "/v1/charges", list_charges, f"{PAGING} payment_intent customer transfer_group"),
    Route("GET", "/v1/charges/{id}", retrieve),
    Route("GET", "/v1/balance", balance),
    Route("GET", "/v1/balance_transactions", list_entries, f"{PAGING} source type currency"),
    Route("GET", "/v1/balance_transactions/{id}", retrieve_entry),
]
