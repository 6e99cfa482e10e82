"""Whether money stands behind a session, and what the holds of a start are called by. Pure.

A start asks for its first hold under its own id. When that one is gone and the charger begins after all, a second one
takes its place.
"""

from payments.hold_lifecycle import HoldState, Wish

SECOND = "again:"
"""What the reference of a second hold begins with."""
_STANDING = frozenset({HoldState.REQUESTED, HoldState.HELD, HoldState.UNKNOWN})
"""UNKNOWN may well stand, and REQUESTED is about to: the next look knows more."""


def is_covered(state: HoldState, wish: Wish) -> bool:
    """Whether a session may go on with a hold in this state."""
    return state in _STANDING and wish is not Wish.RELEASE


def second_reference(start_id: str) -> str:
    """What the second hold of a start is asked for under."""
    return f"{SECOND}{start_id}"


def references_of(reference: str) -> tuple[str, str]:
    """What money may come in under for a start: its own id, and that of its second hold."""
    return reference, second_reference(reference)


def start_of(reference: str) -> str:
    """The id of the start that a hold was asked for by."""
    return reference.removeprefix(SECOND)
