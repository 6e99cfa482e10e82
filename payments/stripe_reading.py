"""Stripe's objects in our words. Pure: from plain dictionaries to the types of `payments.psp`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from kit.money import Money
from payments.books import BalanceLine, LineKind, Reversal, Transfer
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
_LINES = {
    "charge": LineKind.PAYMENT,
    "payment": LineKind.PAYMENT,
    "refund": LineKind.REFUND,
    "payment_refund": LineKind.REFUND,
    "refund_failure": LineKind.REFUND_FAILED,
    "payment_failure_refund": LineKind.REFUND_FAILED,
    "transfer": LineKind.TRANSFER,
    "transfer_refund": LineKind.TRANSFER_REVERSED,
    "transfer_cancel": LineKind.TRANSFER_REVERSED,
    "transfer_failure": LineKind.TRANSFER_REVERSED,
    "stripe_fee": LineKind.FEE,
    "stripe_fx_fee": LineKind.FEE,
    "tax_fee": LineKind.FEE,
    "payout": LineKind.PAYOUT,
    "payout_cancel": LineKind.PAYOUT,
    "payout_failure": LineKind.PAYOUT,
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
        card_brand=details.get("brand"),
        card_last4=details.get("last4"),
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
    due_by = (value.get("evidence_details") or {}).get("due_by")
    return Dispute(
        id=value["id"],
        state=_DISPUTES.get(value["status"], DisputeState.NEEDS_RESPONSE),
        amount=from_stripe(value["amount"], currency),
        withdrawn=_withdrawn(value),
        payment_id=_id(value.get("payment_intent")),
        reason=value["reason"],
        due_by=None if due_by is None else datetime.fromtimestamp(due_by, UTC),
    )


def _withdrawn(value: Json) -> Money:
    """What a bank has taken by now, in the currency of the payment: where we are paid in another, all or nothing."""
    lines = value.get("balance_transactions") or []
    taken = -sum(each["amount"] for each in lines)
    if taken <= 0:
        return Money.zero(value["currency"].upper())
    exchanged = any(each["currency"] != value["currency"] for each in lines)
    return from_stripe(value["amount"] if exchanged else taken, value["currency"])


def line(txn: Json) -> BalanceLine:
    """A BalanceTransaction, with `source` expanded or not."""
    source = txn.get("source")
    whole = source if isinstance(source, dict) else {}
    currency, rate = txn["currency"], txn.get("exchange_rate")
    amount = from_stripe(txn["amount"], currency)
    return BalanceLine(
        id=txn["id"],
        kind=_line_kind(txn, _id(source) or ""),
        amount=amount,
        fee=from_stripe(txn["fee"], currency),
        created=datetime.fromtimestamp(txn["created"], UTC),
        available_on=datetime.fromtimestamp(txn["available_on"], UTC),
        source_id=_id(source),
        payment_id=_id(whole.get("payment_intent")),
        source_amount=_source_amount(whole, amount),
        exchange_rate=None if rate is None else Decimal(str(rate)),
    )


def transfer(value: Json) -> Transfer:
    """A Transfer."""
    return Transfer(
        id=value["id"],
        account_id=_id(value.get("destination")),
        amount=from_stripe(value["amount"], value["currency"]),
        taken_back=from_stripe(value["amount_reversed"], value["currency"]),
        operation_id=(value.get("metadata") or {}).get(OPERATION),
    )


def reversal(value: Json) -> Reversal:
    """A TransferReversal."""
    return Reversal(
        id=value["id"],
        transfer_id=_id(value["transfer"]) or "",
        amount=from_stripe(value["amount"], value["currency"]),
        operation_id=(value.get("metadata") or {}).get(OPERATION),
    )


def payment_lines(intent: Json) -> list[BalanceLine]:
    """What a PaymentIntent has left, with `latest_charge.balance_transaction` expanded."""
    charge = intent.get("latest_charge")
    return _lines(charge, "balance_transaction") if isinstance(charge, dict) else []


def refund_lines(value: Json) -> list[BalanceLine]:
    """What a Refund has left, with both of its transactions expanded."""
    return _lines(value, "balance_transaction", "failure_balance_transaction")


def dispute_lines(value: Json) -> list[BalanceLine]:
    """What a Dispute has left: its transactions are whole in it."""
    return [line({**txn, "source": value}) for txn in value.get("balance_transactions") or []]


def transfer_lines(value: Json) -> list[BalanceLine]:
    """What a Transfer and its reversals have left, with their transactions expanded."""
    reversals = (value.get("reversals") or {}).get("data") or []
    return _lines(value, "balance_transaction") + [
        found for reversal in reversals for found in _lines(reversal, "balance_transaction")
    ]


def _lines(value: Json, *names: str) -> list[BalanceLine]:
    found = [value.get(name) for name in names]
    return [line({**txn, "source": value}) for txn in found if isinstance(txn, dict)]


def _line_kind(txn: Json, source_id: str) -> LineKind:
    if txn["type"] == "adjustment":
        return LineKind.DISPUTE if source_id.startswith(("du_", "dp_")) else LineKind.OTHER
    return _LINES.get(txn["type"], LineKind.OTHER)


def _source_amount(source: Json, amount: Money) -> Money | None:
    """The amount in the currency of its source, where that is another one; of a Charge what was captured of it."""
    currency = source.get("currency")
    if currency is None or currency.upper() == amount.currency:
        return None
    number = source["amount_captured"] if source.get("object") == "charge" else source["amount"]
    size = from_stripe(number, currency)
    return -size if amount.amount_minor < 0 else size


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
