"""When a session has used up what is put aside for it. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from kit.money import Money

LOOKS_AHEAD = 2
"""A session is stopped when it might use up the rest before it is looked at so often again: a charger needs time."""
RESERVE = Decimal("0.02")
"""The part of a hold that is left over whatever the pace, for what a meter tells late."""
ASK_AGAIN_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a session has cost by now, VAT included, in the major unit, and for how long it has run.

    `before` of it is for the reservation before the session, which costs no more as it goes on.
    """

    cost: Decimal
    ran_s: Decimal
    before: Decimal = Decimal(0)


def must_stop(spent: Spent, held: Money, *, look_every_s: float) -> bool:
    """Whether the session has to end now so that it does not cost more than is held."""
    limit = held.to_decimal() * (1 - RESERVE)
    if spent.cost >= limit:
        return True
    if spent.ran_s <= 0:
        return False
    pace_per_s = max(spent.cost - spent.before, Decimal(0)) / spent.ran_s
    return spent.cost + pace_per_s * Decimal(str(look_every_s)) * LOOKS_AHEAD >= limit


def may_ask_again(asked_at: datetime | None, now: datetime) -> bool:
    """Whether a charger that was asked to stop is asked again: it may not have heard."""
    return asked_at is None or now - asked_at >= ASK_AGAIN_AFTER
