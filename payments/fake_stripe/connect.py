"""Accounts of others at the provider, and what we transfer to them."""

from payments.fake_stripe.charges import balance_of, entry
from payments.fake_stripe.faults import Fault, Json
from payments.fake_stripe.forms import Params
from payments.fake_stripe.routes import PAGING, Route
from payments.fake_stripe.world import World, page


def create_account(world: World, params: Params) -> Json:
    """An account that may get transfers."""
    account = {
        "id": world.new_id("acct"),
        "object": "account",
        "business_type": params.text("business_type"),
        "capabilities": {"transfers": "active"},
        "charges_enabled": False,
        "controller": params.mapping("controller"),
        "country": (params.text("country") or "DE").upper(),
        "created": world.now(),
        "default_currency": "eur",
        "email": params.text("email"),
        "metadata": params.metadata(),
        "payouts_enabled": True,
        "type": params.choice("type", "custom", "express", "standard") or "none",
    }
    world.keep("acct", account)
    world.emit("account.updated", account)
    return account


def retrieve_account(world: World, params: Params, id: str) -> Json:
    """An account."""
    return world.get("acct", id)


def transfer(world: World, params: Params) -> Json:
    """Move money to another's account: from what is there, or from one charge before it is there."""
    amount, currency = params.amount(), params.needed("currency").lower()
    world.get("acct", params.needed("destination"), param="destination", status=400)
    source = params.text("source_transaction")
    if source is None and amount > balance_of(world, currency):
        raise Fault(
            "You have insufficient available funds in your Stripe account.",
            code="balance_insufficient",
            param="amount",
        )
    if source is not None:
        charge = world.get("ch", source, param="source_transaction", status=400)
        moved = sum(
            each["amount"] - each["amount_reversed"]
            for each in world.objects["tr"].values()
            if each["source_transaction"] == source
        )
        if not charge["captured"] or charge["currency"] != currency or moved + amount > charge["amount_captured"]:
            raise Fault("This charge does not have as much to transfer.", param="amount")
    made = {
        "id": (id := world.new_id("tr")),
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": entry(world, "transfer", -amount, currency, id)["id"],
        "created": world.now(),
        "currency": currency,
        "description": params.text("description"),
        "destination": params.needed("destination"),
        "livemode": False,
        "metadata": params.metadata(),
        "reversals": {"object": "list", "data": [], "has_more": False, "url": f"/v1/transfers/{id}/reversals"},
        "reversed": False,
        "source_transaction": source,
        "transfer_group": params.text("transfer_group"),
    }
    world.keep("tr", made)
    world.emit("transfer.created", made)
    return made


def retrieve_transfer(world: World, params: Params, id: str) -> Json:
    """A transfer."""
    return world.get("tr", id)


def list_transfers(world: World, params: Params) -> Json:
    """Transfers, newest first."""
    wanted = {name: params.text(name) for name in ("destination", "transfer_group") if name in params}
    found = [each for each in world.objects["tr"].values() if all(each[name] == wanted[name] for name in wanted)]
    return page(found, params, "/v1/transfers")


def reverse(world: World, params: Params, id: str) -> Json:
    """Take back what was transferred, or a part of it."""
    made = world.get("tr", id)
    left = made["amount"] - made["amount_reversed"]
    amount = params.amount() if "amount" in params else left
    if amount > left or left == 0:
        raise Fault(f"Reversal amount ({amount}) is greater than the unreversed amount ({left})", param="amount")
    reversal = {
        "id": (reversal_id := world.new_id("trr")),
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": entry(world, "transfer_refund", amount, made["currency"], reversal_id)["id"],
        "created": world.now(),
        "currency": made["currency"],
        "metadata": params.metadata(),
        "transfer": id,
    }
    made["amount_reversed"] += amount
    made["reversals"]["data"].insert(0, reversal)
    made["reversed"] = made["amount_reversed"] == made["amount"]
    world.keep("trr", reversal)
    world.emit("transfer.reversed", made)
    return reversal


def list_reversals(world: World, params: Params, id: str) -> Json:
    """What was taken back of a transfer."""
    found = [each for each in world.objects["trr"].values() if each["transfer"] == id]
    return page(found, params, f"/v1/transfers/{id}/reversals")


_TRANSFERRED_WITH = "amount currency destination description transfer_group source_transaction"
ROUTES = [
    Route("POST", "/v1/accounts", create_account, "type country email business_type controller capabilities"),
    Route("GET", "/v1/accounts/{id}", retrieve_account),
    Route("POST", "/v1/transfers", transfer, _TRANSFERRED_WITH),
    Route("GET", "/v1/transfers", list_transfers, f"{PAGING} destination transfer_group"),
    Route("GET", "/v1/transfers/{id}", retrieve_transfer),
    Route("POST", "/v1/transfers/{id}/reversals", reverse, "amount description"),
    Route("GET", "/v1/transfers/{id}/reversals", list_reversals, PAGING),
]
