"""Disputes: a driver's bank takes the money back, and perhaps returns it."""

from payments.fake_stripe.charges import entry
from payments.fake_stripe.faults import Fault, Json
from payments.fake_stripe.forms import Params
from payments.fake_stripe.routes import PAGING, Route
from payments.fake_stripe.world import World, page

_DAY = 86_400


def open_dispute(world: World, charge: Json, amount: int, reason: str) -> Json:
    """The bank takes the money of a charge back, and the fee for that."""
    if not charge["captured"] or charge["disputed"]:
        raise Fault("There is nothing to dispute.")
    dispute = {
        "id": (id := world.new_id("du")),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [entry(world, "adjustment", -amount, charge["currency"], id, fee=world.fees.dispute)],
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "evidence": {},
        "evidence_details": {"due_by": world.now() + 7 * _DAY, "has_evidence": False, "submission_count": 0},
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }
    charge["disputed"] = True
    world.keep("du", dispute)
    world.emit("charge.dispute.created", dispute)
    world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def end(world: World, dispute: Json, *, won: bool) -> Json:
    """The bank has decided."""
    if dispute["status"] not in ("needs_response", "under_review"):
        raise Fault("This dispute is closed already.")
    dispute["status"] = "won" if won else "lost"
    if won:
        fee = -world.fees.dispute if world.fees.dispute_returned else 0
        line = entry(world, "adjustment", dispute["amount"], dispute["currency"], dispute["id"], fee=fee)
        dispute["balance_transactions"].append(line)
        world.emit("charge.dispute.funds_reinstated", dispute)
    world.emit("charge.dispute.closed", dispute)
    return dispute


def retrieve(world: World, params: Params, id: str) -> Json:
    """A dispute."""
    return world.get("du", id)


def update(world: World, params: Params, id: str) -> Json:
    """Hand evidence in."""
    dispute = world.get("du", id)
    if dispute["status"] != "needs_response":
        raise Fault("This dispute does not take evidence any more.")
    dispute["evidence"].update(params.mapping("evidence"))
    dispute["metadata"].update(params.metadata())
    dispute["evidence_details"]["has_evidence"] = bool(dispute["evidence"])
    if params.flag("submit"):
        dispute["status"] = "under_review"
        dispute["evidence_details"]["submission_count"] += 1
    world.emit("charge.dispute.updated", dispute)
    return dispute


def close(world: World, params: Params, id: str) -> Json:
    """Accept that the money is gone."""
    return end(world, world.get("du", id), won=False)


def list_disputes(world: World, params: Params) -> Json:
    """Disputes, newest first."""
    wanted = {name: params.text(name) for name in ("charge", "payment_intent") if name in params}
    found = [each for each in world.objects["du"].values() if all(each[name] == wanted[name] for name in wanted)]
    return page(found, params, "/v1/disputes")


ROUTES = [
    Route("GET", "/v1/disputes", list_disputes, f"{PAGING} charge payment_intent"),
    Route("GET", "/v1/disputes/{id}", retrieve),
    Route("POST", "/v1/disputes/{id}", update, "evidence submit"),
    Route("POST", "/v1/disputes/{id}/close", close),
]
