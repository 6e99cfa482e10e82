"""What happens when a PaymentIntent is confirmed: the bank agrees, declines, or wants to see the driver."""

from payments.fake_stripe import charges, disputes
from payments.fake_stripe.customers import attach, decline_of, usable
from payments.fake_stripe.faults import Fault, Json, declined, wrong_state
from payments.fake_stripe.world import World


def expected(intent: Json, what: str, *statuses: str) -> None:
    """Refuse what cannot be done in this status."""
    if intent["status"] not in statuses:
        raise wrong_state(
            f"You cannot {what} this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            f"with one of the following statuses may be used: {', '.join(statuses)}.",
            intent,
        )


def confirm(world: World, intent: Json, *, off_session: bool, return_url: str | None) -> None:
    """Ask the bank. Raises the card error when it declines."""
    if intent["payment_method"] is None:
        raise Fault(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
    method = world.get("pm", intent["payment_method"])
    usable(world, method)
    if method["customer"] != intent["customer"] and method["customer"] is not None:
        raise Fault(
            f"The payment method {method['id']} belongs to the Customer {method['customer']}. Please include the "
            "Customer in the `customer` parameter on the PaymentIntent.",
            param="payment_method",
        )
    card = world.cards[method["id"]]
    asks = card.asks == "always" or (card.asks == "unless_set_up" and method["id"] not in world.set_up)
    if asks and off_session:
        _decline(
            world,
            intent,
            method,
            declined(
                "Your card was declined. This transaction requires authentication.",
                "authentication_required",
                "authentication_required",
            ),
            off_session=True,
        )
    if asks:
        intent.update(status="requires_action", next_action=next_action(intent, return_url), last_payment_error=None)
        world.emit("payment_intent.requires_action", intent)
        return
    settle(world, intent, off_session=off_session)


def next_action(intent: Json, return_url: str | None) -> Json:
    """Where the driver is to go, or what the browser's library does."""
    if return_url is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": intent["id"]}}
    url = f"https://hooks.stripe.com/redirect/{intent['id']}"
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}


def authenticate(world: World, intent: Json, *, success: bool) -> None:
    """The driver has shown, or not, who it is."""
    expected(intent, "authenticate", "requires_action")
    method = world.get("pm", intent["payment_method"])
    intent["next_action"] = None
    if success:
        try:
            settle(world, intent, off_session=False)
        except Fault:
            return  # told by the PaymentIntent and its event: nobody waits for an answer
        return
    error = {
        "code": "payment_intent_authentication_failure",
        "message": "We are unable to authenticate your payment method.",
        "type": "invalid_request_error",
    }
    intent.update(status="requires_payment_method", last_payment_error=error, payment_method=None)
    _use_up(world, intent, method)
    world.emit("payment_intent.payment_failed", intent)


def settle(world: World, intent: Json, *, off_session: bool) -> None:
    """The bank's verdict on the money itself."""
    method = world.get("pm", intent["payment_method"])
    card = world.cards[method["id"]]
    if card.code is not None:
        _decline(world, intent, method, decline_of(card), off_session=off_session)
    charge = charges.new_charge(world, intent, method, failed=None, off_session=off_session)
    intent.update(latest_charge=charge["id"], last_payment_error=None, next_action=None)
    if intent["setup_future_usage"] and intent["customer"]:
        attach(world, method, intent["customer"])
        world.set_up.add(method["id"])
    _use_up(world, intent, method)
    if intent["capture_method"] == "manual":
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        world.emit("charge.succeeded", charge)
        world.emit("payment_intent.amount_capturable_updated", intent)
        return
    charges.capture(world, charge, intent["amount"])
    intent.update(status="succeeded", amount_received=intent["amount"])
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    if card.disputed:
        disputes.open_dispute(world, charge, charge["amount"], "fraudulent")


def _use_up(world: World, intent: Json, method: Json) -> None:
    if method["customer"] is None:
        world.used.add(method["id"])


def _decline(world: World, intent: Json, method: Json, fault: Fault, *, off_session: bool) -> None:
    charge = charges.new_charge(world, intent, method, failed=fault.error, off_session=off_session)
    fault.error["charge"] = charge["id"]
    error = {**fault.error, "payment_method": method}
    intent.update(
        status="requires_payment_method", latest_charge=charge["id"], last_payment_error=error, payment_method=None
    )
    _use_up(world, intent, method)
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)
    fault.error.update(payment_intent=intent, payment_method=method)
    raise fault
