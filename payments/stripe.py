"""Stripe, behind the port of `payments.psp`: the only module that knows Stripe's library.

The version of the API is pinned. Our key goes with every order. The library is not to try again by itself: a second
attempt that was refused at the door would hide that the first may have been heard. `api_url` leads to another server
that speaks Stripe, such as `payments.fake_stripe`.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

import httpx
import orjson
import stripe
from stripe import StripeClient

from kit import log
from kit.guard import forbid_in_tx
from kit.money import Money
from payments import stripe_reading as reading
from payments.books import (
    BalanceLine,
    Movement,
    Page,
    Reversal,
    ReversalOrder,
    Transfer,
    TransferOrder,
    Window,
)
from payments.errors import (
    Declined,
    DeclineReason,
    NeedsAction,
    NotPayable,
    PspUnavailable,
    Refused,
    Unknown,
    UnreadableNotice,
)
from payments.psp import Card, CardSetup, ChargeOrder, Dispute, HoldOrder, Notice, Payment, Refund, RefundOrder
from payments.stripe_amounts import payable, to_stripe
from payments.stripe_reading import OPERATION, REFERENCE

API_VERSION = "2026-10-28.endive"
_EXPAND = ["latest_charge"]
_TYPES = [
    *(f"payment_intent.{word}" for word in ("amount_capturable_updated", "canceled", "payment_failed", "succeeded")),
    *("charge.dispute.created", "charge.dispute.closed", "charge.dispute.funds_withdrawn"),
    *("charge.dispute.funds_reinstated", "charge.dispute.updated"),
    *("refund.created", "refund.updated", "refund.failed", "setup_intent.succeeded", "payment_method.detached"),
]
T = TypeVar("T")


class StripePsp:
    """One Stripe account."""

    def __init__(self, key: str, *, api_url: str | None = None, timeout_s: float = 15.0) -> None:
        stripe.enable_telemetry = False
        logging.getLogger("stripe").setLevel(logging.WARNING)  # below that it writes whole bodies, client secrets too
        self._http = _Http(timeout=timeout_s)
        self._client = StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_url} if api_url else None,
            max_network_retries=0,
            http_client=self._http,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def hold(self, order: HoldOrder, *, key: str) -> Payment:
        """A PaymentIntent with manual capture; confirmed at once when the card is known."""
        params: dict[str, Any] = {
            "amount": to_stripe(order.amount),
            "currency": order.amount.currency.lower(),
            "capture_method": "manual",
            "allowed_payment_method_types": ["card"],
            "payment_method_options": {"card": {"request_incremental_authorization": "if_available"}},
            "metadata": {OPERATION: order.operation_id, REFERENCE: order.reference},
            "expand": _EXPAND,
        }
        if order.customer_id is not None:
            params["customer"] = order.customer_id
        if order.card_id is not None:
            params |= {"payment_method": order.card_id, "confirm": True, "off_session": order.off_session}
        if order.save_card:
            params["setup_future_usage"] = "off_session"
        return await self._payment(self._client.v1.payment_intents.create_async(cast(Any, params), _with(key)))

    async def increase(self, payment_id: str, amount: Money, *, key: str) -> Payment:
        """An incremental authorization."""
        params: Any = {"amount": to_stripe(amount), "expand": _EXPAND}
        return await self._payment(
            self._client.v1.payment_intents.increment_authorization_async(payment_id, params, _with(key))
        )

    async def capture(self, payment_id: str, amount: Money, *, key: str) -> Payment:
        """The one capture of a PaymentIntent."""
        params: Any = {"amount_to_capture": to_stripe(payable(amount)), "expand": _EXPAND}
        return await self._payment(self._client.v1.payment_intents.capture_async(payment_id, params, _with(key)))

    async def void(self, payment_id: str, *, key: str) -> Payment:
        """Cancel a PaymentIntent."""
        params: Any = {"expand": _EXPAND}
        return await self._payment(self._client.v1.payment_intents.cancel_async(payment_id, params, _with(key)))

    async def charge(self, order: ChargeOrder, *, key: str) -> Payment:
        """A PaymentIntent that is confirmed and captured at once, without the driver."""
        params: Any = {
            "amount": to_stripe(payable(order.amount)),
            "currency": order.amount.currency.lower(),
            "customer": order.customer_id,
            "payment_method": order.card_id,
            "allowed_payment_method_types": ["card"],
            "confirm": True,
            "off_session": True,
            "metadata": {OPERATION: order.operation_id, REFERENCE: order.reference},
            "expand": _EXPAND,
        }
        return await self._payment(self._client.v1.payment_intents.create_async(params, _with(key)))

    async def refund(self, order: RefundOrder, *, key: str) -> Refund:
        """A Refund. Its reason is not told: `fraudulent` would put the card on a list."""
        params: Any = {
            "payment_intent": order.payment_id,
            "amount": to_stripe(order.amount),
            "metadata": {OPERATION: order.operation_id},
        }
        return reading.refund(await _asked(self._client.v1.refunds.create_async(params, _with(key))))

    async def payment(self, payment_id: str) -> Payment:
        """A PaymentIntent as it is now."""
        params: Any = {"expand": _EXPAND}
        return await self._payment(self._client.v1.payment_intents.retrieve_async(payment_id, params))

    async def find_payment(self, operation_id: str) -> Payment | None:
        """By the metadata that we gave it; Stripe's search lags behind by up to a minute, and more on a bad day."""
        params: Any = {"query": f"metadata['{OPERATION}']:'{operation_id}'", "expand": ["data.latest_charge"]}
        found = await _asked(self._client.v1.payment_intents.search_async(params))
        return reading.payment(found["data"][0]) if found["data"] else None

    async def refund_by_id(self, refund_id: str) -> Refund:
        """A Refund as it is now."""
        return reading.refund(await _asked(self._client.v1.refunds.retrieve_async(refund_id)))

    async def find_refund(self, payment_id: str, operation_id: str) -> Refund | None:
        """Among the refunds of a PaymentIntent: a list, which does not lag."""
        params: Any = {"payment_intent": payment_id, "limit": 100}
        found = await _asked(self._client.v1.refunds.list_async(params))
        refunds = [reading.refund(each) for each in found["data"]]
        return next((each for each in refunds if each.operation_id == operation_id), None)

    async def dispute(self, dispute_id: str) -> Dispute:
        """A Dispute as it is now."""
        return reading.dispute(await _asked(self._client.v1.disputes.retrieve_async(dispute_id)))

    async def create_customer(self, reference: str, *, key: str) -> str:
        """A Customer that knows our reference and nothing else."""
        params: Any = {"metadata": {REFERENCE: reference}}
        return str((await _asked(self._client.v1.customers.create_async(params, _with(key))))["id"])

    async def begin_card(self, customer_id: str, *, key: str) -> CardSetup:
        """A SetupIntent for payments without the driver."""
        params: Any = {"customer": customer_id, "allowed_payment_method_types": ["card"], "usage": "off_session"}
        return reading.card_setup(await _asked(self._client.v1.setup_intents.create_async(params, _with(key))))

    async def card_setup(self, setup_id: str) -> CardSetup:
        """A SetupIntent as it is now."""
        params: Any = {"expand": ["payment_method"]}
        return reading.card_setup(await _asked(self._client.v1.setup_intents.retrieve_async(setup_id, params)))

    async def cards(self, customer_id: str) -> Sequence[Card]:
        """The PaymentMethods of a Customer that are cards, newest first."""
        params: Any = {"type": "card", "limit": 100}
        found = await _asked(self._client.v1.customers.payment_methods.list_async(customer_id, params))
        return [reading.card(each) for each in found["data"]]

    async def remove_card(self, card_id: str) -> None:
        """Detach a PaymentMethod."""
        method = await _asked(self._client.v1.payment_methods.retrieve_async(card_id))
        if method.get("customer") is not None:
            await _asked(self._client.v1.payment_methods.detach_async(card_id))

    async def transfer(self, order: TransferOrder, *, key: str) -> Transfer:
        """A Transfer, in a group of its own: by that it is found in a list, which does not lag."""
        params: Any = {
            "amount": to_stripe(order.amount),
            "currency": order.amount.currency.lower(),
            "destination": order.account_id,
            "transfer_group": order.operation_id,
            "metadata": {OPERATION: order.operation_id},
        }
        return reading.transfer(await _asked(self._client.v1.transfers.create_async(params, _with(key))))

    async def find_transfer(self, operation_id: str) -> Transfer | None:
        """By its group."""
        params: Any = {"transfer_group": operation_id, "limit": 1}
        found = await _asked(self._client.v1.transfers.list_async(params))
        return reading.transfer(found["data"][0]) if found["data"] else None

    async def reverse(self, order: ReversalOrder, *, key: str) -> Reversal:
        """A reversal of a Transfer."""
        params: Any = {"amount": to_stripe(order.amount), "metadata": {OPERATION: order.operation_id}}
        made = self._client.v1.transfers.reversals.create_async(order.transfer_id, params, _with(key))
        return reading.reversal(await _asked(made))

    async def find_reversal(self, transfer_id: str, operation_id: str) -> Reversal | None:
        """Among the reversals of a Transfer."""
        params: Any = {"limit": 100}
        found = await _asked(self._client.v1.transfers.reversals.list_async(transfer_id, params))
        reversals = [reading.reversal(each) for each in found["data"]]
        return next((each for each in reversals if each.operation_id == operation_id), None)

    async def takes_transfers(self, account_id: str) -> bool:
        """The capability `transfers` of a connected Account."""
        account = await _asked(self._client.v1.accounts.retrieve_async(account_id))
        return bool((account.get("capabilities") or {}).get("transfers") == "active")

    async def lines_of(self, movement: Movement, object_id: str) -> Sequence[BalanceLine]:
        """The BalanceTransactions of an object; a Charge may get its own a while after it was captured."""
        v1 = self._client.v1
        match movement:
            case Movement.PAYMENT:
                params: Any = {"expand": ["latest_charge.balance_transaction"]}
                return reading.payment_lines(await _asked(v1.payment_intents.retrieve_async(object_id, params)))
            case Movement.REFUND:
                params = {"expand": ["balance_transaction", "failure_balance_transaction"]}
                return reading.refund_lines(await _asked(v1.refunds.retrieve_async(object_id, params)))
            case Movement.DISPUTE:
                return reading.dispute_lines(await _asked(v1.disputes.retrieve_async(object_id)))
            case Movement.TRANSFER:
                params = {"expand": ["balance_transaction", "reversals.data.balance_transaction"]}
                return reading.transfer_lines(await _asked(v1.transfers.retrieve_async(object_id, params)))

    async def lines(self, window: Window, *, after: str | None = None) -> Page[BalanceLine]:
        """BalanceTransactions with their sources, newest first."""
        params = {**_listed(window, after), "expand": ["data.source"]}
        return _page(await _asked(self._client.v1.balance_transactions.list_async(cast(Any, params))), reading.line)

    async def payments(self, window: Window, *, after: str | None = None) -> Page[Payment]:
        """PaymentIntents, newest first."""
        params = {**_listed(window, after), "expand": ["data.latest_charge"]}
        return _page(await _asked(self._client.v1.payment_intents.list_async(cast(Any, params))), reading.payment)

    async def refunds(self, window: Window, *, after: str | None = None) -> Page[Refund]:
        """Refunds, newest first."""
        params: Any = _listed(window, after)
        return _page(await _asked(self._client.v1.refunds.list_async(params)), reading.refund)

    async def disputes(self, window: Window, *, after: str | None = None) -> Page[Dispute]:
        """Disputes, newest first."""
        params: Any = _listed(window, after)
        return _page(await _asked(self._client.v1.disputes.list_async(params)), reading.dispute)

    async def notices(self, since: datetime) -> Sequence[Notice]:
        """Events of the kinds that we look at, oldest first."""
        params: Any = {"created": {"gte": int(since.timestamp())}, "types": _TYPES, "limit": 100}
        found: list[Notice] = []
        while True:
            page = await _asked(self._client.v1.events.list_async(params))
            found += [reading.notice(event, orjson.dumps(event)) for event in page["data"]]
            if not page["has_more"] or not page["data"]:
                return found[::-1]
            params = {**params, "starting_after": page["data"][-1]["id"]}

    def read_notice(self, body: bytes) -> Notice:
        """An Event from a webhook's body."""
        try:
            return reading.notice(orjson.loads(body), body)
        except (ValueError, KeyError, TypeError, OverflowError):
            raise UnreadableNotice from None

    async def _payment(self, request: Awaitable[Any]) -> Payment:
        return reading.payment(await _asked(request))


class _Http(stripe.HTTPXClient):
    """The library's client, which hands httpx a body in a way that httpx is about to drop."""

    def _get_request_args_kwargs(self, method: str, url: str, headers: Any, post_data: Any) -> Any:
        return (method, url), {"headers": headers, "content": post_data or None, "timeout": self._timeout}


def _listed(window: Window, after: str | None) -> dict[str, Any]:
    """The parameters of a list: Stripe counts in whole seconds."""
    created = {"gte": int(window.since.timestamp()), "lt": int(window.until.timestamp())}
    return {"created": created, "limit": 100} | ({"starting_after": after} if after else {})


def _page(found: dict[str, Any], read: Callable[[dict[str, Any]], T]) -> Page[T]:
    values = found["data"]
    return Page([read(each) for each in values], values[-1]["id"] if found["has_more"] and values else None)


def _with(key: str) -> Any:
    return {"idempotency_key": key}


async def _asked(request: Awaitable[Any]) -> dict[str, Any]:
    """The answer as plain data. Raises the errors of `payments.errors`."""
    try:
        forbid_in_tx("a call to the payment provider")
    except BaseException:
        cast(Any, request).close()
        raise
    try:
        answer = await request
    except stripe.StripeError as error:
        raise _translated(error) from None
    found: dict[str, Any] = answer.to_dict()
    return found


def _translated(error: stripe.StripeError) -> Exception:
    told = error.json_body.get("error", {}) if isinstance(error.json_body, dict) else {}
    status = error.http_status
    if isinstance(error, stripe.APIConnectionError):
        # What was never connected was never asked; anything later may have been heard.
        never_asked = isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        return PspUnavailable() if never_asked else Unknown()
    if isinstance(error, stripe.CardError):
        payment_id = (told.get("payment_intent") or {}).get("id")
        if told.get("code") == "authentication_required":
            return NeedsAction(payment_id=payment_id)
        return Declined(reading.decline_reason(told), payment_id=payment_id)
    if isinstance(error, stripe.RateLimitError):
        return PspUnavailable()
    if isinstance(error, stripe.IdempotencyError):
        return Refused("a key was used for two orders", provider_code="idempotency_error")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        log.get(__name__).error("stripe_does_not_know_us", status=status, code=told.get("code"))
        return PspUnavailable()  # once the key is right again, the same order does
    if told.get("param") == "payment_method" and isinstance(error, stripe.InvalidRequestError):
        return Declined(DeclineReason.CARD_GONE)
    if told.get("code") == "amount_too_small":
        return NotPayable("less than the provider moves", provider_code="amount_too_small")
    if isinstance(error, stripe.InvalidRequestError) and status is not None and status < 500:
        return Refused(told.get("type"), provider_code=told.get("code"))
    return Unknown()  # 409 while the key is in use, 5xx: it may have happened, or be happening
