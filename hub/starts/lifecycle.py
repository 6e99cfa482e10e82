"""The life of one attempt to charge, as a table: (state, what happened) to the next state. Pure.

    REQUESTED ──allowed──► AUTHORIZED ──commanded──► COMMANDED ──charging──► CHARGING ──ended──► ENDED
        │  └─payment─► PAYING ─allowed─▲ │  └──charging (a tap needs no command)──▲
        └─refused─► REFUSED ◄─┘          └─failed / expired─► FAILED / EXPIRED ◄── COMMANDED, PAYING

A charger that starts after we gave up on it still charges somebody's car, so `charging` leads out of FAILED and
EXPIRED as well: what happens at the plug wins over what we thought of it.
"""

from enum import StrEnum


class StartState(StrEnum):
    """Where an attempt to charge stands."""

    REQUESTED = "REQUESTED"
    PAYING = "PAYING"
    """Money is being put aside; perhaps the driver has to act."""
    AUTHORIZED = "AUTHORIZED"
    COMMANDED = "COMMANDED"
    CHARGING = "CHARGING"
    ENDED = "ENDED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"

    @property
    def is_open(self) -> bool:
        """Still waiting for a session to begin."""
        return self in (StartState.REQUESTED, StartState.PAYING, StartState.AUTHORIZED, StartState.COMMANDED)


class StartMethod(StrEnum):
    """How the driver asked."""

    RFID = "RFID"
    API = "API"
    APP = "APP"
    GUEST = "GUEST"
    PARTNER = "PARTNER"
    VEHICLE = "VEHICLE"
    """The vehicle itself, by its address (Autocharge)."""

    @property
    def is_tap(self) -> bool:
        """Asked at the charger, which begins by itself once it is allowed to: nobody has to tell it."""
        return self in (StartMethod.RFID, StartMethod.VEHICLE)


class Happening(StrEnum):
    """What can happen to an attempt."""

    PAYMENT = "payment"
    ALLOWED = "allowed"
    REFUSED = "refused"
    COMMANDED = "commanded"
    FAILED = "failed"
    EXPIRED = "expired"
    CHARGING = "charging"
    ENDED = "ended"


_NEXT: dict[tuple[StartState, Happening], StartState] = {
    (StartState.REQUESTED, Happening.ALLOWED): StartState.AUTHORIZED,
    (StartState.REQUESTED, Happening.REFUSED): StartState.REFUSED,
    (StartState.REQUESTED, Happening.FAILED): StartState.FAILED,
    (StartState.REQUESTED, Happening.EXPIRED): StartState.EXPIRED,
    (StartState.REQUESTED, Happening.CHARGING): StartState.CHARGING,
    (StartState.REQUESTED, Happening.PAYMENT): StartState.PAYING,
    (StartState.PAYING, Happening.ALLOWED): StartState.AUTHORIZED,
    (StartState.PAYING, Happening.REFUSED): StartState.REFUSED,
    (StartState.PAYING, Happening.FAILED): StartState.FAILED,
    (StartState.PAYING, Happening.EXPIRED): StartState.EXPIRED,
    (StartState.PAYING, Happening.CHARGING): StartState.CHARGING,
    (StartState.AUTHORIZED, Happening.COMMANDED): StartState.COMMANDED,
    (StartState.AUTHORIZED, Happening.FAILED): StartState.FAILED,
    (StartState.AUTHORIZED, Happening.EXPIRED): StartState.EXPIRED,
    (StartState.AUTHORIZED, Happening.CHARGING): StartState.CHARGING,
    (StartState.COMMANDED, Happening.FAILED): StartState.FAILED,
    (StartState.COMMANDED, Happening.EXPIRED): StartState.EXPIRED,
    (StartState.COMMANDED, Happening.CHARGING): StartState.CHARGING,
    (StartState.FAILED, Happening.CHARGING): StartState.CHARGING,
    (StartState.EXPIRED, Happening.CHARGING): StartState.CHARGING,
    (StartState.CHARGING, Happening.ENDED): StartState.ENDED,
}


def advance(state: StartState, happening: Happening) -> StartState:
    """The state after `happening`; what does not apply (a late or repeated message) changes nothing."""
    return _NEXT.get((state, happening), state)
