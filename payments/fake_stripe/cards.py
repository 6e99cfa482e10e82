"""Stripe's test cards: what each number, and each `pm_card_…`, does. https://docs.stripe.com/testing

A card of a number that is not listed here, with a right check digit, is a good one.
"""

from dataclasses import dataclass, replace
from typing import Literal

from payments.fake_stripe.faults import Fault, invalid

Asks = Literal["never", "always", "unless_set_up"]


@dataclass(frozen=True)
class Card:
    """How a card behaves. `attaches` is whether it can be saved though it declines."""

    number: str
    brand: str = "visa"
    country: str = "US"
    code: str | None = None
    decline_code: str | None = None
    attaches: bool = False
    asks: Asks = "never"
    increments: bool = True
    disputed: bool = False
    refunds_fail: bool = False
    exp_month: int = 12
    exp_year: int = 2034

    @property
    def last4(self) -> str:
        """The last four digits."""
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """The same for the same number."""
        return f"fp{sum((place + 7) * ord(digit) ** 2 for place, digit in enumerate(self.number)):012d}"


def _declined(number: str, decline_code: str, code: str = "card_declined", *, attaches: bool = False) -> Card:
    return Card(number, code=code, decline_code=decline_code, attaches=attaches)


_NAMED = {
    "visa": Card("4242424242424242"),
    "visa_debit": Card("4000056655665556"),
    "mastercard": Card("5555555555554444", brand="mastercard"),
    "amex": Card("378282246310005", brand="amex"),
    "discover": Card("6011111111111117", brand="discover", increments=True),
    "jcb": Card("3566002020360505", brand="jcb", increments=False),
    "de": Card("4000002760000016", country="DE"),
    "gb": Card("4000008260000000", country="GB"),
    "chargeDeclined": _declined("4000000000000002", "generic_decline"),
    "visa_chargeDeclined": _declined("4000000000000002", "generic_decline"),
    "chargeDeclinedInsufficientFunds": _declined("4000000000009995", "insufficient_funds"),
    "visa_chargeDeclinedInsufficientFunds": _declined("4000000000009995", "insufficient_funds"),
    "visa_chargeDeclinedLostCard": _declined("4000000000009987", "lost_card"),
    "visa_chargeDeclinedStolenCard": _declined("4000000000009979", "stolen_card"),
    "chargeDeclinedExpiredCard": Card("4000000000000069", code="expired_card"),
    "chargeDeclinedIncorrectCvc": Card("4000000000000127", code="incorrect_cvc"),
    "chargeDeclinedProcessingError": Card("4000000000000119", code="processing_error"),
    "visa_chargeDeclinedVelocityLimitExceeded": _declined("4000000000006975", "card_velocity_exceeded"),
    "chargeDeclinedFraudulent": _declined("4100000000000019", "fraudulent"),
    "chargeCustomerFail": _declined("4000000000000341", "generic_decline", attaches=True),
    "threeDSecure2Required": Card("4000000000003220", asks="always"),
    "authenticationRequired": Card("4000002760003184", country="DE", asks="always"),
    "authenticationRequiredOnSetup": Card("4000002500003155", asks="unless_set_up"),
    "authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        "4000008260003178", code="card_declined", decline_code="insufficient_funds", asks="always", attaches=True
    ),
    "createDispute": Card("4000000000000259", disputed=True),
    "refundFail": Card("4000000000005126", refunds_fail=True),
}
_BY_NUMBER = {card.number: card for card in _NAMED.values()}

PREFIX = "pm_card_"

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}


def named(name: str) -> Card | None:
    """The card behind `pm_card_…`; None when the name is no such name. Raises `Fault` for one that is not known."""
    if not name.startswith(PREFIX):
        return None
    card = _NAMED.get(name.removeprefix(PREFIX))
    if card is None:
        raise Fault(f"No such PaymentMethod: '{name}'", code="resource_missing", param="payment_method")
    return card


def numbered(number: str, exp_month: int, exp_year: int) -> Card:
    """The card with this number. Raises `Fault` for what is no card number."""
    digits = number.replace(" ", "")
    if not digits.isascii() or not digits.isdigit() or not 12 <= len(digits) <= 19 or not _checks(digits):
        raise Fault(
            "Your card number is incorrect.",
            status=402,
            type="card_error",
            code="incorrect_number",
            param="number",
        )
    if not 1 <= exp_month <= 12:
        raise invalid("card[exp_month]", "Your card's expiration month is invalid.", "invalid_expiry_month")
    known = _BY_NUMBER.get(digits) or Card(digits, brand="mastercard" if digits[0] == "5" else "visa")
    return replace(known, exp_month=exp_month, exp_year=exp_year)


def _checks(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
