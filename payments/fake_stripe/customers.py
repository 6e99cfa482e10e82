"""Customers, and the payment methods that are attached to them."""

from payments.fake_stripe import cards
from payments.fake_stripe.cards import Card
from payments.fake_stripe.faults import Fault, Json, declined, invalid
from payments.fake_stripe.forms import Params
from payments.fake_stripe.routes import PAGING, Route
from payments.fake_stripe.search import search
from payments.fake_stripe.world import World, page


def create(world: World, params: Params) -> Json:
    """A customer."""
    customer = {
        "id": world.new_id("cus"),
        "object": "customer",
        "created": world.now(),
        "description": params.text("description"),
        "email": params.text("email"),
        "invoice_settings": {"default_payment_method": None},
        "livemode": False,
        "metadata": params.metadata(),
        "name": params.text("name"),
    }
    world.keep("cus", customer)
    world.emit("customer.created", customer)
    return customer


def retrieve(world: World, params: Params, id: str) -> Json:
    """A customer; of one that is deleted, that it is."""
    return world.get("cus", id)


def update(world: World, params: Params, id: str) -> Json:
    """Change what is told."""
    customer = world.get("cus", id)
    for name in ("description", "email", "name"):
        if name in params:
            customer[name] = params.text(name)
    customer["metadata"].update(params.metadata())
    default = params.part("invoice_settings").text("default_payment_method")
    if default is not None:
        method = world.get("pm", default, param="invoice_settings[default_payment_method]", status=400)
        if method["customer"] != id:
            raise invalid("invoice_settings[default_payment_method]", "The customer does not have this payment method")
        customer["invoice_settings"]["default_payment_method"] = default
    world.emit("customer.updated", customer)
    return customer


def delete(world: World, params: Params, id: str) -> Json:
    """Forget a customer and detach its cards."""
    customer = world.get("cus", id)
    for method in [method for method in world.objects["pm"].values() if method["customer"] == id]:
        _detach(world, method)
    world.emit("customer.deleted", customer)
    deleted: Json = {"id": id, "object": "customer", "deleted": True}
    world.objects["cus"][id] = deleted
    return deleted


def living(world: World, id: str) -> Json:
    """A customer that is not deleted."""
    customer = world.get("cus", id, param="customer", status=400)
    if customer.get("deleted"):
        raise Fault(f"No such customer: '{id}'", code="resource_missing", param="customer")
    return customer


def list_customers(world: World, params: Params) -> Json:
    """Customers, newest first."""
    email = params.text("email")
    found = [each for each in world.objects["cus"].values() if "deleted" not in each]
    return page([each for each in found if email in (None, each["email"])], params, "/v1/customers")


def search_customers(world: World, params: Params) -> Json:
    """Customers by metadata."""
    found = [each for each in world.objects["cus"].values() if "deleted" not in each]
    return search(world, params, found, "/v1/customers/search")


def create_method(world: World, params: Params) -> Json:
    """A payment method from a card's number, as only a test may send it."""
    params.choice("type", "card")
    card = params.part("card")
    number = card.text("number")
    if number is None:
        token = card.needed("token")
        return new_method(world, _by_token(token))
    month, year = card.integer("exp_month") or 0, card.integer("exp_year") or 0
    return new_method(world, cards.numbered(number, month, year))


def _by_token(token: str) -> Card:
    found = cards.named(cards.PREFIX + token.removeprefix("tok_")) if token.startswith("tok_") else None
    if found is None:
        raise invalid("card[token]", f"No such token: '{token}'", "resource_missing")
    return found


def new_method(world: World, card: Card) -> Json:
    """A payment method for a card."""
    method = {
        "id": world.new_id("pm"),
        "object": "payment_method",
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "card": {
            "brand": card.brand,
            "country": card.country,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "fingerprint": card.fingerprint,
            "funding": "credit",
            "last4": card.last4,
            "wallet": None,
        },
        "created": world.now(),
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    world.cards[str(method["id"])] = card
    return world.keep("pm", method)


def method_named(world: World, id: str) -> Json:
    """The payment method with this id; each `pm_card_…` makes a new one."""
    card = cards.named(id)
    return new_method(world, card) if card else world.get("pm", id, param="payment_method", status=400)


def retrieve_method(world: World, params: Params, id: str) -> Json:
    """A payment method."""
    return world.get("pm", id)


def attach_method(world: World, params: Params, id: str) -> Json:
    """Keep a payment method for a customer. The bank is asked, so that a bad card is declined here already."""
    customer = living(world, params.needed("customer"))
    method = method_named(world, id)
    usable(world, method)
    card = world.cards[method["id"]]
    if card.code is not None and not card.attaches:
        raise decline_of(card)
    return attach(world, method, customer["id"])


def attach(world: World, method: Json, customer_id: str) -> Json:
    """The payment method belongs to the customer from now on."""
    if method["customer"] not in (None, customer_id):
        raise Fault("The payment method you provided has already been attached to a customer.", param="payment_method")
    if method["customer"] is None:
        method["customer"] = customer_id
        world.used.discard(method["id"])
        world.emit("payment_method.attached", method)
    return method


def detach_method(world: World, params: Params, id: str) -> Json:
    """A payment method that belongs to nobody any more, and cannot be used again."""
    method = world.get("pm", id)
    if method["customer"] is None:
        raise Fault(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            param="payment_method",
        )
    return _detach(world, method)


def _detach(world: World, method: Json) -> Json:
    previous = {"customer": method["customer"]}
    method["customer"] = None
    world.used.add(method["id"])
    world.emit("payment_method.detached", method, previous)
    return method


def methods_of(world: World, params: Params, customer_id: str) -> Json:
    """The payment methods of a customer."""
    living(world, customer_id)
    found = [each for each in world.objects["pm"].values() if each["customer"] == customer_id]
    return page(found, params, f"/v1/customers/{customer_id}/payment_methods")


def list_methods(world: World, params: Params) -> Json:
    """The payment methods of the customer who is named."""
    return methods_of(world, params, params.needed("customer"))


def usable(world: World, method: Json) -> None:
    """Refuse a payment method that was used up or detached."""
    if method["id"] in world.used:
        raise Fault(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared "
            "with a connected account without Customer attachment, or was detached from a Customer. It may not be "
            "used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
            param="payment_method",
        )


def decline_of(card: Card, **more: Json) -> Fault:
    """What the bank of a declining card says."""
    reason = card.decline_code or card.code or "generic_decline"
    message = cards.MESSAGES.get(reason, "Your card was declined.")
    return declined(message, card.code or "card_declined", card.decline_code, **more)


ROUTES = [
    Route("POST", "/v1/customers", create, "description email name"),
    Route("GET", "/v1/customers", list_customers, f"{PAGING} email"),
    Route("GET", "/v1/customers/search", search_customers, "query limit page"),
    Route("GET", "/v1/customers/{id}", retrieve),
    Route("POST", "/v1/customers/{id}", update, "description email name invoice_settings"),
    Route("DELETE", "/v1/customers/{id}", delete),
    Route("GET", "/v1/customers/{id}/payment_methods", methods_of, "limit starting_after ending_before type"),
    Route("POST", "/v1/payment_methods", create_method, "type card"),
    Route("GET", "/v1/payment_methods", list_methods, "limit starting_after ending_before type customer"),
    Route("GET", "/v1/payment_methods/{id}", retrieve_method),
    Route("POST", "/v1/payment_methods/{id}/attach", attach_method, "customer"),
    Route("POST", "/v1/payment_methods/{id}/detach", detach_method),
]
