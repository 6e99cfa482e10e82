"""What can go wrong with a payment.

PaymentRequired (402)
├── Declined            payment_declined        the bank says no; `reason` is for the driver
└── NeedsAction         payment_needs_action    the driver has to show who it is
UpstreamTimeout (504)
└── Unknown             payment_unknown         nobody knows what became of it: never "failed"
Unavailable (503)
└── PspUnavailable      payment_unavailable     nothing happened; worth trying again
Conflict (409)
├── Refused             payment_refused         the provider will not: wrong state, or a mistake of ours
│   └── NotPayable      payment_not_payable     an amount that the provider cannot count
├── OverRefund          over_refund             more than was taken
└── AlreadySettled      already_settled         the hold has been settled with another amount
BadRequest (400)
└── UnreadableNotice    unreadable_notice       a webhook that is no event
"""

from enum import StrEnum

from kit.errors import BadRequest, Conflict, PaymentRequired, Unavailable, UpstreamTimeout


class DeclineReason(StrEnum):
    """Why a bank says no, as far as a driver can do something about it."""

    DECLINED = "declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LIMIT_EXCEEDED = "limit_exceeded"
    CARD_EXPIRED = "card_expired"
    WRONG_DETAILS = "wrong_details"
    NOT_SUPPORTED = "not_supported"
    AUTHENTICATION_REQUIRED = "authentication_required"
    AUTHENTICATION_FAILED = "authentication_failed"
    CARD_BLOCKED = "card_blocked"
    CARD_GONE = "card_gone"
    TRY_AGAIN = "try_again"

    @property
    def text(self) -> str:
        """What to tell the driver. Banks want nobody to be told that a card was reported as stolen."""
        return _TEXTS[self]

    @property
    def is_final(self) -> bool:
        """The same card will not do, however often it is tried."""
        return self in (DeclineReason.CARD_EXPIRED, DeclineReason.CARD_BLOCKED, DeclineReason.CARD_GONE)


_TEXTS = {
    DeclineReason.DECLINED: "Your bank declined the payment. Try another card, or ask your bank.",
    DeclineReason.INSUFFICIENT_FUNDS: "There is not enough money on this card.",
    DeclineReason.LIMIT_EXCEEDED: "The limit of this card is reached.",
    DeclineReason.CARD_EXPIRED: "This card has expired.",
    DeclineReason.WRONG_DETAILS: "The card's number, date or security code is not right.",
    DeclineReason.NOT_SUPPORTED: "This card cannot be used here.",
    DeclineReason.AUTHENTICATION_REQUIRED: "Your bank wants you to confirm this payment.",
    DeclineReason.AUTHENTICATION_FAILED: "Your bank could not confirm that it is you.",
    DeclineReason.CARD_BLOCKED: "Your bank declined the payment. Try another card, or ask your bank.",
    DeclineReason.CARD_GONE: "This card is no longer saved.",
    DeclineReason.TRY_AGAIN: "Something went wrong at the bank. Try again in a moment.",
}


class Declined(PaymentRequired):
    """The bank says no."""

    code, title = "payment_declined", "The payment was declined"

    def __init__(self, reason: DeclineReason, *, payment_id: str | None = None) -> None:
        super().__init__(reason.text, extensions={"reason": reason.value})
        self.reason = reason
        self.payment_id = payment_id


class NeedsAction(PaymentRequired):
    """The driver has to show who it is, and is not there."""

    code, title = "payment_needs_action", "The driver has to confirm the payment"

    def __init__(self, *, payment_id: str | None = None) -> None:
        super().__init__()
        self.payment_id = payment_id


class Unknown(UpstreamTimeout):
    """The provider's answer did not arrive: the money may have moved."""

    code, title = "payment_unknown", "What became of the payment is not known yet"


class PspUnavailable(Unavailable):
    """The provider takes no orders at the moment; this one it has not taken."""

    code, title = "payment_unavailable", "The payment provider is not available"


class Refused(Conflict):
    """The provider will not do it. `provider_code` is its word for why."""

    code, title = "payment_refused", "The payment provider refuses"

    def __init__(self, detail: str | None = None, *, provider_code: str | None = None) -> None:
        super().__init__(detail)
        self.provider_code = provider_code


class NotPayable(Refused):
    """An amount or a currency that the provider cannot count."""

    code, title = "payment_not_payable", "The amount cannot be paid"


class OverRefund(Conflict):
    """More would be given back than was taken."""

    code, title = "over_refund", "More than is left of the payment"


class AlreadySettled(Conflict):
    """The hold has been settled with another amount; the difference is a refund or a debt."""

    code, title = "already_settled", "Settled already"


class UnreadableNotice(BadRequest):
    """Signed, but no event."""

    code, title = "unreadable_notice", "Not an event"
