"""PaymentIntents: made, confirmed, captured once, raised, cancelled, expired."""

from payments.fake_stripe import charges, disputes
from payments.fake_stripe.confirming import confirm, expected
from payments.fake_stripe.customers import living, method_named
from payments.fake_stripe.faults import Fault, Json, declined, invalid, wrong_state
from payments.fake_stripe.forms import Params
from payments.fake_stripe.routes import PAGING, Route
from payments.fake_stripe.search import search
from payments.fake_stripe.world import World, page

_LEAST = {"gbp": 30, "jpy": 50, "huf": 17500, "sek": 300, "nok": 300, "dkk": 250, "pln": 200, "czk": 1500}
_HIGHEST_RAISED = 1_000_000
"""To what a test card's bank lets a hold be raised."""


def create(world: World, params: Params) -> Json:
    """A PaymentIntent; with `confirm`, the money is asked for at once."""
    amount, currency = params.amount(), params.needed("currency").lower()
    if len(currency) != 3:
        raise invalid("currency", f"Invalid currency: {currency}")
    _enough(amount, currency, "amount")
    customer = params.text("customer")
    if customer is not None:
        living(world, customer)
    method_id = params.text("payment_method")
    method = method_named(world, method_id) if method_id else None
    automatic = params.part("automatic_payment_methods")
    intent = {
        "id": (id := world.new_id("pi")),
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": automatic.text("allow_redirects")}
        if automatic.flag("enabled")
        else None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.choice("capture_method", "automatic", "automatic_async", "manual") or "automatic",
        "client_secret": f"{id}_secret_{world.new_id('s')}",
        "confirmation_method": "automatic",
        "created": world.now(),
        "currency": currency,
        "customer": customer,
        "description": params.text("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": params.metadata(),
        "next_action": None,
        "payment_method": method["id"] if method else None,
        "payment_method_options": {"card": params.part("payment_method_options").mapping("card")},
        "payment_method_types": params.texts("allowed_payment_method_types") or ["card"],
        "processing": None,
        "receipt_email": params.text("receipt_email"),
        "setup_future_usage": params.choice("setup_future_usage", "off_session", "on_session"),
        "statement_descriptor_suffix": params.text("statement_descriptor_suffix"),
        "status": "requires_confirmation" if method else "requires_payment_method",
        "transfer_group": params.text("transfer_group"),
    }
    if params.flag("off_session") and not params.flag("confirm"):
        raise invalid("off_session", "You cannot set `off_session` without `confirm`.")
    world.keep("pi", intent)
    world.emit("payment_intent.created", intent)
    if params.flag("confirm"):
        confirm(world, intent, off_session=params.flag("off_session"), return_url=params.text("return_url"))
    return intent


def _enough(amount: int, currency: str, param: str) -> None:
    if amount < _LEAST.get(currency, 50):
        raise invalid(param, "Amount must convert to at least 50 cents.", "amount_too_small")


def confirm_intent(world: World, params: Params, id: str) -> Json:
    """Ask for the money."""
    intent = world.get("pi", id)
    expected(intent, "confirm", "requires_payment_method", "requires_confirmation", "requires_action")
    method_id = params.text("payment_method")
    if method_id is not None:
        intent["payment_method"] = method_named(world, method_id)["id"]
    confirm(world, intent, off_session=params.flag("off_session"), return_url=params.text("return_url"))
    return intent


def capture(world: World, params: Params, id: str) -> Json:
    """Take what was put aside or a part of it, once; the rest goes back."""
    intent = world.get("pi", id)
    if intent["status"] != "requires_capture":
        raise wrong_state(
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. "
            "Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
            intent,
        )
    amount = params.amount("amount_to_capture") if "amount_to_capture" in params else intent["amount_capturable"]
    if amount > intent["amount_capturable"]:
        raise Fault(
            f"The amount to capture ({amount}) is greater than the amount that may be captured.",
            code="amount_too_large",
            param="amount_to_capture",
            payment_intent=intent,
        )
    _enough(amount, intent["currency"], "amount_to_capture")
    charge = world.get("ch", intent["latest_charge"])
    charges.capture(world, charge, amount)
    intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
    intent["metadata"].update(params.metadata())
    world.emit("charge.captured", charge)
    world.emit("payment_intent.succeeded", intent)
    if world.cards[charge["payment_method"]].disputed:
        disputes.open_dispute(world, charge, amount, "fraudulent")
    return intent


def cancel(world: World, params: Params, id: str) -> Json:
    """Give up; what was put aside goes back."""
    intent = world.get("pi", id)
    reasons = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
    reason = params.choice("cancellation_reason", *reasons)
    if intent["status"] in ("succeeded", "canceled"):
        raise wrong_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            "with one of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_confirmation, requires_action, processing.",
            intent,
        )
    _end(world, intent, reason)
    return intent


def _end(world: World, intent: Json, reason: str | None) -> None:
    held = intent["status"] == "requires_capture"
    charge = world.get("ch", intent["latest_charge"]) if held else None
    intent.update(
        status="canceled",
        amount_capturable=0,
        canceled_at=world.now(),
        cancellation_reason=reason,
        next_action=None,
    )
    if charge is not None:
        charge.update(refunded=True, amount_refunded=charge["amount"])
        world.emit("charge.expired" if reason == "automatic" else "charge.refunded", charge)
    world.emit("payment_intent.canceled", intent)


def expire(world: World) -> None:
    """Holds that the bank has given up by now."""
    for intent in world.objects["pi"].values():
        if intent["status"] == "requires_capture":
            charge = world.get("ch", intent["latest_charge"])
            if charge["payment_method_details"]["card"]["capture_before"] <= world.now():
                _end(world, intent, "automatic")


def increment(world: World, params: Params, id: str) -> Json:
    """Put more aside, where the bank allows that."""
    intent = world.get("pi", id)
    expected(intent, "increment the authorization of", "requires_capture")
    amount = params.amount()
    charge = world.get("ch", intent["latest_charge"])
    card = charge["payment_method_details"]["card"]
    if card["incremental_authorization"]["status"] != "available":
        raise Fault("This PaymentIntent is not eligible for incremental authorization.", payment_intent=intent)
    if amount <= intent["amount"]:
        raise invalid("amount", "The amount must be greater than the amount that is authorized already.")
    if amount > _HIGHEST_RAISED:
        raise declined("Your card has insufficient funds.", "card_declined", "insufficient_funds", charge=charge["id"])
    intent.update(amount=amount, amount_capturable=amount)
    charge["amount"] = card["amount_authorized"] = amount
    world.emit("charge.updated", charge)
    world.emit("payment_intent.amount_capturable_updated", intent)
    return intent


def retrieve(world: World, params: Params, id: str) -> Json:
    """A PaymentIntent."""
    return world.get("pi", id)


def update(world: World, params: Params, id: str) -> Json:
    """Change what is told; the amount only before it was confirmed."""
    intent = world.get("pi", id)
    if "amount" in params:
        expected(intent, "update the amount of", "requires_payment_method", "requires_confirmation", "requires_action")
        intent["amount"] = params.amount()
    if "description" in params:
        intent["description"] = params.text("description")
    intent["metadata"].update(params.metadata())
    return intent


def list_intents(world: World, params: Params) -> Json:
    """PaymentIntents, newest first."""
    customer = params.text("customer")
    found = [each for each in world.objects["pi"].values() if customer in (None, each["customer"])]
    return page(found, params, "/v1/payment_intents")


def search_intents(world: World, params: Params) -> Json:
    """PaymentIntents by metadata and status."""
    return search(world, params, list(world.objects["pi"].values()), "/v1/payment_intents/search")


_CREATED_WITH = (
    "amount currency customer payment_method allowed_payment_method_types capture_method confirm off_session "
    "return_url setup_future_usage description statement_descriptor_suffix transfer_group automatic_payment_methods "
    "payment_method_options receipt_email"
)
ROUTES = [
    Route("POST", "/v1/payment_intents", create, _CREATED_WITH),
    Route("GET", "/v1/payment_intents", list_intents, f"{PAGING} customer"),
    Route("GET", "/v1/payment_intents/search", search_intents, "query limit page"),
    Route("GET", "/v1/payment_intents/{id}", retrieve, "client_secret"),
    Route("POST", "/v1/payment_intents/{id}", update, "amount description"),
    Route("POST", "/v1/payment_intents/{id}/confirm", confirm_intent, "payment_method off_session return_url"),
    Route("POST", "/v1/payment_intents/{id}/capture", capture, "amount_to_capture final_capture"),
    Route("POST", "/v1/payment_intents/{id}/cancel", cancel, "cancellation_reason"),
    Route("POST", "/v1/payment_intents/{id}/increment_authorization", increment, "amount description"),
]
