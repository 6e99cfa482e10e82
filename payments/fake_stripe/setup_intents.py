"""SetupIntents: a card is kept for later, with its holder's agreement."""

from payments.fake_stripe.confirming import next_action
from payments.fake_stripe.customers import attach, decline_of, living, method_named, usable
from payments.fake_stripe.faults import Fault, Json, wrong_state
from payments.fake_stripe.forms import Params
from payments.fake_stripe.routes import PAGING, Route
from payments.fake_stripe.world import World, page


def create(world: World, params: Params) -> Json:
    """A SetupIntent; with `confirm`, the bank is asked at once."""
    customer = params.text("customer")
    if customer is not None:
        living(world, customer)
    method_id = params.text("payment_method")
    method = method_named(world, method_id) if method_id else None
    intent = {
        "id": (id := world.new_id("seti")),
        "object": "setup_intent",
        "cancellation_reason": None,
        "client_secret": f"{id}_secret_{world.new_id('s')}",
        "created": world.now(),
        "customer": customer,
        "description": params.text("description"),
        "last_setup_error": None,
        "livemode": False,
        "metadata": params.metadata(),
        "next_action": None,
        "payment_method": method["id"] if method else None,
        "payment_method_types": params.texts("allowed_payment_method_types") or ["card"],
        "status": "requires_confirmation" if method else "requires_payment_method",
        "usage": params.choice("usage", "off_session", "on_session") or "off_session",
    }
    world.keep("seti", intent)
    world.emit("setup_intent.created", intent)
    if params.flag("confirm"):
        _confirm(world, intent, params.text("return_url"))
    return intent


def confirm_intent(world: World, params: Params, id: str) -> Json:
    """Ask the bank."""
    intent = world.get("seti", id)
    _expected(intent, "confirm", "requires_payment_method", "requires_confirmation", "requires_action")
    method_id = params.text("payment_method")
    if method_id is not None:
        intent["payment_method"] = method_named(world, method_id)["id"]
    _confirm(world, intent, params.text("return_url"))
    return intent


def _confirm(world: World, intent: Json, return_url: str | None) -> None:
    if intent["payment_method"] is None:
        raise wrong_state("You cannot confirm this SetupIntent without a payment method.", intent, "setup_intent")
    method = world.get("pm", intent["payment_method"])
    usable(world, method)
    card = world.cards[method["id"]]
    if card.asks != "never":
        intent.update(status="requires_action", next_action=next_action(intent, return_url))
        world.emit("setup_intent.requires_action", intent)
        return
    settle(world, intent)


def settle(world: World, intent: Json) -> None:
    """The bank's verdict. Raises the card error when it declines."""
    method = world.get("pm", intent["payment_method"])
    card = world.cards[method["id"]]
    intent["next_action"] = None
    if card.code is not None and not card.attaches:
        fault = decline_of(card)
        error = {**fault.error, "payment_method": method}
        intent.update(status="requires_payment_method", last_setup_error=error, payment_method=None)
        world.emit("setup_intent.setup_failed", intent)
        fault.error.update(setup_intent=intent, payment_method=method)
        raise fault
    if intent["customer"] is not None:
        attach(world, method, intent["customer"])
    world.set_up.add(method["id"])
    intent["status"] = "succeeded"
    world.emit("setup_intent.succeeded", intent)


def authenticate(world: World, intent: Json, *, success: bool) -> None:
    """The driver has shown, or not, who it is."""
    _expected(intent, "authenticate", "requires_action")
    if success:
        try:
            settle(world, intent)
        except Fault:
            return  # told by the SetupIntent and its event
        return
    error = {
        "code": "setup_intent_authentication_failure",
        "message": "We are unable to authenticate your payment method.",
        "type": "invalid_request_error",
    }
    intent.update(status="requires_payment_method", next_action=None, last_setup_error=error, payment_method=None)
    world.emit("setup_intent.setup_failed", intent)


def cancel(world: World, params: Params, id: str) -> Json:
    """Give up."""
    intent = world.get("seti", id)
    _expected(intent, "cancel", "requires_payment_method", "requires_confirmation", "requires_action")
    reason = params.choice("cancellation_reason", "abandoned", "duplicate", "requested_by_customer")
    intent.update(status="canceled", cancellation_reason=reason, next_action=None)
    world.emit("setup_intent.canceled", intent)
    return intent


def _expected(intent: Json, what: str, *statuses: str) -> None:
    if intent["status"] not in statuses:
        raise wrong_state(
            f"You cannot {what} this SetupIntent because it has a status of {intent['status']}.", intent, "setup_intent"
        )


def retrieve(world: World, params: Params, id: str) -> Json:
    """A SetupIntent."""
    return world.get("seti", id)


def list_intents(world: World, params: Params) -> Json:
    """SetupIntents, newest first."""
    customer = params.text("customer")
    found = [each for each in world.objects["seti"].values() if customer in (None, each["customer"])]
    return page(found, params, "/v1/setup_intents")


_CREATED_WITH = "customer payment_method allowed_payment_method_types usage description confirm return_url"
ROUTES = [
    Route("POST", "/v1/setup_intents", create, _CREATED_WITH),
    Route("GET", "/v1/setup_intents", list_intents, f"{PAGING} customer"),
    Route("GET", "/v1/setup_intents/{id}", retrieve, "client_secret"),
    Route("POST", "/v1/setup_intents/{id}/confirm", confirm_intent, "payment_method return_url"),
    Route("POST", "/v1/setup_intents/{id}/cancel", cancel, "cancellation_reason"),
]
