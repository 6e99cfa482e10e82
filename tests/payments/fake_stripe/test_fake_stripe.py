"""The fake itself, through Stripe's own client: where others' fakes are wrong, and what goes wrong on command."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import stripe
from stripe import StripeClient

from kit.clock import ManualClock
from payments.fake_stripe import Serving, serving

pytestmark = pytest.mark.anyio

AUTHORIZED = {"Authorization": "Bearer sk_test_raw"}
Json = dict[str, Any]


class QuietHttp(stripe.HTTPXClient):
    """The library's client without its deprecated way to hand a body on."""

    def _get_request_args_kwargs(self, method: str, url: str, headers: Any, post_data: Any) -> Any:
        return (method, url), {"headers": headers, "content": post_data or None}


@pytest.fixture
async def fake() -> AsyncIterator[Serving]:
    async with serving(clock=ManualClock()) as up:
        yield up


@pytest.fixture
async def client(fake: Serving) -> AsyncIterator[StripeClient]:
    http = QuietHttp()
    yield StripeClient("sk_test_x", base_addresses={"api": fake.url}, http_client=http, max_network_retries=0)
    await http.close_async()


@pytest.fixture
async def raw(fake: Serving) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(verify=False)
    async with httpx.AsyncClient(base_url=fake.url, headers=AUTHORIZED, transport=transport, timeout=30) as made:
        yield made


async def hold(client: StripeClient, amount: int = 5000, **more: Any) -> Json:
    params: Any = {"amount": amount, "currency": "eur", "capture_method": "manual", "confirm": True}
    params |= {"payment_method": "pm_card_visa", "allowed_payment_method_types": ["card"], **more}
    return (await client.v1.payment_intents.create_async(params)).to_dict()


async def events(client: StripeClient) -> list[str]:
    found = await client.v1.events.list_async({"limit": 100})
    return [event.type async for event in found.auto_paging_iter()][::-1]


async def test_a_partial_capture_has_the_shape_that_stripe_gives_it(client: StripeClient) -> None:
    made = await hold(client)
    assert (made["status"], made["amount_capturable"], made["amount_received"]) == ("requires_capture", 5000, 0)
    taken: Any = await client.v1.payment_intents.capture_async(
        made["id"], {"amount_to_capture": 1234, "expand": ["latest_charge.balance_transaction"]}
    )
    assert (taken.status, taken.amount_capturable, taken.amount_received) == ("succeeded", 0, 1234)
    charge = taken.latest_charge
    assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (5000, 1234, 0)
    assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (44, 1190)
    assert await events(client) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_a_key_replays_its_answer_errors_included_for_a_day(raw: httpx.AsyncClient) -> None:
    form = {"amount": "5000", "currency": "eur", "confirm": "true", "payment_method": "pm_card_chargeDeclined"}
    headers = {"Idempotency-Key": "k1"}
    answers = [await raw.post("/v1/payment_intents", data=form, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [402, 402]
    assert answers[0].content == answers[1].content
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true"]
    assert answers[0].json()["error"]["decline_code"] == "generic_decline"
    assert answers[0].json()["error"]["payment_intent"]["status"] == "requires_payment_method"
    other = await raw.post("/v1/payment_intents", data={**form, "amount": "5001"}, headers=headers)
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    await raw.post("/_control/clock", json={"advance_s": 86_401})
    fresh = await raw.post("/v1/payment_intents", data=form, headers=headers)
    assert fresh.json()["error"]["payment_intent"]["id"] != answers[0].json()["error"]["payment_intent"]["id"]


async def test_a_key_that_is_in_use_is_409(raw: httpx.AsyncClient) -> None:
    await raw.post("/_control/plans", json=[{"do": "delay_answer", "seconds": 2}])
    form, headers = {"amount": "5000", "currency": "eur"}, {"Idempotency-Key": "k1"}
    slow = asyncio.create_task(raw.post("/v1/payment_intents", data=form, headers=headers))
    while not (await raw.get("/_control/state")).json()["requests"]:
        await asyncio.sleep(0.01)
    second = await raw.post("/v1/payment_intents", data=form, headers=headers)
    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await slow).status_code == 200
    third = await raw.post("/v1/payment_intents", data=form, headers=headers)
    assert third.content == (await slow).content


async def test_what_was_never_carried_out_is_not_remembered(raw: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    wrong = await raw.post("/v1/payment_intents", data={"amount": "5000", "colour": "red"}, headers=headers)
    assert (wrong.json()["error"]["code"], wrong.json()["error"]["param"]) == ("parameter_unknown", "colour")
    right = await raw.post("/v1/payment_intents", data={"amount": "5000", "currency": "eur"}, headers=headers)
    assert right.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "form", "status", "code"),
    [
        ("POST", "/v1/payment_intents", {"currency": "eur"}, 400, "parameter_missing"),
        ("POST", "/v1/payment_intents", {"amount": "ten", "currency": "eur"}, 400, "parameter_invalid_integer"),
        ("POST", "/v1/payment_intents", {"amount": "10", "currency": "eur"}, 400, "amount_too_small"),
        ("POST", "/v1/payment_intents", {"amount": "999999999", "currency": "eur"}, 400, "amount_too_large"),
        (
            "POST",
            "/v1/payment_intents",
            {"amount": "500", "currency": "eur", "payment_method_types[0]": "card"},
            400,
            "payment_method_types_no_longer_supported",
        ),
        ("POST", "/v1/payment_intents/pi_1/capture", {}, 404, "resource_missing"),
        ("POST", "/v1/payment_methods", {"type": "card", "card[number]": "4242424242424241"}, 402, "incorrect_number"),
        ("GET", "/v1/refunds/re_1", {}, 404, "resource_missing"),
        ("POST", "/v1/checkout/sessions", {}, 404, None),
        ("POST", "/v1/customers", {"metadata[a][b]": "c"}, 400, None),
    ],
)
async def test_mistakes_are_told_in_stripes_words(
    raw: httpx.AsyncClient, method: str, path: str, form: dict[str, str], status: int, code: str | None
) -> None:
    answer = await raw.request(method, path, data=form)
    assert (answer.status_code, answer.json()["error"].get("code")) == (status, code)
    assert answer.headers["request-id"].startswith("req_")


async def test_a_key_of_live_mode_and_none_at_all_are_refused(raw: httpx.AsyncClient) -> None:
    for key in ("Bearer sk_live_1", "Basic sk_test_1"):
        answer = await raw.get("/v1/balance", headers={"Authorization": key})
        assert answer.status_code == 401
    assert (await raw.get("/v1/balance", headers={"Stripe-Account": "acct_1"})).status_code == 403


async def test_a_hold_expires_and_says_so(client: StripeClient, raw: httpx.AsyncClient) -> None:
    made = await hold(client)
    await raw.post("/_control/clock", json={"advance_s": 7 * 86_400 - 1})
    assert (await client.v1.payment_intents.retrieve_async(made["id"])).status == "requires_capture"
    await raw.post("/_control/clock", json={"advance_s": 2})
    gone = await client.v1.payment_intents.retrieve_async(made["id"])
    assert (gone.status, gone.cancellation_reason) == ("canceled", "automatic")
    assert (await events(client))[-2:] == ["charge.expired", "payment_intent.canceled"]


async def test_a_card_that_was_used_without_a_customer_is_used_up(client: StripeClient) -> None:
    made = await hold(client)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await hold(client, payment_method=made["payment_method"])


async def test_a_card_of_another_customer_is_refused(client: StripeClient) -> None:
    one, other = [await client.v1.customers.create_async({}) for _ in range(2)]
    method = await client.v1.payment_methods.attach_async("pm_card_visa", {"customer": one.id})
    with pytest.raises(stripe.InvalidRequestError, match="belongs to the Customer"):
        await hold(client, payment_method=method.id, customer=other.id)


async def test_a_card_that_was_set_up_is_charged_without_its_holder(
    client: StripeClient, raw: httpx.AsyncClient
) -> None:
    customer = await client.v1.customers.create_async({})
    setup = await client.v1.setup_intents.create_async(
        {"customer": customer.id, "payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": True}
    )
    assert setup.status == "requires_action"
    await raw.post("/_control/authenticate", json={"id": setup.id, "success": True})
    [card] = (await client.v1.payment_methods.list_async({"customer": customer.id, "type": "card"})).data
    made = await hold(client, payment_method=card.id, customer=customer.id, off_session=True)
    assert made["status"] == "requires_capture"


async def test_a_dispute_takes_the_money_and_a_won_one_brings_it_back(
    client: StripeClient, raw: httpx.AsyncClient
) -> None:
    made = await hold(client)
    await client.v1.payment_intents.capture_async(made["id"])
    before = (await client.v1.balance.retrieve_async()).available[0].amount
    dispute = (await raw.post("/_control/disputes", json={"payment_intent": made["id"]})).json()
    assert (await client.v1.balance.retrieve_async()).available[0].amount == before - 5000 - 2000
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        await client.v1.refunds.create_async({"payment_intent": made["id"]})
    await raw.post("/_control/end-dispute", json={"id": dispute["id"], "won": True})
    assert (await client.v1.balance.retrieve_async()).available[0].amount == before - 2000
    assert (await events(client))[-2:] == ["charge.dispute.funds_reinstated", "charge.dispute.closed"]


async def test_dispute_after_transfer_leaves_the_balance_below_zero(
    client: StripeClient, raw: httpx.AsyncClient
) -> None:
    made = await hold(client)
    await client.v1.payment_intents.capture_async(made["id"])
    account = await client.v1.accounts.create_async({"country": "NL"})
    charge: Any = (await client.v1.payment_intents.retrieve_async(made["id"])).latest_charge
    transfer = await client.v1.transfers.create_async(
        {"amount": 4500, "currency": "eur", "destination": account.id, "source_transaction": charge}
    )
    await raw.post("/_control/disputes", json={"payment_intent": made["id"]})
    assert (await client.v1.balance.retrieve_async()).available[0].amount < 0
    await client.v1.transfers.reversals.create_async(transfer.id, {"amount": 4000})
    with pytest.raises(stripe.InvalidRequestError, match="greater than the unreversed"):
        await client.v1.transfers.reversals.create_async(transfer.id, {"amount": 501})


async def test_more_than_there_is_cannot_be_transferred(client: StripeClient) -> None:
    made = await hold(client)
    taken: Any = await client.v1.payment_intents.capture_async(made["id"], {"amount_to_capture": 1000})
    account = await client.v1.accounts.create_async({})
    order: Any = {"amount": 1001, "currency": "eur", "destination": account.id}
    for more in ({}, {"source_transaction": taken.latest_charge}):
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.transfers.create_async({**order, **more})


async def test_lists_page_and_a_search_lags_when_it_is_told_to(client: StripeClient, raw: httpx.AsyncClient) -> None:
    made = [(await hold(client, metadata={"n": str(n)}))["id"] for n in range(5)]
    listed = await client.v1.payment_intents.list_async({"limit": 2})
    assert [each.id async for each in listed.auto_paging_iter()] == made[::-1]
    query: Any = {"query": "metadata['n']:'3' AND status:'requires_capture'"}
    assert [each.id for each in (await client.v1.payment_intents.search_async(query)).data] == [made[3]]
    await raw.post("/_control/settings", json={"search_lag_s": 60})
    assert (await client.v1.payment_intents.search_async(query)).data == []
    await raw.post("/_control/clock", json={"advance_s": 61})
    assert len((await client.v1.payment_intents.search_async(query)).data) == 1


async def test_an_endpoint_that_fails_is_told_again_and_noted_in_the_end(fake: Serving, raw: httpx.AsyncClient) -> None:
    await raw.post("/_control/delivery", json={"retry_s": 0.01})
    refusing = {"url": f"{fake.url}/v1/refuses", "secrets": ["whsec_1"], "types": ["customer.created"]}
    await raw.post("/_control/webhooks", json=refusing)
    await raw.post("/v1/customers", data={"name": "Ada"})
    await raw.post("/_control/settle")
    state = (await raw.get("/_control/state")).json()
    assert sum(each["request"] == "POST /v1/refuses" for each in state["requests"]) == 5
    assert state["undelivered"] == [state["objects"]["evt"][0]["id"]]


@pytest.mark.parametrize("order", [[{"do": "explode"}], [{"what": 1}]])
async def test_an_order_that_makes_no_sense_is_422(raw: httpx.AsyncClient, order: list[Json]) -> None:
    assert (await raw.post("/_control/plans", json=order)).status_code == 422


async def test_a_reset_forgets_everything(client: StripeClient, raw: httpx.AsyncClient) -> None:
    await hold(client)
    await raw.post("/_control/reset")
    assert (await raw.get("/_control/state")).json()["objects"]["pi"] == []
    assert (await hold(client))["status"] == "requires_capture"
