"""What does not match when books are compared, as words for programs and for people. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Code(StrEnum):
    """What does not match. Beside the provider's books:"""

    PAYMENT_UNKNOWN = "payment_unknown"
    """The provider has taken a payment that we know nothing of."""
    PAYMENT_AMOUNT = "payment_amount"
    PAYMENT_NOT_AT_PROVIDER = "payment_not_at_provider"
    """We have noted a payment that is not in the provider's books."""
    REFUND_UNKNOWN = "refund_unknown"
    """The provider has given something back that we did not ask for, by its dashboard for one."""
    REFUND_AMOUNT = "refund_amount"
    REFUND_STATE = "refund_state"
    REFUND_NOT_AT_PROVIDER = "refund_not_at_provider"
    DISPUTE_UNKNOWN = "dispute_unknown"
    DISPUTE_AMOUNT = "dispute_amount"
    DISPUTE_STATE = "dispute_state"
    DISPUTE_NOT_AT_PROVIDER = "dispute_not_at_provider"
    TRANSFER_UNKNOWN = "transfer_unknown"
    TRANSFER_AMOUNT = "transfer_amount"
    TRANSFER_NOT_AT_PROVIDER = "transfer_not_at_provider"
    HOLD_LEFT = "hold_left"
    """The provider still holds money for a hold that is over for us."""
    HOLD_GONE = "hold_gone"
    """The provider holds nothing any more, and we believe that it does."""
    LINE_CHANGED = "line_changed"
    """A line of the provider's books is another than it was."""
    LINE_GONE = "line_gone"
    LINE_UNEXPLAINED = "line_unexplained"
    """A line of a kind that we have no account for."""
    NOT_POSTED = "not_posted"
    """Something has no entry in the ledger."""
    POSTED_OTHERWISE = "posted_otherwise"
    """Its entry says something else."""
    POSTED_IN_VAIN = "posted_in_vain"
    """It has an entry and should have none, or not any more."""
    NOT_BILLED = "not_billed"
    """A session that began with a quote has a CDR, and its driver no bill."""
    BILL_OF_CREDITED = "bill_of_credited"
    """The CDR of a bill was credited, and the bill was not."""
    BILL_NOT_COLLECTED = "bill_not_collected"
    """What was taken for a bill, and is still being collected, is not what it comes to."""
    CREDITED_NOT_REFUNDED = "credited_not_refunded"
    HOLD_NOT_CLOSED = "hold_not_closed"
    """A start is over, and what was put aside for it is neither taken nor given back."""
    NO_EXCHANGE_RATE = "no_exchange_rate"
    """A CDR is in another currency than its driver's price, and nobody knows the rate of its day: import it."""
    CREDIT_OF_UNKNOWN = "credit_of_unknown"
    CREDITED_TWICE = "credited_twice"
    CREDIT_OF_CREDIT = "credit_of_credit"
    CREDIT_AMOUNT = "credit_amount"
    SEVERAL_CDRS = "several_cdrs"
    """The last five are doubts of `hub.billing.cdr_set`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not match. `subject` is a kind and an id, `at` the moment that it is of."""

    code: Code
    subject: str
    at: datetime
    detail: str = ""
