"""Stripe's objects in our words. Pure: from plain dictionaries to the types of `payments.psp`."""

from datetime import UTC, datetime
from typing import Any

from kit.money import Money
from payments.errors import DeclineReason
from payments.psp import (
    Card,
    CardSetup,
    Dispute,
    DisputeState,
    Notice,
    Payment,
    PaymentState,
    Refund,
    RefundState,
)
from payments.stripe_amounts import from_stripe

Json = dict[str, Any]

OPERATION = "plugbridge_operation"
REFERENCE = "plugbridge_reference"

_STATES = {
    "requires_payment_method": PaymentState.NEEDS_CARD,
    "requires_confirmation": PaymentState.NEEDS_ACTION,
    "requires_action": PaymentState.NEEDS_ACTION,
    "processing": PaymentState.PROCESSING,
    "requires_capture": PaymentState.HELD,
    "succeeded": PaymentState.CAPTURED,
    "canceled": PaymentState.CANCELED,
}
_REFUNDS = {"succeeded": RefundState.SUCCEEDED, "failed": RefundState.FAILED, "canceled": RefundState.FAILED}
_DISPUTES = {
    "won": DisputeState.WON,
    "warning_closed": DisputeState.WON,
    "prevented": DisputeState.WON,
    "lost": DisputeState.LOST,
    "under_review": DisputeState.UNDER_REVIEW,
    "warning_under_review": DisputeState.UNDER_REVIEW,
}
_REASONS = {
    DeclineReason.INSUFFICIENT_FUNDS: "insufficient_funds",
    DeclineReason.LIMIT_EXCEEDED: "card_velocity_exceeded withdrawal_count_limit_exceeded",
    DeclineReason.CARD_EXPIRED: "expired_card invalid_account new_account_information_available",
    DeclineReason.WRONG_DETAILS: (
        "incorrect_number incorrect_cvc incorrect_zip incorrect_address incorrect_pin invalid_number invalid_cvc "
        "invalid_expiry_month invalid_expiry_year"
    ),
    DeclineReason.NOT_SUPPORTED: (
        "card_not_supported currency_not_supported not_permitted service_not_allowed invalid_amount testmode_decline "
        "transaction_not_allowed"
    ),
    DeclineReason.AUTHENTICATION_REQUIRED: "authentication_required mobile_device_authentication_required",
    DeclineReason.AUTHENTICATION_FAILED: (
        "payment_intent_authentication_failure setup_intent_authentication_failure authentication_not_handled"
    ),
    DeclineReason.CARD_BLOCKED: (
        "lost_card stolen_card pickup_card restricted_card revocation_of_authorization "
        "revocation_of_all_authorizations stop_payment_order security_violation fraudulent merchant_blacklist"
    ),
    DeclineReason.CARD_GONE: "payment_method_gone",
    DeclineReason.TRY_AGAIN: (
        "processing_error issuer_not_available reenter_transaction try_again_later approve_with_id no_action_taken"
    ),
}
_BY_CODE = {code: reason for reason, codes in _REASONS.items() for code in codes.split()}


def decline_reason(error: Json) -> DeclineReason:
    """Why, from an error object: the bank's word first, else Stripe's."""
    for word in (error.get("decline_code"), error.get("code")):
        if word in _BY_CODE:
            return _BY_CODE[word]
    return DeclineReason.DECLINED


def payment(intent: Json) -> Payment:
    """A PaymentIntent, with `latest_charge` expanded."""
    currency = intent["currency"]
    charge = intent.get("latest_charge")
    details = _card_details(charge) if isinstance(charge, dict) else {}
    before = details.get("capture_before")
    increment = (details.get("incremental_authorization") or {}).get("status")
    failure = intent.get("last_payment_error")
    metadata = intent.get("metadata") or {}
    return Payment(
        id=intent["id"],
        state=_STATES.get(intent["status"], PaymentState.PROCESSING),
        amount=from_stripe(intent["amount"], currency),
        captured=from_stripe(intent.get("amount_received") or 0, currency),
        operation_id=metadata.get(OPERATION),
        reference=metadata.get(REFERENCE),
        card_id=_id(intent.get("payment_method")),
        capture_before=None if before is None else datetime.fromtimestamp(before, UTC),
        expired=intent["status"] == "canceled" and intent.get("cancellation_reason") == "automatic",
        can_increase=increment == "available",
        decline=decline_reason(failure) if failure else None,
        client_secret=intent.get("client_secret"),
    )


def _card_details(charge: Json) -> Json:
    details = (charge.get("payment_method_details") or {}).get("card") or {}
    return dict(details)


def refund(value: Json) -> Refund:
    """A Refund."""
    return Refund(
        id=value["id"],
        state=_REFUNDS.get(value["status"], RefundState.PENDING),
        amount=from_stripe(value["amount"], value["currency"]),
        payment_id=_id(value.get("payment_intent")),
        operation_id=(value.get("metadata") or {}).get(OPERATION),
        reason=value.get("failure_reason"),
    )


def dispute(value: Json) -> Dispute:
    """A Dispute."""
    currency = value["currency"].upper()
    taken = [
        -line["amount"] for line in value.get("balance_transactions") or [] if line["currency"] == value["currency"]
    ]
    due_by = (value.get("evidence_details") or {}).get("due_by")
    return Dispute(
        id=value["id"],
        state=_DISPUTES.get(value["status"], DisputeState.NEEDS_RESPONSE),
        amount=from_stripe(value["amount"], currency),
        withdrawn=from_stripe(sum(taken), currency) if sum(taken) else Money.zero(currency),
        payment_id=_id(value.get("payment_intent")),
        reason=value["reason"],
        due_by=None if due_by is None else datetime.fromtimestamp(due_by, UTC),
    )


def card(method: Json) -> Card:
    """A PaymentMethod that is a card."""
    details = method["card"]
    return Card(
        id=method["id"],
        brand=details["brand"],
        last4=details["last4"],
        exp_month=details["exp_month"],
        exp_year=details["exp_year"],
        fingerprint=details.get("fingerprint") or "",
    )


def card_setup(intent: Json) -> CardSetup:
    """A SetupIntent, with `payment_method` expanded."""
    method, failure = intent.get("payment_method"), intent.get("last_setup_error")
    done = intent["status"] == "succeeded"
    return CardSetup(
        id=intent["id"],
        customer_id=_id(intent.get("customer")),
        done=done,
        card=card(method) if done and isinstance(method, dict) else None,
        decline=decline_reason(failure) if failure else None,
        client_secret=intent.get("client_secret"),
    )


def notice(event: Json, body: bytes) -> Notice:
    """An Event. Raises `KeyError` and `TypeError` for what is none."""
    value = event["data"]["object"]
    if not isinstance(event["id"], str) or not isinstance(event["type"], str) or not isinstance(value, dict):
        raise TypeError("not an event")
    kind = event["type"]
    payment_id = value["id"] if kind.startswith("payment_intent.") else _id(value.get("payment_intent"))
    return Notice(
        id=event["id"],
        kind=kind,
        object_id=str(value.get("id") or ""),
        payment_id=payment_id,
        created=datetime.fromtimestamp(int(event["created"]), UTC),
        body=body,
    )


def _id(value: object) -> str | None:
    """An id, whether its object stands there or not."""
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None
