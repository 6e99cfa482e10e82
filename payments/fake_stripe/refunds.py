"""Refunds: never more than was taken."""

from payments.fake_stripe.charges import entry
from payments.fake_stripe.faults import Fault, Json, missing
from payments.fake_stripe.forms import Params
from payments.fake_stripe.routes import PAGING, Route
from payments.fake_stripe.world import World, page


def create(world: World, params: Params) -> Json:
    """Give money back."""
    charge = _charge(world, params)
    if not charge["captured"] or charge["status"] != "succeeded":
        raise Fault("This PaymentIntent does not have a successful charge to refund.", param="payment_intent")
    if charge["disputed"]:
        raise Fault(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise Fault(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = params.amount() if "amount" in params else left
    if amount > left:
        raise Fault(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount")
    reason = params.choice("reason", "duplicate", "fraudulent", "requested_by_customer")
    fee = world.fees.fee_back(world.fees.settled(amount, charge["currency"])[0])
    refund = {
        "id": (id := world.new_id("re")),
        "object": "refund",
        "amount": amount,
        "balance_transaction": entry(world, "refund", -amount, charge["currency"], id, fee=fee)["id"],
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "failure_balance_transaction": None,
        "failure_reason": None,
        "metadata": params.metadata(),
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "succeeded",
    }
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    world.keep("re", refund)
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge)
    return refund


def _charge(world: World, params: Params) -> Json:
    charge_id, intent_id = params.text("charge"), params.text("payment_intent")
    if charge_id is not None:
        return world.get("ch", charge_id, param="charge", status=400)
    if intent_id is None:
        raise missing("payment_intent")
    intent = world.get("pi", intent_id, param="payment_intent", status=400)
    if intent["latest_charge"] is None:
        raise Fault("This PaymentIntent does not have a successful charge to refund.", param="payment_intent")
    return world.get("ch", intent["latest_charge"])


def fail_late(world: World) -> None:
    """The refunds to cards that take none come back."""
    for refund in world.objects["re"].values():
        charge = world.get("ch", refund["charge"])
        if refund["status"] == "succeeded" and world.cards[charge["payment_method"]].refunds_fail:
            refund.update(status="failed", failure_reason="expired_or_canceled_card")
            charge["amount_refunded"] -= refund["amount"]
            charge["refunded"] = False
            line = entry(world, "refund_failure", refund["amount"], refund["currency"], refund["id"])
            refund["failure_balance_transaction"] = line["id"]
            world.emit("refund.updated", refund)
            world.emit("refund.failed", refund)


def retrieve(world: World, params: Params, id: str) -> Json:
    """A refund."""
    return world.get("re", id)


def list_refunds(world: World, params: Params) -> Json:
    """Refunds, newest first."""
    wanted = {name: params.text(name) for name in ("charge", "payment_intent") if name in params}
    found = [each for each in world.objects["re"].values() if all(each[name] == wanted[name] for name in wanted)]
    return page(found, params, "/v1/refunds")


ROUTES = [
    Route("POST", "/v1/refunds", create, "payment_intent charge amount reason"),
    Route("GET", "/v1/refunds", list_refunds, f"{PAGING} charge payment_intent"),
    Route("GET", "/v1/refunds/{id}", retrieve),
]
