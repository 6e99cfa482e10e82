"""The life of a hold, as a table: (state, what happened) to the next state. Pure.

    REQUESTED ──► NEEDS_ACTION ──► HELD ──► CAPTURED
        │   └─────────────────────▲ │ └───► VOIDED, EXPIRED
        ├──► FAILED ◄───┘           │
        └──► UNKNOWN ◄──────────────┘       and from UNKNOWN to wherever the provider says that it is

UNKNOWN is a state of its own: an answer did not arrive. It is never the last one, and nobody leaves it but by asking.
CAPTURED, VOIDED, EXPIRED and FAILED are the ends, and nothing leads out of them: a notice that comes late, twice or in
the wrong order changes nothing.
"""

from enum import StrEnum

from payments.errors import DeclineReason
from payments.psp import Payment, PaymentState


class HoldState(StrEnum):
    """Where a hold stands."""

    REQUESTED = "REQUESTED"
    NEEDS_ACTION = "NEEDS_ACTION"
    HELD = "HELD"
    UNKNOWN = "UNKNOWN"
    CAPTURED = "CAPTURED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"

    @property
    def is_over(self) -> bool:
        """One of the ends."""
        return self in _ENDS


class Happening(StrEnum):
    """What can happen to a hold."""

    ACTION_NEEDED = "action_needed"
    HELD = "held"
    ANSWER_LOST = "answer_lost"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"
    FAILED = "failed"


class Wish(StrEnum):
    """What is wanted of a hold: keep it, give it back, or take what is owed.

    `TAKE` takes all of it as soon as it stands, and nothing is owed when it never does.
    """

    KEEP = "KEEP"
    RELEASE = "RELEASE"
    SETTLE = "SETTLE"
    TAKE = "TAKE"


class Step(StrEnum):
    """What is to be done next."""

    NOTHING = "nothing"
    VOID = "void"
    CAPTURE = "capture"
    OWE = "owe"


_ENDS = frozenset({HoldState.CAPTURED, HoldState.VOIDED, HoldState.EXPIRED, HoldState.FAILED})
_LEADS_TO = {
    Happening.ACTION_NEEDED: HoldState.NEEDS_ACTION,
    Happening.HELD: HoldState.HELD,
    Happening.ANSWER_LOST: HoldState.UNKNOWN,
    Happening.CAPTURED: HoldState.CAPTURED,
    Happening.VOIDED: HoldState.VOIDED,
    Happening.EXPIRED: HoldState.EXPIRED,
    Happening.FAILED: HoldState.FAILED,
}
_CAN_HAPPEN = {
    HoldState.REQUESTED: frozenset(Happening),
    HoldState.NEEDS_ACTION: frozenset(Happening) - {Happening.ACTION_NEEDED},
    HoldState.HELD: frozenset({Happening.ANSWER_LOST, Happening.CAPTURED, Happening.VOIDED, Happening.EXPIRED}),
    HoldState.UNKNOWN: frozenset(Happening) - {Happening.ANSWER_LOST},
}


def advance(state: HoldState, happening: Happening) -> HoldState:
    """The state after `happening`; what does not apply (late, repeated) changes nothing."""
    return _LEADS_TO[happening] if happening in _CAN_HAPPEN.get(state, ()) else state


def seen(payment: Payment, *, card_given: bool) -> Happening | None:
    """What a payment, as the provider shows it, means for its hold; None as long as it is being worked at.

    A driver who enters the card itself can try another one after a decline; a card of ours is declined for good, unless
    its bank only wants the driver to be there.
    """
    match payment.state:
        case PaymentState.HELD:
            return Happening.HELD
        case PaymentState.CAPTURED:
            return Happening.CAPTURED
        case PaymentState.CANCELED:
            return Happening.EXPIRED if payment.expired else Happening.VOIDED
        case PaymentState.NEEDS_ACTION:
            return Happening.ACTION_NEEDED
        case PaymentState.NEEDS_CARD:
            for_good = card_given and payment.decline not in (None, DeclineReason.AUTHENTICATION_REQUIRED)
            return Happening.FAILED if for_good else Happening.ACTION_NEEDED
        case PaymentState.PROCESSING:
            return None


def next_step(state: HoldState, wish: Wish, *, owed_minor: int, captured_minor: int) -> Step:
    """What is to be done, given where a hold stands and what is wanted of it."""
    if wish is Wish.KEEP:
        return Step.NOTHING
    if wish is Wish.TAKE:
        return Step.CAPTURE if state is HoldState.HELD else Step.NOTHING
    if state is HoldState.HELD:
        return Step.CAPTURE if wish is Wish.SETTLE and owed_minor > 0 else Step.VOID
    if state is HoldState.NEEDS_ACTION:
        return Step.VOID
    if state.is_over and wish is Wish.SETTLE and owed_minor > captured_minor:
        return Step.OWE
    return Step.NOTHING
