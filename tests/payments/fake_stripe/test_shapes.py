"""What the fake shows and takes are members and parameters that Stripe's library knows."""

from collections.abc import AsyncIterator
from typing import Any, get_args

import httpx
import pytest
import stripe
import stripe.params

from payments.fake_stripe import Serving, serving
from payments.fake_stripe.app import ROUTES

KINDS: dict[str, type] = {
    "pi": stripe.PaymentIntent,
    "seti": stripe.SetupIntent,
    "ch": stripe.Charge,
    "cus": stripe.Customer,
    "pm": stripe.PaymentMethod,
    "re": stripe.Refund,
    "du": stripe.Dispute,
    "acct": stripe.Account,
    "tr": stripe.Transfer,
    "txn": stripe.BalanceTransaction,
    "evt": stripe.Event,
}
PARAMS: dict[tuple[str, str], str] = {
    ("POST", "/v1/customers"): "CustomerCreateParams",
    ("GET", "/v1/customers"): "CustomerListParams",
    ("POST", "/v1/customers/{id}"): "CustomerUpdateParams",
    ("POST", "/v1/payment_methods"): "PaymentMethodCreateParams",
    ("GET", "/v1/payment_methods"): "PaymentMethodListParams",
    ("POST", "/v1/payment_methods/{id}/attach"): "PaymentMethodAttachParams",
    ("POST", "/v1/setup_intents"): "SetupIntentCreateParams",
    ("POST", "/v1/setup_intents/{id}/confirm"): "SetupIntentConfirmParams",
    ("POST", "/v1/payment_intents"): "PaymentIntentCreateParams",
    ("GET", "/v1/payment_intents"): "PaymentIntentListParams",
    ("GET", "/v1/payment_intents/search"): "PaymentIntentSearchParams",
    ("POST", "/v1/payment_intents/{id}"): "PaymentIntentUpdateParams",
    ("POST", "/v1/payment_intents/{id}/confirm"): "PaymentIntentConfirmParams",
    ("POST", "/v1/payment_intents/{id}/capture"): "PaymentIntentCaptureParams",
    ("POST", "/v1/payment_intents/{id}/cancel"): "PaymentIntentCancelParams",
    ("POST", "/v1/payment_intents/{id}/increment_authorization"): "PaymentIntentIncrementAuthorizationParams",
    ("GET", "/v1/charges"): "ChargeListParams",
    ("GET", "/v1/balance_transactions"): "BalanceTransactionListParams",
    ("POST", "/v1/refunds"): "RefundCreateParams",
    ("GET", "/v1/refunds"): "RefundListParams",
    ("POST", "/v1/disputes/{id}"): "DisputeUpdateParams",
    ("GET", "/v1/disputes"): "DisputeListParams",
    ("POST", "/v1/accounts"): "AccountCreateParams",
    ("POST", "/v1/transfers"): "TransferCreateParams",
    ("GET", "/v1/transfers"): "TransferListParams",
    ("GET", "/v1/events"): "EventListParams",
    ("POST", "/v1/webhook_endpoints"): "WebhookEndpointCreateParams",
}


def members(known: type) -> set[str]:
    """The annotated names of a class and its parents."""
    return {name for parent in known.__mro__ for name in getattr(parent, "__annotations__", {})}


@pytest.mark.parametrize(("call", "name"), PARAMS.items())
def test_what_a_route_takes_are_parameters_of_stripes(call: tuple[str, str], name: str) -> None:
    [route] = [route for route in ROUTES if (route.method, route.path) == call]
    assert route.allowed <= members(getattr(stripe.params, name))


def test_the_options_that_a_hold_is_made_with_are_stripes() -> None:
    options = members(stripe.params.PaymentIntentCreateParamsPaymentMethodOptionsCard)
    assert "request_incremental_authorization" in options


@pytest.fixture
async def fake() -> AsyncIterator[Serving]:
    async with serving() as up:
        yield up


@pytest.mark.anyio
async def test_what_is_shown_are_members_of_stripes_objects(fake: Serving) -> None:
    transport = httpx.AsyncHTTPTransport(verify=False)
    authorized = {"Authorization": "Bearer sk_test_shapes"}
    async with httpx.AsyncClient(base_url=fake.url, headers=authorized, transport=transport, timeout=30) as http:

        async def post(path: str, **form: Any) -> dict[str, Any]:
            answer = await http.post(
                path, data={name.replace("__", "[") + "]" * name.count("__"): form[name] for name in form}
            )
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        customer = await post("/v1/customers")
        await post("/v1/setup_intents", customer=customer["id"], payment_method="pm_card_visa", confirm="true")
        order = {"amount": "5000", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
        paid = await post("/v1/payment_intents", **order)
        account = await post("/v1/accounts")
        moved = await post(
            "/v1/transfers",
            amount="100",
            currency="eur",
            destination=account["id"],
            source_transaction=paid["latest_charge"],
        )
        await post(f"/v1/transfers/{moved['id']}/reversals", amount="50")
        await post("/v1/refunds", payment_intent=paid["id"], amount="100")
        await http.post("/_control/disputes", json={"payment_intent": paid["id"], "amount": 500})
        objects = (await http.get("/_control/state")).json()["objects"]
    for kind, known in KINDS.items():
        assert objects[kind], kind
        for each in objects[kind]:
            assert set(each) <= members(known), kind
    [card] = {tuple(each["payment_method_details"]["card"]) for each in objects["ch"]}
    assert set(card) <= members(stripe.Charge.PaymentMethodDetails.Card)
    told = {each["type"] for each in objects["evt"]}
    enabled = stripe.params.WebhookEndpointCreateParams.__annotations__["enabled_events"]
    assert told <= set(get_args(get_args(enabled)[0]))
